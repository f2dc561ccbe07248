// The product's own worker, port and pipeline on a net_pcap vdev that repeats a file without end and drops what is
// sent: cycles per packet of one core that does nothing else.
//
//   pipeline_bench write FILE FLOWS                the packets, for us and for testpmd
//   pipeline_bench run FILE FLOWS SECONDS CORE     prints cycles per packet
//
// The file repeats, but a stream that repeats its sequence numbers is a stream of duplicates. So a receive callback
// puts numbers in that go on: its few cycles are counted as ours.

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "dataplane/packet/checksum.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/memory.h"
#include "dataplane/worker/worker.h"
#include "tests/bench/relay_table.h"
#include "tests/support/pcap.h"

namespace sallyport {
namespace {

constexpr const char* kPcapMac = "\x02\x70\x63\x61\x70\x00";  // of the first net_pcap device
constexpr std::uint32_t kLeastFrames = 1'024;  // a file of one packet would measure the pool's cache alone
constexpr std::size_t kSequenceAt = packet::kEtherBytes + packet::kIpv4Bytes + packet::kUdpBytes + 2;

std::uint32_t rounds_of(std::uint32_t flows) { return (kLeastFrames + flows - 1) / flows; }

int write(const char* path, std::uint32_t flows) {
    std::vector<test::CapturedFrame> frames;
    for (auto& bytes : bench::RelayTable::frames(flows, rounds_of(flows), kPcapMac))
        frames.push_back({0, std::move(bytes)});
    test::write_pcap(path, frames);
    return 0;
}

// Continues each stream's sequence numbers and timestamps where the file begins anew.
struct Sequence {
    std::uint32_t flows;
    std::uint32_t position = 0;
    std::uint32_t round = 0;
};

std::uint16_t go_on(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count, std::uint16_t, void* user) {
    auto& kept = *static_cast<Sequence*>(user);
    auto sequence = kept;  // the bytes written might be its own, for all that the compiler knows
    for (std::uint16_t i = 0; i < count; ++i) {
        auto* at = rte_pktmbuf_mtod(packets[i], std::byte*) + kSequenceAt;
        packet::store16(at, sequence.round & 0xffff);
        packet::store32(at + 2, sequence.round * 160);
        if (++sequence.position == sequence.flows) {
            sequence.position = 0;
            ++sequence.round;
        }
    }
    kept = sequence;
    return count;
}

int fail(const std::string& why) {
    std::fprintf(stderr, "pipeline_bench: %s\n", why.c_str());
    return 1;
}

int run(const std::string& file, std::uint32_t flows, double seconds, int core) {
    auto eal = port::Eal::start({.file_prefix = "sallyport-bench-" + std::to_string(getpid()),
                                 .pci = {},
                                 .main_cores = {0},
                                 .worker_cores = {core},
                                 .huge_pages = true,
                                 .memory_mb = 256});
    if (!eal) return fail(eal.error());
    auto pool = port::make_pool({.mbufs = flows * rounds_of(flows) + 8'192, .huge_pages = true});
    if (!pool) return fail(pool.error());
    std::vector<port::Port> ports;
    auto started = port::Port::start("net_pcap0,rx_pcap=" + file + ",infinite_rx=1", "bench", 1, *pool);
    if (!started) return fail(started.error());
    ports.push_back(std::move(*started));
    packet::Interfaces interfaces({{.port = 0, .mtu = ports[0].mtu(), .mac = ports[0].mac()}});
    bench::RelayTable relay(flows);
    if (!relay.complete()) return fail("the flows could not be installed");
    auto rings = worker::Rings::make(*pool, [] {});
    if (!rings) return fail(rings.error());
    Sequence sequence{flows};
    if (rte_eth_add_rx_callback(ports[0].id(), 0, go_on, &sequence) == nullptr) return fail("no receive callback");

    worker::Worker worker({.number = 0, .core = core, .lcore = 1, .doze = {}}, ports, interfaces, relay.table(),
                          relay.epochs(), relay.next_hops(), **rings);
    const auto work = [](void* w) {
        static_cast<worker::Worker*>(w)->run();
        return 0;
    };
    if (rte_eal_remote_launch(work, &worker, 1) != 0) return fail("the worker did not start");
    worker.forward();
    const auto pause = [](double length) { std::this_thread::sleep_for(std::chrono::duration<double>(length)); };
    pause(0.2);  // every source is learned, caches are warm
    const auto& traffic = worker.traffic(0);
    const auto packets = traffic.tx_packets.get();
    const auto received = traffic.rx_packets.get();
    const auto begin = rte_rdtsc();
    pause(seconds);
    const auto cycles = static_cast<double>(rte_rdtsc() - begin);
    const auto sent = static_cast<double>(traffic.tx_packets.get() - packets);
    const auto came = static_cast<double>(traffic.rx_packets.get() - received);
    worker.stop();
    rte_eal_mp_wait_lcore();
    // A packet that is dropped is cheap: such a figure would be worth nothing.
    if (sent < 0.999 * came)
        return fail("of " + std::to_string(came) + " packets only " + std::to_string(sent) + " left");
    std::printf("%.2f\n", cycles / sent);
    return 0;
}

}  // namespace
}  // namespace sallyport

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    const auto flows = argc > 3 ? static_cast<std::uint32_t>(std::atoi(argv[3])) : 0;
    if (flows > 0 && flows <= sallyport::bench::RelayTable::kMaxFlows) {
        if (what == "write" && argc == 4) return sallyport::write(argv[2], flows);
        if (what == "run" && argc == 6) return sallyport::run(argv[2], flows, std::atof(argv[4]), std::atoi(argv[5]));
    }
    std::fputs("usage: pipeline_bench write FILE FLOWS | run FILE FLOWS SECONDS CORE\n", stderr);
    return 2;
}
