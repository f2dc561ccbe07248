"""Finds and runs the system cases: functions marked with @case in tests/system/*_case.py.

A case gets a Context. It fails by an exception or by `expect`; afterwards the lab must be as before: every
process alive and no call left. Cases that name the same configuration share one lab, which is made when the
first needs it. What a case wrote stays in build/system/CASE.
"""
import atexit
import contextlib
import dataclasses
import functools
import importlib
import json
import os
import pathlib
import re
import shutil
import time
import traceback

from tests.system.host_watch import HostWatch
from tools.labkit.command import LabError
from tools.labkit.lab import DEFAULT_CONFIG, ROOT, Lab

HERE = pathlib.Path(__file__).parent
CASES = []
# "was killed by signal N", "ended with N": the manager of a process that nobody has stopped.
COMPLAINT = re.compile(r"Sanitizer|runtime error:|was killed by signal|ended with status [1-9]")


@dataclasses.dataclass
class Case:
    name: str
    function: object
    settings: dict      # of `system` and realms, over the default configuration
    fresh: bool         # a lab of its own, taken down afterwards
    long: bool
    no_lab: bool


@dataclasses.dataclass
class Result:
    problems: list
    seconds: float
    repeated: bool = False


def case(settings=None, fresh=False, long=False, no_lab=False):
    """settings: {"system": {...}, "realms": {...}} merged over the default configuration."""

    def mark(function):
        CASES.append(Case(function.__name__.replace("_", "-"), function, settings or {}, fresh, long, no_lab))
        return function

    return mark


def cases(long=False):
    for path in sorted(HERE.glob("*_case.py")):
        importlib.import_module(f"tests.system.{path.stem}")
    # Cases that share a lab stand together, those with a lab of their own come last.
    order = sorted(CASES, key=lambda item: (item.fresh or item.no_lab, json.dumps(item.settings, sort_keys=True)))
    return [item for item in order if long or not item.long]


def merge(base, over):
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


class Context:
    def __init__(self, lab, folder, build):
        self.lab = lab
        self.folder = folder
        self.build = build
        self.problems = []
        self.killed = set()  # pids that the case has killed itself
        self._closing = contextlib.ExitStack()

    @property
    def product(self):
        return self.lab.product

    def expect(self, condition, message):
        if not condition:
            self.problems.append(message)
        return condition

    def keep(self, thing):
        """`thing.close()` is called when the case ends, however it ends."""
        self._closing.callback(thing.close)
        return thing

    def finally_call(self, function, *arguments):
        self._closing.callback(function, *arguments)

    def wait(self, condition, seconds, message):
        """Waits until the condition holds; a problem when it never does."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return self.expect(False, f"waited {seconds} s: {message}")
            time.sleep(0.05)
        return True

    def counters(self, process):
        """{name: value} of one process."""
        return {entry["name"]: entry["value"] for entry in self.product.show("counters")[process]}

    def records(self):
        """Call records written so far, parsed."""
        text = ""
        for path in sorted((self.product.state / "records").glob("*.jsonl")):
            text += path.read_text()
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def nothing_left(self, seconds=5.0):
        """No call, no flow."""
        def empty():
            return self.product.show("calls")["total"] == 0 and self.product.show("flows")["total"] == 0
        if not self.wait(empty, seconds, "calls or flows are left"):
            self.problems.append(f"  calls: {self.product.cli('show', 'calls').stdout}\n"
                                 f"  flows: {self.product.cli('show', 'flows').stdout}")

    def close(self):
        self._closing.close()


def complaints(log, killed):
    """Lines of the product's log that no case may cause: a sanitizer's, and ends that nobody has asked for.

    killed: pids whose SIGKILL was the case's own.
    """
    allowed = [f"(pid {pid}) was killed by signal 9 " for pid in killed]
    return [line for line in log.splitlines()
            if COMPLAINT.search(line) and not any(text in line for text in allowed)]


class Labs:
    """The lab that the cases share, one at a time."""

    def __init__(self):
        self.lab = None
        self.settings = None
        atexit.register(self.down)

    def get(self, build, settings, folder):
        if self.lab and self.settings == settings and self.lab.build == build and self.lab.running():
            return self.lab
        late = self.down()
        if late:
            raise LabError("the lab of the cases before said when it went down:\n" + "\n".join(late))
        config = merge(json.loads(DEFAULT_CONFIG.read_text()), json.loads(json.dumps(settings)))
        path = folder / "config.json"
        path.write_text(json.dumps(config, indent=2))
        lab = Lab(f"test{os.getpid()}", build, lambda line: None)
        lab.up(path)
        self.lab, self.settings = lab, settings
        return lab

    def down(self, killed=()):
        """Takes it down; what its processes complained about, also while they ended."""
        if not self.lab:
            return []
        lab, self.lab = self.lab, None
        lab.product.stop()
        log = lab.product.log.read_text(errors="replace") if lab.product.log.exists() else ""
        lab.down()
        return complaints(log, killed)


LABS = Labs()


def check_health(context):
    """The processes that ran before still run and have no complaint, and nothing of a call is left."""
    context.problems += complaints(context.product.log.read_text(errors="replace"), context.killed)
    condition = context.product.condition()
    context.expect(condition == "running", f"afterwards: {condition}")
    context.nothing_left()


def run(item, build):
    """Runs one case; once more if it failed while the host had stopped a CPU."""
    watch()
    start = time.monotonic()
    result = run_once(item, build)
    gaps = watch().gaps_since(start) if result.problems else []
    if gaps:
        print(f"     {item.name} failed while the host stopped a CPU for {max(gap[1] for gap in gaps):.1f} s; once more."
              " It said:\n" + "\n".join("     | " + line for text in result.problems for line in text.splitlines()),
              flush=True)
        kept = folder_of(item).with_suffix(".1")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(folder_of(item), kept)
        result = run_once(item, build)
        result.repeated = True
    return result


def folder_of(item):
    return ROOT / "build" / "system" / item.name


def run_once(item, build):
    start = time.monotonic()
    folder = folder_of(item)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    context = Context(None, folder, build)
    try:
        if item.fresh or item.no_lab:
            context.problems += LABS.down()
        if not item.no_lab:
            context.lab = LABS.get(build, item.settings, folder)
        item.function(context)
    except LabError as error:
        context.problems.append(str(error))
    except Exception:  # a case that breaks is a failed case, never the end of the run
        context.problems.append(traceback.format_exc(limit=-4).rstrip())
    try:
        context.close()
        if context.lab and not context.problems:
            check_health(context)
    except Exception:
        context.problems.append(traceback.format_exc(limit=-2).rstrip())
    if context.lab and context.problems:
        with contextlib.suppress(OSError):
            shutil.copy(context.product.log, folder / "product.log")
            shutil.copytree(context.product.state / "records", folder / "records", dirs_exist_ok=True)
        context.problems.append(f"the product's log ends (all of it in {folder.relative_to(ROOT)}):\n"
                                f"{context.product.log_tail(12)}")
    if item.fresh or context.problems:
        context.problems += LABS.down(context.killed)  # the next case starts from a clean lab
    return Result(context.problems, time.monotonic() - start)


@functools.cache
def watch():
    return HostWatch()


def finish():
    """Complaints of the last lab while it went down."""
    if watch.cache_info().currsize:
        watch().close()
    return LABS.down()
