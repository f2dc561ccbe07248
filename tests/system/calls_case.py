"""One call at a time, each kind of it, with audio where there is any: SIPp signals, this process speaks."""
from tests.system.runner import case
from tools.labkit.audio_calls import AudioCalls

QUICK = {"system": {"no-answer-s": 5}}


def audio_call(context, caller_scenario, callee_scenario, caller="access", talk_ms=2000, **options):
    """Places one call and waits for its end; the AudioCalls, stopped."""
    calls = context.keep(AudioCalls(context.lab, context.folder, caller=caller, seconds=30.0))
    endpoints = calls.place(caller_scenario, callee_scenario, talk_ms, **options)
    calls.wait_finished(20)
    for name, sipp in zip(("caller", "callee"), endpoints):
        context.expect(not sipp.running() and sipp.process.returncode == 0,
                       f"{name} {sipp.name}: exit {sipp.process.poll()} {sipp.error_text()}")
    calls.stop()
    return calls


def expect_audio(context, calls, at_least):
    """Both directions: enough packets, none lost while both legs stood, every byte the sender's."""
    reports = calls.reports()
    context.expect(len(reports) == 2, f"{len(reports) // 2} calls had media on both legs, expected 1")
    for name, report in reports:
        # Packets sent before the far leg is set up or after it is gone have nowhere to go: only the edges may lack.
        inner = [number for number in report.lost if 10 <= number < report.sent - 10]
        context.expect(report.received >= at_least, f"{name}: {report.text()}; expected at least {at_least} received")
        context.expect(not inner and report.identical, f"{name}: {report.text()}; lost {inner[:10]}")
    for side, streams in calls.streams.items():
        for stream in streams.values():
            sources = {source[0] for source in stream.heard_from}
            allowed = {"192.0.2.1", "192.0.2.2"} if side == "access" else {"198.51.100.1", "198.51.100.2"}
            context.expect(sources <= allowed, f"{stream.name} heard RTP from {sources - allowed}")


def last_record(context, count_before):
    context.wait(lambda: len(context.records()) > count_before, 5, "no call record was written")
    return context.records()[-1] if len(context.records()) > count_before else {}


@case(QUICK)
def basic_call(context):
    before = len(context.records())
    calls = audio_call(context, "uac_call", "uas_answer")
    expect_audio(context, calls, 80)
    context.expect(last_record(context, before), "the call has no record")


@case(QUICK)
def basic_call_from_core(context):
    expect_audio(context, audio_call(context, "uac_call", "uas_answer", caller="core"), 80)


@case(QUICK)
def callee_hangs_up(context):
    expect_audio(context, audio_call(context, "uac_stays", "uas_hangup"), 80)


@case(QUICK)
def early_media(context):
    """Audio both ways on the 183's description, a second before the answer."""
    calls = audio_call(context, "uac_call", "uas_early", talk_ms=1000)
    expect_audio(context, calls, 80)


@case(QUICK)
def cancel_while_ringing(context):
    before = len(context.records())
    audio_call(context, "uac_cancel", "uas_ring", talk_ms=500)
    record = last_record(context, before)
    context.expect("487" in str(record), f"the record does not tell of 487: {record}")


@case(QUICK)
def busy(context):
    before = len(context.records())
    audio_call(context, "uac_rejected", "uas_reject", caller_values={"STATUS": 486}, callee_values={"STATUS": 486})
    record = last_record(context, before)
    context.expect("486" in str(record), f"the record does not tell of 486: {record}")


@case(QUICK)
def no_answer(context):
    """After system.no-answer-s the callee is cancelled and the caller told."""
    before = len(context.records())
    audio_call(context, "uac_rejected", "uas_ring", caller_values={"STATUS": 408})
    context.expect(last_record(context, before), "the call has no record")


def hold_directions(calls, side):
    """Directions of the SBC's descriptions to one side, in order, without repeats."""
    seen = []
    for message in calls.sniffers[side].messages():
        media = message.media()
        if media and message.destination[0].endswith(".10") and (not seen or seen[-1] != media[2]):
            seen.append(media[2])
    return seen


@case(QUICK)
def caller_holds_and_resumes(context):
    calls = audio_call(context, "uac_hold", "uas_held", talk_ms=1000)
    context.expect(hold_directions(calls, "core") == ["sendrecv", "sendonly", "sendrecv"],
                   f"the callee was offered {hold_directions(calls, 'core')}")
    context.expect(hold_directions(calls, "access") == ["sendrecv", "recvonly", "sendrecv"],
                   f"the caller was answered {hold_directions(calls, 'access')}")
    expect_audio(context, calls, 80)


@case(QUICK)
def callee_holds_and_resumes(context):
    calls = audio_call(context, "uac_held", "uas_hold", talk_ms=1000)
    context.expect(hold_directions(calls, "access") == ["sendrecv", "sendonly", "sendrecv"],
                   f"the caller was offered {hold_directions(calls, 'access')}")
    expect_audio(context, calls, 80)
