"""Kamailio, alone or with rtpengine, in Sallyport's place in a CallLab."""
import contextlib
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time

from tests.bench.bencode import bdecode
from tests.bench.call_lab import DEVICE_CORE, ENDPOINT, PEER, SIDES, SIP_PORTS
from tools.labkit import tls
from tools.labkit.command import LabError
from tools.labkit.network import address

CONFIG = pathlib.Path(__file__).with_name("kamailio.cfg")
NG = ("127.0.0.1", 22222)  # of the lab's namespace; kamailio.cfg names it, too
# No page of the shared memory exists before it is used. `fm`: Debian's default, `qm`, spends 80 % of the CPU in itself.
MEMORY = ("-m", "2048", "-M", "64", "-x", "fm", "-X", "fm")
FILES_PER_CALL = 6  # rtpengine: two legs, RTP and RTCP, and one that it holds for a while; 5 were seen


def program_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
    return ""


class Peers:
    """Started by `with`; everything of them runs on DEVICE_CORE."""

    def __init__(self, lab, with_rtpengine=False, transport="udp"):
        self.lab = lab
        self.transport = transport
        self.with_rtpengine = with_rtpengine
        self.started = []
        self.folder = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-bench-"))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def start(self):
        if self.with_rtpengine:
            interfaces = [f"--interface={side}/{address(side, PEER)}" for side in SIDES]
            self.spawn("rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--num-threads=1",
                       "--delete-delay=0", f"--listen-ng={NG[0]}:{NG[1]}", "--port-min=10000", "--port-max=65000", *interfaces)
            self.wait_until("rtpengine answers", self.media_counts)
        defined = (["WITH_RTPENGINE"] if self.with_rtpengine else []) + {
            "udp": [], "tcp": ["WITH_STREAMS"], "tls": ["WITH_STREAMS", "WITH_TLS"]}[self.transport]
        self.spawn("kamailio", "-DD", "-E", "-f", self.configuration(), "-l",
                   f"{self.transport}:{address('access', PEER)}:{SIP_PORTS[self.transport]}", *MEMORY,
                   "-Y", self.folder, "-P", self.folder / "kamailio.pid",
                   *(word for name in defined for word in ("-A", name)))
        self.wait_until("kamailio serves", self.serves)

    def configuration(self):
        """kamailio.cfg with what belongs to this run."""
        text = CONFIG.read_text()
        callee = f"sip:{address('core', ENDPOINT)}:{SIP_PORTS[self.transport]};transport={self.transport}"
        for key, value in {"CALLEE": callee, "CERTIFICATES": tls.certificates() if self.transport == "tls" else ""}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.folder / "kamailio.cfg"
        path.write_text(text)
        return path

    def spawn(self, *words):
        words = [str(word) for word in words]
        with open(self.folder / f"{words[0]}.log", "w") as log:
            try:
                process = subprocess.Popen(self.lab.place.command("taskset", "-c", DEVICE_CORE, *words), stdout=log,
                                           stderr=log, stdin=subprocess.DEVNULL, preexec_fn=most_files)
            except FileNotFoundError:
                raise LabError(f"{words[0]} is not installed; run `tools/deps --bench`") from None
        self.started.append(process)

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # Kamailio's children, when it did not end them itself.
        for pid in self.pids().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.started = []

    def restart(self):
        self.stop()
        self.start()

    def wait_until(self, what, reached, seconds=15):
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.started):
                raise LabError(f"waited in vain until {what}; the logs say: {self.logs()}")
            time.sleep(0.1)

    def logs(self):
        return " / ".join(line for path in sorted(self.folder.glob("*.log")) for line in path.read_text().splitlines()[-5:])

    def serves(self):
        """Its socket is open, and its processes are there."""
        sockets = self.lab.place.run("ss", "-Hlun" if self.transport == "udp" else "-Hltn",
                                     f"src {address('access', PEER)}:{SIP_PORTS[self.transport]}", check=False).stdout
        return bool(sockets.strip()) and len(self.pids()) > (5 if not self.with_rtpengine else 6)

    def pids(self):
        """{program and number: pid}: Kamailio is a family of processes."""
        found = [(program, pid) for pid in self.lab.place.pids() if (program := program_of(pid)) in ("kamailio", "rtpengine")]
        return {f"{program} {pid}": pid for program, pid in found}

    def media_counts(self):
        """rtpengine's own statistics; {} without an answer."""
        with self.lab.place.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
            ask.settimeout(1)
            with contextlib.suppress(OSError):
                ask.sendto(b"1 d7:command10:statisticse", NG)
                return bdecode(ask.recv(65535).removeprefix(b"1 "))[0]["statistics"]
        return {}

    def check_media(self):
        """rtpengine has had an offer, an answer and a deletion for every call, and none is left: else it had less to do."""
        counts = self.media_counts()
        totals, left = counts["totalstatistics"], counts["currentstatistics"]["sessionstotal"]
        asked = [counts["controlstatistics"][f"total{what}count"] for what in ("offer", "answer", "delete")]
        if left or len({*asked, totals["managedsessions"], totals["regularterminatedsessions"]}) != 1:
            raise LabError(f"rtpengine had offers, answers and deletions {asked}, ended {totals['regularterminatedsessions']} "
                           f"of {totals['managedsessions']} calls, and has {left} left")


def most_files():
    """rtpengine has sockets for each call: as many as the hard limit allows."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def most_media_calls():
    """So many calls may rtpengine hold at a time on this machine."""
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // FILES_PER_CALL
