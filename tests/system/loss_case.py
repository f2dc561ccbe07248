"""Signalling that loses three packets of ten in each direction on each side."""
import re
import time

from tests.system.callee import Callee
from tests.system.runner import case
from tests.system.support import signalling_loss
from tools.labkit.audio_calls import AudioCalls

# Timers short enough that 64*T1 passes within a test; SIPp's to match.
FAST = {"system": {"t1-ms": 250, "t2-ms": 1000}}
T1_64 = 64 * 0.25
SIPP = ("-T2", 1000, "-max_invite_retrans", 12, "-max_non_invite_retrans", 24)


def lossy_calls(context, count, rate, share):
    calls = context.keep(AudioCalls(context.lab, context.folder, count=count, seconds=0.1))
    callee = context.keep(Callee(context.lab.network.sides["core"], "198.51.100.10"))
    with signalling_loss(context.lab, 30):
        caller = calls.endpoint("access", "uac_call", rate=rate, options=("-d", 6000, "-s", "4930123456", *SIPP))
        calls.wait(lambda: not caller.running(), count / rate + 60)
        time.sleep(T1_64 / 4)  # the last BYEs
    caller.stop()
    calls.stop()
    repeats = caller.counts().get("Retransmissions", 0) + callee.repeats
    context.expect(repeats > count, f"only {repeats} retransmissions: nothing was lost, nothing is proved")
    answered = {re.search(r"sip:([^@]+)@", message.header("from"))[1] for message in calls.sniffers["access"].messages()
                if message.status == 200 and message.method == "INVITE"}
    good = caller.counts().get("SuccessfulCall", 0)
    print(f"     {count} calls, {repeats} retransmissions: {len(answered)} answered, caller {good} to the end, callee "
          f"{callee.count('confirmed')} confirmed, {callee.count('ended')} ended", flush=True)
    context.expect(len(answered) >= share * count, f"{len(answered)} of {count} calls answered")
    context.expect(good >= share * count, f"caller: {good} of {count} went to their end; {caller.error_text()}")
    context.nothing_left(T1_64 + 2)
    # Both legs agree: whoever was answered was answered by the callee, and what one side ended the other side knows of.
    accepted = {call.caller for call in callee.calls.values() if call.answered}
    context.expect(answered <= accepted, f"answered to the caller but not by the callee: {answered - accepted}")
    open_calls = [call.caller for call in callee.calls.values() if call.answered and not call.ended]
    context.expect(not open_calls, f"the callee still talks to {open_calls}")


@case(FAST)
def signalling_loss_30_percent(context):
    lossy_calls(context, 30, 10, 0.99)


@case(FAST, long=True)
def signalling_loss_30_percent_many(context):
    lossy_calls(context, 500, 20, 0.99)
