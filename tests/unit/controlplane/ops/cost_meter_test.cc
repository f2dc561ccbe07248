#include "controlplane/ops/cost_meter.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

TEST_GROUP(CostMeter) {
    Instant now{1h};
    Duration cpu{5s};
    int looks = 0;
    ops::CostMeter meter{{.monotonic = [this] { return now; },
                          .cpu =
                              [this] {
                                  ++looks;
                                  return cpu;
                              }}};

    void spend(Duration time) {
        now += time;
        cpu += time;
    }
    void work(Duration time, Duration away = {}) {
        meter.begin();
        spend(time);
        now += away;
        meter.end();
    }
};

TEST(CostMeter, the_dearest_work_and_those_above_each_bound_are_told) {
    work(900us);
    work(2ms);
    work(21ms);
    work(6ms);
    CHECK(meter.slowest() == 21ms);
    LONGS_EQUAL(4, meter.works());
    LONGS_EQUAL(3, meter.above(0));
    LONGS_EQUAL(2, meter.above(1));
    LONGS_EQUAL(1, meter.above(2));
}

TEST(CostMeter, a_preemption_is_no_cost_of_the_work) {
    work(50us, 300ms);
    CHECK(meter.slowest() == 50us);
    LONGS_EQUAL(0, meter.above(0));
}

TEST(CostMeter, a_preemption_does_not_hide_the_cost_of_the_work) {
    work(50us, 300ms);
    work(30ms, 300ms);
    CHECK(meter.slowest() == 30ms);
    LONGS_EQUAL(1, meter.above(2));
}

// The CPU time since the last look may be that of works before this one: of a few of them at most.
TEST(CostMeter, a_preempted_work_is_charged_for_no_more_than_the_works_since_the_last_look) {
    work(200us);
    for (unsigned i = 0; i < 3 * ops::CostMeter::kWorksPerLook - 2; ++i) work(100us);
    work(100us, 300ms);
    CHECK(meter.slowest() <= ops::CostMeter::kWorksPerLook * 100us);
}

TEST(CostMeter, time_between_turns_is_no_work) {
    work(200us);
    meter.end_turn();
    spend(400ms);  // other things that the thread does
    work(50us, 300ms);
    CHECK(meter.slowest() == 200us);
}

TEST(CostMeter, the_clock_that_costs_a_system_call_is_read_rarely) {
    work(200us);
    looks = 0;
    for (unsigned i = 0; i < 10 * ops::CostMeter::kWorksPerLook; ++i) work(100us);
    CHECK(looks <= 10);
}
