"""Calls of every kind, many of them: what is left of them afterwards is nothing, and every one has its record."""
import pathlib
import re
import time

from tests.system.runner import case
from tests.system.support import sip_load

# 64*T1 in 6.4 s: what hours would hold passes in minutes. Ports for all calls of the 10 s that a pair rests.
T1_64 = 6.4
SETTINGS = {"system": {"t1-ms": 100, "t2-ms": 800, "t4-ms": 1000, "max-calls": 10000},
            "realms": {side: {"media-addresses": [f"{net}{host}" for host in (1, 2, 3, 4)], "media-ports": "10000-65535"}
                       for side, net in (("access", "192.0.2."), ("core", "198.51.100."))}}
# A call that nobody acknowledges lasts 64*T1 of ours, one whose ACK is lost as long as the generator stays silent.
MIX = ("basic=30,early=15,cancel=15,busy=10,callee-bye=10,hold=8,callee-hold=8,lost-ack=3,never-ack=1")
SCENARIOS = {item.split("=")[0] for item in MIX.split(",")}
AT_REST = re.compile(r"^live-|^resting-|-waiting$|^store-slots-used$")
PROGRAMS = ("sallyport-manager", "sallyport-dataplane", "sallyport-control")


def soaked(context, calls, rate, seed, but=()):
    """Plays the calls, waits until the product has had time to end everything, and looks for what is left. What was said,
    and how many became calls: where the machine is taken away for a while, some are refused for overload, by right."""
    said = sip_load(context, calls=calls, rate=rate, mix=MIX, hold_ms=150, ring_ms=50, seed=seed)
    shed = said["codes"].get("503", 0)
    context.expect(said["ended"] + shed == calls and shed <= calls / 50 and not said["left"] and not said["mistakes"],
                   f"of {calls} calls: { {key: value for key, value in said.items() if key != 'ended-by-second'} }")
    context.expect(set(said["played"]) == SCENARIOS, f"played {said['played']}")

    def left():
        counted = {name: value for process in ("control", "dataplane")
                   for name, value in context.counters(process).items()
                   if AT_REST.search(name) and value and not name.startswith(tuple(but))}
        flows = context.product.show("flows")["total"]
        return counted | ({"flows of the dataplane": flows} if flows else {})

    # The last calls' BYE and our transactions each have 64*T1, a port pair then rests 10 s.
    context.wait(lambda: not left(), 3 * T1_64 + 12, f"left of {calls} calls")
    context.expect(not left(), f"left of {calls} calls: {left()}")
    return said, calls - shed


def written(context):
    """Lines of the call records, without parsing them."""
    return sum(path.read_bytes().count(b"\n") for path in (context.product.state / "records").glob("*.jsonl"))


def resident_kb(context):
    found = {}
    for program in PROGRAMS:
        status = pathlib.Path(f"/proc/{context.product.pid(program)}/status").read_text()
        found[program] = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])
    return found


def free_buffers(context):
    return context.product.show("dataplane")["memory"]["mbufs-free"]


@case(SETTINGS, fresh=True)
def mixed_calls_leave_nothing(context):
    before = written(context)
    _, calls = soaked(context, 3000, 600, seed=1, but=("resting-",))
    context.wait(lambda: written(context) - before >= calls, 5, "records are missing")
    context.expect(written(context) - before == calls, f"{written(context) - before} records of {calls} calls")


@case(SETTINGS, fresh=True, long=True)
def a_hundred_thousand_mixed_calls_twice(context):
    buffers = free_buffers(context)
    resident, calls = [], 0
    for turn in (1, 2):
        start = time.monotonic()
        said, became = soaked(context, 100_000, 900, seed=turn)
        calls += became
        context.wait(lambda: written(context) >= calls, 5, "records are missing")
        context.expect(written(context) == calls, f"{written(context)} records of {calls} calls")
        resident.append(resident_kb(context))
        print(f"     {turn}: {became} calls in {time.monotonic() - start:.0f} s, {said['retransmitted']} retransmissions, set-up "
              f"p50/p99 {said['setup-us']['p50'] / 1000:.1f}/{said['setup-us']['p99'] / 1000:.1f} ms; "
              f"{written(context)} records; RSS {resident[-1]} kB; free packet buffers {free_buffers(context)} of {buffers}; "
              f"played {said['played']}", flush=True)
    for program in PROGRAMS:
        first, second = resident[0][program], resident[1][program]
        context.expect(second <= first * 1.02, f"{program} had {first} kB after the first and {second} kB after the second")
    context.expect(free_buffers(context) >= buffers - 64, f"{buffers} packet buffers were free, now {free_buffers(context)}")
