import unittest
from unittest import mock

from tools.checks import layers, tree


def problems_of(table_text, path, quoted=(), angled=()):
    table = layers.Table(table_text.splitlines())
    with mock.patch.object(tree, "includes", return_value=(list(quoted), list(angled))), \
            mock.patch.object(layers.pathlib.Path, "is_file", return_value=True):
        return layers.check_file(table, path)


TABLE = "a:\nb: a\nc: b\n<lib/: b\n"


class Layers(unittest.TestCase):
    def test_allowed_includes_pass(self):
        self.assertEqual(problems_of(TABLE, "b/x.h", ["a/y.h", "b/z.h"], ["vector", "lib/l.h"]), [])

    def test_forbidden_include_is_named(self):
        found = problems_of(TABLE, "a/x.h", ["b/y.h"])
        self.assertEqual(len(found), 1)
        self.assertIn("a may not include b", found[0])

    def test_allowance_is_not_passed_on(self):
        self.assertEqual(len(problems_of(TABLE, "c/x.h", ["a/y.h"])), 1)

    def test_unknown_folder_is_an_error(self):
        self.assertIn("folder d is not in", problems_of(TABLE, "d/x.h")[0])

    def test_third_party_header_outside_its_wrapper(self):
        self.assertEqual(len(problems_of(TABLE, "a/x.h", [], ["lib/l.h"])), 1)

    def test_third_party_header_without_a_line(self):
        self.assertEqual(problems_of(TABLE, "a/x.h", [], ["other/o.h", "lone.h"]),
                         ["a/x.h: <other/o.h>: neither std nor system; give it a line in tools/layers.txt",
                          "a/x.h: <lone.h>: neither std nor system; give it a line in tools/layers.txt"])

    def test_std_and_system_headers_need_no_line(self):
        self.assertEqual(problems_of(TABLE, "a/x.h", [], ["vector", "unistd.h", "sys/un.h", "linux/if.h", "net/if.h",
                                                          "netinet/in.h", "arpa/inet.h"]), [])

    def test_tests_may_include_everything_but_nobody_includes_tests(self):
        self.assertEqual(problems_of(TABLE, "tests/unit/x.cc", ["c/y.h"], ["lib/l.h", "other/o.h"]), [])
        self.assertEqual(len(problems_of(TABLE, "a/x.cc", ["tests/support/y.h"])), 1)

    def test_cycle_is_found(self):
        self.assertIsNone(layers.Table(TABLE.splitlines()).cycle())
        self.assertEqual(layers.Table("a: c\nb: a\nc: b".splitlines()).cycle(), ["a", "c", "b", "a"])

    def test_target_without_a_line_is_an_error(self):
        self.assertIn("no line of its own", layers.Table(["a: b"]).problems[0])
