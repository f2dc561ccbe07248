#include "platform/wire/counters_page.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

wire::FlowReading reading(std::uint64_t n) {
    wire::FlowReading out;
    out.generation = static_cast<std::uint32_t>(n) | 1;
    out.key = n;
    out.call = n;
    out.counters.packets_in = n;
    out.counters.last_packet_ns = n;
    return out;
}

}  // namespace

TEST_GROUP(CountersPage) {
    wire::CountersGeometry geometry{2, 4};
    std::vector<std::byte> memory = std::vector<std::byte>(geometry.bytes() + 64);
    std::span<std::byte> page = aligned();
    wire::CountersWriter writer{page, geometry};

    std::span<std::byte> aligned() {
        void* at = memory.data();
        std::size_t space = memory.size();
        return {static_cast<std::byte*>(std::align(64, geometry.bytes(), at, space)), geometry.bytes()};
    }
};

TEST(CountersPage, reader_sees_what_was_written) {
    writer.set_drops(wire::DropReason::kNoFlow, 5);
    wire::PortCounters port;
    port.rx_packets = 77;
    writer.set_port(1, port);
    writer.set_flow(3, reading(9));
    const auto reader = wire::CountersReader::attach(page);
    CHECK(reader.has_value());
    LONGS_EQUAL(5, reader->drops(wire::DropReason::kNoFlow));
    LONGS_EQUAL(77, reader->port(1)->rx_packets);
    LONGS_EQUAL(9, reader->flow(3)->counters.packets_in);
    CHECK(reader->flow(3)->key == reading(9).key);
}

TEST(CountersPage, indices_outside_and_slots_without_flow_give_nothing) {
    const auto reader = wire::CountersReader::attach(page);
    CHECK_FALSE(reader->flow(0).has_value());
    CHECK_FALSE(reader->flow(4).has_value());
    CHECK_FALSE(reader->flow(0xffffffff).has_value());
    CHECK_FALSE(reader->port(2).has_value());
    writer.set_flow(4, reading(1));  // outside: nothing is written
    writer.set_flow(0, reading(1));
    writer.clear_flow(0);
    CHECK_FALSE(reader->flow(0).has_value());
}

TEST(CountersPage, port_name_is_always_ended) {
    wire::PortCounters port;
    std::memset(port.name, 'x', sizeof port.name);
    writer.set_port(0, port);
    const auto reader = wire::CountersReader::attach(page);
    LONGS_EQUAL(sizeof port.name - 1, std::strlen(reader->port(0)->name));
}

TEST(CountersPage, any_other_build_is_refused_with_a_sentence) {
    for (std::size_t at = 0; at < offsetof(wire::CountersHeader, reserved); at += 4) {
        // In the counts of ports and flows a change counts that leads outside the page.
        page[at + 1] ^= std::byte{0x10};
        const auto reader = wire::CountersReader::attach(page);
        CHECK_FALSE(reader.has_value());
        CHECK(reader.error().find("expected") != std::string::npos);
        page[at + 1] ^= std::byte{0x10};
    }
    CHECK_FALSE(wire::CountersReader::attach(page.first(100)).has_value());
    CHECK_FALSE(wire::CountersReader::attach(page.first(page.size() - 1)).has_value());
}

TEST(CountersPage, writer_that_died_while_writing_gives_nothing_and_does_not_hang_the_reader) {
    writer.set_flow(1, reading(1));
    const auto reader = wire::CountersReader::attach(page);
    auto& slot = *reinterpret_cast<wire::FlowSlot*>(page.data() + geometry.flows_at() + sizeof(wire::FlowSlot));
    slot.sequence.fetch_add(1);
    CHECK_FALSE(reader->flow(1).has_value());
}

TEST(CountersPage, reading_is_never_a_mixture_of_two) {
    const auto reader = wire::CountersReader::attach(page);
    std::atomic<bool> stop{false};
    std::thread other([&] {
        for (std::uint64_t n = 1; !stop.load(std::memory_order_relaxed); ++n) writer.set_flow(2, reading(n));
    });
    bool whole = true;
    int seen = 0;
    while (seen < 20'000) {
        const auto r = reader->flow(2);
        if (!r) {
            std::this_thread::yield();
            continue;
        }
        ++seen;
        const auto n = r->counters.packets_in;
        whole = whole && r->call == n && r->key == n && r->counters.last_packet_ns == n &&
                r->generation == reading(n).generation;
    }
    stop.store(true);
    other.join();
    CHECK(whole);
}

TEST_GROUP(DropReasons) {};

TEST(DropReasons, each_has_a_name_of_its_own_and_a_text) {
    for (std::size_t i = 0; i < wire::kDropReasons; ++i) {
        CHECK_FALSE(wire::kDropReasonInfo[i].name.empty());
        CHECK_FALSE(wire::kDropReasonInfo[i].text.empty());
        for (std::size_t j = 0; j < i; ++j) CHECK(wire::kDropReasonInfo[i].name != wire::kDropReasonInfo[j].name);
    }
}
