"""More calls than the control plane can carry: it keeps what it can do, and comes back by itself.

The control plane has core 1 for itself, everything else core 0 (tests/bench/call_lab.py). The highest rate is that at
which fewer than 1 of 1,000 calls fail, for as long as the overload then lasts: what a call leaves behind for 64*T1 (transactions
that absorb repetitions) makes the following ones dearer, so that a few seconds say too much. Sought with short runs, in
steps of 30 %, then 6 %, and lowered until it holds.
"""
import json
import os
import subprocess
import time

from tests.bench.call_lab import OURS, CallLab, configuration
from tests.system.runner import case

START = 2000
STEPS = (1.3, 1.06)
PROBE_S = 3
OVERLOAD_S = 30


def load(lab, rate, seconds):
    words = [*lab.load_words(OURS), "--rate", int(rate), "--seconds", seconds]
    said = json.loads(subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False).stdout)
    said["failed"] = said["started"] - said["ended"]
    return said


def counters(lab):
    return {entry["name"]: entry["value"] for entry in lab.lab.product.show("counters")["control"]}


def carries(lab, rate, seconds):
    """Whether all goes well at this rate; with a second try, for the host's sake."""
    return any(said["failed"] < said["started"] / 1000 and not said["unpaced"]
               for said in (load(lab, rate, seconds) for _ in range(2)))


def highest_rate(lab):
    """0 when even the first is too high."""
    good, rate = 0, START
    for step in STEPS:
        while carries(lab, rate, PROBE_S):
            good, rate = rate, rate * step
        rate = good * STEPS[-1]
    while good > START and not carries(lab, good, OVERLOAD_S):
        good /= STEPS[-1]
    return good


@case(no_lab=True, long=True)
def three_times_the_highest_rate(context):
    if len(os.sched_getaffinity(0)) < 2:
        return print("     not on one core: the generator would take what it measures")
    with CallLab(context.build, configuration(max_calls=30000)) as lab:
        highest = highest_rate(lab)
        if not context.expect(highest > 0, f"{START} calls/s are too many already"):
            return
        before = load(lab, highest / 2, 5)
        peak = load(lab, 3 * highest, OVERLOAD_S)
        ended = time.monotonic()
        during = counters(lab)
        through = peak["ended-by-second"][:OVERLOAD_S]
        share = sum(through) / OVERLOAD_S / highest
        print(f"     highest rate {highest:.0f}/s; at {3 * highest:.0f}/s for {OVERLOAD_S} s {sum(through) / OVERLOAD_S:.0f}/s went through "
              f"({100 * share:.0f} %), least in a second {min(through)}, {peak['refused']} refused {peak['codes']}, "
              f"{peak['timed-out']} timed out; refused after p50/p99 {peak['refusal-us']['p50'] / 1000:.1f}/"
              f"{peak['refusal-us']['p99'] / 1000:.1f} ms, set up after {peak['setup-us']['p50'] / 1000:.1f}/"
              f"{peak['setup-us']['p99'] / 1000:.1f} ms; kernel dropped {during['udp-kernel-dropped']}", flush=True)
        context.expect(not peak["unpaced"], f"the generator itself was too slow for {peak['unpaced']} calls")
        context.expect(peak["codes"].keys() <= {"503"} and peak["retry-after"] == peak["refused"],
                       f"refused otherwise than by 503 with Retry-After: {peak['codes']}, {peak['retry-after']}")
        context.expect(share >= 0.8, f"{100 * share:.0f} % of the highest rate went through")
        context.expect(during["invites-shed"] >= peak["refused"], f"counted {during['invites-shed']} refused")
        time.sleep(max(0.0, ended + 5 - time.monotonic()))
        after = load(lab, highest / 2, 5)
        print(f"     at half the highest rate before and 5 s after: failed {before['failed']} and {after['failed']}, set-up p50 "
              f"{before['setup-us']['p50']:.0f} and {after['setup-us']['p50']:.0f} us, p99 {before['setup-us']['p99']:.0f} and "
              f"{after['setup-us']['p99']:.0f} us")
        context.expect(after["failed"] == 0, f"{after['failed']} calls failed afterwards: {after['codes']}")
        context.expect(after["setup-us"]["p50"] < 2 * before["setup-us"]["p50"] + 1000, "calls are set up more slowly than before")
        context.expect(counters(lab)["overload-now"] == 0, "overload is still on")
