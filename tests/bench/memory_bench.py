"""Memory of a held call: all processes with the calls held, less the same programs set up for one call that hold one."""
import functools
import time

from tests.bench.call_lab import OURS, PEER, CallLab, configuration
from tests.bench.processes import memory
from tests.bench.report import LOWER, OURS as US, Figure, Goal
from tests.bench.runner import benchmark
from tests.bench.sip_load import Held
from tests.bench.sip_peers import Peers, most_media_calls

KAMAILIO, WITH_RTPENGINE = "Kamailio", "Kamailio + rtpengine"
CALLS = 10_000
RATE = 400              # of their set-up: carried by all
LINGER_SECONDS = 40     # 64*T1 and some: what a set-up leaves behind for SIP's timers is over
HOSTS = (1,)            # one media address a side, as rtpengine has: 27,768 pairs of ports
ONE_CALL = configuration(1, hosts=HOSTS, ports="10000-10099")


def held(words, calls, processes):
    """{part: bytes} with so many calls held."""
    with Held(words, calls, RATE):
        time.sleep(LINGER_SECONDS if calls > 1 else 1)
        return memory(processes())


def difference(many, one, calls):
    """{part: bytes a call}, of parts by their names."""
    parts = {name: (many.get(name, 0) - one.get(name, 0)) / (calls - 1) for name in {**many, **one}}
    return dict(sorted(parts.items(), key=lambda item: -item[1]))


def by_program(parts):
    """Kamailio's processes as one; their numbers change with each start."""
    out = {}
    for name, size in parts.items():
        out[name.split(" ")[0]] = out.get(name.split(" ")[0], 0) + size
    return out


def one_lab(build, config, calls):
    with CallLab(build, config) as lab:
        return held(lab.load_words(OURS), calls, lab.our_processes)


@functools.cache
def one_call(build):
    """What is subtracted in every round: a few pages more or less of it are nothing to a call."""
    return one_lab(build, ONE_CALL, 1)


def ours(build, calls):
    return difference(one_lab(build, configuration(calls, hosts=HOSTS), calls), one_call(build), calls)


@functools.cache
def peers(build, with_rtpengine, calls):
    """Kamailio and rtpengine take memory as they need it: their configuration is the same for one call. Measured once and
    the same in every round, for no clock has to do with it."""
    def one_run(calls):
        with CallLab(build, configuration(1)) as lab, Peers(lab, with_rtpengine) as started:
            return by_program(held(lab.load_words(PEER), calls, started.pids))
    return difference(one_run(calls), one_run(1), calls)


@benchmark("memory of a held call, beside Kamailio (dialog, topoh), alone and with rtpengine")
def memory_per_call(context):
    figure = Figure("memory", "memory of a held call", "B", LOWER, [Goal(None, 8_192)])
    media_calls = min(CALLS, most_media_calls())
    divided = {}

    def measure(name, parts):
        divided[name] = parts
        return sum(parts.values())

    context.compare([figure], {
        US: lambda: measure(US, ours(context.build, CALLS)),
        KAMAILIO: lambda: measure(KAMAILIO, peers(context.build, False, CALLS)),
        WITH_RTPENGINE: lambda: measure(WITH_RTPENGINE, peers(context.build, True, media_calls))})
    context.attach("bytes-per-call", divided)
    context.note("Kamailio and rtpengine are measured in the first round alone.  ")
    for name, parts in divided.items():
        shown = ", ".join(f"{part} {size:,.0f}" for part, size in parts.items() if abs(size) >= 1)
        context.note(f"{name}, bytes a call in the last round: {shown}.  ")
    if media_calls < CALLS:
        context.note(f"With rtpengine {media_calls:,} calls are held: it needs four sockets for each, and the hard limit of "
                     "open files allows no more here.")
    return [figure]
