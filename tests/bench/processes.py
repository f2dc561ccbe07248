"""What processes have used: CPU time of all their threads, and memory counted once, wherever it is shared."""
import contextlib
import os
import pathlib
import re
import time

HUGE_PAGE = 2 << 20


def cpu_seconds(pids):
    """By the scheduler's own clock, in nanoseconds: ticks of 10 ms would miss most short turns."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                total += int(pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


def busy_seconds():
    """Of all CPUs since boot, whoever used them."""
    words = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:8]]
    return (sum(words) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK")


def finished_seconds():
    """Of this process's own children that have ended, such as a generator, and of itself."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


class ProcessWatch:
    """What processes use from here on, and what others took away from the machine meanwhile."""

    def __init__(self, pids):
        self.began = time.monotonic()
        self.busy = busy_seconds() - finished_seconds()
        self.used = cpu_seconds(pids)

    def read(self, pids):
        """(their CPU seconds, the CPUs that others used: 1.0 is a whole one)."""
        used = cpu_seconds(pids) - self.used
        others = busy_seconds() - finished_seconds() - self.busy - used
        return used, max(0.0, others) / (time.monotonic() - self.began)


def read_rollup(text):
    """{field: bytes} of /proc/PID/smaps_rollup."""
    return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def own_bytes(rollup):
    """What belongs to one process: memory without a file, and huge pages (which no Rss or Pss has)."""
    return rollup["Pss_Anon"] + rollup["Private_Hugetlb"] + rollup["Shared_Hugetlb"]


def shared_mappings(text):
    """[(address range, name)] of /proc/PID/maps: what is mapped to be shared, but for huge pages (their process has them)."""
    found = re.findall(r"^(\S+) \S{3}s \S+ \S+ \d+ +/(.*?)(?: \(deleted\))?$", text, re.MULTILINE)
    return [(where, path.rsplit("/", 1)[-1]) for where, path in found]


def shared_files(pid):
    """{(device, inode): (name, bytes)} of the shared memory that it maps: all that is allocated, mapped here or not."""
    found = {}
    for where, name in shared_mappings(pathlib.Path(f"/proc/{pid}/maps").read_text()):
        with contextlib.suppress(FileNotFoundError):
            status = pathlib.Path(f"/proc/{pid}/map_files/{where}").stat()
            if status.st_blksize < HUGE_PAGE:
                found[status.st_dev, status.st_ino] = (name, status.st_blocks * 512)
    return found


def memory(processes):
    """{part: bytes} of {name: pid}: each process's own memory, each piece of shared memory once."""
    parts, shared = {}, {}
    for name, pid in processes.items():
        rollup = read_rollup(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text())
        parts[name] = own_bytes(rollup)
        shared.update(shared_files(pid))
    for name, size in shared.values():
        parts[name] = parts.get(name, 0) + size
    return parts
