"""Signalling that loses three packets of ten in each direction on each side."""
import time

from tests.system.runner import case
from tests.system.support import signalling_loss
from tools.labkit.audio_calls import AudioCalls

# Timers short enough that 64*T1 passes within a test; SIPp's to match.
FAST = {"system": {"t1-ms": 250, "t2-ms": 1000}}
T1_64 = 64 * 0.25
SIPP = ("-T2", 1000, "-max_invite_retrans", 12, "-max_non_invite_retrans", 24)


def lossy_calls(context, count, rate, answered_share):
    calls = context.keep(AudioCalls(context.lab, context.folder, count=count, seconds=0.1))
    wait = {"TIMEWAIT": '<timewait milliseconds="12000"/>'}
    with signalling_loss(context.lab, 30):
        callee = calls.endpoint("core", "uas_answer", values={"RING": 100, **wait}, options=("-d", 1000, *SIPP))
        time.sleep(0.3)
        caller = calls.endpoint("access", "uac_call", rate=rate, values=wait,
                                options=("-d", 6000, "-s", "4930123456", *SIPP))
        calls.wait(lambda: not caller.running(), count / rate + 90)
        calls.wait(lambda: not callee.running(), 5)
    for sipp in (caller, callee):
        sipp.stop()
    calls.stop()
    repeats = caller.counts().get("Retransmissions", 0) + callee.counts().get("Retransmissions", 0)
    context.expect(repeats > count, f"only {repeats} retransmissions: nothing was lost, nothing is proved")

    def finals(side):
        """Calls of one side whose INVITE was answered 200, as its endpoint saw or said."""
        return {message.header("from").split("@")[0] for message in calls.sniffers[side].messages()
                if message.status == 200 and message.method == "INVITE"}

    answered, accepted = finals("access"), finals("core")
    context.expect(len(answered) >= answered_share * count, f"{len(answered)} of {count} calls answered")
    context.expect(answered <= accepted, f"answered to the caller but not by the callee: {answered - accepted}")
    good = caller.counts().get("SuccessfulCall", 0)
    context.expect(good >= answered_share * count,
                   f"caller: {good} of {count} went to their end; {caller.error_text()}")
    ended = callee.counts().get("SuccessfulCall", 0)
    context.expect(ended >= answered_share * count, f"callee: {ended} of {count} went to their end; {callee.error_text()}")
    context.nothing_left(T1_64 + 2)


@case(FAST)
def signalling_loss_30_percent(context):
    lossy_calls(context, 30, 10, 0.99)


@case(FAST, long=True)
def signalling_loss_30_percent_many(context):
    lossy_calls(context, 500, 20, 0.99)
