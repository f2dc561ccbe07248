#include "dataplane/transform/kernel_gate.h"

#include <memory>

#include "tests/support/relay.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using packet::Verdict;
using test::Bytes;
using test::UdpFrame;
using wire::DropReason;

TEST_GROUP(KernelGate) {
    std::unique_ptr<test::Relay> relay = std::make_unique<test::Relay>();
    test::Relay& r = *relay;

    static Bytes datagram(std::uint16_t port) {
        UdpFrame f;
        f.destination_port = port;
        f.payload.assign(20, std::byte{'x'});
        return f.build();
    }
    static Bytes fragment() {
        UdpFrame f;
        f.destination_port = 5060;
        f.fragment = 0x2000;
        f.payload.assign(20, std::byte{'x'});
        return f.build();
    }
    static Bytes of_protocol(unsigned protocol, Bytes b) {
        b[14 + 9] = static_cast<std::byte>(protocol);
        test::set16(b, 14 + 10, 0);
        test::set16(b, 14 + 10, test::full_checksum(b, 14, 34));
        return b;
    }
    static Bytes icmp() { return of_protocol(1, datagram(5060)); }
    static Bytes tcp(std::uint16_t port) { return of_protocol(6, datagram(port)); }
    // As ARP comes: 28 bytes after the Ethernet header.
    static Bytes arp(bool broadcast) {
        auto b = datagram(5060);
        b.resize(42);
        test::set16(b, 12, 0x0806);
        if (broadcast) std::fill_n(b.begin(), 6, std::byte{0xff});
        return b;
    }
    bool passes(const Bytes& frame) { return r.send(frame).verdict == Verdict::kKernel; }
    std::uint64_t dropped(DropReason reason) { return r.pipeline.drops().get(reason); }
};

TEST(KernelGate, flood_of_one_kind_leaves_the_budgets_of_the_others) {
    struct Kind {
        Bytes frame;
        DropReason reason;
    };
    const std::vector<Kind> kinds{
        {datagram(9), DropReason::kKernelRate},    {arp(false), DropReason::kKernelRateArp},
        {icmp(), DropReason::kKernelRateIcmp},     {fragment(), DropReason::kKernelRateFragment},
        {arp(true), DropReason::kKernelRateGroup}, {datagram(5060), DropReason::kKernelRateSip}};
    for (const auto& kind : kinds) {
        std::uint32_t passed = 0;
        for (int i = 0; i < 200; ++i) passed += passes(kind.frame) ? 1 : 0;
        LONGS_EQUAL(test::Relay::kKernelBurst, passed);  // whatever the kinds before have used up
        LONGS_EQUAL(200 - passed, dropped(kind.reason));
    }
}

TEST(KernelGate, signalling_is_an_address_and_a_port_of_that_interface) {
    for (int i = 0; i < 200; ++i) passes(datagram(9));
    CHECK_FALSE(passes(datagram(9)));
    CHECK(passes(datagram(5060)));
    CHECK_FALSE(passes(datagram(5061)));
    UdpFrame other;
    other.destination = "192.0.2.2";  // ours, and nobody listens there
    other.destination_port = 5060;
    CHECK_FALSE(passes(other.build()));
    auto elsewhere = r.from_core();
    elsewhere.destination_port = 5060;  // the core interface has no listener here
    for (int i = 0; i < 200; ++i) r.send(elsewhere.build(), 1);
    const auto before = dropped(DropReason::kKernelRate);
    CHECK(r.send(elsewhere.build(), 1).verdict == Verdict::kDrop);
    LONGS_EQUAL(before + 1, dropped(DropReason::kKernelRate));
}

TEST(KernelGate, streams_to_where_sip_listens_have_a_budget_of_their_own) {
    for (int i = 0; i < 200; ++i) passes(datagram(5060));
    CHECK_FALSE(passes(datagram(5060)));
    CHECK(passes(tcp(5060)));
    CHECK(passes(tcp(40000)));  // a connection that we made
    const auto before = dropped(DropReason::kKernelRateSip);
    for (int i = 0; i < 200; ++i) passes(tcp(5060));
    CHECK(dropped(DropReason::kKernelRateSip) > before);
    CHECK(passes(datagram(9)));
    for (int i = 0; i < 200; ++i) passes(datagram(9));
    UdpFrame other;
    other.destination = "192.0.2.2";  // ours, and nobody listens there
    other.payload.assign(20, std::byte{'x'});
    CHECK_FALSE(passes(of_protocol(6, other.build())));
}

TEST(KernelGate, signalling_alone_goes_first) {
    packet::Packet p;
    for (const auto& [port, first] : {std::pair<std::uint16_t, bool>{5060, true}, {9, false}}) {
        auto bytes = datagram(port);
        p = {.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())};
        r.pipeline.run({&p, 1}, r.now_ns);
        CHECK(p.verdict == Verdict::kKernel);
        CHECK(p.signalling == first);
    }
}

TEST(KernelGate, interfaces_have_budgets_of_their_own) {
    for (int i = 0; i < 200; ++i) passes(datagram(9));
    auto core = r.from_core();
    core.destination_port = 9;
    CHECK(r.send(core.build(), 1).verdict == Verdict::kKernel);
}

TEST(KernelGate, tag_does_not_hide_the_kind) {
    UdpFrame f;
    f.vlan = 0;  // priority-tagged
    f.destination_port = 5060;
    f.payload.assign(20, std::byte{'x'});
    for (int i = 0; i < 200; ++i) passes(f.build());
    CHECK(dropped(DropReason::kKernelRateSip) > 0);
    CHECK(passes(datagram(9)));
}
