"""What the call benchmarks read and decide: memory counted once, the search for a rate, rtpengine's answers, when a run
counts. A wrong one would praise us."""
import unittest

from tests.bench import bencode, memory_bench, processes, sip_load, sip_peers, stream_calls_bench
from tests.bench.call_lab import configuration
from tools.labkit.command import LabError

ROLLUP = """55c102c41000-7ffd5a5f0000 ---p 00000000 00:00 0                          [rollup]
Rss:              142304 kB
Pss:              124400 kB
Pss_Anon:         114816 kB
Pss_File:           3826 kB
Pss_Shmem:          5758 kB
Shared_Hugetlb:     2048 kB
Private_Hugetlb:   90112 kB
"""
MAPS = """1180200000-1180400000 rw-s 00000000 00:11 244713                         /memfd:seg_2-0 (deleted)
7f0da940c000-7f0dac000000 r--s 00000000 00:01 1095                       /memfd:sallyport-counters (deleted)
7f0db3a00000-7f115d201000 rw-s 00000000 00:2d 8                          /run/sallyport/control/calls.state
7f0db4000000-7f0db4021000 rw-p 00000000 00:00 0
7f0db5000000-7f0db5021000 r-xp 00000000 fe:00 7                          /usr/lib/x86_64-linux-gnu/libc.so.6
"""


def result(started=1000, ended=1000, unpaced=0, p99=800):
    return {"started": started, "ended": ended, "unpaced": unpaced, "codes": {}, "setup-us": {"p99": p99}}


class Streams(unittest.TestCase):
    def check(self, transport, mode, made, accepted=1, resumed=0):
        run = result(started=1000) | {"streams": [{"made": made, "resumed": resumed}, {"accepted": accepted, "resumed": 0}]}
        stream_calls_bench.check_streams(run, transport, mode)

    def test_a_run_counts_with_the_connections_that_its_figure_names(self):
        self.check("tcp", stream_calls_bench.ONE, 1)
        self.check("tcp", stream_calls_bench.EACH, 1000)
        self.check("tls", stream_calls_bench.EACH, 1000, resumed=990)

    def test_others_do_not_count(self):
        for transport, mode, made, accepted, resumed in (("tcp", stream_calls_bench.ONE, 2, 1, 0),
                                                         ("tcp", stream_calls_bench.EACH, 999, 1, 0),
                                                         ("tcp", stream_calls_bench.EACH, 1000, 2, 0),
                                                         ("tls", stream_calls_bench.EACH, 1000, 1, 800)):
            with self.assertRaises(LabError):
                self.check(transport, mode, made, accepted, resumed)


class Memory(unittest.TestCase):
    def test_a_process_has_its_own_memory_and_its_huge_pages(self):
        self.assertEqual(processes.own_bytes(processes.read_rollup(ROLLUP)), (114816 + 2048 + 90112) * 1024)

    def test_shared_memory_is_what_is_mapped_to_be_shared(self):
        self.assertEqual([name for _, name in processes.shared_mappings(MAPS)],
                         ["memfd:seg_2-0", "memfd:sallyport-counters", "calls.state"])
        self.assertEqual(processes.shared_mappings(MAPS)[1][0], "7f0da940c000-7f0dac000000")

    def test_the_part_of_a_call(self):
        parts = memory_bench.difference({"a": 10_100, "b": 50}, {"a": 100, "b": 50, "c": 10}, 11)
        self.assertEqual(parts, {"a": 1000, "b": 0, "c": -1})

    def test_a_family_of_processes_is_one_program(self):
        self.assertEqual(memory_bench.by_program({"kamailio 1": 2, "kamailio 12": 3, "zero": 5}), {"kamailio": 5, "zero": 5})


class Rates(unittest.TestCase):
    def search(self, limits, first=1000):
        """The rates found one after the other, and all that were asked."""
        asked = []
        search = sip_load.RateSearch(first)
        return [search.highest(lambda rate, limit=limit: asked.append(rate) or rate <= limit) for limit in limits], asked

    def test_within_a_step_of_the_limit(self):
        for limit in (90, 980, 1000, 1001, 4321):
            found = self.search([limit])[0][0]
            self.assertLessEqual(found, limit)
            self.assertGreater(found * sip_load.STEP * sip_load.STEP, limit)

    def test_begins_where_the_one_before_ended(self):
        found, asked = self.search([5000, 5000])
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(asked[asked.index(found[1], asked.index(found[0]) + 1):]), 3)

    def test_a_rate_is_refused_only_when_it_failed_twice(self):
        seen = {}

        def carries(rate):
            seen[rate] = seen.get(rate, 0) + 1
            return seen[rate] == 2 and rate <= 1500
        search = sip_load.RateSearch(1000)
        self.assertGreater(search.highest(carries), 1400)

    def test_a_search_that_the_generator_ends_says_so(self):
        search = sip_load.RateSearch(1000)
        search.highest(lambda rate: rate <= 1200)
        self.assertIsNone(search.note("TCP"))

        def carries(rate):
            if rate > 2000:
                search.beyond_generator.add(rate)
            return rate <= 2000
        self.assertLessEqual(search.highest(carries), 2000)
        self.assertRegex(search.note("TCP"), r"^TCP: 1 of 2 searches .* cannot begin 2,0\d\d calls/s")

    def test_nothing_carried(self):
        with self.assertRaises(LabError):
            self.search([0])


class Runs(unittest.TestCase):
    def test_what_is_carried(self):
        self.assertTrue(sip_load.carried(result(ended=1000)))
        self.assertFalse(sip_load.carried(result(ended=999)), "0.1 % failed")
        self.assertFalse(sip_load.carried(result(p99=100_001)), "a queue grows")
        self.assertFalse(sip_load.carried(result(unpaced=1)), "less was offered than the rate says")
        self.assertFalse(sip_load.carried(None))

    def test_a_figure_rests_on_a_whole_run(self):
        self.assertEqual(sip_load.complete(result(), 200), result())
        for bad in (None, result(unpaced=1), result(ended=990)):
            with self.assertRaises(LabError):
                sip_load.complete(bad, 200)


class Peers(unittest.TestCase):
    def test_what_rtpengine_answers(self):
        value, end = bencode.bdecode(b"d10:statisticsd5:totali-7e4:listl1:ai2eee6:result2:oke")
        self.assertEqual(value, {"statistics": {"total": -7, "list": ["a", 2]}, "result": "ok"})
        self.assertEqual(end, 54)

    def test_kamailio_and_rtpengine_have_an_address_of_ours(self):
        addresses = configuration(10)["realms"]["access"]["media-addresses"]
        self.assertIn("192.0.2.3", addresses)
        self.assertFalse({f"192.0.2.{host}" for host in range(10, 251)} & set(addresses))


if __name__ == "__main__":
    unittest.main()
