#include "controlplane/net/pace.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using net::Pace;

TEST_GROUP(Pace) {
    Pace pace;
    Instant now{1h};
    std::uint64_t received = 0;
    Duration last{};  // rest

    // Turns at this distance, each of which takes so many datagrams. How many of the last half were to be followed by a
    // rest.
    int rests(int turns, Duration distance, std::uint64_t datagrams) {
        int out = 0;
        for (int i = 0; i < turns; ++i, now += distance) {
            received += datagrams;
            const auto next = pace.next_turn(now, received);
            if (next > now) last = next - now;
            out += i >= turns / 2 && next > now ? 1 : 0;
        }
        return out;
    }
};

TEST(Pace, few_datagrams_are_taken_at_once) { LONGS_EQUAL(0, rests(1000, 1ms, 1)); }

TEST(Pace, turns_rest_while_many_come_but_never_long) {
    LONGS_EQUAL(500, rests(1000, 1ms, 3));
    CHECK_TRUE(last == Pace::kLongest);
}

TEST(Pace, the_more_come_the_shorter_they_rest) {
    rests(1000, 1ms, 2 * Pace::kGather);
    CHECK_TRUE(last == 500us);
}

TEST(Pace, it_changes_within_two_windows) {
    rests(100, 1ms, 3);
    LONGS_EQUAL(0, rests(80, 1ms, 1));
    LONGS_EQUAL(40, rests(80, 1ms, 3));
}

TEST(Pace, what_comes_after_a_pause_does_not_wait) {
    rests(100, 1ms, 10);
    now += 1h;
    LONGS_EQUAL(0, rests(2, 1ms, 30));
    now += 100h;
    LONGS_EQUAL(0, rests(2, 1ms, 1'000'000));
}
