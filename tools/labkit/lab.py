"""One lab: the network and the product in it. Everything of it has its name, so that labs stand side by side.

/run/sallyport-lab/NAME/ holds config.json (as used), run/ and state/ (the product's), bin/ (its programs, see
Product), product.log and lab.json (which build). `down` needs none of these files: it finds processes by their
namespace.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from .command import LabError
from .network import Network
from .product import Product

ROOT = pathlib.Path(__file__).resolve().parents[2]
LABS = pathlib.Path("/run/sallyport-lab")
DEFAULT_CONFIG = pathlib.Path(__file__).with_name("default.json")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


def default_build():
    """SALLYPORT_BUILD, else release, else the build that was last made."""
    chosen = os.environ.get("SALLYPORT_BUILD")
    if chosen:
        return (ROOT / chosen).resolve()
    release = ROOT / "build" / "release"
    made = sorted((ROOT / "build").glob("*/bin/sallyport-manager"), key=lambda path: path.stat().st_mtime)
    return release if (release / "bin" / "sallyport-manager").exists() or not made else made[-1].parents[1]


def names():
    return sorted(path.name for path in LABS.iterdir() if path.is_dir()) if LABS.is_dir() else []


class Lab:
    def __init__(self, name="lab", build=None, say=print):
        if not NAME.fullmatch(name):
            raise LabError(f"lab name `{name}`: use up to 24 small letters, digits and dashes")
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces and needs root: run it with sudo")
        self.name = name
        self.folder = LABS / name
        self.network = Network(name)
        self.say = say
        recorded = self.recorded()
        if build is None:
            build = pathlib.Path(recorded["build"]) if "build" in recorded else default_build()
        self.build = pathlib.Path(build).resolve()
        self.product = Product(self.network.sbc, self.build, self.folder)

    def recorded(self):
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.folder / "lab.json").read_text())
        return {}

    @staticmethod
    @contextlib.contextmanager
    def lock():
        """One `up` or `down` at a time. The folder above is locked: nothing has to be made or removed for it."""
        folder = os.open(LABS.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def up(self, config=None):
        source = pathlib.Path(config) if config else DEFAULT_CONFIG
        try:
            text = source.read_text()
        except OSError as error:
            raise LabError(f"configuration {source}: {error.strerror}") from None
        with self.lock():
            self.product.check_built()
            programs = self.product.digest()
            if self.serves() and (self.folder / "config.json").read_text() == text and self.recorded().get("programs") == programs:
                self.say(f"Lab `{self.name}` is up already.")
                return
            if self.network.exists() or self.folder.exists():
                self.say("Clearing what an earlier lab of this name has left")
                self.clear()
            start = time.monotonic()
            try:
                self.folder.mkdir(parents=True)
                self.folder.chmod(0o755)
                (self.folder / "config.json").write_text(text)
                (self.folder / "lab.json").write_text(json.dumps({"build": str(self.build), "programs": programs}) + "\n")
                self.say("Making the namespaces access, sbc and core")
                self.network.create()
                self.say("Starting sallyport-manager, which starts the dataplane and the control plane")
                self.product.start()
                self.product.wait_until_ready(self.say)
            except BaseException as error:
                kept = self.keep_log()
                self.clear()
                if isinstance(error, LabError) and kept:
                    raise LabError(f"{error}\n  (all of it: {kept})") from None
                raise
            self.say(f"Lab `{self.name}` is up ({time.monotonic() - start:.1f} s).")

    def keep_log(self):
        """A lab that did not come up leaves its log where the next `up` does not clear it."""
        with contextlib.suppress(OSError):
            return shutil.copy(self.product.log, f"/tmp/sallyport-lab-{self.name}.log")
        return None

    def down(self):
        with self.lock():
            self.clear()

    def clear(self):
        """Repeatable, also half-way through and after a crash."""
        self.product.stop()
        self.network.remove()
        self.product.remove_leftovers()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            LABS.rmdir()  # only when it was the last one

    def serves(self):
        """All of it: a lab whose manager was killed runs on, but nobody should start from there."""
        return self.product.condition() == "running" and self.product.ready()

    def running(self):
        return self.network.exists() and bool(self.product.pids())

    def namespace(self, place):
        spaces = self.network.namespaces()
        if place not in spaces:
            raise LabError(f"`{place}` is no place in the lab: use {', '.join(spaces)}")
        if not spaces[place].exists():
            raise LabError(f"lab `{self.name}` is not up; bring it up with `tools/lab up`")
        return spaces[place]

    def environment(self):
        """For commands in the lab: `sallyport show calls` works as typed."""
        return {**os.environ, "PATH": f"{self.build / 'bin'}:{os.environ.get('PATH', '')}",
                "SALLYPORT_RUNTIME_DIR": str(self.product.runtime)}

    def exec(self, place, command):
        """The exit code of a command inside; it has this terminal."""
        return subprocess.run(self.namespace(place).command(*command), env=self.environment()).returncode

    @staticmethod
    def shown(addresses):
        return ", ".join(addresses[:4]) + (f" … {addresses[-1]}" if len(addresses) > 4 else "")

    def status(self):
        """Lines for people; empty when nothing of the lab is there."""
        lines = []
        for place, namespace in self.network.namespaces().items():
            if not namespace.exists():
                continue
            found = [entry for link in namespace.ip_json("addr")
                     if link.get("ifname") != "lo" for entry in link.get("addr_info", [])]
            shown = [self.shown([entry["local"] for entry in found if (entry["family"], entry["scope"]) == (family, "global")])
                     for family in ("inet", "inet6")]
            lines.append(f"{place:<7} namespace {namespace.name}, addresses {', '.join(filter(None, shown)) or 'none'}")
            for pid in namespace.pids():
                with contextlib.suppress(OSError):
                    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    lines.append(f"        process {pid} {pathlib.Path(words[0].decode()).name}")
        if lines:
            lines.append(f"product {self.product.condition()}")
            lines.append(f"build   {self.build}")
            lines.append(f"config  {self.folder / 'config.json'}")
            lines.append(f"log     {self.product.log}")
        return lines
