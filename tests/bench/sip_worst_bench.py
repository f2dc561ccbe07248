"""The dearest INVITEs that are known beside an ordinary one: a message that holds up the SIP thread is a way to stop all
calls with a few packets a second."""
import subprocess

from tests.bench.report import LOWER, Figure
from tests.bench.runner import benchmark


@benchmark("the dearest INVITE that is known, beside an ordinary one")
def sip_worst(context):
    def measure(what):
        said = subprocess.run([context.program("sip_worst_bench"), what], check=True, capture_output=True, text=True)
        return float(said.stdout)
    return context.compare([Figure("sip-worst", "the dearest INVITE", "us", LOWER)],
                           {"sallyport": lambda: measure("worst"), "an ordinary INVITE": lambda: measure("ordinary")})
