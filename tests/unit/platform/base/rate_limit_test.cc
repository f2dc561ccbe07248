#include "platform/base/rate_limit.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

TEST_GROUP(RateLimit) {
    Instant now{1h};
    // How many are taken of `tries` that come `apart`.
    int taken(RateLimit& limit, int tries, Duration apart) {
        int out = 0;
        for (int i = 0; i < tries; ++i, now += apart) out += limit.take(now) ? 1 : 0;
        return out;
    }
};

TEST(RateLimit, without_a_rate_all_are_taken) {
    RateLimit none;
    RateLimit zero(0, 5);
    LONGS_EQUAL(1000, taken(none, 1000, 0ms));
    LONGS_EQUAL(1000, taken(zero, 1000, 0ms));
}

TEST(RateLimit, a_burst_and_then_the_rate) {
    RateLimit limit(10, 5);
    LONGS_EQUAL(5, taken(limit, 20, 0ms));
    now += 99ms;
    CHECK_FALSE(limit.take(now));
    now += 1ms;
    CHECK(limit.take(now));
    CHECK_FALSE(limit.take(now));
    // Ten seconds of a hundred tries each, of which the first tenth is paid for.
    LONGS_EQUAL(99, taken(limit, 1000, 10ms));
}

TEST(RateLimit, a_rest_gives_back_one_burst_and_no_more) {
    RateLimit limit(10, 5);
    LONGS_EQUAL(5, taken(limit, 9, 0ms));
    now += 1h;
    LONGS_EQUAL(5, taken(limit, 9, 0ms));
}

TEST(RateLimit, a_refusal_takes_nothing) {
    RateLimit limit(1, 1);
    CHECK(limit.take(now));
    LONGS_EQUAL(0, taken(limit, 999, 1ms));
    now += 1ms;
    CHECK(limit.take(now));
}

TEST(RateLimit, a_burst_of_none_is_one) {
    RateLimit limit(100, 0);
    LONGS_EQUAL(1, taken(limit, 3, 0ms));
}

TEST(RateLimit, a_rate_that_does_not_divide_a_second_holds_over_an_hour) {
    RateLimit limit(7, 7);
    const int all = taken(limit, 3600 * 100, 10ms);
    CHECK(all >= 3600 * 7 && all <= 3600 * 7 + 8);
}
