"""The arithmetic of the benchmarks: ratios within a round, goals, tables. A wrong one would praise us."""
import unittest

from tests.bench import report, runner
from tests.bench.report import HIGHER, LOWER, Figure, Goal


def figure(better, ours, theirs, *bounds):
    out = Figure("speed", "speed of it", "packets/s", better, [Goal("peer", bound) for bound in bounds])
    for value in ours:
        out.add("sallyport", value)
    for value in theirs:
        out.add("peer", value)
    return out


class Verdicts(unittest.TestCase):
    def test_a_ratio_is_taken_within_its_round(self):
        # The host halves its speed in round two: each ratio stays 4.
        self.assertEqual(figure(HIGHER, [400, 200], [100, 50]).ratios("peer"), [4, 4])

    def test_a_round_without_a_value_gives_no_ratio(self):
        self.assertEqual(figure(HIGHER, [400, 200, 300], [100, None, 0]).ratios("peer"), [4])

    def test_less_is_better(self):
        self.assertTrue(figure(LOWER, [2.0], [1.0], 2.0).verdict())
        self.assertFalse(figure(LOWER, [2.1], [1.0], 2.0).verdict())

    def test_more_is_better(self):
        self.assertTrue(figure(HIGHER, [4.0], [1.0], 4.0).verdict())
        self.assertFalse(figure(HIGHER, [3.9], [1.0], 4.0).verdict())

    def test_the_median_is_judged(self):
        self.assertTrue(figure(LOWER, [1, 1, 9], [1, 1, 1], 2.0).verdict())

    def test_one_goal_of_several_is_enough(self):
        self.assertTrue(figure(HIGHER, [3.0], [1.0], 4.0, 2.5).verdict())

    def test_every_goal_when_all_are_asked_for(self):
        out = figure(HIGHER, [3.0], [1.0], 4.0, 2.5)
        out.every = True
        self.assertFalse(out.verdict())
        self.assertTrue(report.Figure("f", "f", "s", HIGHER, [], every=True).verdict() is None)

    def test_a_goal_without_a_reference_is_of_our_own_median(self):
        for ours, verdict in (([0.9, 5.0, 0.8], "met"), ([1.1, 0.2, 1.2], "missed")):
            out = Figure("f", "p99", "ms", LOWER, [Goal(None, 1.0)])
            for value in ours:
                out.add("sallyport", value)
            out.add("peer", 2.0)
            written = out.as_json()
            self.assertEqual((written["verdict"], written["goals"][0]["text"]), (verdict, "≤ 1 ms"))
            rows = list(report.rows({"figures": [written]}))
            self.assertEqual([row[3] for row in rows], ["", "peer"])
            self.assertEqual((rows[0][4:], rows[1][6:]), (("", "", "≤ 1 ms", verdict), ("", "")))

    def test_a_goal_against_somebody_who_was_not_measured_is_missed(self):
        self.assertFalse(figure(HIGHER, [3.0], [], 0.1).verdict())

    def test_without_a_goal_there_is_no_verdict(self):
        self.assertIsNone(figure(HIGHER, [3.0], [1.0]).verdict())
        self.assertIsNone(figure(HIGHER, [3.0], [1.0]).as_json()["verdict"])


class Records(unittest.TestCase):
    def test_what_is_written(self):
        written = figure(LOWER, [20, 30, 40], [10, 10, 10], 2.0).as_json()
        self.assertEqual((written["figure"], written["unit"], written["verdict"]), ("speed", "packets/s", "missed"))
        self.assertEqual(written["ratios"], [{"reference": "peer", "ratio": 3, "spread": [2, 4], "rounds": [2, 3, 4]}])

    def test_numbers_have_three_digits_and_no_exponent(self):
        shown = [report.number(value) for value in (0.12345, 1.0, 4.5678, 78.94, 123.4, 1234567, 20, 100)]
        self.assertEqual(shown, ["0.123", "1", "4.57", "78.9", "123", "1,230,000", "20", "100"])

    def test_a_table_replaces_the_one_before_and_nothing_else(self):
        host = {"date": "today", "commit": "1", "cpu": "x", "cpu_model": "y", "cores": 2, "tsc_ghz": 1, "kernel": "k",
                "steal_percent": 0, **{name: {"loop_ms": 1, "sha256_ms": 1, "copy_ms": 1}
                                       for name in ("calibration_before", "calibration_after")}}
        record = {"benchmark": "it", "rounds": 5, "notes": [], "host": host,
                  "figures": [figure(LOWER, [2], [1], 2.0).as_json()]}
        text = "a\n<!-- bench it -->\nold\n<!-- bench end -->\nb\n<!-- bench other -->\nc\n<!-- bench end -->\n"
        once = runner.into_document(text, record)
        self.assertNotIn("old", once)
        self.assertIn("| speed of it | packets/s | 2 (2-2) | peer | 1 (1-1) | 2 (2-2) | ≤ 2 × peer | met |", once)
        self.assertTrue(once.endswith("<!-- bench end -->\nb\n<!-- bench other -->\nc\n<!-- bench end -->\n"))
        self.assertEqual(runner.into_document(once, record), once)
        self.assertEqual(runner.into_document("no place", record), "no place")


class Rounds(unittest.TestCase):
    def order(self, rounds):
        seen = []
        context = runner.Context("build", rounds, None, say=lambda line: None)
        context.compare([Figure("f", "f", "s", LOWER)],
                        {name: lambda name=name: seen.append(name) or 1.0 for name in ("sallyport", "peer")})
        return seen

    def test_contestants_alternate(self):
        self.assertEqual(self.order(3), ["sallyport", "peer", "peer", "sallyport", "sallyport", "peer"])

    def test_a_value_for_no_figure_is_a_mistake(self):
        context = runner.Context("build", 1, None, say=lambda line: None)
        with self.assertRaises(ValueError):
            context.compare([Figure("f", "f", "s", LOWER)], {"sallyport": lambda: {"g": 1.0}})


if __name__ == "__main__":
    unittest.main()
