"""How fast the host was: what machine it is, and a small fixed workload before and after a benchmark.

Machines are shared. The workload's time tells a slow hour from a slow program; stolen time tells how much of the CPUs
the host gave to somebody else meanwhile.
"""
import datetime
import hashlib
import os
import pathlib
import platform
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def best_ms(work, times=7):
    """The least disturbed of several runs."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return round(best * 1000, 3)


def count():
    total = 0
    for i in range(200_000):
        total += i & 7
    return total


BLOCK = bytes(4 << 20)


def calibrate():
    """Milliseconds of an interpreter's loop (branches, L1), of SHA-256 over 4 MiB, and of a copy of 64 MiB (memory)."""
    large = bytearray(64 << 20)
    return {"loop_ms": best_ms(count), "sha256_ms": best_ms(lambda: hashlib.sha256(BLOCK).digest()),
            "copy_ms": best_ms(lambda: bytes(large), 3)}


def cpu_ticks():
    """(stolen, all) since boot."""
    words = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return words[7], sum(words)


def cpu_field(name):
    found = re.search(rf"^{name}\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else ""


def tsc_ghz():
    """On x86 the kernel states twice the frequency of the time-stamp counter as BogoMIPS."""
    stated = cpu_field("bogomips")
    return round(float(stated) / 2000, 3) if stated else None


def commit():
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!docs")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


class HostSpeed:
    """Around a benchmark: `tag()` at its end."""

    def __init__(self):
        self.before = calibrate()
        self.ticks = cpu_ticks()

    def tag(self):
        stolen, total = (after - before for after, before in zip(cpu_ticks(), self.ticks))
        return {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "commit": commit(),
            "cpu": cpu_field("model name") or platform.machine(),
            "cpu_model": f"family {cpu_field('cpu family')} model {cpu_field('model')} stepping {cpu_field('stepping')}",
            "cores": os.cpu_count(),
            "tsc_ghz": tsc_ghz(),
            "kernel": platform.release(),
            "calibration_before": self.before,
            "calibration_after": calibrate(),
            "steal_percent": round(100 * stolen / max(1, total), 2),
        }


def line(tag):
    """One line for people."""
    def speed(name):
        return f"{tag['calibration_before'][name]:g}/{tag['calibration_after'][name]:g}"
    return (f"{tag['date']}, commit {tag['commit']}; {tag['cpu']} ({tag['cpu_model']}), {tag['cores']} cores, TSC "
            f"{tag['tsc_ghz']} GHz, Linux {tag['kernel']}; host speed before/after: loop {speed('loop_ms')} ms, SHA-256 "
            f"{speed('sha256_ms')} ms, copy {speed('copy_ms')} ms; stolen {tag['steal_percent']} %")
