#include "dataplane/transform/pipeline.h"

#include <memory>
#include <thread>

#include "tests/support/fake_random.h"
#include "tests/support/flows.h"
#include "tests/support/relay.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using packet::Verdict;
using test::UdpFrame;
using wire::DropReason;

TEST_GROUP(Pipeline) {
    std::unique_ptr<test::Relay> relay = std::make_unique<test::Relay>();
    test::Relay& r = *relay;

    void drops(DropReason reason, const UdpFrame& frame) { drops(reason, frame.build()); }
    void drops(DropReason reason, const test::Bytes& frame) {
        const auto before = r.pipeline.drops().get(reason);
        CHECK(r.send(frame).verdict == Verdict::kDrop);
        LONGS_EQUAL(before + 1, r.pipeline.drops().get(reason));
    }
    void relays(const UdpFrame& frame) { CHECK(r.send(frame.build()).verdict == Verdict::kTransmit); }
    UdpFrame from_access(std::uint16_t sequence = 1) {
        UdpFrame f;
        f.payload = test::rtp(sequence);
        return f;
    }
};

TEST(Pipeline, packet_leaves_with_our_headers_and_its_own_payload) {
    r.install_pair();
    auto in = from_access();
    in.tos = 0x10;
    in.ttl = 3;
    in.options.resize(8, std::byte{1});
    in.padding = 4;
    const auto out = r.send(in.build());
    CHECK(out.verdict == Verdict::kTransmit);
    LONGS_EQUAL(1, out.interface);
    UdpFrame expected;
    expected.destination_mac = "\x02\x00\x00\x00\x01\x0a";
    expected.source_mac = "\x02\x00\x00\x00\x01\x01";
    expected.source = "198.51.100.1";
    expected.source_port = 20010;
    expected.destination = "198.51.100.10";
    expected.destination_port = 40000;
    expected.tos = 46 << 2;
    expected.ttl = 64;
    expected.identification = 0;
    expected.payload = in.payload;
    CHECK(expected.build() == out.frame);
}

// What the options hide from a fixed place: the addresses, which are checked, learned and summed.
TEST(Pipeline, options_change_nothing_of_who_may_send_and_who_is_learned) {
    r.install_pair();
    auto in = from_access();
    in.options.resize(40, std::byte{1});
    in.source = "192.0.2.11";
    drops(DropReason::kSourceForeign, in);
    in.source = "192.0.2.10";
    in.source_port = 31000;
    relays(in);
    LONGS_EQUAL(31000, r.t.table.latch(0).port);
    LONGS_EQUAL(test::ip("192.0.2.10"), r.t.table.latch(0).address);
}

TEST(Pipeline, absent_udp_checksum_stays_absent) {
    r.install_pair();
    auto in = from_access();
    in.with_checksum = false;
    const auto out = r.send(in.build());
    LONGS_EQUAL(0, packet::load16(out.frame.data() + 40));
}

TEST(Pipeline, media_port_without_flow_is_dropped_and_never_given_to_the_kernel) {
    drops(DropReason::kNoFlow, from_access());
    auto other = from_access();
    other.destination = "192.0.2.2";
    other.destination_port = 20099;
    drops(DropReason::kNoFlow, other);
    other.destination_port = 20100;
    CHECK(r.send(other.build()).verdict == Verdict::kKernel);
}

TEST(Pipeline, signalling_and_other_protocols_go_to_the_kernel_without_vlan_tag) {
    auto sip = from_access();
    sip.destination_port = 5060;
    const auto out = r.send(sip.build());
    CHECK(out.verdict == Verdict::kKernel);
    CHECK(out.frame == sip.build());
    LONGS_EQUAL(0, out.interface);
    auto tagged = sip;
    tagged.vlan = 7;
    tagged.destination_mac = "\x02\x00\x00\x00\x01\x01";
    const auto untagged = r.send(tagged.build(), 1);
    CHECK(untagged.verdict == Verdict::kKernel);
    LONGS_EQUAL(2, untagged.interface);
    tagged.vlan = -1;
    CHECK(untagged.frame == tagged.build());
}

TEST(Pipeline, broadcast_goes_to_the_kernel_and_foreign_unicast_nowhere) {
    auto f = from_access();
    f.destination_mac = "\xff\xff\xff\xff\xff\xff";
    f.destination_port = 5060;
    CHECK(r.send(f.build()).verdict == Verdict::kKernel);
    f.destination_mac = "\x02\x00\x00\x00\x00\x77";
    drops(DropReason::kEtherForeign, f);
}

TEST(Pipeline, media_is_not_given_to_the_kernel_by_a_broadcast_frame_either) {
    for (const bool with_flow : {false, true}) {
        if (with_flow) r.install_pair();
        auto f = from_access();
        f.destination_mac = "\xff\xff\xff\xff\xff\xff";
        drops(DropReason::kNoFlow, f);
        f.destination_mac = "\x01\x00\x5e\x00\x00\x01";
        drops(DropReason::kNoFlow, f);
        f.fragment = 0x2000;
        drops(DropReason::kIpv4Fragment, f);
        f.destination = "198.51.100.1";
        drops(DropReason::kWrongInterface, f);
    }
}

TEST(Pipeline, refused_packets_are_told_where_none_was_taken) {
    r.install_pair();
    auto stranger = from_access();
    stranger.source = "192.0.2.66";
    drops(DropReason::kSourceForeign, stranger);
    LONGS_EQUAL(0, r.t.table.counters(0).packets_in);
    LONGS_EQUAL(1, r.t.table.counters(0).packets_dropped);
}

TEST(Pipeline, media_at_the_wrong_interface_is_dropped) {
    r.install_pair();
    auto f = from_access();
    f.destination = "198.51.100.1";
    drops(DropReason::kWrongInterface, f);
}

TEST(Pipeline, vlan_of_no_interface_is_dropped) {
    auto f = from_access();
    f.vlan = 99;
    drops(DropReason::kVlanUnknown, f);
}

TEST(Pipeline, fragments_to_media_ports_are_dropped_and_later_ones_left_to_the_kernel) {
    r.install_pair();
    auto f = from_access();
    f.fragment = 0x2000;
    drops(DropReason::kIpv4Fragment, f);
    f.destination_port = 5060;
    CHECK(r.send(f.build()).verdict == Verdict::kKernel);
    f.fragment = 20;
    CHECK(r.send(f.build()).verdict == Verdict::kKernel);
}

TEST(Pipeline, only_the_signalled_address_teaches_its_port_and_only_once) {
    r.install_pair();
    auto attacker = from_access();
    attacker.source = "192.0.2.66";
    drops(DropReason::kSourceForeign, attacker);
    auto peer = from_access();
    peer.source_port = 31234;
    relays(peer);
    STRCMP_EQUAL("192.0.2.10:31234", r.t.table.source(0).text().c_str());
    auto neighbour = from_access();
    neighbour.source_port = 31235;
    drops(DropReason::kSourceNotLatched, neighbour);
    drops(DropReason::kSourceForeign, attacker);
    relays(peer);
}

TEST(Pipeline, signalled_address_and_port_take_the_flow_from_who_was_only_quicker) {
    auto spec = test::inbound();
    spec.source_rule = wire::SourceRule::kPrefix;
    spec.prefix_length = 24;
    r.t.commit({test::command(wire::CommandType::kInstall, spec),
                test::command(wire::CommandType::kInstall, test::outbound())});
    auto quicker = from_access();
    quicker.source = "192.0.2.66";
    relays(quicker);
    auto damaged = from_access().build();
    damaged.back() ^= std::byte{1};
    drops(DropReason::kUdpChecksum, damaged);
    relays(quicker);
    relays(from_access());
    STRCMP_EQUAL("192.0.2.10:30000", r.t.table.source(0).text().c_str());
    drops(DropReason::kSourceNotLatched, quicker);
    const auto back = r.send(r.from_core().build(), 1);
    LONGS_EQUAL(30000, packet::load16(back.frame.data() + 36));
    relays(from_access());
    // Only the very endpoint: its address alone is as good as any other of the prefix.
    auto neighbour = from_access();
    neighbour.source_port = 30002;
    drops(DropReason::kSourceNotLatched, neighbour);
}

TEST(Pipeline, reverse_flow_sends_to_what_was_learned) {
    r.install_pair();
    auto back = r.from_core();
    LONGS_EQUAL(30000, packet::load16(r.send(back.build(), 1).frame.data() + 36));
    auto peer = from_access();
    peer.source_port = 31234;
    relays(peer);
    const auto out = r.send(back.build(), 1);
    LONGS_EQUAL(31234, packet::load16(out.frame.data() + 36));
    LONGS_EQUAL(UdpFrame::udp_checksum(out.frame, 14, 34), packet::load16(out.frame.data() + 40));
}

TEST(Pipeline, nothing_is_learned_from_what_is_not_rtp_or_is_damaged) {
    r.install_pair();
    auto f = from_access();
    f.payload.assign(20, std::byte{0});
    drops(DropReason::kNotRtp, f);
    auto damaged = from_access().build();
    damaged.back() ^= std::byte{1};
    drops(DropReason::kUdpChecksum, damaged);
    CHECK(r.t.table.source(0).empty());
    relays(from_access());
}

TEST(Pipeline, prefix_rule_learns_from_the_network_but_never_a_reserved_address) {
    auto spec = test::inbound();
    spec.source_rule = wire::SourceRule::kPrefix;
    spec.prefix_length = 24;
    r.t.install(spec);
    auto f = from_access();
    f.source = "192.0.3.1";
    drops(DropReason::kSourceForeign, f);
    f.source = "192.0.2.77";
    f.source_port = 0;
    drops(DropReason::kIpv4Source, f);
    f.source_port = 1234;
    for (const char* ours : {"192.0.2.1", "192.0.2.2", "192.0.2.255"}) {
        f.source = ours;
        drops(DropReason::kIpv4Source, f);
    }
    f.source = "192.0.2.77";
    relays(f);
    f.source = "192.0.2.78";
    drops(DropReason::kSourceNotLatched, f);
}

TEST(Pipeline, exact_rule_takes_the_signalled_port_alone_and_learns_nothing) {
    auto spec = test::inbound();
    spec.source_rule = wire::SourceRule::kExact;
    r.t.install(spec);
    auto f = from_access();
    f.source_port = 30001;
    drops(DropReason::kSourceForeign, f);
    relays(from_access());
    CHECK(r.t.table.source(0).empty());
}

TEST(Pipeline, update_keeps_counters_and_latch_and_relatch_forgets_the_latch) {
    r.install_pair();
    auto peer = from_access();
    peer.source_port = 31234;
    relays(peer);
    auto spec = test::inbound();
    spec.dscp = 0;
    r.t.update(spec);
    STRCMP_EQUAL("192.0.2.10:31234", r.t.table.source(0).text().c_str());
    LONGS_EQUAL(1, r.t.table.counters(0).packets_in);
    spec.flags |= wire::kFlowRelatch;
    r.t.update(spec);
    CHECK(r.t.table.source(0).empty());
    peer.source_port = 31235;
    relays(peer);
    STRCMP_EQUAL("192.0.2.10:31235", r.t.table.source(0).text().c_str());
    LONGS_EQUAL(2, r.t.table.counters(0).packets_in);
}

TEST(Pipeline, update_to_another_peer_forgets_what_that_peer_could_not_have_taught) {
    r.install_pair();
    relays(from_access());
    auto moved = test::inbound();
    moved.remote = *Endpoint::parse("192.0.2.20:5000");
    r.t.update(moved);
    CHECK(r.t.table.source(0).empty());
    drops(DropReason::kSourceForeign, from_access());
}

TEST(Pipeline, worker_with_the_rule_of_before_an_update_teaches_nothing) {
    r.install_pair();
    const auto& info = r.t.table.info(0);
    const auto old_tag = r.t.table.rule(info.rule).latch_tag;
    auto moved = test::inbound();
    moved.remote = *Endpoint::parse("192.0.2.20:5000");
    r.t.update(moved);
    const auto latch = flow::Latch::unpack(r.t.table.cell(info.cell).latch.load());
    CHECK(latch.tag != old_tag);
    LONGS_EQUAL(latch.tag, r.t.table.rule(info.rule).latch_tag);
}

TEST(Pipeline, flow_removed_and_installed_again_does_not_inherit_a_latch) {
    r.install_pair();
    relays(from_access());
    r.t.remove(test::inbound());
    drops(DropReason::kNoFlow, from_access());
    auto again = test::inbound();
    again.generation = 2;
    r.t.install(again);
    CHECK(r.t.table.source(*r.t.table.find(again.key)).empty());
}

TEST(Pipeline, hold_counts_and_drops) {
    auto spec = test::inbound();
    spec.flags = 0;
    r.t.install(spec);
    drops(DropReason::kOnHold, from_access());
    const auto counters = r.t.table.counters(0);
    LONGS_EQUAL(1, counters.packets_in);
    LONGS_EQUAL(1, counters.packets_dropped);
    LONGS_EQUAL(0, counters.packets_forwarded);
}

TEST(Pipeline, rate_limit_lets_a_second_of_packets_through_and_fills_again) {
    auto spec = test::inbound();
    spec.rate_pps = 50;
    r.t.install(spec);
    for (std::uint16_t i = 0; i < 50; ++i) relays(from_access(i));
    drops(DropReason::kRateLimit, from_access(50));
    r.now_ns += 20'000'000;
    relays(from_access(51));
    drops(DropReason::kRateLimit, from_access(52));
}

TEST(Pipeline, update_does_not_fill_the_rate_limit_and_a_new_flow_at_the_port_starts_full) {
    auto spec = test::inbound();
    spec.rate_pps = 50;
    r.t.install(spec);
    for (std::uint16_t i = 0; i < 50; ++i) relays(from_access(i));
    spec.dscp = 10;
    r.t.commit({test::command(wire::CommandType::kUpdate, spec)});
    drops(DropReason::kRateLimit, from_access(50));
    r.t.commit({test::command(wire::CommandType::kRemove, spec)});
    r.t.install(spec);
    relays(from_access(51));
}

TEST(Pipeline, rtcp_flow_takes_rtcp_and_keeps_no_sequence) {
    auto spec = test::inbound();
    spec.flags |= wire::kFlowRtcp;
    r.t.install(spec);
    drops(DropReason::kNotRtcp, from_access());
    auto report = from_access();
    report.payload = test::rtcp_sender_report();
    relays(report);
    LONGS_EQUAL(0, r.t.table.counters(0).packets_lost);
}

TEST(Pipeline, counters_tell_loss_bytes_and_stream) {
    r.install_pair();
    for (const std::uint16_t s : {1, 2, 5, 4, 4}) {
        relays(from_access(s));
        r.now_ns += 20'000'000;
    }
    const auto c = r.t.table.counters(0);
    LONGS_EQUAL(5, c.packets_in);
    LONGS_EQUAL(5 * 172, c.bytes_in);
    LONGS_EQUAL(1, c.packets_lost);
    LONGS_EQUAL(1, c.packets_out_of_order);
    LONGS_EQUAL(1, c.packets_duplicate);
    LONGS_EQUAL(0x11223344, c.ssrc);
    LONGS_EQUAL(8, c.payload_type);
}

TEST(Pipeline, unknown_next_hop_is_handed_over_complete_but_for_the_address) {
    r.install_pair("198.51.100.77");
    const auto out = r.send(from_access().build());
    CHECK(out.verdict == Verdict::kResolve);
    LONGS_EQUAL(test::ip("198.51.100.77"), out.next_hop);
    LONGS_EQUAL(1, out.interface);
    for (std::size_t i = 0; i < 6; ++i) CHECK(out.frame[i] == std::byte{0});
    LONGS_EQUAL(0x0800, packet::load16(out.frame.data() + 12));
}

TEST(Pipeline, destination_behind_a_router_goes_to_the_routers_address) {
    r.install_pair("203.0.113.5");
    const auto out = r.send(from_access().build());
    CHECK(out.verdict == Verdict::kTransmit);
    LONGS_EQUAL(0xfe, std::to_integer<int>(out.frame[5]));
}

TEST(Pipeline, no_route_and_too_long_are_dropped) {
    r.install_pair("9.9.9.9");
    drops(DropReason::kNoRoute, from_access());
    auto long_one = from_access();
    long_one.destination_port = 20004;
    auto spec = test::inbound();
    spec.key.local.port = 20004;
    r.t.install(spec);
    long_one.payload = test::rtp(1, 1500 - 20 - 8 - 12 + 1);
    drops(DropReason::kMtu, long_one);
    long_one.payload = test::rtp(1, 1500 - 20 - 8 - 12);
    relays(long_one);
}

TEST(Pipeline, kernel_gets_no_more_than_its_rate) {
    auto sip = from_access();
    sip.destination_port = 5060;
    int passed = 0;
    for (int i = 0; i < 200; ++i) passed += r.send(sip.build()).verdict == Verdict::kKernel;
    LONGS_EQUAL(test::Relay::kKernelBurst, passed);
    LONGS_EQUAL(200 - passed, r.pipeline.drops().get(DropReason::kKernelRateSip));
    r.now_ns += 10'000'000;  // 1,000 packets per second
    passed = 0;
    for (int i = 0; i < 200; ++i) passed += r.send(sip.build()).verdict == Verdict::kKernel;
    LONGS_EQUAL(10, passed);
}

TEST(Pipeline, random_frames_do_no_harm) {
    r.install_pair();
    test::FakeRandom random(3);
    const auto good = from_access().build();
    for (int i = 0; i < 50'000; ++i) {
        auto frame = good;
        frame.resize(random.below(static_cast<std::uint32_t>(frame.size() + 1)));
        for (auto n = random.below(4); n > 0 && !frame.empty(); --n)
            random.fill(std::span(frame).subspan(random.below(static_cast<std::uint32_t>(frame.size())), 1));
        r.send(frame, static_cast<std::uint16_t>(random.below(3)));
    }
}

// Flows come and go under a running worker: under the thread sanitizer this shows that nothing is read that is
// being written; everywhere, that no packet leaves by a rule that was never whole.
TEST(Pipeline, changes_under_a_running_worker_are_seen_whole) {
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread worker([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            const auto out = r.send(from_access().build());
            if (out.verdict == Verdict::kTransmit) {
                const auto port = packet::load16(out.frame.data() + 36);
                const auto tos = std::to_integer<int>(out.frame[15]);
                if (port - 40000 != tos >> 2) wrong.fetch_add(1);
            }
            r.t.epochs.quiescent(0);
        }
    });
    for (std::uint32_t g = 1; g < 2'000; ++g) {
        auto spec = test::inbound();
        spec.generation = g;
        for (std::uint8_t step = 0; step < 3; ++step) {
            spec.dscp = static_cast<std::uint8_t>((g + step) % 64);
            spec.out_remote.port = static_cast<std::uint16_t>(40000 + spec.dscp);
            if (step == 0)
                r.t.install(spec);
            else
                r.t.update(spec);
        }
        r.t.remove(spec);
        r.t.table.reclaim(r.t.events);
        r.t.events.all.clear();
        while (r.t.table.free_flows() < 2) {
            r.t.table.reclaim(r.t.events);
            std::this_thread::yield();
        }
    }
    stop.store(true);
    worker.join();
    LONGS_EQUAL(0, wrong.load());
}
