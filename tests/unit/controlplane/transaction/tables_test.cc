#include "controlplane/transaction/tables.h"

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace std::chrono_literals;

namespace {

struct Item {
    static inline std::size_t alive = 0;
    static inline std::vector<const Item*> ended;
    void on_end(Instant) { ended.push_back(this); }
    void prefetch_links() const {}
    bool lingers = false;
    Item() { ++alive; }
    ~Item() { --alive; }
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    HashLink by_key;
    WaitLink by_peer;
};

constexpr std::size_t kMany = 5000;

}  // namespace

TEST_GROUP(Slots) {};

TEST(Slots, what_a_peak_took_goes_but_for_some_that_are_used_again) {
    Slots<Item> slots(kMany);
    std::vector<Item*> taken;
    for (std::size_t i = 0; i < kMany; ++i) taken.push_back(slots.take());
    POINTERS_EQUAL(nullptr, slots.take());
    LONGS_EQUAL(kMany, slots.used());
    for (auto* item : taken) slots.give_back(*item);
    LONGS_EQUAL(0, slots.used());
    LONGS_EQUAL(Slots<Item>::kSpare, Item::alive);
    for (std::size_t i = 0; i < kMany; ++i) CHECK_TRUE(slots.take() != nullptr);
    POINTERS_EQUAL(nullptr, slots.take());
}

TEST(Slots, number_that_ended_is_found_no_more_whether_its_slot_stayed_or_not) {
    Slots<Item> slots(kMany);
    struct Name {
        std::uint32_t index, generation;
    };
    std::vector<Name> ended;
    for (int round = 0; round < 3; ++round) {
        std::vector<Item*> taken;
        for (std::size_t i = 0; i < 2 * Slots<Item>::kSpare; ++i) {
            taken.push_back(slots.take());
            POINTERS_EQUAL(taken.back(), slots.find(taken.back()->index, taken.back()->generation));
        }
        for (const auto& name : ended) POINTERS_EQUAL(nullptr, slots.find(name.index, name.generation));
        for (auto* item : taken) {
            ended.push_back({item->index, item->generation});
            slots.give_back(*item);
        }
    }
    for (const auto& name : ended) POINTERS_EQUAL(nullptr, slots.find(name.index, name.generation));
    POINTERS_EQUAL(nullptr, slots.find(1U << 30, 1));
}

TEST_GROUP(HashIndex) {
    Slots<Item> slots{kMany};
    HashIndex<Item, &Item::by_key> index{slots};
    std::vector<Item*> items;

    void insert(const Hash128& hash) {
        items.push_back(slots.take());
        index.insert(*items.back(), hash);
    }
};

TEST(HashIndex, finds_all_while_it_grows_and_none_that_was_taken_out) {
    const auto hash = [](std::uint64_t key) { return Hash128{key * 0x9e3779b97f4a7c15 >> 7, key}; };
    for (std::uint64_t i = 0; i < kMany; ++i) insert(hash(i));
    for (std::uint64_t i = 0; i < kMany; ++i) POINTERS_EQUAL(items[i], index.find(hash(i)));
    for (std::size_t i = 0; i < kMany; i += 2) index.erase(*items[i]);
    index.erase(*items[0]);  // twice does no harm
    for (std::uint64_t i = 0; i < kMany; ++i) POINTERS_EQUAL(i % 2 == 0 ? nullptr : items[i], index.find(hash(i)));
}

TEST(HashIndex, keeps_apart_what_shares_a_place_over_the_end_of_the_table_too) {
    constexpr std::uint64_t kEnd = UINT32_MAX;  // the last place, whatever the size
    for (std::uint64_t i = 0; i < 8; ++i) insert({kEnd - i % 2, i});
    insert({0, 8});  // its own place is taken by one that did not fit at the end
    const auto hash = [](std::uint64_t i) { return i == 8 ? Hash128{0, 8} : Hash128{kEnd - i % 2, i}; };
    for (const std::size_t out : {3, 0, 8, 5}) {
        POINTERS_EQUAL(items[out], index.find(hash(out)));
        index.erase(*items[out]);
        items[out] = nullptr;
        for (std::uint64_t i = 0; i < items.size(); ++i) POINTERS_EQUAL(items[i], index.find(hash(i)));
    }
    POINTERS_EQUAL(nullptr, index.find({kEnd, 9}));
}

TEST_GROUP(Lingering) {
    Instant now{1h};
    TimerWheel wheel{now};
    Slots<Item> slots{kMany};
    Lingering<Item> lingering{slots, 3};
    std::vector<Item*> items;

    void teardown() override { std::vector<const Item*>().swap(Item::ended); }
    void add(Duration how_long) {
        items.push_back(slots.take());
        lingering.add(wheel, now, how_long, *items.back());
    }
    void pass(Duration time) {
        now += time;
        wheel.advance(now);
    }
    void ended(std::initializer_list<std::size_t> wanted) {
        std::vector<const Item*> expected;
        for (const auto n : wanted) expected.push_back(items[n]);
        CHECK_TRUE(Item::ended == expected);
        Item::ended.clear();
    }
};

TEST(Lingering, each_ends_when_its_time_has_come_whoever_came_before) {
    add(32s);
    add(5s);
    pass(1s);
    add(32s);
    add(5s);
    pass(4s);
    ended({1});
    pass(1s);
    ended({3});
    pass(25999ms);
    ended({});
    pass(1ms);
    ended({0});
    pass(1s);
    ended({2});
    LONGS_EQUAL(0, wheel.size());
}

TEST(Lingering, who_is_gone_is_passed_over_and_its_slots_next_owner_left_alone) {
    add(5s);
    add(5s);
    LONGS_EQUAL(2, lingering.size());
    lingering.end(*items[0]);
    lingering.end(*items[0]);  // twice does no harm
    LONGS_EQUAL(1, lingering.size());
    slots.give_back(*items[0]);
    POINTERS_EQUAL(items[0], slots.take());
    pass(5s);
    ended({1});
}

TEST(Lingering, above_the_bound_who_has_waited_longest_goes_not_who_would_end_first) {
    add(32s);
    pass(1s);
    for (int i = 0; i < 2; ++i) add(5s);
    POINTERS_EQUAL(nullptr, lingering.surplus());
    pass(1s);
    for (int i = 0; i < 2; ++i) add(32s);
    POINTERS_EQUAL(items[0], lingering.surplus());
    POINTERS_EQUAL(items[1], lingering.surplus());
    POINTERS_EQUAL(nullptr, lingering.surplus());
    pass(32s);
    ended({2, 3, 4});
}

TEST_GROUP(Waiters) {};

TEST(Waiters, visits_those_of_a_hash_wherever_one_was_taken_out) {
    Slots<Item> slots(kMany);
    Waiters<Item, &Item::by_peer> waiters(slots);
    std::vector<Item*> items;
    for (int i = 0; i < 5; ++i) {
        items.push_back(slots.take());
        waiters.insert(*items.back(), 7);
    }
    for (const std::size_t out : {2, 4, 0}) waiters.erase(*items[out]);
    waiters.erase(*items[2]);
    CHECK_FALSE(waiters.contains(*items[2]));
    CHECK_TRUE(waiters.contains(*items[1]));
    std::vector<const Item*> seen;
    waiters.visit(7, [&](const Item& item) { seen.push_back(&item); });
    LONGS_EQUAL(2, seen.size());
    CHECK_TRUE(seen[0] == items[3] && seen[1] == items[1]);
}
