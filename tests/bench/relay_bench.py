"""Relayed packets per second on one core, veth to veth: RTP of 172 bytes, one way, in STREAMS streams.

Generator and sink share a thread on core 0 and use AF_XDP on the far ends of the veth pairs; the device under test has
core 1. All are set up once; while one is measured the others are stopped (SIGSTOP), so that none takes the core's time.

The figure is the same for all: the highest rate at which less than 0.1 % of what was sent is missing. The rate rises
by a quarter until it fails three times, then by a twentieth from the last that passed. The generator never catches up, so
that no queue is made to overflow by the measurement.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile

from tests.bench.machine import GENERATOR_CORE, Testpmd, check_cores, first, huge_pages
from tests.bench.media_calls import CALLEE, CALLER, MediaCalls, audio_port
from tests.bench.report import HIGHER, Figure, Goal
from tests.bench.rtpengine import Rtpengine
from tests.bench.runner import benchmark
from tools.labkit.command import LabError
from tools.labkit.lab import DEFAULT_CONFIG, Lab
from tools.labkit.network import ENDPOINT_DEVICE, Network, port_device

STREAMS = 4_500  # the gate lets a stream have 500 packets a second: 2.2 million in all
LOSS = 0.001
KEPT = 0.97  # of a rate: else the generator itself cannot do more
TRIES = 3
RUN = 0.3
# The kernel keeps 50 ms of each second from real-time threads: a run of a second never keeps its rate.
LONGEST_RUN = 0.5
FIRST_RATE = 80_000
COARSE, FINE = 1.25, 1.05
HUGE_MB = 1_400


def mac(namespace, device):
    return json.loads(namespace.ip("-j", "link", "show", device).stdout)[0]["address"]


class Generator:
    def __init__(self, context, network, receiver=None):
        """receiver: (namespace, device) of the sink, if not the far end of the core side."""
        access, core = network.sides["access"], network.sides["core"]
        sink, device = receiver or (core, ENDPOINT_DEVICE)
        words = [context.program("rtp_load_bench"), GENERATOR_CORE, access.name, ENDPOINT_DEVICE, sink.name, device,
                 mac(network.sbc, port_device("access"))]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, bufsize=1,
                                        env={**os.environ, "LIBXDP_SKIP_DISPATCHER": "1"})
        self.streams = 0
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                raise LabError("the generator (rtp_load_bench) did not start")

    def add(self, streams):
        for source, destination in streams:
            self.process.stdin.write(f"stream {source} {destination}\n")
        self.streams += len(streams)

    def run(self, rate, seconds):
        """(packets sent, packets received)"""
        self.process.stdin.write(f"run {rate} {seconds}\n")
        line = self.process.stdout.readline()
        if not line:
            raise LabError("the generator (rtp_load_bench) has ended")
        sent, received, _ = line.split()
        return int(sent), int(received)

    def attempt(self, rate, seconds):
        """(packets per second that came through without loss, whether the rate was kept). Another try after a failure, since
        the host may have stopped a CPU in the one before."""
        best = 0.0
        for _ in range(TRIES):
            sent, received = self.run(rate, seconds)
            if sent and received >= sent * (1 - LOSS):
                best = max(best, received / seconds)
                if best >= KEPT * rate:
                    return best, True
        return best, False

    def highest(self, seconds):
        best, rate = 0.0, FIRST_RATE
        for step in (COARSE, FINE):
            kept = True
            while kept:
                reached, kept = self.attempt(rate, seconds)
                best = max(best, reached)
                rate *= step if kept else 1
            if rate == FIRST_RATE:
                raise LabError(f"not even the first rate of {FIRST_RATE:,} packets/s was kept: this measures nothing")
            rate = rate / COARSE * FINE
        return best

    def pids(self):
        return [self.process.pid]

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Contestant:
    """A network of its own, what is tested in it, and the generator around it."""

    def __init__(self, name, context, stack, log):
        self.name = f"bench-{name}-{os.getpid()}"
        self.context = context
        self.stack = stack
        self.log = log
        self.network = None
        self.generator = None
        self.tested = []  # pids
        self.busy = []  # of them, those that handle media

    def make_network(self):
        self.network = Network(self.name)
        self.stack.callback(self.network.remove)
        self.network.create()

    def generate(self, streams, receiver=None):
        self.generator = Generator(self.context, self.network, receiver)
        self.stack.callback(self.generator.close)
        self.generator.add(streams)
        # Every source is learned, and what no one answers for is known.
        self.generator.run(20_000, 1.0)
        self.stop()

    def fix_neighbours(self, devices):
        """The far ends belong to the generator from now on, and answer no ARP."""
        for side, far, device in (("access", CALLER[0], devices[0]), ("core", CALLEE[0], devices[1])):
            self.network.sbc.ip("neigh", "replace", far, "lladdr", mac(self.network.sides[side], ENDPOINT_DEVICE), "dev",
                                device, "nud", "permanent")

    def pids(self):
        return [*self.tested, *self.generator.pids()]

    def signal(self, number):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self):
        self.signal(signal.SIGSTOP)
        self.stack.callback(self.signal, signal.SIGCONT)  # a stopped process does not end when asked to

    def measure(self):
        self.signal(signal.SIGCONT)
        try:
            with first([*self.busy, *self.generator.pids()]):
                return self.generator.highest(min(self.context.duration(RUN), LONGEST_RUN))
        finally:
            self.signal(signal.SIGSTOP)


def plain_streams():
    """Without a gate that says where to send: to its port's address."""
    return [(f"{CALLER[0]}:{audio_port(number)}", f"192.0.2.1:{audio_port(number)}") for number in range(STREAMS)]


def sallyport(contestant):
    """The product as the lab runs it; calls set up by SIP."""
    config = json.loads(DEFAULT_CONFIG.read_text())
    config.setdefault("system", {})["max-calls"] = STREAMS + 500
    path = pathlib.Path(contestant.log.name).with_name("config.json")
    path.write_text(json.dumps(config))
    lab = Lab(contestant.name[:24], contestant.context.build, lambda line: None)
    contestant.stack.callback(lab.down)
    lab.up(path)
    contestant.network = lab.network
    calls = MediaCalls(lab.network.sides["access"], lab.network.sides["core"])
    contestant.stack.callback(calls.close)
    streams = calls.place(STREAMS)
    routes = [json.loads(lab.network.sbc.ip("-j", "route", "get", far).stdout)[0]["dev"] for far in (CALLER[0], CALLEE[0])]
    contestant.fix_neighbours(routes)
    contestant.tested = list(lab.product.pids())
    contestant.busy = list(lab.product.pids("sallyport-dataplane"))
    contestant.generate(streams)


def rtpengine(contestant):
    contestant.make_network()
    devices = port_device("access"), port_device("core")
    for device, address in zip(devices, ("192.0.2.1/24", "198.51.100.1/24")):
        contestant.network.sbc.ip("addr", "add", address, "dev", device)
    contestant.fix_neighbours(devices)
    engine = Rtpengine(contestant.network.sbc, contestant.log)
    contestant.stack.callback(engine.close)
    contestant.tested = contestant.busy = engine.pids()
    contestant.generate(engine.place(STREAMS))


def testpmd(contestant):
    """It swaps or looks at nothing: `io` is the fastest that it can."""
    contestant.make_network()
    vdevs = [f"net_af_xdp{number},iface={port_device(side)},start_queue=0,queue_count=1"
             for number, side in enumerate(("access", "core"))]
    reference = Testpmd(vdevs, "io", 32_768, contestant.network.sbc.command(), contestant.log)
    contestant.stack.callback(reference.close)
    reference.command("start")
    contestant.tested = contestant.busy = [reference.process.pid]
    contestant.generate(plain_streams())


def generator(contestant):
    """The sink on the veth's other end, with nothing between."""
    contestant.make_network()
    contestant.generate(plain_streams(), (contestant.network.sbc, port_device("access")))


@benchmark("relayed packets per second on one core over veth, beside rtpengine, testpmd and the generator alone")
def relay(context):
    check_cores()
    figure = Figure("relay-veth", f"relay, RTP of 172 bytes, {STREAMS:,} streams", "packets/s", HIGHER,
                    [Goal("rtpengine", 4.0), Goal("testpmd io", 0.9), Goal("generator", 0.9)])
    makers = {"sallyport": sallyport, "rtpengine": rtpengine, "testpmd io": testpmd, "generator": generator}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(huge_pages(HUGE_MB))
        contestants = {}
        for name, make in makers.items():
            log = stack.enter_context(open(folder / f"{name.split()[0]}.log", "ab"))
            contestants[name] = Contestant(name.split()[0], context, stack, log)
            make(contestants[name])
        return context.compare([figure], {name: entry.measure for name, entry in contestants.items()})
