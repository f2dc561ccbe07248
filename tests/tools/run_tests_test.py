import importlib.machinery
import importlib.util
import pathlib
import unittest

PATH = pathlib.Path(__file__).resolve().parents[2] / "tools" / "run-tests"
loader = importlib.machinery.SourceFileLoader("run_tests", str(PATH))
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
loader.exec_module(run_tests)

OK = "....\nOK (4 tests, 4 ran, 9 checks, 0 ignored, 0 filtered out, 3 ms)\n"
ERRORS = ("x.cc:3: error: Failure in TEST(Group, first)\nx.cc:4: error: Failure in TEST(Group, first)\n"
          "y.cc:9: error: Failure in TEST(Group, second)\n"
          "Errors (3 failures, 7 tests, 7 ran, 12 checks, 0 ignored, 0 filtered out, 1 ms)\n")


class Judge(unittest.TestCase):
    def test_passed(self):
        self.assertEqual(run_tests.judge(0, OK, False)[:2], (4, 0))

    def test_failing_tests_are_counted_not_their_failures(self):
        self.assertEqual(run_tests.judge(3, ERRORS, False)[:2], (5, 2))

    def test_crash_is_a_failure_and_says_how(self):
        self.assertEqual(run_tests.judge(-11, "...", False), (0, 1, "ended by SIGSEGV"))

    def test_failure_after_the_last_test_is_a_failure(self):
        self.assertEqual(run_tests.judge(1, OK, False)[1], 1)

    def test_nothing_ran_is_a_failure(self):
        nothing = "OK (0 tests, 0 ran, 0 checks, 0 ignored, 0 filtered out, 0 ms)\n"
        self.assertEqual(run_tests.judge(0, nothing, False)[:2], (0, 1))

    def test_time_out_is_a_failure(self):
        self.assertEqual(run_tests.judge(-9, OK, True)[:2], (0, 1))

    def test_silence_is_a_failure(self):
        self.assertEqual(run_tests.judge(0, "", False)[1], 1)
