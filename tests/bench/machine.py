"""What the packet benchmarks need of the machine: huge pages, two cores, and references that end when they shall."""
import contextlib
import os
import pathlib
import re
import subprocess
import time

from tools.labkit.command import LabError

GENERATOR_CORE, WORKER_CORE = 0, 1
PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")


def check_cores():
    if len(os.sched_getaffinity(0)) < 2:
        raise LabError("two cores are needed: one for the device under test, one for everything else")


@contextlib.contextmanager
def huge_pages(megabytes):
    """At least so much of free 2 MiB pages; as many as before afterwards."""
    def free():
        return int(re.search(r"^HugePages_Free:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.MULTILINE)[1])
    before = int(PAGES.read_text())
    missing = megabytes // 2 - free()
    if missing > 0:
        PAGES.write_text(str(before + missing))
    try:
        if free() < megabytes // 2:
            raise LabError(f"{megabytes} MiB of huge pages are needed and the kernel finds only {2 * free()}: free memory")
        yield
    finally:
        if missing > 0:
            PAGES.write_text(str(before))


# Whatever else runs on the machine has to wait while one of ours is measured. All contestants alike.
FIRST = ("chrt", "--fifo", "1")


@contextlib.contextmanager
def first(pids):
    """The same for threads that run already."""
    def schedule(policy, priority):
        for pid in pids:
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))
    schedule(os.SCHED_FIFO, 1)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


class Testpmd:
    """DPDK's reference application, told what to do by its command line. Its forwarding core is WORKER_CORE's."""

    def __init__(self, vdevs, mode, mbufs, prefix=(), log=None, memory_mb=256):
        words = [*prefix, "stdbuf", "-oL", "dpdk-testpmd", "--file-prefix", f"bench-testpmd-{os.getpid()}", "--in-memory", "--no-telemetry",
                 "--no-pci", "--lcores", f"0@{GENERATOR_CORE},1@{WORKER_CORE}", "--main-lcore", 0, "-m", memory_mb,
                 "--log-level=error", *[word for vdev in vdevs for word in ("--vdev", vdev)], "--", "-i",
                 f"--forward-mode={mode}", f"--total-num-mbufs={mbufs}", "--burst=32", "--mbcache=256"]
        if len(vdevs) == 1:
            words.append("--port-topology=loop")
        try:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT if log is None else log, text=True, bufsize=1,
                                            env={**os.environ, "LIBXDP_SKIP_DISPATCHER": "1"})
        except FileNotFoundError:
            raise LabError("dpdk-testpmd is not installed; run `tools/deps --bench`") from None
        self.said = ""
        self.wait_for("testpmd> ")

    def wait_for(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        os.set_blocking(self.process.stdout.fileno(), False)
        while text not in self.said:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LabError("dpdk-testpmd did not answer; it said: " + " / ".join(self.said.splitlines()[-6:]))
            with contextlib.suppress(BlockingIOError, TypeError):
                self.said += self.process.stdout.read() or ""
            time.sleep(0.005)
        said, _, self.said = self.said.partition(text)
        return said

    def command(self, line, last="testpmd> "):
        """What it answers, up to its last word."""
        self.process.stdin.write(line + "\n")
        return self.wait_for(last)

    def rate(self, seconds, port=0):
        """Packets per second received by a port meanwhile, by testpmd's own clock."""
        self.command(f"show port stats {port}", "Tx-bps")
        time.sleep(seconds)
        return int(re.search(r"Rx-pps:\s+(\d+)", self.command(f"show port stats {port}", "Tx-bps"))[1])

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write("stop\nquit\n")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
