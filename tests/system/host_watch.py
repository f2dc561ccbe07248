"""Tells when the machine itself stood still: on a shared host a virtual CPU can be taken away for seconds.

One process per CPU at real-time priority sleeps 10 ms at a time; no process of the machine can keep it from waking
(long work inside the kernel could). What it oversleeps was taken by the host, and a case that failed then is judged
anew, after saying what it failed by.
"""
import multiprocessing
import os
import time

STEP = 0.010
GAP = 0.100


def watch(cpu, gaps):
    os.sched_setaffinity(0, {cpu})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError:
        return  # without real-time priority a gap would prove nothing
    last = time.monotonic()
    while True:
        time.sleep(STEP)
        now = time.monotonic()
        if now - last > GAP:
            gaps.put((last, now - last, cpu))
        last = now


class HostWatch:
    def __init__(self):
        self._gaps = multiprocessing.Queue()
        self._seen = []
        self._processes = [multiprocessing.Process(target=watch, args=(cpu, self._gaps), daemon=True)
                           for cpu in sorted(os.sched_getaffinity(0))]
        for process in self._processes:
            process.start()

    def gaps_since(self, start):
        """[(when, how long, CPU)] since `start`, by the monotonic clock."""
        time.sleep(2 * STEP)
        while not self._gaps.empty():
            self._seen.append(self._gaps.get())
        return [gap for gap in self._seen if gap[0] + gap[1] >= start]

    def close(self):
        for process in self._processes:
            process.kill()
            process.join()
