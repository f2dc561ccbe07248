"""baresip as a telephone: one process with one account, told what to do over its control port, its audio from and in files.

What it hears it writes to a file as it was decoded; `heard()` says which of some tones is in that.
"""
import array
import json
import math
import pathlib
import socket
import subprocess
import time
import wave

from . import tls
from .command import LabError

CONTROL = 4444
RATE = 8000


def write_tone(path, hertz, seconds=20.0):
    samples = array.array("h", (round(8000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(int(seconds * RATE))))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def power(samples, hertz):
    """Share of the samples' power at a frequency (Goertzel), 0 to 1."""
    total = sum(float(sample) * sample for sample in samples)
    if not total:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return 2 * (last * last + before * before - factor * last * before) / (len(samples) * total)


def even(data):
    return data[:len(data) & ~1]


class Baresip:
    """Registers nowhere; what it calls goes to `outbound` ("192.0.2.1:5060")."""

    def __init__(self, namespace, folder, name, user, address, transport, outbound, certificate, tone):
        self.name = name
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.events = []  # not waited for yet
        write_tone(self.folder / "tone.wav", tone)
        folder = tls.certificates()
        bundle = self.folder / "certificate.pem"
        bundle.write_text((folder / f"{certificate}.pem").read_text() + (folder / f"{certificate}.key").read_text())
        # baresip has 128 characters for the name of a recording: hence a folder of "." for these.
        modules = "".join(f"module {kind}.so\n" for kind in ("g711", "aufile", "aubridge", "sndfile"))
        applications = "".join(f"module_app {kind}.so\n" for kind in ("account", "menu", "ctrl_tcp"))
        # TLS is listened for at the next port.
        (self.folder / "config").write_text(
            f"poll_method epoll\nsip_listen {address}:5060\nsip_certificate {bundle}\nsip_cafile {folder}/ca.pem\n"
            f"audio_source aufile,{self.folder}/tone.wav\naudio_player aubridge,nil\naudio_alert aubridge,nil\n"
            f"rtp_ports 30000-30999\nmodule_path /usr/lib/baresip/modules\n{modules}{applications}"
            f"ctrl_tcp_listen 127.0.0.1:{CONTROL}\nsnd_path .\n")
        (self.folder / "accounts").write_text(
            f"<sip:{user}@{address};transport={transport}>;regint=0;outbound=\"sip:{outbound};transport={transport}\""
            ";answermode=manual;audio_codecs=PCMA/8000/1,PCMU/8000/1\n")
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(namespace.command("baresip", "-4", "-f", self.folder), stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT, cwd=self.folder)
        self._socket = None
        self._received = b""
        self._connect(namespace)

    def _connect(self, namespace):
        deadline = time.monotonic() + 10
        while self._socket is None:
            attempt = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                attempt.connect(("127.0.0.1", CONTROL))
                attempt.settimeout(0.05)
                self._socket = attempt
            except OSError:
                attempt.close()
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"baresip {self.name} did not come up: {self.said()}") from None
                time.sleep(0.05)

    def said(self, lines=8):
        return "\n".join((self.folder / "output").read_text(errors="replace").splitlines()[-lines:])

    def tell(self, command, parameters=""):
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def _read(self):
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        self._received += data
        while True:
            length, colon, rest = self._received.partition(b":")
            if not colon or len(rest) <= int(length):
                return
            message = json.loads(rest[:int(length)])
            self._received = rest[int(length) + 1:]
            if message.get("event"):
                self.events.append(message)

    def wait_for(self, kind, seconds=10):
        """The next event of that type; those before it are forgotten."""
        deadline = time.monotonic() + seconds
        while True:
            for place, event in enumerate(self.events):
                if event["type"] == kind:
                    del self.events[:place + 1]
                    return event
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: no {kind} within {seconds} s, but {[e['type'] for e in self.events]}; "
                               f"baresip said: {self.said()}")
            self._read()

    def recording(self):
        """What it has heard since its last call began, as samples."""
        files = sorted(self.folder.glob("dump-*-dec.wav"))
        # The file's length is written when it is closed; what follows the header is samples.
        return array.array("h", even(files[-1].read_bytes()[44:])) if files else array.array("h")

    def heard(self, tones, seconds=0.4):
        """Which of these frequencies is nearly all of what it heard in the last seconds; None: none of them."""
        samples = self.recording()[-int(seconds * RATE):]
        return next((tone for tone in tones if len(samples) == int(seconds * RATE) and power(samples, tone) > 0.8), None)

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()
