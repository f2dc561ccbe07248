"""The relay pipeline without a NIC: cycles per packet of one core, beside testpmd's 5-tuple swap on the same packets."""
import pathlib
import subprocess
import tempfile
import time

from tests.bench import host
from tests.bench.machine import FIRST, WORKER_CORE, Testpmd, check_cores, huge_pages
from tests.bench.report import LOWER, Figure, Goal
from tests.bench.runner import benchmark
from tools.labkit.command import LabError

FLOWS = {1: 2.0, 1000: 2.0, 10000: 3.0}  # and the goal of each
REFERENCE = "testpmd 5tswap"
MBUFS = 24_576
WARM_SECONDS = 0.2


def vdev(pcap):
    return f"net_pcap0,rx_pcap={pcap},infinite_rx=1"


def program(context, *words):
    result = subprocess.run([*FIRST, context.program("pipeline_bench"), *[str(word) for word in words]], capture_output=True,
                            text=True, timeout=120)
    if result.returncode != 0:
        raise LabError((result.stderr or result.stdout).strip().splitlines()[-1])
    return result.stdout


@benchmark("relay pipeline on a net_pcap vdev that repeats itself, beside testpmd's 5tswap on the same packets")
def pipeline(context):
    check_cores()
    seconds = context.duration(0.5)
    hertz = host.tsc_ghz() * 1e9
    figures = [Figure(f"pipeline-{flows}", f"relay, {flows:,} flows", "TSC cycles per packet", LOWER,
                      [Goal(REFERENCE, goal)]) for flows, goal in FLOWS.items()]

    with tempfile.TemporaryDirectory() as folder, huge_pages(640):
        files = {flows: pathlib.Path(folder) / f"{flows}.pcap" for flows in FLOWS}
        for flows, path in files.items():
            program(context, "write", path, flows)

        def ours():
            return {f"pipeline-{flows}": float(program(context, "run", path, flows, seconds, WORKER_CORE))
                    for flows, path in files.items()}

        def testpmd():
            out = {}
            for flows, path in files.items():
                with Testpmd([vdev(path)], "5tswap", MBUFS, FIRST) as reference:
                    reference.command("start")
                    time.sleep(WARM_SECONDS)
                    out[f"pipeline-{flows}"] = hertz / reference.rate(seconds)
            return out

        return context.compare(figures, {"sallyport": ours, REFERENCE: testpmd})
