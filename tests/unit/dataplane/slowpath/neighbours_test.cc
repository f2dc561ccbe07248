#include "dataplane/slowpath/neighbours.h"

#include <vector>

#include "tests/support/frames.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using slowpath::Neighbours;
using std::chrono::milliseconds;

TEST_GROUP(Neighbours) {
    int probes = 0;
    Neighbours n{[this](std::uint16_t, std::uint32_t) { ++probes; }};
    Instant now{std::chrono::seconds(100)};
    const std::uint32_t peer = test::ip("192.0.2.10");
    const packet::Mac mac{2, 0, 0, 0, 0, 10};
    std::vector<packet::Packet> ready;
    std::vector<packet::Packet> dropped;
    std::byte frame[64] = {};

    bool hold(std::uint32_t address) {
        packet::Packet p;
        p.data = frame;
        p.next_hop = address;
        return n.hold(p, now);
    }
    void take_ready() {
        n.take_ready([this](packet::Packet& p) { ready.push_back(p); });
    }
    void pass(Duration time, bool used) {
        for (const auto end = now + time; now < end;) {
            now += milliseconds(200);
            if (used) n.used(0, peer, now);
            n.expire(now, [this](packet::Packet& p) { dropped.push_back(p); });
        }
    }
};

TEST(Neighbours, packet_waits_for_the_answer_and_leaves_with_its_address) {
    CHECK(hold(peer));
    LONGS_EQUAL(1, probes);
    CHECK(hold(peer));
    LONGS_EQUAL(1, probes);  // asked already
    take_ready();
    LONGS_EQUAL(0, ready.size());
    n.resolved(0, peer, mac, true);
    CHECK(n.take_changed());
    take_ready();
    LONGS_EQUAL(2, ready.size());
    LONGS_EQUAL(10, std::to_integer<int>(frame[5]));
    LONGS_EQUAL(0, n.waiting());
    n.release_all([](packet::Packet&) {});
}

TEST(Neighbours, packets_wait_a_second_at_most_and_the_kernel_is_asked_again_meanwhile) {
    hold(peer);
    pass(std::chrono::seconds(1), false);
    LONGS_EQUAL(1, dropped.size());
    CHECK(probes >= 3);
    LONGS_EQUAL(0, n.waiting());
    pass(std::chrono::seconds(5), false);
    LONGS_EQUAL(0, n.known());  // and then it is forgotten
}

TEST(Neighbours, waiting_is_bounded_per_next_hop_and_in_all) {
    std::size_t held = 0;
    for (int i = 0; i < 100; ++i) held += hold(peer);
    LONGS_EQUAL(Neighbours::kMaxWaitingPerHop, held);
    for (std::uint32_t a = 0; a < 100; ++a)
        for (int i = 0; i < 32; ++i) held += hold(test::ip("10.0.0.1") + a);
    LONGS_EQUAL(Neighbours::kMaxWaiting, held);
    n.release_all([this](packet::Packet& p) { dropped.push_back(p); });
    LONGS_EQUAL(held, dropped.size());
}

TEST(Neighbours, entry_in_use_is_confirmed_when_the_kernel_lets_it_grow_stale) {
    n.resolved(0, peer, mac, true);
    pass(std::chrono::seconds(3), true);
    LONGS_EQUAL(0, probes);
    n.resolved(0, peer, mac, false);
    pass(std::chrono::seconds(10), true);
    CHECK(probes >= 4 && probes <= 6);
}

TEST(Neighbours, entry_that_nobody_uses_is_not_kept_alive) {
    n.resolved(0, peer, mac, false);
    pass(std::chrono::seconds(30), false);
    LONGS_EQUAL(0, probes);
}

TEST(Neighbours, flushed_entry_in_use_keeps_its_address_while_the_kernel_is_asked) {
    n.resolved(0, peer, mac, true);
    pass(std::chrono::seconds(1), true);
    n.take_changed();
    n.lost(0, peer, now);
    pass(milliseconds(400), true);
    CHECK(probes >= 1);
    CHECK_FALSE(n.take_changed());
    LONGS_EQUAL(1, n.entries().size());
    CHECK(n.state(0, peer) == Neighbours::State::kProbing);
    n.resolved(0, peer, mac, true);
    CHECK_FALSE(n.take_changed());
    CHECK(n.state(0, peer) == Neighbours::State::kResolved);
}

TEST(Neighbours, kept_address_ends_when_no_answer_comes) {
    n.resolved(0, peer, mac, true);
    pass(std::chrono::seconds(1), true);
    n.take_changed();
    n.lost(0, peer, now);
    pass(Neighbours::kKeepMac + milliseconds(400), true);
    CHECK(n.take_changed());
    LONGS_EQUAL(0, n.entries().size());
    CHECK(n.state(0, peer) == Neighbours::State::kUnresolved);
}

TEST(Neighbours, flushed_entry_that_nobody_uses_is_forgotten) {
    n.resolved(0, peer, mac, true);
    n.lost(0, peer, now);
    pass(milliseconds(200), false);
    LONGS_EQUAL(0, n.known());
}

TEST(Neighbours, new_address_of_a_neighbour_is_taken_over) {
    n.resolved(0, peer, mac, true);
    n.take_changed();
    n.resolved(0, peer, {2, 0, 0, 0, 0, 11}, true);
    CHECK(n.take_changed());
    LONGS_EQUAL(11, n.entries()[0].mac[5]);
}

TEST(Neighbours, what_a_resync_does_not_name_is_lost) {
    n.resolved(0, peer, mac, true);
    n.resolved(0, peer + 1, mac, true);
    n.begin_resync();
    n.resolved(0, peer, mac, true);
    n.end_resync(now);
    CHECK(n.state(0, peer) == Neighbours::State::kResolved);
    pass(milliseconds(200), false);
    CHECK(n.state(0, peer + 1) == Neighbours::State::kUnresolved);
}
