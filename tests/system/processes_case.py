"""Processes that die: media goes on, calls are taken back, the CLI says what it knows."""
import collections
import os
import random
import signal
import time

from tests.system.runner import case
from tests.system.support import expect_audio, expect_success, kill, wait_new_process
from tools.labkit.audio_calls import AudioCalls
from tools.labkit.sipp import Sipp


def standing_calls(context, count, seconds, rate, interval, more=0, scenarios=("uac_call", "uas_answer")):
    """Calls that last, with audio; waits until all of them stand. The callee takes `more` calls after them."""
    calls = context.keep(AudioCalls(context.lab, context.folder, count=count, seconds=seconds + 60, interval=interval))
    endpoints = calls.place(*scenarios, int(seconds * 1000), rate=rate, callee_calls=count + more)
    standing = calls.wait(lambda: sum(1 for leg in calls.legs["access"].values() if leg.sending) == count,
                          count / rate + 10)
    context.expect(standing, f"{len(calls.pairs())} of {count} calls stand")
    return calls, endpoints


def extra_call(context, seconds):
    """One new call beside the standing ones; how long it took from INVITE to end, or None."""
    side = context.lab.network.sides["access"]
    start = time.monotonic()
    sipp = Sipp(side, "uac_call", "192.0.2.10", context.folder, remote="192.0.2.1", port=5070, media_port=50000,
                options=("-d", 100, "-s", "1"))
    try:
        return time.monotonic() - start if sipp.wait(seconds) == 0 else None
    finally:
        sipp.stop()


def passing_calls(context, count, rate):
    """Short calls in every stage from INVITE to BYE; nobody minds how they end."""
    sipp = Sipp(context.lab.network.sides["access"], "uac_call", "192.0.2.10", context.folder, calls=count, rate=rate,
                limit=count, remote="192.0.2.1", port=5071, media_port=40000, options=("-d", 300, "-s", "2"))
    return context.keep(sipp)


def expect_one_record_each(context, calls):
    """Each call that the gate has answered at all, on the caller's side, has one record, and no other has any."""
    known = {message.call_id for message in calls.sniffers["access"].messages()
             if message.status and message.method == "INVITE"}
    counts = collections.Counter(record["caller"]["call-id"] for record in context.records())

    def complete():
        counts.clear()
        counts.update(record["caller"]["call-id"] for record in context.records())
        return known <= counts.keys()

    context.wait(complete, 5, "calls have no record")
    missing, twice = known - counts.keys(), {call: n for call, n in counts.items() if n > 1}
    context.expect(not missing, f"{len(missing)} of {len(known)} calls have no record: {sorted(missing)[:5]}")
    context.expect(not twice, f"{len(twice)} calls have several records: {list(twice.items())[:5]}")
    context.expect(counts.keys() <= known, f"records of calls that were never answered: {sorted(counts.keys() - known)[:5]}")
    interrupted = sum(record["reason"] == "Interrupted" for record in context.records())
    print(f"     {len(known)} calls, {len(counts)} records, {interrupted} interrupted", flush=True)
    context.expect(interrupted > 0, "no call was interrupted: the kills prove nothing of set-up")


def kill_control(context, count, rate, interval, kills):
    """Kills at random moments, while `count` calls stand and others are set up and end."""
    duration = count / rate + 8 + 4 * kills
    passing = 20 * (4 * kills + 4)
    calls, endpoints = standing_calls(context, count, duration, rate, interval, more=2 * passing)
    standing = {call["id"] for call in context.product.show("calls")["calls"]}
    context.expect(len(standing) == count, f"{len(standing)} calls are shown, {count} stand")
    passing_calls(context, passing, 20)
    for _ in range(kills):
        calls.wait(lambda: False, random.uniform(0.5, 2.0))
        old = kill(context, "sallyport-control")
        took = extra_call(context, 5)
        context.expect(took is not None and took < 2, f"a new call after the kill took {took} s, at most 2 are allowed")
        wait_new_process(context, "sallyport-control", old, 1)
        context.wait(lambda: context.product.answers("calls"), 2, "the new control plane does not answer")
        left = standing - {call["id"] for call in context.product.show("calls")["calls"]}
        context.expect(not left, f"{len(left)} of {count} calls were not taken back")
    calls.wait(lambda: not endpoints[0].running(), duration + 30)
    expect_success(context, endpoints[:1])
    context.nothing_left(10)
    calls.stop()
    expect_audio(context, calls, int(2 / interval), count=count, edge=max(3, int(0.4 / interval)))
    expect_one_record_each(context, calls)


# A callee that was in the middle of answering never ends its INVITE: the gate waits 64*T1 for it after its CANCEL.
SHORT_T1 = {"system": {"t1-ms": 100}}


@case(SHORT_T1, fresh=True)
def control_plane_killed(context):
    kill_control(context, 10, 10, 0.02, 2)


@case(SHORT_T1, fresh=True, long=True)
def control_plane_killed_with_200_calls(context):
    kill_control(context, 200, 25, 0.1, 10)


def calls_go_on_in_a_fresh_process(context, count, rate, interval):
    """Each call is described anew by both sides and hung up after the process that made it is gone."""
    set_up = count / rate
    calls, endpoints = standing_calls(context, count, set_up + 8, rate, interval,
                                      scenarios=("uac_refresh", "uas_refresh"))
    old = kill(context, "sallyport-control")
    wait_new_process(context, "sallyport-control", old, 2)
    context.wait(lambda: context.product.answers("calls"), 5, "the new control plane does not answer")
    taken = {what: context.product.show(what)["total"] for what in ("calls", "flows")}
    context.expect(taken == {"calls": count, "flows": 4 * count}, f"taken back of {count} calls: {taken}")
    early = sum(message.is_request and message.header("cseq") == "2 INVITE"
                for message in calls.sniffers["access"].messages())
    context.expect(early == 0, f"{early} re-INVITEs came before the new process was there: they prove nothing")
    calls.wait_finished(set_up + 40)
    expect_success(context, endpoints)
    calls.stop()
    expect_audio(context, calls, int(4 / interval), count=count, edge=max(3, int(0.4 / interval)))
    context.wait(lambda: len(context.records()) == count, 5, "each call should have one record")
    ended = [record for record in context.records() if record["ended-by"] == "caller" and record["code"] == 200]
    context.expect(len(ended) == count, f"{len(ended)} records of {count} calls tell of a regular end")
    whole = sum(record["quality-complete"] for record in context.records())
    context.expect(whole == count, f"{whole} records of {count} calls have all their figures")
    sent, lost = (sum(what(report) for _, report in calls.reports())
                  for what in (lambda report: report.sent, lambda report: len(report.lost)))
    print(f"     {count} calls, {sent} RTP packets sent, {lost} lost (also before the far leg stood)", flush=True)


@case(fresh=True)
def calls_go_on_after_the_control_plane_was_killed(context):
    calls_go_on_in_a_fresh_process(context, 20, 20, 0.02)


@case(fresh=True, long=True)
def a_thousand_calls_go_on_after_the_control_plane_was_killed(context):
    calls_go_on_in_a_fresh_process(context, 1000, 50, 0.5)


@case(fresh=True)
def interrupted_call_has_a_record(context):
    """A call that rings when the control plane is killed ends on both legs, and its record says so."""
    calls = context.keep(AudioCalls(context.lab, context.folder, count=3, seconds=1))
    endpoints = calls.place("uac_rejected", "uas_ring", 20000, caller_values={"STATUS": 500})
    ringing = calls.wait(lambda: sum(message.status == 180 for message in calls.sniffers["access"].messages()) == 3, 5)
    context.expect(ringing, "the calls do not ring")
    old = kill(context, "sallyport-control")
    wait_new_process(context, "sallyport-control", old, 5)
    context.wait(lambda: len(context.records()) == 3, 5, "the interrupted calls have no record")
    calls.wait_finished(5)
    expect_success(context, endpoints)
    calls.stop()
    reasons = [record["reason"] for record in context.records()]
    context.expect(reasons == ["Interrupted"] * 3, f"the records' reasons are {reasons}")
    context.nothing_left(5)
    calls = context.keep(AudioCalls(context.lab, context.folder, seconds=3))
    endpoints = calls.place("uac_call", "uas_answer", 1000)
    calls.wait_finished(10)
    expect_success(context, endpoints)


@case(fresh=True)
def cli_without_control_plane(context):
    """Killed faster than the manager restarts it: the CLI answers, and names what is missing."""
    deadline = time.monotonic() + 20
    said = ""
    while time.monotonic() < deadline and "not running" not in said:
        for pid in context.product.pids("sallyport-control"):
            context.killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        result = context.product.cli("show", "calls")
        said = result.stdout + result.stderr
        code = result.returncode
    context.expect("not running" in said and "control" in said, f"`show calls` said: {said.strip()}")
    context.expect(code != 0, "`show calls` ended with 0 although nobody answered")
    context.expect(context.product.answers("dataplane"), "`show dataplane` fails without the control plane")
    version = context.product.cli("show", "version")
    context.expect(version.returncode == 0 and "control" in version.stdout, f"`show version` said: {version.stdout}")
    context.wait(lambda: context.product.answers("calls"), 15, "the control plane does not come back")


@case(fresh=True)
def manager_killed_and_taken_over(context):
    calls, endpoints = standing_calls(context, 2, 8, 10, 0.02)
    before = context.product.pids()
    old = kill(context, "sallyport-manager")
    calls.wait(lambda: False, 1.0)
    left = context.product.pids()
    context.expect(set(before) - {old} == set(left), f"of {before} only {left} outlived the manager")
    context.product.start()
    context.wait(lambda: context.product.answers("calls") and context.product.answers("dataplane"), 8,
                 "the new manager does not take the processes over")
    after = context.product.pids()
    context.expect(set(left) < set(after) and len(after) == 3, f"after the take-over: {after}, before: {before}")
    calls.wait_finished(25)
    expect_success(context, endpoints)
    calls.stop()
    expect_audio(context, calls, 200, count=2)


@case(fresh=True)
def calls_of_a_renamed_trunk_have_records(context):
    """They do not fit the configuration any more: both sides get BYE, and they are found once."""
    calls, _ = standing_calls(context, 2, 30, 10, 0.02)
    config = context.product.config
    config.write_text(config.read_text().replace("core-carrier", "renamed"))
    kill(context, "sallyport-manager")
    context.product.start()
    context.wait(lambda: len(context.records()) == 2, 20, "the calls have no record")
    for record in context.records():
        context.expect(record["reason"] == "Interrupted" and record["answer"] and record["quality-complete"],
                       f"a record says: {record}")
        context.expect(record["callee"]["trunk"] == "core-carrier", f"a record says: {record}")
    for side, sniffer in calls.sniffers.items():
        told = {message.call_id for message in sniffer.messages() if message.is_request and message.method == "BYE"}
        context.expect(len(told) == 2, f"{len(told)} of 2 calls got a BYE on the side {side}")
    calls.stop()
    old = kill(context, "sallyport-control")
    wait_new_process(context, "sallyport-control", old, 5)
    context.wait(lambda: context.product.answers("calls"), 5, "the control plane does not answer")
    context.expect(len(context.records()) == 2, "a call that was refused once is refused again")


@case(fresh=True)
def dataplane_restarted(context):
    """It comes back by itself, and new calls have audio."""
    old = kill(context, "sallyport-dataplane")
    wait_new_process(context, "sallyport-dataplane", old, 10)
    context.wait(lambda: context.product.answers("dataplane") and
                 context.product.show("dataplane")["session"]["attached"], 15, "no session with the new dataplane")
    calls = context.keep(AudioCalls(context.lab, context.folder, seconds=10))
    endpoints = calls.place("uac_call", "uas_answer", 2000)
    calls.wait_finished(15)
    expect_success(context, endpoints)
    calls.stop()
    expect_audio(context, calls, 80)
