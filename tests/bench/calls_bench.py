"""Calls with SDP (INVITE, 180, 200, ACK, BYE, 200) through Sallyport, Kamailio, and Kamailio with rtpengine: CPU time, the
highest rate, the set-up time. How and how fair: docs/performance.md."""
import statistics
import time

from tests.bench.call_contestant import REST_SECONDS, Contestant
from tests.bench.call_lab import OURS, PEER, CallLab, configuration
from tests.bench.report import HIGHER, LOWER, OURS as US, Figure, Goal
from tests.bench.runner import benchmark
from tests.bench.sip_load import Load, RateSearch, carried
from tests.bench.sip_peers import Peers

KAMAILIO, WITH_RTPENGINE = "Kamailio", "Kamailio + rtpengine"
MAX_CALLS = 75_000        # calls that are over linger 64*T1: four times so many may, which bounds the lasting rate at 9,375/s
# Of the CPU figures: Kamailio carries twice the high rate on one core, and with rtpengine not even RATE.
HIGH_RATE, RATE, LOW_RATE = 3_000, 1_000, 400
RATES = {"cpu-high": HIGH_RATE, "cpu": RATE, "cpu-low": LOW_RATE}
FIRST_RATES = {US: 4_000, KAMAILIO: 4_000, WITH_RTPENGINE: 500}
LASTING_SECONDS, LASTING_SHARE = 40, 0.9


@benchmark("calls with SDP over the same sockets, beside Kamailio (dialog, topoh), alone and with rtpengine")
def calls(context):
    seconds = context.duration(10.0)
    figures = [
        Figure("cpu-high", f"CPU for 10,000 calls, at {HIGH_RATE:,} calls/s", "s", LOWER, [Goal(KAMAILIO, 0.4)]),
        Figure("cpu", f"the same at {RATE:,} calls/s", "s", LOWER, [Goal(KAMAILIO, 0.4)]),
        Figure("cpu-low", f"the same at {LOW_RATE} calls/s", "s", LOWER, [Goal(WITH_RTPENGINE, 0.125)]),
        Figure("highest-rate", "highest rate with < 0.1 % failed", "calls/s", HIGHER,
               [Goal(KAMAILIO, 1.5), Goal(WITH_RTPENGINE, 5.0)], every=True),
        Figure("setup-p50", f"set-up time at {Contestant.SETUP_RATE} calls/s, p50", "ms", LOWER),
        Figure("setup-p99", "the same, p99", "ms", LOWER, [Goal(None, 1.0)]),
    ]
    searches = {name: RateSearch(rate) for name, rate in FIRST_RATES.items()}
    others = []
    with CallLab(context.build, configuration(MAX_CALLS)) as lab:
        def ours():
            contestant = Contestant(lab.load_words(OURS), lab, lambda: lab.our_processes().values(), searches[US], seconds)
            contestant.others = others
            return contestant

        # A peer runs for its own turn only, so that its timers disturb nobody.
        def peer(name, with_rtpengine, cpu_figures):
            with Peers(lab, with_rtpengine) as peers:
                contestant = Contestant(lab.load_words(PEER), peers, lambda: peers.pids().values(), searches[name], seconds,
                                        peers.check_media if with_rtpengine else lambda: None)
                contestant.others = others
                return contestant.measure(cpu_figures)

        context.compare(figures, {
            US: lambda: ours().measure(RATES),
            KAMAILIO: lambda: peer(KAMAILIO, False, RATES),
            WITH_RTPENGINE: lambda: peer(WITH_RTPENGINE, True, {"cpu-low": LOW_RATE})})
        lasting(context, ours())
    for name, search in searches.items():
        if line := search.note(name):
            context.note(line)
    context.note(f"Other programs took {statistics.median(others):.2f} cores during the runs at a fixed rate (median; most "
                 f"{max(others):.2f}).")
    return figures


def lasting(context, ours):
    """A search's runs are short: most of the highest rate for longer than a call that is over lingers."""
    rate = round(ours.search.rate(ours.search.position) * LASTING_SHARE)
    with context.turn():
        ours.element.restart()
        time.sleep(REST_SECONDS)
        ours.warm()
        result = Load(ours.words, rate, LASTING_SECONDS).run()
    context.note(f"Sallyport at {rate:,} calls/s for {LASTING_SECONDS} s: " + (
        "not carried." if not carried(result) else f"carried, p99 of the set-up time {result['setup-us']['p99'] / 1000:.3g} ms."))
