"""The load generator tests/load, and the search for the highest rate that an element carries."""
import contextlib
import json
import subprocess

from tools.labkit.command import LabError

MOST_SETUP_US = 100_000  # a fifth of T1 (RFC 3261 §17.1.1.1), after which SIP sends again: a growing queue is seen in time
MOST_FAILED = 0.001
DRAIN_SECONDS = 10       # after the last start; a call of an element that keeps up ends within milliseconds
STEP = 1.04              # between neighbouring rates of the search


class Load:
    """One run: `result` of it, or None when its calls did not end in time (it is then ended itself)."""

    def __init__(self, words, rate, seconds=None, calls=None):
        self.rate = rate
        amount = ["--calls", calls] if calls else ["--seconds", seconds]
        self.command = [str(word) for word in (*words, "--rate", rate, *amount)]
        self.patience = (calls / rate if calls else seconds) + DRAIN_SECONDS

    def run(self):
        try:
            done = subprocess.run(self.command, capture_output=True, text=True, timeout=self.patience)
        except subprocess.TimeoutExpired:
            return None
        if not done.stdout:
            raise LabError(f"sip-load: {done.stderr.strip() or 'no result'}")
        return json.loads(done.stdout)


def complete(result, rate):
    """The result, when every call ended as it should and was begun in time: what a figure may rest on."""
    if result is None:
        raise LabError(f"at {rate} calls/s calls were left {DRAIN_SECONDS} s after the last")
    if result["unpaced"] > 0:
        raise LabError(f"the generator itself is too slow for {rate} calls/s: {result['unpaced']} calls were not begun in time")
    if failed_share(result) >= MOST_FAILED:
        raise LabError(f"at {rate} calls/s {failed_share(result):.2%} of the calls failed ({result['codes']})")
    return result


def failed_share(result):
    return 1 - result["ended"] / max(1, result["started"])


def carried(result):
    """Fewer than 0.1 % failed, and 99 % were set up soon: the retransmissions of SIP hide an overload for a while."""
    return (result is not None and result["unpaced"] == 0 and failed_share(result) < MOST_FAILED
            and result["setup-us"]["p99"] < MOST_SETUP_US)


class RateSearch:
    """The highest rate on a grid of STEP that `carries(rate)`; begins where the one before has ended.

    A rate is given up only when it failed twice: a disturbance by the host takes a rate away that an element carries,
    and never adds one. One that the generator cannot begin in time ends the search, too: the element may carry more.
    """

    def __init__(self, first):
        self.first = first
        self.position = 0
        self.stride = 6
        self.searches = 0
        self.ended_by_generator = 0  # searches
        self.beyond_generator = set()  # rates

    def rate(self, position):
        return round(self.first * STEP ** position)

    def highest(self, carries):
        low, high, at = None, None, self.position
        while low is None or high is None or high - low > 1:
            if self.rate(at) < 10:
                raise LabError("no rate is carried, not even 10 calls/s")
            if carries(self.rate(at)) or carries(self.rate(at)):
                low = at
            else:
                high = at
            at = low + self.stride if high is None else high - self.stride if low is None else (low + high) // 2
        self.position, self.stride = low, 1
        self.searches += 1
        self.ended_by_generator += self.rate(high) in self.beyond_generator
        return self.rate(low)

    def note(self, name):
        """Says of whom the rate is a bound, when it is not the element's; else nothing."""
        if not self.ended_by_generator:
            return None
        return (f"{name}: {self.ended_by_generator} of {self.searches} searches were ended by the generator, which cannot begin "
                f"{min(self.beyond_generator):,} calls/s in time; the element may carry more.")


class Held:
    """Calls that are up and stay so until the end of `with`."""

    def __init__(self, words, calls, rate):
        self.calls = calls
        self.command = [str(word) for word in (*words, "--held", "--calls", calls, "--rate", rate)]
        self.patience = calls / rate + DRAIN_SECONDS
        self.result = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line.split() != ["held", str(self.calls)]:
            with contextlib.suppress(LabError):
                self.__exit__(None)
            raise LabError(f"{self.calls} calls should be held; sip-load says: {line.strip()}; {self.result}")
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        try:
            said, _ = self.process.communicate("\n", timeout=self.patience + 80)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise LabError("the held calls did not end") from None
        if kind is None and said:
            self.result = json.loads(said)
