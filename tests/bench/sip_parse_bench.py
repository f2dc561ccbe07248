"""What it costs to parse an INVITE, beside what it costs only to find its line ends: the least that any parser has to
do with the same bytes."""
import subprocess

from tests.bench.report import LOWER, Figure
from tests.bench.runner import benchmark


@benchmark("parsing an INVITE, beside finding its line ends")
def sip_parse(context):
    def measure(what):
        said = subprocess.run([context.program("sip_parse_bench"), what], check=True, capture_output=True, text=True)
        return float(said.stdout)
    return context.compare([Figure("sip-parse", "parse an INVITE", "ns", LOWER)],
                           {"sallyport": lambda: measure("parse"), "line ends": lambda: measure("lines")})
