"""The calls of calls_bench over TCP and TLS: one connection with each peer, and one for each call of the caller (with TLS by a
resumed session). How and how fair: docs/performance.md."""
import statistics
import time

from tests.bench.call_contestant import REST_SECONDS, Contestant
from tests.bench.call_lab import OURS, PEER, CallLab, configuration
from tests.bench.report import HIGHER, LOWER, OURS as US, Figure, Goal
from tests.bench.runner import benchmark
from tests.bench.sip_load import RateSearch
from tests.bench.sip_peers import Peers
from tools.labkit.command import LabError

KAMAILIO = "Kamailio"
MAX_CALLS = 75_000
ONE, EACH = "one connection", "one per call"
MODES = {ONE: (), EACH: ("--stream-per-call",)}
TRANSPORTS = ("tcp", "tls")
# A handshake for each call is the generator's work, too: a lower rate, which it carries for everybody.
RATES = {("tcp", ONE): 1_000, ("tcp", EACH): 1_000, ("tls", ONE): 1_000, ("tls", EACH): 400}
FIRST_RATES = {("tcp", ONE): 4_000, ("tcp", EACH): 3_000, ("tls", ONE): 3_000, ("tls", EACH): 800}
LEAST_RESUMED = 0.9  # of the handshakes: the first ones have no session yet


def figures_of(transport):
    for mode in MODES:
        name = f"{transport.upper()}, {mode}"
        yield Figure(f"{transport}-{mode}-cpu", f"{name}: CPU for 10,000 calls, at {RATES[transport, mode]:,} calls/s", "s",
                     LOWER, [Goal(KAMAILIO, 0.5)])
        yield Figure(f"{transport}-{mode}-rate", f"{name}: highest rate with < 0.1 % failed", "calls/s", HIGHER)


def check_streams(result, transport, mode):
    """The connections of a run are those that its figure is about: else it measures something else."""
    caller, callee = result["streams"]
    wanted = result["started"] if mode == EACH else 1
    if caller["made"] != wanted or callee["accepted"] != 1:
        raise LabError(f"{caller['made']} connections where {wanted} are wanted, {callee['accepted']} to the callee: {result}")
    if transport == "tls" and mode == EACH and caller["resumed"] < LEAST_RESUMED * wanted:
        raise LabError(f"{caller['resumed']} of {wanted} TLS sessions were resumed")


def measured(contestant, transport, mode):
    time.sleep(REST_SECONDS)
    contestant.warm()
    result, used = contestant.run(RATES[transport, mode], contestant.seconds)
    check_streams(result, transport, mode)
    return {f"{transport}-{mode}-cpu": used / result["started"] * 10_000,
            f"{transport}-{mode}-rate": contestant.search.highest(contestant.carries)}


def over(context, transport, searches, others):
    seconds = context.duration(10.0)
    with CallLab(context.build, configuration(MAX_CALLS, transport=transport)) as lab:
        def all_modes(who, element, host, pids):
            values = {}
            for mode, words in MODES.items():
                contestant = Contestant(lab.load_words(host, transport, *words), element, pids, searches[who, transport, mode],
                                        seconds)
                contestant.others = others
                values |= measured(contestant, transport, mode)
            return values

        # It runs for its own turn only, so that its timers disturb nobody.
        def peer():
            with Peers(lab, transport=transport) as peers:
                return all_modes(KAMAILIO, peers, PEER, lambda: peers.pids().values())

        return context.compare(figures_of(transport), {
            US: lambda: all_modes(US, lab, OURS, lambda: lab.our_processes().values()), KAMAILIO: peer})


@benchmark("calls with SDP over TCP and TLS, beside Kamailio (dialog, topoh)")
def stream_calls(context):
    searches = {(who, *key): RateSearch(rate) for who in (US, KAMAILIO) for key, rate in FIRST_RATES.items()}
    others = []
    figures = [figure for transport in TRANSPORTS for figure in over(context, transport, searches, others)]
    for (who, transport, mode), search in searches.items():
        if line := search.note(f"{who}, {transport.upper()}, {mode}"):
            context.note(line)
    context.note(f"Other programs took {statistics.median(others):.2f} cores during the runs at a fixed rate (median; most "
                 f"{max(others):.2f}).")
    return figures
