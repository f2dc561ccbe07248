"""One call at a time, each kind of it, with audio where there is any: SIPp signals, this process speaks."""
from tests.system.runner import case
from tests.system.support import audio_call, expect_audio, record_after

QUICK = {"system": {"no-answer-s": 5}}


def expect_end(context, before, code, ended_by):
    record = record_after(context, before)
    end = (record.get("code"), record.get("ended-by"))
    context.expect(end == (code, ended_by), f"the record tells of {end}, not of {(code, ended_by)}: {record}")


@case(QUICK)
def basic_call(context):
    before = len(context.records())
    calls = audio_call(context, "uac_call", "uas_answer")
    expect_audio(context, calls, 80)
    context.expect(all(report.rtcp_received for _, report in calls.reports()), "no RTCP came through")
    expect_end(context, before, 200, "caller")


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
    expect_end(context, before, 487, "caller")


@case(QUICK)
def busy(context):
    before = len(context.records())
    audio_call(context, "uac_rejected", "uas_reject", caller_values={"STATUS": 486}, callee_values={"STATUS": 486})
    expect_end(context, before, 486, "callee")


@case(QUICK)
def no_answer(context):
    """After system.no-answer-s the callee is cancelled and the caller told."""
    before = len(context.records())
    audio_call(context, "uac_rejected", "uas_ring", caller_values={"STATUS": 408})
    expect_end(context, before, 408, "sallyport")


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
