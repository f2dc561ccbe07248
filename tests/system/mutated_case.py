"""SIP messages mutated from valid ones, from a trunk's peer, from an unknown address and from a callee, while others call.

By UDP, TCP or TLS, on both sides. tests/mutate makes them: message N of a seed is always the same bytes (`build/release/tests/sip-mutator --seed S --only N`).
What becomes a call has to end by itself: the times are short, so that everything is over soon after.
"""
import json
import pathlib
import re
import subprocess
import threading
import time

from tests.system.runner import case
from tests.system.transport_case import with_tls
from tools.labkit import tls
from tools.labkit.network import address
from tools.labkit.sip_text import PORTS
from tools.labkit.sipp import Sipp

SHORT = {"t1-ms": 100, "t2-ms": 400, "t4-ms": 400, "no-answer-s": 5, "max-call-duration-s": 3}
HOSTILE = {
    "system": SHORT,
    "realms": {"access": {"unknown-source": "403"}},
    "trunks": {"hostile-pbx": {"sip-interface": "access", "peers": ["192.0.2.66:5060"]},
               "hostile-carrier": {"sip-interface": "core", "peers": ["198.51.100.66:5060"]}},
    "routes": [{"name": "hostile-out", "from": {"trunk": "hostile-pbx"}, "to": {"trunk": "hostile-carrier"}},
               {"name": "hostile-in", "from": {"trunk": "hostile-carrier"}, "to": {"trunk": "hostile-pbx"}},
               {"name": "access-to-core", "from": {"trunk": "access-pbx"}, "to": {"trunk": "core-carrier"}},
               {"name": "core-to-access", "from": {"trunk": "core-carrier"}, "to": {"trunk": "access-pbx"}}]}
# The longest that anything of a call may take to go: the caller's patience, then CANCEL or BYE for 64*T1, and some.
REST = SHORT["no-answer-s"] + 2 * 64 * SHORT["t1-ms"] / 1000 + 10
AT_REST = {"control": re.compile(r"live-.*|udp-send-waiting|dataplane-commands-waiting|store-slots-used|records-queued|"
                                 r"records-waiting"),
           "dataplane": re.compile(r"flows-installed|.*-unreclaimed|commands-staged|transactions-open|"
                                   r"next-hop-waiting-packets")}
# RFC 3261 §17.1.1.2: an INVITE that was refused is remembered for 32 s at least (Timer D), whatever T1 is.
TIMER_D = 32
REMEMBERED = ("live-client-transactions", "live-client-transactions-over", "live-timers", "live-transaction-bytes")
# Growth of memory after the first two fifths of the run: what a steady flood makes the gate keep, Timer D the longest, is
# there by then in a long run.
SETTLED = 0.4
MOST_GROWTH_MIB = 8


# What comes of N messages at least, as shares of N. A stream ends with the first message whose end is in doubt, and what
# stood behind that is lost; who belongs to no trunk has his connection closed.
MUCH = {"udp": {"arrived": 0.97, "malformed": 0.1, "calls": 0.02, "calls-answered": 0.005, "sip-retransmissions-received": 0.002,
                "calls-refused": 0.005, "sources-forbidden": 0.02, "unknown-dialogs": 0.01, "reinvites": 0.0001,
                "headers-cut": 0.00003, "bodies-refused": 0.001},
        "tcp": {"arrived": 0.7, "malformed": 0.2, "calls": 0.02, "calls-answered": 0.004, "calls-refused": 0.005,
                "sources-forbidden": 0.02, "unknown-dialogs": 0.01, "reinvites": 0.0001, "headers-cut": 0.00003,
                "bodies-refused": 0.001, "streams-lost-sync": 0.1}}
MUCH["tls"] = MUCH["tcp"] | {"arrived": 0.6, "tls-resumed": 0.01}
REFUSED = {"udp": 0.001, "tcp": 0.05, "tls": 0.05}


class MemoryWatch:
    """Resident memory of one process, once a second, MiB: its own, and the pages of the table of live calls."""

    def __init__(self, pid):
        self.samples = []
        self._status = pathlib.Path(f"/proc/{pid}/status")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def _drive(self):
        while not self._done.wait(1.0):
            try:
                status = self._status.read_text()
                self.samples.append([int(re.search(rf"{kind}:\s+(\d+)", status)[1]) / 1024
                                     for kind in ("RssAnon", "RssShmem")])
            except OSError:
                return

    def close(self):
        self._done.set()
        self._thread.join()

    def growth(self):
        """((own, table's) at the settled point, the most of each afterwards)."""
        at = int(len(self.samples) * SETTLED)
        return tuple(self.samples[at]), tuple(max(kind) for kind in zip(*self.samples[at:]))


def left(context, besides=()):
    """{gauge: value} of what is not at rest."""
    return {name: value for process, pattern in AT_REST.items() for name, value in context.counters(process).items()
            if value and pattern.fullmatch(name) and name not in besides}


def comes_to_rest(context, patient):
    """How long it takes. Only who is patient waits for the last Timer D; else each transaction left must be waiting for its end."""
    start = time.monotonic()
    besides = () if patient else REMEMBERED
    context.wait(lambda: not left(context, besides), REST + (TIMER_D if patient else 0), "not at rest")
    still = left(context)
    context.expect(not left(context, besides), f"left: {still}")
    context.expect(still.get("live-client-transactions") == still.get("live-client-transactions-over"),
                   f"transactions that are not over: {still}")
    return time.monotonic() - start


def over(transport):
    """HOSTILE with calls to each side by this transport."""
    settings = with_tls({}) if transport == "tls" else {}
    settings |= HOSTILE
    port = PORTS[transport]
    trunks = {name: {"sip-interface": side, "peers": [f"{address(side, host)}:{port}"], "transport": transport}
              for name, side, host in (("access-pbx", "access", 10), ("core-carrier", "core", 10),
                                       ("hostile-pbx", "access", 66), ("hostile-carrier", "core", 66))}
    return settings | {"trunks": trunks}


def legitimate_calls(context, count, transport):
    """One call a second, from and to addresses that send nothing else."""
    sides = context.lab.network.sides
    remote = "192.0.2.1"
    if transport == "tls":
        context.keep(tls.tls_server(sides["core"], "198.51.100.10", 5061, "198.51.100.10:5060", "core"))
        context.keep(tls.tls_client(sides["access"], 5060, "192.0.2.1:5061", "access", "192.0.2.10"))
        remote = "127.0.0.1"
    callee = context.keep(Sipp(sides["core"], "uas_answer", "198.51.100.10", context.folder, calls=count,
                               transport=transport))
    caller = context.keep(Sipp(sides["access"], "uac_call", "192.0.2.10", context.folder, calls=count, rate=1,
                               remote=remote, options=("-d", 1000, "-s", "4930123456",
                                                       "-cid_str", "legitimate-%u@pbx.example"), transport=transport))
    return caller, callee


def mutate(context, seed, count, rate, transport):
    """What sip-mutator says when it has sent them all."""
    program = pathlib.Path(context.build) / "tests" / "sip-mutator"
    networks = {side: space.name for side, space in context.lab.network.sides.items()}
    port = PORTS[transport]
    command = [program, "--seed", seed, "--count", count, "--rate", rate, "--linger", 3, "--transport", transport,
               "--network", networks["access"], "--callee-network", networks["core"],
               "--gate", f"192.0.2.1:{port}", "--callee-gate", f"198.51.100.1:{port}",
               "--peer", f"192.0.2.66:{port}", "--stranger", f"192.0.2.67:{port}", "--callee", f"198.51.100.66:{port}"]
    if transport == "tls":
        folder = tls.certificates()
        for option, name in (("--certificate", "access"), ("--callee-certificate", "core")):
            bundle = context.folder / f"{name}.pem"
            bundle.write_text((folder / f"{name}.pem").read_text() + (folder / f"{name}.key").read_text())
            command += [option, bundle]
        command += ["--authorities", folder / "ca.pem"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=3 * count / rate + 60)
    context.expect(done.returncode == 0, f"sip-mutator: exit {done.returncode}, {done.stderr}")
    return json.loads(done.stdout or "{}")


def under_mutation(context, seed, count, rate, transport="udp", patient=False):
    pids = context.product.pids()
    before = context.counters("control")
    memory = context.keep(MemoryWatch(context.product.pid("sallyport-control")))
    calls = int(count / rate)
    caller, callee = legitimate_calls(context, calls, transport)
    sent = mutate(context, seed, count, rate, transport)
    caller.wait(calls + 30)
    callee.wait(10)
    memory.close()
    after = context.counters("control")
    grown = {name: value - before.get(name, 0) for name, value in after.items()}

    # That it was what it says: all sent, nearly all received, and something of each kind came of it.
    total = sent["peer"]["sent"] + sent["stranger"]["sent"]
    refused = sent["peer"]["refused"] + sent["stranger"]["refused"]
    context.expect(total == count and refused <= REFUSED[transport] * count, f"sent: {sent}")
    arrived = grown["udp-received" if transport == "udp" else "streams-received"]
    context.expect(arrived >= MUCH[transport]["arrived"] * count, f"{arrived} of {count} messages arrived")
    for name, share in MUCH[transport].items():
        if name == "arrived":
            continue
        # Of what comes less than once in so few messages there may be none: the long case asks for it.
        context.expect(share * count < 1 or grown[name] >= share * count, f"{name} grew by {grown[name]} only: little is proved")

    # Others do not notice.
    for end in (caller, callee):
        counts = end.counts()
        good, failed = counts.get("SuccessfulCall", 0), counts.get("FailedCall", 0)
        context.expect(good == calls and not failed, f"{end.name}: {good} of {calls} legitimate calls good, {failed} failed; "
                       f"{end.error_text()}")

    # Nothing restarts, stays or grows.
    context.expect(context.product.pids() == pids, f"processes before: {pids}, after: {context.product.pids()}")
    rest = comes_to_rest(context, patient)
    settled, most = memory.growth()
    (context.folder / "memory").write_text("".join(f"{own:.1f} {table:.1f}\n" for own, table in memory.samples))
    sanitized = pathlib.Path(context.build).name != "release"
    grew = f"memory {settled[0]:.1f} -> {most[0]:.1f} MiB, table of calls {settled[1]:.1f} -> {most[1]:.1f} MiB"
    context.expect(sanitized or all(b - a < MOST_GROWTH_MIB for a, b in zip(settled, most)), f"it grew: {grew}")

    # Nothing keeps it awake but what there is to do.
    context.expect(grown["turns"] < 20 * count, f"{grown['turns']} turns for {count} messages")

    # No message holds up the others. A sanitizer's build is slower by a factor that nobody knows.
    slowest, turn = after["sip-datagram-slowest-us"], after["turn-end-slowest-us"]
    for name in ("sip-datagrams-above-20ms", "turn-ends-above-20ms"):
        context.expect(sanitized or not grown[name], f"{name} grew by {grown[name]}; slowest datagram {slowest} us, "
                       f"slowest end of a turn {turn} us")
    print(f"     {count} messages in {sent['seconds']} s, seed {seed}: {grown['malformed']} malformed, {grown['calls']} calls, "
          f"{grown['calls-answered']} answered, {sent['callee']['invites']} INVITEs passed on; {calls} legitimate calls, all good; "
          f"{grew}; slowest datagram {slowest} us, end of a turn {turn} us "
          f"({grown['sip-datagrams-above-1ms']}/{grown['sip-datagrams-above-5ms']} above 1/5 ms); at rest after {rest:.1f} s",
          flush=True)


@case(HOSTILE)
def mutated_messages(context):
    under_mutation(context, seed=1, count=3000, rate=500)


@case(HOSTILE, long=True)
def mutated_messages_100000(context):
    under_mutation(context, seed=2, count=100_000, rate=900, patient=True)


@case(over("tls"))
def mutated_messages_over_tls(context):
    under_mutation(context, seed=4, count=3000, rate=500, transport="tls")


@case(over("tcp"), long=True)
def mutated_messages_over_tcp_100000(context):
    under_mutation(context, seed=3, count=100_000, rate=900, transport="tcp", patient=True)


@case(over("tls"), long=True)
def mutated_messages_over_tls_100000(context):
    under_mutation(context, seed=5, count=100_000, rate=900, transport="tls", patient=True)
