"""rtpengine in userspace, with calls that are set up over its control protocol `ng` (bencode over UDP)."""
import contextlib
import resource
import socket
import subprocess
import time

from tests.bench.bencode import bdecode, bencode
from tests.bench.machine import WORKER_CORE
from tests.bench.media_calls import CALLEE, CALLER, audio_port, description, where_to
from tools.labkit.command import LabError

CONTROL = ("127.0.0.1", 2223)
FILES = 262_144


class Rtpengine:
    """Its best settings: no kernel table, one thread, which has WORKER_CORE alone; calls stay for the whole benchmark."""

    def __init__(self, namespace, log):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), max(hard, FILES)))
        words = namespace.command(
            "taskset", "-c", WORKER_CORE, "rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
            "--num-threads=1", "--delete-delay=0", "--timeout=86400", "--silent-timeout=86400",
            "--interface=access/192.0.2.1", "--interface=core/198.51.100.1", f"--listen-ng={CONTROL[0]}:{CONTROL[1]}",
            "--port-min=10000", "--port-max=65000")
        try:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(1.0)
        self.socket.connect(CONTROL)
        self.cookie = 0
        for _ in range(20):
            with contextlib.suppress(LabError, OSError):
                self.ask({"command": "ping"})
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.close()
        raise LabError("rtpengine does not answer; is it installed (`tools/deps --bench`)?")

    def ask(self, question):
        self.cookie += 1
        self.socket.send(b"%d %s" % (self.cookie, bencode(question)))
        while True:
            cookie, _, answer = self.socket.recv(65535).partition(b" ")
            if int(cookie) == self.cookie:
                break
        said = bdecode(answer)[0]
        if said["result"] not in ("ok", "pong"):
            raise LabError(f"rtpengine refused {question['command']}: {said}")
        return said

    def place(self, count):
        """As MediaCalls.place()."""
        streams = []
        for number in range(count):
            call = {"call-id": f"media{number}", "from-tag": f"caller{number}", "ICE": "remove"}
            self.ask({**call, "command": "offer", "direction": ["access", "core"],
                      "sdp": description(CALLER[0], audio_port(number))})
            said = self.ask({**call, "command": "answer", "to-tag": f"callee{number}",
                             "sdp": description(CALLEE[0], audio_port(number))})
            streams.append((f"{CALLER[0]}:{audio_port(number)}", where_to(said["sdp"])))
        return streams

    def pids(self):
        """`ip netns exec` and `taskset` become what they start."""
        return [self.process.pid]

    def close(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()
