"""What it costs to read an INVITE with its SDP, beside libosip2 and sofia-sip reading the same fields of the same bytes.

Nanoseconds and counts of allocations come from the contestant's own process, each round anew. Instructions come from
callgrind: those of 2N INVITEs less those of N, so that starting up cancels out; they do not change from round to round, and
are counted once, so that the contestants of a round are timed shortly after each other.
"""
import json
import re
import subprocess

from tests.bench.report import LOWER, Figure, Goal
from tests.bench.runner import benchmark
from tools.labkit.command import LabError

CONTESTANTS = {"sallyport": "sallyport", "libosip2": "osip", "sofia-sip": "sofia"}
PARTS = {"all": "an INVITE and its SDP", "sip": "the INVITE alone"}
REPEATED = 500


def figures():
    goals = [Goal("libosip2", 1 / 3), Goal("sofia-sip", 1 / 3)]
    for part, title in PARTS.items():
        judged = goals if part == "all" else []
        yield Figure(f"{part}-ns", f"read {title}", "ns", LOWER, judged, every=True)
        yield Figure(f"{part}-instructions", "the same by callgrind", "instructions", LOWER, judged, every=True)
        yield Figure(f"{part}-allocations", "allocations", "calls", LOWER, [Goal(None, 0)] if part == "sip" else [])


def instructions(program, name, part):
    def collected(times):
        said = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, name, part,
                               str(times)], capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", said.stderr)
        if said.returncode != 0 or not found:
            raise LabError(f"callgrind of {name} failed: {said.stderr.strip()[-300:]}")
        return int(found.group(1))
    return (collected(2 * REPEATED) - collected(REPEATED)) / REPEATED


@benchmark("reading an INVITE and its SDP, beside libosip2 and sofia-sip")
def sip_parse(context):
    program = str(context.program("sip_parse_bench"))
    counted = {(name, part): instructions(program, name, part) for name in CONTESTANTS.values() for part in PARTS}
    digests = {}

    def measure(name):
        said = json.loads(subprocess.run([program, name], check=True, capture_output=True, text=True).stdout)
        digests[name] = said["digest"]
        if len(set(digests.values())) != 1:
            raise LabError(f"the contestants have not read the same: {digests}")
        values = {}
        for part in PARTS:
            values[f"{part}-ns"] = said[part]["ns"]
            values[f"{part}-instructions"] = counted[name, part]
            values[f"{part}-allocations"] = said[part]["allocations"]
        return values

    return context.compare(figures(), {title: lambda name=name: measure(name) for title, name in CONTESTANTS.items()})
