"""A network namespace: made, entered, asked for its processes, removed.

A socket belongs to the namespace in which it was made, wherever it is used later. So one process can hold
both ends of a call: `socket()` enters the namespace on the calling thread for the moment of creation only.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import time

from .command import run

RUN = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def set_namespace(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    def __init__(self, name):
        self.name = name

    def exists(self):
        return (RUN / self.name).exists()

    def create(self):
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")

    def ip(self, *words, **options):
        return run("ip", "-n", self.name, *words, **options)

    def ip_json(self, *words):
        return json.loads(self.ip("-j", *words).stdout or "[]")

    def run(self, *words, **options):
        return run("ip", "netns", "exec", self.name, *words, **options)

    def command(self, *words):
        """The same command, to be run inside."""
        return ["ip", "netns", "exec", self.name, *[str(word) for word in words]]

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside; other threads are not moved."""
        with open("/proc/thread-self/ns/net") as home, open(RUN / self.name) as there:
            set_namespace(there.fileno())
            try:
                yield
            finally:
                set_namespace(home.fileno())

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def pids(self):
        if not self.exists():
            return []
        return [int(word) for word in run("ip", "netns", "pids", self.name, check=False).stdout.split()]

    def end_processes(self, patience=3.0):
        """SIGTERM, then SIGKILL to what is still there."""
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 3.0)):
            pids = [pid for pid in self.pids() if pid != os.getpid()]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + wait
            while pids and time.monotonic() < deadline:
                time.sleep(0.05)
                pids = [pid for pid in self.pids() if pid != os.getpid()]
            if not pids:
                return

    def remove(self):
        """Repeatable. A namespace whose removal was cut short leaves a file that is no mount."""
        self.end_processes()
        if self.exists():
            run("ip", "netns", "del", self.name, check=False)
            with contextlib.suppress(OSError):
                (RUN / self.name).unlink()
