#include "controlplane/call/overload.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using call::Overload;

TEST_GROUP(Overload) {
    Overload overload;
    Instant now{1h};

    void look_for(Duration time, Duration waited) {
        for (const auto end = now + time; now < end; now += 5ms) overload.look(now, waited);
    }
};

TEST(Overload, a_burst_is_none) {
    look_for(90ms, 200ms);
    look_for(5ms, 60ms);
    look_for(90ms, 200ms);
    CHECK_FALSE(overload.on());
    CHECK_FALSE(overload.refuses(200ms));
}

TEST(Overload, it_begins_when_the_oldest_waits_too_long_for_an_interval) {
    look_for(110ms, 61ms);
    CHECK(overload.on());
    CHECK(overload.refuses(61ms));
    CHECK_FALSE(overload.refuses(60ms));
    LONGS_EQUAL(1, overload.times());
}

TEST(Overload, it_is_over_after_a_second_of_short_waits_and_not_before) {
    look_for(110ms, 100ms);
    look_for(900ms, 10ms);
    look_for(5ms, 40ms);  // more than half the target
    look_for(900ms, 0ms);
    CHECK(overload.on());
    look_for(110ms, 0ms);
    CHECK_FALSE(overload.on());
    look_for(110ms, 100ms);
    LONGS_EQUAL(2, overload.times());
}
