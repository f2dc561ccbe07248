"""Finds and runs the benchmarks: functions marked with @benchmark in tests/bench/*_bench.py.

A benchmark gets a Context and returns its figures (tests/bench/report.py). Contestants take turns: each round every one
of them is measured once, in an order that is reversed from round to round, so that neither a warming host nor a drifting
one favours any. What came out is printed and written to build/bench/NAME.json.
"""
import contextlib
import dataclasses
import fcntl
import functools
import importlib
import json
import pathlib

from tests.bench import host, report

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).parent
OUTPUT = ROOT / "build" / "bench"
LEAST_ROUNDS = 5
BENCHMARKS = {}


@dataclasses.dataclass
class Benchmark:
    name: str
    title: str
    function: object


def benchmark(title):
    """Its name is the function's."""

    def mark(function):
        name = function.__name__.replace("_", "-")
        BENCHMARKS[name] = Benchmark(name, title, function)
        return function

    return mark


def benchmarks():
    for path in sorted(HERE.glob("*_bench.py")):
        importlib.import_module(f"tests.bench.{path.stem}")
    return BENCHMARKS


class Context:
    """What a benchmark may ask: the build, how long and how often, and whom to tell."""

    def __init__(self, build, rounds, seconds, locks=(), say=print, details=False):
        self.build = pathlib.Path(build)
        self.rounds = rounds
        self.seconds = seconds  # of one measurement of one contestant; None: the benchmark's own choice
        self.locks = tuple(locks)
        self.say = say
        self.details = details  # profiles, too
        self.notes = []
        self.attachments = {}

    def program(self, name):
        """A program of tests/bench."""
        return self.build / "bench" / name

    def duration(self, own_choice):
        return self.seconds or own_choice

    def note(self, line):
        """Stands below the table."""
        self.notes.append(line)

    def attach(self, key, value):
        """Kept in the record beside the figures."""
        self.attachments[key] = value

    @contextlib.contextmanager
    def turn(self):
        """Holds the locks of --lock: the machine is this measurement's alone."""
        with contextlib.ExitStack() as stack:
            for path in self.locks:
                file = stack.enter_context(open(path, "a"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def compare(self, figures, contestants):
        """contestants: {name: measure}; measure() returns {figure's name: value}, or one value for a single figure.

        A contestant that has no value for a figure leaves it out; one that fails ends the benchmark.
        """
        figures = list(figures)
        if report.OURS not in contestants:
            raise ValueError(f"no contestant `{report.OURS}`")
        for number in range(self.rounds):
            names = list(contestants) if number % 2 == 0 else list(reversed(contestants))
            said = []
            with self.turn():
                results = {name: contestants[name]() for name in names}
            for name, measured in results.items():
                if not isinstance(measured, dict):
                    measured = {figures[0].name: measured}
                unknown = measured.keys() - {figure.name for figure in figures}
                if unknown:
                    raise ValueError(f"{name} measured {', '.join(sorted(unknown))}, which is no figure here")
                for figure in figures:
                    figure.add(name, measured.get(figure.name))
                said.append(f"{name} " + " ".join(report.number(value) for value in measured.values()))
            self.say(f"  round {number + 1} of {self.rounds}: {'; '.join(said)}")
        return figures


def run(chosen, make_context, say):
    """The record of one benchmark, written and printed."""
    say(f"== {chosen.name}: {chosen.title}")
    context = make_context()
    speed = host.HostSpeed()
    figures = chosen.function(context)
    record = {"benchmark": chosen.name, "title": chosen.title, "rounds": context.rounds, "host": speed.tag(),
              "figures": [figure.as_json() for figure in figures], "notes": context.notes, **context.attachments}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{chosen.name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    say(report.text_table(record))
    for line in (*context.notes, host.line(record["host"])):
        say(f"  {line}")
    say(f"  written to {path.relative_to(ROOT)}")
    return record


def records():
    """{name: record} of what was measured last."""
    found = [json.loads(path.read_text()) for path in sorted(OUTPUT.glob("*.json"))]
    return {record["benchmark"]: record for record in found}


def into_document(text, record):
    """The document with the record's table in the place of the one before; unchanged without that place."""
    begin, end = f"<!-- bench {record['benchmark']} -->\n", "<!-- bench end -->"
    head, found, rest = text.partition(begin)
    if not found or end not in rest:
        return text
    tail = rest[rest.index(end):]
    parts = [report.markdown_table(record), "", *record["notes"], f"{record['rounds']} rounds; {host.line(record['host'])}."]
    return head + begin + "\n".join(parts) + "\n" + tail


def document(path):
    """Brings the tables of docs/performance.md up to date; the names of the benchmarks that had a place there."""
    before = path.read_text()
    known = records().values()
    after = functools.reduce(into_document, known, before)
    path.write_text(after)
    return [record["benchmark"] for record in known if f"<!-- bench {record['benchmark']} -->" in after]
