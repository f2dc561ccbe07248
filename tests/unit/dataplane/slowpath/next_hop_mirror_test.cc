#include "dataplane/slowpath/next_hop_mirror.h"

#include <deque>
#include <memory>

#include "tests/support/frames.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using Outcome = flow::NextHops::Outcome;
using std::chrono::milliseconds;

namespace {

struct FakeIo final : slowpath::FrameIo {
    std::deque<packet::Packet> unresolved;
    std::vector<packet::Packet> sent;
    int released = 0;

    std::size_t take_for_kernel(std::span<packet::Packet>) override { return 0; }
    std::size_t take_unresolved(std::span<packet::Packet> out) override {
        std::size_t n = 0;
        for (; n < out.size() && !unresolved.empty(); ++n, unresolved.pop_front()) out[n] = unresolved.front();
        return n;
    }
    bool make(packet::Packet&, std::size_t) override { return false; }
    bool transmit(packet::Packet& p) override {
        sent.push_back(p);
        return true;
    }
    void release(packet::Packet&) override { ++released; }
    bool arm_wake() override { return false; }
    void disarm_wake() override {}
};

constexpr std::uint32_t kAccessIndex = 6;
constexpr std::uint32_t kCoreIndex = 7;

// All on the heap: the cache-line alignment inside is more than the runner gives a fixture.
struct Mirrored {
    FakeIo io;
    flow::Epochs epochs{1};
    flow::PublishedNextHops published;
    std::vector<std::pair<std::uint32_t, IpAddress>> probes;
    std::vector<wire::DropReason> drops;
    Instant now{std::chrono::seconds(50)};
    slowpath::NextHopMirror mirror{
        {"access", "core"},
        published,
        epochs,
        io,
        [this](std::uint32_t ifindex, const IpAddress& a) { probes.emplace_back(ifindex, a); },
        [this](packet::Packet&, wire::DropReason reason) { drops.push_back(reason); }};

    void tell(const os::MonitorChange& change) { mirror.change(change, now); }
    void link(std::uint32_t index, const char* name, bool up = true) {
        os::LinkChange l;
        l.ifindex = index;
        l.name = name;
        l.up = up;
        tell(l);
    }
    enum class Does { kAdd, kRemove, kReplace };
    void route(const char* prefix, std::uint32_t index, const char* gateway = nullptr, Does does = Does::kAdd) {
        os::RouteChange r;
        r.removed = does == Does::kRemove;
        r.replaces = does == Does::kReplace;
        r.destination = *IpPrefix::parse(prefix);
        r.ifindex = index;
        if (gateway != nullptr) r.gateway = IpAddress::parse(gateway);
        tell(r);
    }
    void neighbour(const char* address, std::uint32_t index, std::uint8_t last_of_mac, bool removed = false) {
        os::NeighbourChange n;
        n.removed = removed;
        n.ifindex = index;
        n.address = *IpAddress::parse(address);
        n.mac.bytes = {2, 0, 0, 0, 0, last_of_mac};
        n.resolved = n.reachable = !removed;
        tell(n);
    }
    void sync() {
        tell(os::MonitorMark::kResync);
        link(kAccessIndex, "access");
        link(kCoreIndex, "core");
        link(9, "eth0");
        route("192.0.2.0/24", kAccessIndex);
        route("198.51.100.0/24", kCoreIndex);
        route("0.0.0.0/0", kCoreIndex, "198.51.100.254");
        route("0.0.0.0/0", 9, "10.0.0.1");
        neighbour("192.0.2.10", kAccessIndex, 10);
        neighbour("198.51.100.254", kCoreIndex, 254);
    }
    void turn(Duration passed = milliseconds(0)) {
        now += passed;
        mirror.take_unresolved(now);
        mirror.turn(now);
        epochs.quiescent(0);
    }
    flow::NextHops::Found find(std::uint16_t interface, const char* address) {
        return published.get()->find(interface, test::ip(address));
    }
    std::vector<std::byte> frame = std::vector<std::byte>(64);
    void send_unresolved(std::uint16_t interface, const char* next_hop) {
        packet::Packet p;
        p.data = frame.data();
        p.interface = interface;
        p.next_hop = test::ip(next_hop);
        io.unresolved.push_back(p);
    }
};

}  // namespace

TEST_GROUP(NextHopMirror) {
    std::unique_ptr<Mirrored> mirrored = std::make_unique<Mirrored>();
    Mirrored& m = *mirrored;
};

TEST(NextHopMirror, nothing_is_published_before_all_was_told) {
    m.sync();
    m.turn();
    CHECK(m.find(0, "192.0.2.10").outcome == Outcome::kNoRoute);
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    CHECK(m.find(0, "192.0.2.10").outcome == Outcome::kFound);
    LONGS_EQUAL(254, m.find(1, "8.8.8.8").mac.mac()[5]);
    CHECK(m.find(0, "8.8.8.8").outcome == Outcome::kNoRoute);  // routes of other devices are not ours
}

TEST(NextHopMirror, unresolved_packet_waits_is_asked_for_and_sent) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    m.send_unresolved(1, "198.51.100.10");
    m.turn();
    LONGS_EQUAL(1, m.probes.size());
    LONGS_EQUAL(kCoreIndex, m.probes[0].first);
    STRCMP_EQUAL("198.51.100.10", m.probes[0].second.text().c_str());
    LONGS_EQUAL(0, m.io.sent.size());
    m.neighbour("198.51.100.10", kCoreIndex, 77);
    m.turn(milliseconds(5));
    LONGS_EQUAL(1, m.io.sent.size());
    LONGS_EQUAL(77, std::to_integer<int>(m.frame[5]));
    CHECK(m.find(1, "198.51.100.10").outcome == Outcome::kFound);
}

TEST(NextHopMirror, packet_that_nobody_answers_for_is_dropped_after_a_second) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.send_unresolved(1, "198.51.100.10");
    for (int i = 0; i < 7; ++i) m.turn(milliseconds(200));
    LONGS_EQUAL(1, m.drops.size());
    CHECK(m.drops[0] == wire::DropReason::kNextHopTimeout);
}

TEST(NextHopMirror, flush_in_use_keeps_the_address_and_asks_again) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    for (int i = 0; i < 5; ++i) {
        m.find(0, "192.0.2.10");  // a worker uses it
        m.turn(milliseconds(200));
    }
    m.neighbour("192.0.2.10", kAccessIndex, 10, true);
    for (int i = 0; i < 10; ++i) {
        CHECK(m.find(0, "192.0.2.10").outcome == Outcome::kFound);
        m.turn(milliseconds(200));
    }
    CHECK(m.probes.size() >= 5);
    m.neighbour("192.0.2.10", kAccessIndex, 11);
    m.turn();
    LONGS_EQUAL(11, m.find(0, "192.0.2.10").mac.mac()[5]);
}

TEST(NextHopMirror, neighbour_with_a_group_address_is_not_believed) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    os::NeighbourChange n;
    n.ifindex = kCoreIndex;
    n.address = *IpAddress::parse("198.51.100.254");
    n.mac.bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    n.resolved = n.reachable = true;
    m.tell(n);
    m.turn();
    LONGS_EQUAL(254, m.find(1, "8.8.8.8").mac.mac()[5]);
}

TEST(NextHopMirror, overflow_of_the_kernels_queue_never_empties_the_table) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    m.tell(os::MonitorMark::kResync);
    m.turn(milliseconds(200));
    CHECK(m.find(1, "8.8.8.8").outcome == Outcome::kFound);
    // The new account has no default route any more.
    m.route("192.0.2.0/24", kAccessIndex);
    m.route("198.51.100.0/24", kCoreIndex);
    m.neighbour("192.0.2.10", kAccessIndex, 10);
    m.neighbour("198.51.100.254", kCoreIndex, 254);
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    CHECK(m.find(1, "8.8.8.8").outcome == Outcome::kNoRoute);
    CHECK(m.find(0, "192.0.2.10").outcome == Outcome::kFound);
}

TEST(NextHopMirror, removed_route_is_gone) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    m.route("0.0.0.0/0", kCoreIndex, "198.51.100.254", Mirrored::Does::kRemove);
    m.turn();
    CHECK(m.find(1, "8.8.8.8").outcome == Outcome::kNoRoute);
}

TEST(NextHopMirror, route_that_replaces_another_leaves_nothing_of_it) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    m.route("0.0.0.0/0", kCoreIndex, "198.51.100.77", Mirrored::Does::kReplace);
    m.turn();
    LONGS_EQUAL(test::ip("198.51.100.77"), m.find(1, "8.8.8.8").next_hop);
    m.route("0.0.0.0/0", kCoreIndex, "198.51.100.253", Mirrored::Does::kReplace);
    m.turn();
    LONGS_EQUAL(test::ip("198.51.100.253"), m.find(1, "8.8.8.8").next_hop);
    CHECK_FALSE(m.mirror.take_resync_wanted());
    // One of a device that is not ours takes its place.
    m.route("0.0.0.0/0", 9, "10.0.0.1", Mirrored::Does::kReplace);
    m.turn();
    CHECK(m.find(1, "8.8.8.8").outcome == Outcome::kNoRoute);
}

TEST(NextHopMirror, all_is_asked_anew_when_the_kernel_may_have_changed_routes_in_silence) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    CHECK_FALSE(m.mirror.take_resync_wanted());
    m.link(kCoreIndex, "core", false);
    CHECK(m.mirror.take_resync_wanted());
    m.link(kCoreIndex, "core", false);
    m.link(kCoreIndex, "core", true);
    m.link(9, "eth0", false);
    CHECK_FALSE(m.mirror.take_resync_wanted());
    os::AddressChange gone;
    gone.removed = true;
    gone.ifindex = 9;
    m.tell(gone);
    CHECK_FALSE(m.mirror.take_resync_wanted());
    gone.ifindex = kAccessIndex;
    m.tell(gone);
    CHECK(m.mirror.take_resync_wanted());
    m.link(12, "access");  // a device with routes of before was renamed
    CHECK(m.mirror.take_resync_wanted());
    // Of several alike the kernel replaces one.
    m.route("0.0.0.0/0", kCoreIndex, "198.51.100.253");
    m.route("0.0.0.0/0", kCoreIndex, "198.51.100.77", Mirrored::Does::kReplace);
    CHECK(m.mirror.take_resync_wanted());
}

TEST(NextHopMirror, routes_of_other_devices_take_no_room_and_one_too_many_is_counted) {
    m.sync();
    const auto text = [](std::uint32_t n) { return IpAddress::v4(0x0A000000U + (n << 8)).text() + "/24"; };
    for (std::uint32_t n = 0; n < 5'000; ++n) m.route(text(n).c_str(), 9, "10.0.0.1");
    m.route("203.0.113.0/24", kCoreIndex, "198.51.100.254");
    m.tell(os::MonitorMark::kSynced);
    m.turn();
    CHECK(m.find(1, "203.0.113.1").outcome == Outcome::kFound);
    LONGS_EQUAL(0, m.mirror.routes_refused());
    for (std::uint32_t n = 0; n < 5'000; ++n) m.route(text(n).c_str(), kAccessIndex);
    LONGS_EQUAL(5'000 - (4'096 - 4), m.mirror.routes_refused());
}

TEST(NextHopMirror, route_to_nowhere_holds_at_every_interface) {
    m.sync();
    m.tell(os::MonitorMark::kSynced);
    m.route("0.0.0.0/0", kAccessIndex, "192.0.2.10");
    m.route("203.0.113.0/24", 0);
    m.turn();
    for (const std::uint16_t interface : {0, 1}) {
        CHECK(m.find(interface, "203.0.113.1").outcome == Outcome::kNoRoute);
        CHECK(m.find(interface, "203.0.112.1").outcome == Outcome::kFound);
    }
    m.route("203.0.113.0/24", 0, nullptr, Mirrored::Does::kRemove);
    m.turn();
    CHECK(m.find(1, "203.0.113.1").outcome == Outcome::kFound);
}
