// IPv6 at the gate to the kernel: kinds and budgets of its own beside those of IPv4.
#include <memory>

#include "dataplane/transform/kernel_gate.h"
#include "tests/support/frames6.h"
#include "tests/support/relay.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using packet::Verdict;
using test::Bytes;
using test::icmp6;
using test::Ipv6Frame;
using test::udp6;
using transform::KernelKind;
using wire::DropReason;

namespace {

constexpr const char* kAllNodes = "\x33\x33\x00\x00\x00\x01";
constexpr const char* kOurGroup = "\x33\x33\xff\x00\x00\x01";

Ipv6Frame datagram(std::uint16_t port) { return {.upper = 17, .payload = udp6(port)}; }
Ipv6Frame tcp(std::uint16_t port) { return {.upper = 6, .payload = udp6(port)}; }
Ipv6Frame neighbour(std::uint8_t type, const char* mac = "\x02\x00\x00\x00\x00\x01") {
    return {.destination_mac = mac, .hop_limit = 255, .upper = 58, .payload = icmp6(type)};
}
Ipv6Frame echo() { return {.upper = 58, .payload = icmp6(128)}; }
Ipv6Frame fragment() { return {.extensions = {test::fragment6(1)}, .upper = 17, .payload = udp6(5060)}; }

}  // namespace

TEST_GROUP(KernelGateIpv6) {
    std::unique_ptr<test::Relay> relay = std::make_unique<test::Relay>();
    test::Relay& r = *relay;
    transform::KernelGate gate{r.interfaces, transform::KernelRates::each({.packets_per_second = 1, .burst = 1})};

    bool passes(const Ipv6Frame& frame) { return r.send(frame.build()).verdict == Verdict::kKernel; }
    std::uint64_t dropped(DropReason reason) { return r.pipeline.drops().get(reason); }
    void exhaust(const Ipv6Frame& frame) {
        for (int i = 0; i < 200; ++i) passes(frame);
        CHECK_FALSE(passes(frame));
    }
    KernelKind kind_of(const Ipv6Frame& frame) {
        auto bytes = frame.build();
        const packet::Packet p{.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())};
        const auto h = packet::parse(bytes, false);
        CHECK(h.kind == packet::Kind::kOther);
        return gate.kind_of(p, h);
    }
};

TEST(KernelGateIpv6, flood_of_one_kind_leaves_the_budgets_of_the_others) {
    struct Kind {
        Ipv6Frame frame;
        DropReason reason;
    };
    const std::vector<Kind> kinds{
        {datagram(9), DropReason::kKernelRate},
        {neighbour(136), DropReason::kKernelRateNeighbour},
        {neighbour(135, kOurGroup), DropReason::kKernelRateNeighbour},
        {echo(), DropReason::kKernelRateIcmp},
        {fragment(), DropReason::kKernelRateFragment},
        {{.destination_mac = kAllNodes, .upper = 17, .payload = udp6(5353)}, DropReason::kKernelRateGroup},
        {datagram(5060), DropReason::kKernelRateSip},
        {tcp(5060), DropReason::kKernelRateSip}};
    for (const auto& kind : kinds) {
        const auto before = dropped(kind.reason);
        std::uint32_t passed = 0;
        for (int i = 0; i < 200; ++i) passed += passes(kind.frame) ? 1 : 0;
        LONGS_EQUAL(test::Relay::kKernelBurst, passed);  // whatever the kinds before have used up
        LONGS_EQUAL(200 - passed, dropped(kind.reason) - before);
    }
}

TEST(KernelGateIpv6, neither_family_takes_the_others_budget) {
    exhaust(neighbour(136));
    exhaust(neighbour(135, kOurGroup));
    exhaust(echo());
    exhaust(fragment());
    test::UdpFrame ipv4;
    auto arp = ipv4.build();
    test::set16(arp, 12, 0x0806);
    CHECK(r.send(arp).verdict == Verdict::kKernel);
    std::fill_n(arp.begin(), 6, std::byte{0xff});
    CHECK(r.send(arp).verdict == Verdict::kKernel);
    ipv4.fragment = 0x2000;
    ipv4.destination_port = 5060;
    CHECK(r.send(ipv4.build()).verdict == Verdict::kKernel);
    for (int i = 0; i < 200; ++i) r.send(arp);
    CHECK(r.send(arp).verdict == Verdict::kDrop);
    r.now_ns += 1'000'000'000;
    for (int i = 0; i < 200; ++i) r.send(arp);
    CHECK(passes(neighbour(135, kOurGroup)));  // after a storm of broadcasts
}

TEST(KernelGateIpv6, signalling_is_an_address_and_a_port) {
    CHECK(kind_of(datagram(5060)) == KernelKind::kSignalling);
    CHECK(kind_of(datagram(5061)) == KernelKind::kOther);
    CHECK(kind_of(tcp(5060)) == KernelKind::kStream);
    CHECK(kind_of(tcp(40000)) == KernelKind::kStream);  // a connection that we made
    auto other = datagram(5060);
    other.destination = "2001:db8::2";
    CHECK(kind_of(other) == KernelKind::kOther);
    other = tcp(5060);
    other.destination = "2001:db9::1";
    CHECK(kind_of(other) == KernelKind::kOther);
}

TEST(KernelGateIpv6, signalling_is_marked) {
    for (const auto& [frame, first] : {std::pair{datagram(5060), true}, {tcp(5060), true}, {datagram(9), false}}) {
        auto bytes = frame.build();
        packet::Packet p{.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())};
        r.pipeline.run({&p, 1}, r.now_ns);
        CHECK(p.verdict == Verdict::kKernel);
        CHECK(p.signalling == first);
    }
}

TEST(KernelGateIpv6, extension_headers_do_not_hide_the_kind) {
    auto frame = datagram(5060);
    frame.extensions = {test::options6(0), test::options6(60)};
    CHECK(kind_of(frame) == KernelKind::kSignalling);
    frame = neighbour(135, kOurGroup);
    frame.extensions = {test::options6(0)};
    CHECK(kind_of(frame) == KernelKind::kNeighbourGroup);
    // RFC 6980: neighbour discovery is never fragmented.
    frame.extensions = {test::fragment6(1)};
    CHECK(kind_of(frame) == KernelKind::kGroup);
    frame = datagram(5060);
    frame.extensions = {test::fragment6(8)};
    CHECK(kind_of(frame) == KernelKind::kFragment6);
}

TEST(KernelGateIpv6, what_a_router_has_passed_on_is_no_neighbour_discovery) {
    auto frame = neighbour(136);
    CHECK(kind_of(frame) == KernelKind::kNeighbour);
    frame.hop_limit = 254;
    CHECK(kind_of(frame) == KernelKind::kIcmp6);
    CHECK(kind_of(neighbour(134)) == KernelKind::kIcmp6);             // a router's word is not taken
    CHECK(kind_of(neighbour(134, kAllNodes)) == KernelKind::kGroup);  // so it has no budget of its own
    frame = neighbour(135);
    frame.payload.clear();
    CHECK(kind_of(frame) == KernelKind::kIcmp6);
}

TEST(KernelGateIpv6, a_tag_does_not_hide_the_kind_and_is_taken_off) {
    auto frame = datagram(5060);
    frame.vlan = 0;
    CHECK(kind_of(frame) == KernelKind::kSignalling);
    const auto sent = r.send(frame.build());
    CHECK(sent.verdict == Verdict::kKernel);
    frame.vlan = -1;
    CHECK(sent.frame == frame.build());
}
