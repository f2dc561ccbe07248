"""Who carries calls in a CallLab, and what is measured of it: CPU time, the highest rate, the set-up time."""
import contextlib
import time

from tests.bench.processes import ProcessWatch
from tests.bench.sip_load import Load, carried, complete
from tools.labkit.command import LabError

WARM_RATE, WARM_SECONDS = 300, 2
TRIES = 5
REST_SECONDS = 0.5  # after a start: the kernel still clears away what was taken down


class Contestant:
    """`element` has restart(); `pids` names its processes now; `check` fails when it did not do all of its work."""

    SETUP_RATE = 200

    def __init__(self, words, element, pids, search, seconds, check=lambda: None):
        self.words = words
        self.element = element
        self.pids = pids
        self.check = check
        self.seconds = seconds
        self.search = search
        self.others = []  # cores that other programs took, run by run

    def run(self, rate, seconds):
        """(result, CPU seconds of all its processes) of a run that every call ends well in.

        A machine that stops the generator for a while gets another try.
        """
        for attempt in range(TRIES):
            watch = ProcessWatch(self.pids())
            result = Load(self.words, rate, seconds).run()
            used, others = watch.read(self.pids())
            if attempt == TRIES - 1 or (result is not None and result["unpaced"] == 0):
                self.others.append(others)
                return complete(result, rate), used

    def warm(self):
        self.run(WARM_RATE, WARM_SECONDS)

    def cpu(self, rate):
        """Seconds for 10,000 calls."""
        result, used = self.run(rate, self.seconds)
        self.check()
        return used / result["started"] * 10_000

    def setup(self):
        times = self.run(self.SETUP_RATE, self.seconds)[0]["setup-us"]
        return {"setup-p50": times["p50"] / 1000, "setup-p99": times["p99"] / 1000}

    def carries(self, rate):
        """What failed leaves calls and queues behind: the next one finds a new element."""
        for _ in range(TRIES):
            result = Load(self.words, rate, self.seconds / 2).run()
            if carried(result) and self.worked():
                return True
            self.element.restart()
            time.sleep(REST_SECONDS)
            self.warm()
            if result is None or result["unpaced"] == 0:
                return False
        self.search.beyond_generator.add(rate)
        return False

    def worked(self):
        with contextlib.suppress(LabError):
            self.check()
            return True
        return False

    def measure(self, cpu_figures):
        time.sleep(REST_SECONDS)
        self.warm()
        return {**{name: self.cpu(rate) for name, rate in cpu_figures.items()}, **self.setup(),
                "highest-rate": self.search.highest(self.carries)}
