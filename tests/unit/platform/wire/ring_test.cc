#include "platform/wire/ring.h"

#include <memory>
#include <thread>
#include <vector>

#include "platform/wire/segment.h"
#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

struct Record {
    std::uint64_t number = 0;
    std::uint64_t inverse = 0;
};

struct Shared {
    static constexpr std::uint32_t kSlots = 8;
    wire::RingCursors cursors{};
    std::byte slots[kSlots * sizeof(Record)] = {};
    wire::RingPlace<Record> place() { return {&cursors, slots, kSlots}; }
};

}  // namespace

TEST_GROUP(Ring) {
    std::unique_ptr<Shared> shared = std::make_unique<Shared>();
    wire::RingProducer<Record> producer{shared->place()};
    wire::RingConsumer<Record> consumer{shared->place()};
    Record out;
};

TEST(Ring, records_come_out_in_order_over_many_rounds) {
    std::uint64_t pushed = 0;
    std::uint64_t popped = 0;
    test::FakeRandom random(3);
    while (popped < 1000) {
        for (auto n = random.below(10); n > 0; --n) pushed += producer.push({pushed, ~pushed});
        for (auto n = random.below(10); n > 0 && consumer.pop(out); --n) {
            LONGS_EQUAL(popped, out.number);
            ++popped;
        }
    }
    CHECK_FALSE(producer.broken());
    CHECK_FALSE(consumer.broken());
}

TEST(Ring, who_looks_unasked_need_not_be_woken) {
    CHECK(producer.push({1, 0}));
    CHECK(producer.must_wake());
    consumer.look_unasked(true);
    CHECK_FALSE(producer.must_wake());
    consumer.look_unasked(false);
    CHECK(producer.must_wake());
    LONGS_EQUAL(1, consumer.waiting());
}

TEST(Ring, full_ring_refuses_and_an_empty_one_gives_nothing) {
    CHECK_FALSE(consumer.pop(out));
    for (std::uint64_t i = 0; i < Shared::kSlots; ++i) CHECK(producer.push({i, 0}));
    LONGS_EQUAL(0, producer.free());
    CHECK_FALSE(producer.push({99, 0}));
    CHECK(consumer.pop(out));
    CHECK(producer.push({8, 0}));
    for (std::uint64_t i = 1; i <= Shared::kSlots; ++i) {
        CHECK(consumer.pop(out));
        LONGS_EQUAL(i, out.number);
    }
    CHECK_FALSE(consumer.pop(out));
}

TEST(Ring, head_beyond_the_slots_breaks_the_consumer_for_good) {
    producer.push({1, 0});
    shared->cursors.head.store(Shared::kSlots + 1);
    CHECK_FALSE(consumer.pop(out));
    CHECK(consumer.broken());
    shared->cursors.head.store(1);
    CHECK_FALSE(consumer.pop(out));
}

TEST(Ring, head_that_goes_back_breaks_the_consumer) {
    producer.push({1, 0});
    CHECK(consumer.pop(out));
    shared->cursors.head.store(0);
    CHECK_FALSE(consumer.pop(out));
    CHECK(consumer.broken());
}

TEST(Ring, tail_ahead_of_the_head_breaks_the_producer) {
    for (int i = 0; i < 6; ++i) producer.push({});
    shared->cursors.tail.store(7);
    LONGS_EQUAL(0, producer.free());
    CHECK(producer.broken());
    shared->cursors.tail.store(6);
    CHECK_FALSE(producer.push({}));
}

TEST(Ring, tail_that_goes_back_breaks_the_producer) {
    for (int i = 0; i < 8; ++i) producer.push({});
    for (int i = 0; i < 8; ++i) consumer.pop(out);
    LONGS_EQUAL(8, producer.free());
    for (int i = 0; i < 8; ++i) producer.push({});
    shared->cursors.tail.store(3);
    CHECK_FALSE(producer.push({}));
    CHECK(producer.broken());
}

// Whatever a hostile peer writes into the cursors: no access outside the slots (the address sanitizer watches),
// and never more records than slots between two looks.
TEST(Ring, random_cursors_never_lead_outside) {
    test::FakeRandom random(5);
    for (int round = 0; round < 2000; ++round) {
        wire::RingProducer<Record> p(shared->place());
        wire::RingConsumer<Record> c(shared->place());
        for (int i = 0; i < 50; ++i) {
            if (random.chance(50)) shared->cursors.head.store(random.chance(50) ? random.below(20) : random.next_u64());
            if (random.chance(50)) shared->cursors.tail.store(random.chance(50) ? random.below(20) : random.next_u64());
            p.push({});
            CHECK(p.free() <= Shared::kSlots);
            c.pop(out);
            CHECK(c.waiting() <= Shared::kSlots);
        }
    }
}

TEST(Ring, two_threads_see_whole_records_in_order) {
    constexpr std::uint64_t kRecords = 200'000;
    std::thread writer([this] {
        for (std::uint64_t i = 0; i < kRecords;)
            if (producer.push({i, ~i}))
                ++i;
            else
                std::this_thread::yield();
    });
    std::uint64_t expected = 0;
    bool whole = true;
    while (expected < kRecords) {
        if (!consumer.pop(out)) {
            std::this_thread::yield();
            continue;
        }
        whole = whole && out.number == expected && out.inverse == ~expected;
        ++expected;
    }
    writer.join();
    CHECK(whole);
    CHECK_FALSE(consumer.broken() || producer.broken());
}

TEST_GROUP(Segment) {
    std::vector<std::byte> memory = std::vector<std::byte>(wire::kSegmentBytes + 64);
    std::span<std::byte> aligned() {
        void* at = memory.data();
        std::size_t space = memory.size();
        return {static_cast<std::byte*>(std::align(64, wire::kSegmentBytes, at, space)), wire::kSegmentBytes};
    }
};

TEST(Segment, both_sides_agree_where_the_rings_lie) {
    auto ours = wire::make_segment(aligned(), 7);
    auto theirs = wire::attach_segment(aligned());
    CHECK(theirs.has_value());
    wire::RingProducer<wire::FlowCommand> producer(theirs->commands);
    wire::RingConsumer<wire::FlowCommand> consumer(ours.commands);
    wire::FlowCommand command;
    command.transaction = 42;
    CHECK(producer.push(command));
    CHECK(consumer.pop(command));
    LONGS_EQUAL(42, command.transaction);
}

TEST(Segment, any_other_build_is_refused_with_a_sentence) {
    wire::make_segment(aligned(), 7);
    for (std::size_t at = 0; at < offsetof(wire::SegmentHeader, session); at += 4) {
        aligned()[at] ^= std::byte{1};
        const auto attached = wire::attach_segment(aligned());
        CHECK_FALSE(attached.has_value());
        CHECK(attached.error().find("expected") != std::string::npos);
        aligned()[at] ^= std::byte{1};
    }
    CHECK(wire::attach_segment(aligned()).has_value());
    CHECK_FALSE(wire::attach_segment(aligned().first(wire::kSegmentBytes - 1)).has_value());
}
