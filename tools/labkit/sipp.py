"""SIPp as an endpoint: one process, one scenario, its counts at the end."""
import csv
import pathlib
import re
import signal
import subprocess
import time

from .command import LabError
from .network import literal

PORT = 5060
SCENARIOS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "system" / "sipp"


def expand(name, headers="", attributes="", transport="udp", **values):
    """The scenario NAME.xml with its @KEY@ filled in; @SDP:direction:version@ is sdp.txt.

    `headers` stand in every message, `attributes` at the end of every description.
    """
    values = {"RING": 200, "STATUS": 486, "REASON": "Busy Here", "WHO": "phone", **values}
    description = (SCENARIOS / "sdp.txt").read_text() + attributes
    text = (SCENARIOS / f"{name}.xml").read_text()

    def sdp(match):
        indent, direction, version = match.groups()
        lines = description.replace("@DIRECTION@", direction).replace("@VERSION@", version).splitlines()
        return "\n".join(indent + line for line in lines)

    text = re.sub(r"( *)@SDP:(\w+):(\d+)@", sdp, text)
    if transport != "udp":
        text = text.replace("SIP/2.0/UDP", f"SIP/2.0/{transport.upper()}")
        text = re.sub(r"(Contact: <[^>]*)>", rf"\1;transport={transport}>", text)
    if transport == "tls":  # a tunnel has this port (tls.py)
        text = re.sub(r"(Contact: <[^>]*)\[local_port\]", r"\g<1>5061", text)
    if headers:
        text = re.sub(r"( *)(Call-ID: \[call_id\]|\[last_Call-ID:\])",
                      lambda match: match[0] + "".join(f"\n{match[1]}{line}" for line in headers.splitlines()), text)
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    left = re.search(r"@[A-Z]+@", text)
    if left:
        raise LabError(f"scenario {name}: {left[0]} has no value")
    return text


class Sipp:
    """Started by the constructor. `calls` ends it by itself; `options` are passed on as they are.

    SIPp binds its media port even when it sends none: on the loopback, since the port at `audio` is another's.
    """

    def __init__(self, namespace, name, local, folder, calls=1, rate=10, remote=None, limit=None, options=(),
                 media_port=20000, audio=None, values=None, port=PORT, transport="udp"):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = f"{name}-{local}-{time.monotonic_ns()}"
        scenario = self.folder / f"{stem}.xml"
        scenario.write_text(expand(name, transport=transport, **{"AUDIO": audio or local, **(values or {})}))
        self.statistics = self.folder / f"{stem}.csv"
        self.errors = self.folder / f"{stem}.errors"
        self.screen = self.folder / f"{stem}.screen"
        command = ["sipp", "-sf", scenario, "-i", local, "-p", port, "-mi", "127.0.0.1", "-mp", media_port, "-m", calls,
                   "-nostdin", "-trace_stat", "-stf", self.statistics, "-fd", 1, "-trace_err", "-error_file", self.errors,
                   "-default_behaviors", "all,-bye", *(["-t", "t1"] if transport != "udp" else []), *options]
        if remote:
            command += ["-r", rate, "-rp", 1000, "-l", limit or max(calls, 1), f"{literal(remote)}:{PORT}"]
        with open(self.screen, "wb") as screen:
            self.process = subprocess.Popen(namespace.command(*command), stdin=subprocess.DEVNULL, stdout=screen,
                                            stderr=subprocess.STDOUT, cwd=self.folder)

    def wait(self, seconds):
        """The exit code; 0 when every call went as the scenario says."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise LabError(f"SIPp {self.name} did not end within {seconds} s: {self.counts()} "
                           f"{self.error_text()}") from None

    def running(self):
        return self.process.poll() is None

    def stop(self):
        """SIPp counts SIGUSR1 as `finish what is open`; a second one as `now`."""
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGKILL):
            if not self.running():
                return
            self.process.send_signal(number)
            try:
                self.process.wait(1.0)
            except subprocess.TimeoutExpired:
                continue

    def counts(self):
        """{'SuccessfulCall': n, 'FailedCall': n, ...}, totals."""
        if not self.statistics.exists():
            return {}
        rows = list(csv.DictReader(self.statistics.open(), delimiter=";"))
        return {key.removesuffix("(C)"): int(value) for key, value in rows[-1].items()
                if key and key.endswith("(C)") and value.isdigit()} if rows else {}

    def close(self):
        self.stop()

    def error_text(self, lines=12):
        text = self.errors.read_text(errors="replace") if self.errors.exists() else ""
        if not text and self.screen.exists():
            text = "\n".join(line for line in self.screen.read_text(errors="replace").splitlines()
                             if re.search(r"rror:|annot|nable", line))
        return "\n".join(text.splitlines()[:lines])
