// Generator and sink of RTP on veth, one thread on one core: AF_XDP both ways, in batches, without catching up.
//
//   rtp_load_bench CORE SEND_NETNS SEND_IFACE RECEIVE_NETNS RECEIVE_IFACE DESTINATION_MAC < commands
//
// Commands: `stream SOURCE DESTINATION` adds one stream (endpoints as ADDRESS:PORT); `run RATE SECONDS` sends so many
// packets a second, spread evenly over the streams, and prints one line: packets sent, packets received, and seconds. A
// packet is RTP with 160 bytes of payload: 172 bytes in the datagram. Received is what is UDP of that length, whatever
// its addresses: the device under test writes new ones.
//
// A sender that has fallen behind forgets what is due: a burst that makes up for it would measure queues.

#include <fcntl.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>

#include "dataplane/packet/headers.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/memory.h"
#include "dataplane/port/port.h"
#include "tests/support/frames.h"

namespace sallyport {
namespace {

constexpr std::size_t kBurst = 32;
constexpr std::size_t kUdpLength = 180;  // with its header
constexpr std::size_t kRtpAt = packet::kEtherBytes + packet::kIpv4Bytes + packet::kUdpBytes;
constexpr std::uint64_t kForgetBursts = 4;
constexpr double kDrainSeconds = 0.1;

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "rtp_load_bench: %s\n", why.c_str());
    std::exit(1);
}

void enter(const std::string& netns) {
    const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail("cannot enter the network namespace " + netns);
    close(fd);
}

// A port of another network namespace; it is closed in there, too.
class PlacedPort {
public:
    PlacedPort(std::string netns, const std::string& iface, int number, rte_mempool* pool) : netns_(std::move(netns)) {
        enter(netns_);
        auto port = port::Port::start(
            "net_af_xdp" + std::to_string(number) + ",iface=" + iface + ",start_queue=0,queue_count=1", "load", 1,
            pool);
        if (!port) fail(port.error());
        port_.emplace(std::move(*port));
    }
    ~PlacedPort() {
        enter(netns_);
        port_.reset();
    }
    PlacedPort(const PlacedPort&) = delete;
    PlacedPort& operator=(const PlacedPort&) = delete;
    std::uint16_t id() const { return port_->id(); }

private:
    std::string netns_;
    std::optional<port::Port> port_;
};

class Load {
public:
    Load(rte_mempool* pool, std::uint16_t sender, std::uint16_t receiver, std::string destination_mac)
        : pool_(pool), sender_(sender), receiver_(receiver), destination_mac_(std::move(destination_mac)) {}

    void add(const Endpoint& source, const Endpoint& destination) {
        test::UdpFrame frame;
        frame.destination_mac = destination_mac_.c_str();
        frame.source = source.address.text();
        frame.source_port = source.port;
        frame.destination = destination.address.text();
        frame.destination_port = destination.port;
        frame.payload = test::rtp(0, 160, 0, static_cast<std::uint32_t>(0x1000 + streams_.size()));
        streams_.push_back(frame.build());
    }

    void run(double rate, double seconds) {
        sent_ = received_ = 0;
        if (streams_.empty()) fail("there are no streams");
        const auto hertz = static_cast<double>(rte_get_tsc_hz());
        const auto begin = rte_rdtsc();
        const auto length = static_cast<std::uint64_t>(seconds * hertz);
        std::uint64_t due = 0;
        std::uint64_t forgotten = 0;
        for (std::uint64_t now = 0; now < length; now = rte_rdtsc() - begin) {
            due = static_cast<std::uint64_t>(static_cast<double>(now) / hertz * rate);
            if (due > sent_ + forgotten + kForgetBursts * kBurst) forgotten = due - sent_ - kForgetBursts * kBurst;
            if (due >= sent_ + forgotten + kBurst) send();
            receive();
        }
        const auto drained = rte_rdtsc() + static_cast<std::uint64_t>(kDrainSeconds * hertz);
        while (rte_rdtsc() < drained) receive();
        std::printf("%llu %llu %.6f\n", static_cast<unsigned long long>(sent_),
                    static_cast<unsigned long long>(received_), seconds);
        std::fflush(stdout);
    }

private:
    void send() {
        std::array<rte_mbuf*, kBurst> burst;
        if (rte_pktmbuf_alloc_bulk(pool_, burst.data(), kBurst) != 0) return;  // all on their way
        for (auto* m : burst) {
            auto& frame = streams_[next_];
            if (++next_ == streams_.size()) {
                next_ = 0;
                ++sequence_;
            }
            auto* data = rte_pktmbuf_mtod(m, std::byte*);
            std::memcpy(data, frame.data(), frame.size());
            packet::store16(data + kRtpAt + 2, sequence_ & 0xffff);
            packet::store32(data + kRtpAt + 4, sequence_ * 160);
            // The datagram is right all the same: without a checksum (RFC 768), as many senders of RTP do it.
            packet::store16(data + kRtpAt - 2, 0);
            m->data_len = static_cast<std::uint16_t>(frame.size());
            m->pkt_len = m->data_len;
        }
        const auto taken = rte_eth_tx_burst(sender_, 0, burst.data(), kBurst);
        sent_ += taken;
        if (taken < kBurst) {
            next_ = (next_ + streams_.size() - (kBurst - taken) % streams_.size()) % streams_.size();
            rte_pktmbuf_free_bulk(&burst[taken], kBurst - taken);
        }
    }
    void receive() {
        std::array<rte_mbuf*, kBurst> burst;
        const auto count = rte_eth_rx_burst(receiver_, 0, burst.data(), kBurst);
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto headers = packet::parse({rte_pktmbuf_mtod(burst[i], std::byte*), burst[i]->data_len}, false);
            received_ += headers.kind == packet::Kind::kUdp && headers.udp_length == kUdpLength ? 1 : 0;
        }
        if (count > 0) rte_pktmbuf_free_bulk(burst.data(), count);
    }

    rte_mempool* pool_;
    std::uint16_t sender_;
    std::uint16_t receiver_;
    std::string destination_mac_;
    std::vector<test::Bytes> streams_;
    std::size_t next_ = 0;
    std::uint32_t sequence_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

std::string parse_mac(const char* text) {
    std::array<unsigned, 6> bytes{};
    if (std::sscanf(text, "%x:%x:%x:%x:%x:%x", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5]) != 6)
        fail(std::string("no MAC address: ") + text);
    std::string out;
    for (const auto byte : bytes) out += static_cast<char>(byte);
    return out;
}

void obey(Load& load) {
    std::puts("ready");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string what;
        words >> what;
        if (what == "stream") {
            std::string source;
            std::string destination;
            words >> source >> destination;
            const auto from = Endpoint::parse(source);
            const auto to = Endpoint::parse(destination);
            if (!from || !to) fail("no such stream: " + line);
            load.add(*from, *to);
        } else if (what == "run") {
            double rate = 0;
            double seconds = 0;
            if (!(words >> rate >> seconds)) fail("no such run: " + line);
            load.run(rate, seconds);
        } else {
            fail("no such command: " + line);
        }
    }
}

}  // namespace
}  // namespace sallyport

int main(int argc, char** argv) {
    using namespace sallyport;
    if (argc != 7) fail("usage: rtp_load_bench CORE SEND_NETNS SEND_IFACE RECEIVE_NETNS RECEIVE_IFACE DESTINATION_MAC");
    auto eal = port::Eal::start({.file_prefix = "sallyport-load-" + std::to_string(getpid()),
                                 .pci = {},
                                 .main_cores = {std::atoi(argv[1])},
                                 .worker_cores = {},
                                 .huge_pages = true,
                                 .memory_mb = 128});
    if (!eal) fail(eal.error());
    auto pool = port::make_pool({.mbufs = 4 * port::kMbufsPerQueue, .huge_pages = true});
    if (!pool) fail(pool.error());
    const PlacedPort sender(argv[2], argv[3], 0, *pool);
    const PlacedPort receiver(argv[4], argv[5], 1, *pool);
    Load load(*pool, sender.id(), receiver.id(), parse_mac(argv[6]));
    obey(load);
    return 0;
}
