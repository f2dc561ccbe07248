"""The product's processes in a lab's sbc namespace: started, asked, stopped, cleaned up after."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from .command import LabError

PROGRAMS = ("sallyport-manager", "sallyport-dataplane", "sallyport-control", "sallyport")
LEAKS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "support" / "leaks.supp"
READY_SECONDS = 60  # generous: a sanitizer's build on a busy machine
# The programs run as copies, in a mount that only they see and that ends with them: the control plane's user may not be
# able to reach a build below somebody's home, and a build that is made anew must not change a lab that is up.
START = """set -e
mkdir -p "$2"
mount -t tmpfs -o mode=0755,size=1g sallyport-programs "$2"
install -m 0755 "$1"/sallyport-* "$2"
program=$2/sallyport-manager
shift 2
exec "$program" "$@"
"""


def program_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")).name
    return ""


class Product:
    def __init__(self, namespace, build, folder):
        self.namespace = namespace
        self.bin = pathlib.Path(build) / "bin"
        self.folder = folder
        self.runtime = folder / "run"
        self.state = folder / "state"
        self.log = folder / "product.log"
        self.config = folder / "config.json"

    def check_built(self):
        missing = [name for name in PROGRAMS if not (self.bin / name).exists()]
        if missing:
            raise LabError(f"{self.bin} has no {', '.join(missing)}: build first with `make`")

    def digest(self):
        """Of the programs as built."""
        digest = hashlib.sha256()
        for name in PROGRAMS:
            digest.update((self.bin / name).read_bytes())
        return digest.hexdigest()

    def start(self):
        """Starts the manager; it is found again by its namespace, not by this process."""
        sanitizers = {"LSAN_OPTIONS": f"suppressions={LEAKS}:print_suppressions=0"}
        with open(self.log, "ab") as log:
            subprocess.Popen(
                self.namespace.command("sh", "-c", START, "sallyport-start", self.bin, self.folder / "bin",
                                       "--config", self.config, "--runtime-dir", self.runtime, "--state-dir", self.state),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
                env={**os.environ, **sanitizers})

    def pids(self, program=None):
        """{pid: program} of the product's processes in the namespace."""
        found = {pid: program_of(pid) for pid in self.namespace.pids()}
        return {pid: name for pid, name in found.items()
                if name in PROGRAMS[:3] and (program is None or name == program)}

    def pid(self, program):
        found = self.pids(program)
        if len(found) != 1:
            raise LabError(f"{len(found)} processes of {program} in {self.namespace.name}, expected one")
        return next(iter(found))

    def cli(self, *words, timeout=10):
        """The finished run of `sallyport WORDS`."""
        return subprocess.run(self.namespace.command(self.bin / "sallyport", "--runtime-dir", self.runtime, *words),
                              capture_output=True, text=True, timeout=timeout)

    def show(self, *words):
        """What `sallyport show WORDS --json` says, parsed."""
        result = self.cli("show", *words, "--json")
        if result.returncode != 0:
            raise LabError(f"sallyport show {' '.join(words)}: {(result.stderr or result.stdout).strip()}")
        return json.loads(result.stdout)

    def answers(self, what):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.cli("show", what).returncode == 0
        return False

    def attached(self):
        """The control plane has the dataplane's shared memory: calls have media from here on."""
        return self.show("dataplane")["session"]["attached"]

    def local_addresses(self):
        listed = json.loads(self.namespace.ip("-j", "-4", "addr", check=False).stdout or "[]")
        return [entry["local"] for link in listed if link.get("ifname") != "lo"
                for entry in link.get("addr_info", [])]

    def steps(self):
        """What has to be there, in the order in which it comes: (in words, question)."""
        return (("the manager answers", lambda: self.answers("version")),
                ("the dataplane forwards", lambda: self.answers("dataplane") and self.local_addresses()),
                ("the control plane serves", lambda: self.answers("trunks") and self.attached()))

    def ready(self):
        return all(reached() for _, reached in self.steps())

    def wait_until_ready(self, say, seconds=READY_SECONDS):
        """Each step in turn, with a line of progress; the log's end when one does not come."""
        deadline = time.monotonic() + seconds
        for what, reached in self.steps():
            while not reached():
                if not self.pids("sallyport-manager") and time.monotonic() > deadline - seconds + 2:
                    raise LabError(f"sallyport-manager has ended before {what}; its log says:\n{self.log_tail()}")
                if time.monotonic() > deadline:
                    raise LabError(f"waited {seconds} s until {what}; the log says:\n{self.log_tail()}")
                time.sleep(0.1)
            say(f"  {what}")

    def log_tail(self, lines=15):
        with contextlib.suppress(OSError):
            return "\n".join("  | " + line for line in self.log.read_text(errors="replace").splitlines()[-lines:])
        return "  | (no log)"

    def condition(self):
        """One line for people."""
        running = {name: pid for pid, name in self.pids().items()}
        if not running:
            return "not running"
        missing = [name for name in PROGRAMS[:3] if name not in running]
        return "running" if not missing else f"{', '.join(missing)} not running"

    def stop(self):
        """The manager first: it ends the others, and starts none again."""
        for program in PROGRAMS[:3]:
            pids = self.pids(program)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while pids and time.monotonic() < deadline:
                time.sleep(0.02)
                pids = self.pids(program)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def dpdk_prefix(self):
        """As the dataplane makes it from its runtime folder."""
        escaped = re.sub(r"[^A-Za-z0-9/]", lambda match: f"_{ord(match[0]):02x}", str(self.runtime))
        return "sallyport-" + escaped.replace("/", "-")

    def remove_leftovers(self):
        """What a killed dataplane leaves outside its runtime folder."""
        prefix = self.dpdk_prefix()
        shutil.rmtree(pathlib.Path("/run/dpdk") / prefix, ignore_errors=True)
        for pages in pathlib.Path("/dev/hugepages").glob(f"{prefix}map_*"):
            with contextlib.suppress(OSError):
                pages.unlink()
