#include "dataplane/flow/watch.h"

#include <memory>

#include "dataplane/flow/next_hops.h"
#include "platform/wire/packed_flow.h"
#include "tests/support/flows.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using wire::EventType;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

}  // namespace

TEST_GROUP(FlowWatch) {
    // On the heap by itself: its cache-line alignment is more than the runner gives a fixture.
    std::unique_ptr<test::Table> table = std::make_unique<test::Table>();
    test::Table& t = *table;
    wire::CountersGeometry geometry{0, 8};
    std::vector<std::byte> memory = std::vector<std::byte>(geometry.bytes() + 64);
    std::span<std::byte> page = [this] {
        void* at = memory.data();
        std::size_t space = memory.size();
        return std::span(static_cast<std::byte*>(std::align(64, geometry.bytes(), at, space)), geometry.bytes());
    }();
    wire::CountersWriter writer{page, geometry};
    flow::FlowWatch watch{t.table, writer};

    void install(std::uint16_t extra_flags = 0, std::uint32_t idle_ms = 0) {
        auto spec = test::inbound();
        spec.flags |= extra_flags;
        spec.idle_ms = idle_ms;
        t.install(spec);
        t.events.all.clear();
    }
    void hear(std::uint64_t at_ns) {
        t.table.stats(0, 0).packets_in.add(1);
        t.table.stats(0, 0).last_ns.set(at_ns);
    }
    void learn(const char* source) {
        auto& cell = t.table.cell(t.table.info(0).cell);
        auto latch = flow::Latch::unpack(cell.latch.load());
        const auto endpoint = *Endpoint::parse(source);
        latch.address = endpoint.address.v4_host_order();
        latch.port = endpoint.port;
        cell.latch.store(latch.pack());
    }
};

TEST(FlowWatch, silence_is_told_once_and_so_is_its_end) {
    install(wire::kFlowReportIdle, 300);
    CHECK(watch.turn(t.now_ns + 299 * kMs, t.events));
    LONGS_EQUAL(0, t.events.all.size());
    watch.turn(t.now_ns + 300 * kMs, t.events);
    watch.turn(t.now_ns + 400 * kMs, t.events);
    CHECK((t.events.types() == std::vector{EventType::kIdle}));
    hear(t.now_ns + 500 * kMs);
    watch.turn(t.now_ns + 501 * kMs, t.events);
    watch.turn(t.now_ns + 600 * kMs, t.events);
    CHECK((t.events.types() == std::vector{EventType::kIdle, EventType::kActive}));
    watch.turn(t.now_ns + 900 * kMs, t.events);
    LONGS_EQUAL(3, t.events.all.size());
}

// What was told to an earlier session, or to nobody.
TEST(FlowWatch, silence_is_told_again_after_a_list) {
    install(wire::kFlowReportIdle, 300);
    watch.turn(t.now_ns + 300 * kMs, t.events);
    t.service.reset();
    t.service.handle(test::command(wire::CommandType::kList, {}), t.now_ns, t.events);
    t.service.turn(t.events);
    watch.turn(t.now_ns + 400 * kMs, t.events);
    watch.turn(t.now_ns + 500 * kMs, t.events);
    CHECK(
        (t.events.types() == std::vector{EventType::kIdle, EventType::kListed, EventType::kListEnd, EventType::kIdle}));
}

TEST(FlowWatch, silence_is_not_told_where_nobody_asked) {
    install(0, 300);
    watch.turn(t.now_ns + 9'000 * kMs, t.events);
    LONGS_EQUAL(0, t.events.all.size());
}

TEST(FlowWatch, learned_source_is_told_once_and_again_after_a_new_one) {
    install();
    learn("192.0.2.10:31000");
    watch.turn(t.now_ns, t.events);
    watch.turn(t.now_ns, t.events);
    CHECK((t.events.types() == std::vector{EventType::kLatched}));
    STRCMP_EQUAL("192.0.2.10:31000", t.events.all[0].source.text().c_str());
    auto moved = test::inbound();
    moved.flags |= wire::kFlowRelatch;
    t.update(moved);
    t.events.all.clear();
    watch.turn(t.now_ns, t.events);
    LONGS_EQUAL(0, t.events.all.size());
    learn("192.0.2.10:31000");
    watch.turn(t.now_ns, t.events);
    CHECK((t.events.types() == std::vector{EventType::kLatched}));
}

TEST(FlowWatch, event_without_room_is_told_later) {
    install(wire::kFlowReportIdle, 300);
    learn("192.0.2.10:31000");
    t.events.limit = 0;
    watch.turn(t.now_ns + 300 * kMs, t.events);
    t.events.limit = 10;
    watch.turn(t.now_ns + 310 * kMs, t.events);
    CHECK((t.events.types() == std::vector{EventType::kLatched, EventType::kIdle}));
}

TEST(FlowWatch, page_shows_the_flow_and_forgets_it) {
    install();
    hear(t.now_ns);
    watch.turn(t.now_ns, t.events);
    const auto reader = wire::CountersReader::attach(page);
    LONGS_EQUAL(1, reader->flow(0)->counters.packets_in);
    CHECK(reader->flow(0)->key == wire::pack_key(test::inbound().key));
    t.remove(test::inbound());
    watch.turn(t.now_ns, t.events);
    CHECK_FALSE(reader->flow(0).has_value());
}

TEST(FlowWatch, counters_of_several_workers_are_summed_and_the_last_one_speaks_for_the_stream) {
    test::Table two(test::two_realms(8, 2));
    two.install(test::inbound());
    auto& first = two.table.stats(0, 0);
    auto& second = two.table.stats(1, 0);
    first.packets_in.add(5);
    first.first_ns.set(10);
    first.last_ns.set(100);
    first.reception.packet({.payload_type = 8, .sequence = 1, .ssrc = 1}, 1, 8);
    second.packets_in.add(7);
    second.first_ns.set(50);
    second.last_ns.set(200);
    second.reception.packet({.payload_type = 0, .sequence = 1, .ssrc = 2}, 1, 8);
    const auto sum = two.table.counters(0);
    LONGS_EQUAL(12, sum.packets_in);
    LONGS_EQUAL(10, sum.first_packet_ns);
    LONGS_EQUAL(200, sum.last_packet_ns);
    LONGS_EQUAL(2, sum.ssrc);
    LONGS_EQUAL(0, sum.payload_type);
}

TEST_GROUP(NextHops) {
    const std::vector<flow::RouteEntry> routes{
        {0, 24, test::ip("192.0.2.0"), 0, 0},   {0, 0, 0, test::ip("192.0.2.254"), 100},
        {0, 0, 0, test::ip("192.0.2.253"), 50}, {1, 16, test::ip("203.0.0.0"), test::ip("198.51.100.254"), 0},
        {1, 32, test::ip("203.0.113.7"), 0, 0},
    };
    const std::vector<flow::NeighbourEntry> neighbours{
        {0, test::ip("192.0.2.10"), {1}}, {0, test::ip("192.0.2.253"), {2}}, {1, test::ip("192.0.2.10"), {3}}};
    const flow::NextHops hops{routes, neighbours};
    using Outcome = flow::NextHops::Outcome;
};

TEST(NextHops, neighbour_on_the_link_is_its_own_next_hop) {
    const auto found = hops.find(0, test::ip("192.0.2.10"));
    CHECK(found.outcome == Outcome::kFound);
    LONGS_EQUAL(1, found.mac.mac()[0]);
}

TEST(NextHops, longest_prefix_wins_then_the_lowest_metric) {
    const auto far = hops.find(0, test::ip("8.8.8.8"));
    LONGS_EQUAL(test::ip("192.0.2.253"), far.next_hop);
    LONGS_EQUAL(2, far.mac.mac()[0]);
    LONGS_EQUAL(test::ip("198.51.100.254"), hops.find(1, test::ip("203.0.113.8")).next_hop);
    LONGS_EQUAL(test::ip("203.0.113.7"), hops.find(1, test::ip("203.0.113.7")).next_hop);
}

// A neighbour is known, and what is sent to it goes another way.
TEST(NextHops, route_of_a_neighbour_comes_before_its_being_one) {
    const std::vector<flow::RouteEntry> ways{
        {0, 24, test::ip("192.0.2.0"), 0, 0},
        {0, 32, test::ip("192.0.2.10"), test::ip("192.0.2.253"), 0},
        {.interface = 0, .length = 32, .prefix = test::ip("192.0.2.253"), .dead_end = true}};
    const flow::NextHops table(ways, neighbours);
    for (int i = 0; i < 2; ++i) {  // before and after it is marked as used
        const auto found = table.find(0, test::ip("192.0.2.10"));
        LONGS_EQUAL(test::ip("192.0.2.253"), found.next_hop);
        LONGS_EQUAL(2, found.mac.mac()[0]);
        CHECK(table.find(0, test::ip("192.0.2.253")).outcome == Outcome::kNoRoute);
    }
    CHECK(table.find(1, test::ip("192.0.2.10")).outcome == Outcome::kNoRoute);  // no route at all there
}

TEST(NextHops, unknown_neighbour_and_missing_route_are_told_apart) {
    const auto unresolved = hops.find(0, test::ip("192.0.2.11"));
    CHECK(unresolved.outcome == Outcome::kUnresolved);
    LONGS_EQUAL(test::ip("192.0.2.11"), unresolved.next_hop);
    CHECK(hops.find(1, test::ip("8.8.8.8")).outcome == Outcome::kNoRoute);
    CHECK(hops.find(7, test::ip("8.8.8.8")).outcome == Outcome::kNoRoute);
}

TEST(NextHops, use_is_marked_until_it_is_taken_and_looking_is_no_use) {
    int used = 0;
    const auto count = [&used](std::uint16_t, std::uint32_t) { ++used; };
    hops.look(0, test::ip("192.0.2.10"));
    hops.take_used(count);
    LONGS_EQUAL(0, used);
    for (int i = 0; i < 2; ++i) LONGS_EQUAL(1, hops.find(0, test::ip("192.0.2.10")).mac.mac()[0]);
    hops.take_used(count);
    hops.take_used(count);
    LONGS_EQUAL(1, used);
    hops.find(0, test::ip("8.8.8.8"));  // the gateway
    hops.take_used(count);
    LONGS_EQUAL(2, used);
}

TEST(NextHops, many_neighbours_are_all_found) {
    std::vector<flow::NeighbourEntry> many;
    for (std::uint32_t i = 1; i <= 5000; ++i) many.push_back({0, i, {static_cast<std::uint8_t>(i)}});
    const std::vector<flow::RouteEntry> all{{0, 0, 0, 0, 0}};
    const flow::NextHops table(all, many);
    for (std::uint32_t i = 1; i <= 5000; ++i) LONGS_EQUAL(static_cast<std::uint8_t>(i), table.find(0, i).mac.mac()[0]);
    CHECK(table.find(0, 5001).outcome == Outcome::kUnresolved);
}
