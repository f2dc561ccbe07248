"""Peers that are slow on purpose, by the thousand, beside legitimate calls over TLS."""
import json
import subprocess

from tests.system.callee import Callee
from tests.system.runner import case
from tests.system.tls_calls import place
from tools.labkit import tls
from tools.labkit.lab import ROOT
from tools.labkit.network import address

SLOW_HOSTS = [address("access", host) for host in range(100, 112)]
INTERFACE = {"transports": ["udp", "tcp", "tls"], "tls-profile": "lab"}
SETTINGS = {"tls-profiles": {"lab": tls.profile(clients="optional")}, "sip-interfaces": {"access": INTERFACE},
            "trunks": {"slow": {"sip-interface": "access", "peers": [f"{host}:5060" for host in SLOW_HOSTS]}}}
# What the configuration says of each kind, s; and the counter of those that broke it.
DEFAULTS = {"first-message-s": 10, "message-s": 10, "handshake-s": 8}
BOUND_OF = {"bytes": "first-message-s", "second": "message-s", "pings": "first-message-s", "hello": "handshake-s",
            "half": "handshake-s"}
COUNTER_OF = {"first-message-s": "streams-slow-first", "message-s": "streams-slow-message",
              "handshake-s": "tls-slow-handshake"}
GRACE = 10.0      # s after its bound: then it has to be closed
EARLY = 0.5       # s: by so much ends the age that the peer itself measures before the bound


def beside_slow_peers(context, bounds, kinds, calls, rate, hosts, open_rate, seconds):
    callee = context.keep(Callee(context.lab.network.sides["core"], address("core", 10), ring=0))
    before = context.counters("control")
    space = context.lab.network.sides["access"]
    words = [word for kind, count in kinds.items() for word in (f"--{kind}", count)]
    slow = subprocess.Popen(space.command("python3", "-m", "tests.system.slow_peers", "--sources", ",".join(hosts), "--rate",
                                          open_rate, "--seconds", seconds, *words), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    context.finally_call(slow.kill)
    placed = place(context, calls, rate)
    said = json.loads(slow.communicate(timeout=seconds + 20)[0])
    counters = context.counters("control")
    print(f"     slow peers: {said}\n     {len(placed.setup)} of {calls} calls: set up in {placed.percentile(.5) * 1000:.0f} ms at "
          f"the median, {placed.percentile(.99) * 1000:.0f} ms at the 99th percentile, {max(placed.setup, default=0) * 1000:.0f} "
          f"ms at most", flush=True)
    for kind, count in kinds.items():
        bound, ages = bounds[BOUND_OF[kind]], said.get(kind, {})
        context.expect(ages.get("opened") == count and ages["closed"] == count, f"{kind}: of {count} {ages}")
        context.expect(ages.get("least", 0) >= bound - EARLY and ages.get("most", 99) <= bound + GRACE,
                       f"{kind}: closed at {ages.get('least')} to {ages.get('most')} s, the bound is {bound}")
    for bound, name in COUNTER_OF.items():
        expected = sum(count for kind, count in kinds.items() if BOUND_OF[kind] == bound)
        context.expect(counters[name] - before[name] == expected,
                       f"{name} counted {counters[name] - before[name]}, expected {expected}")
    context.expect(placed.ended == calls and callee.count("ended") >= calls,
                   f"{placed.ended} of {calls} calls were good: {placed.problems[:5]}")
    context.wait(lambda: context.counters("control")["streams-now"] == 0, 5, "connections are left")
    context.expect(context.counters("control")["streams-kept-bytes"] == 0, "bytes are still accounted for")
    return placed


SHORT = {"first-message-s": 2, "message-s": 2, "handshake-s": 2}


@case(SETTINGS | {"connections": SHORT})
def slow_peers_are_closed_in_time(context):
    beside_slow_peers(context, SHORT, {"bytes": 200, "second": 100, "pings": 50, "hello": 50, "half": 50}, calls=40, rate=15,
                      hosts=SLOW_HOSTS[:2], open_rate=500, seconds=15)


@case(SETTINGS, fresh=True, long=True)
def ten_thousand_slow_peers(context):
    """10,000 connections of a byte a second and 2,000 half handshakes; each within 10 s of its bound."""
    placed = beside_slow_peers(context, DEFAULTS, {"bytes": 6000, "second": 3000, "pings": 1000, "hello": 1000, "half": 1000},
                               calls=600, rate=20, hosts=SLOW_HOSTS, open_rate=1500, seconds=60)
    context.expect(placed.percentile(.99) < 0.2, f"set-up took {placed.percentile(.99) * 1000:.0f} ms at the 99th percentile")
