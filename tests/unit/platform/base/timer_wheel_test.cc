#include "platform/base/timer_wheel.h"

#include <memory>
#include <vector>

#include "tests/support/fake_random.h"

// CppUTest replaces new and delete by macros: it comes after the standard library.
#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

namespace {

const Instant kStart{5h};

struct Probe {
    Timer timer;
    Instant armed_for{};
    Instant fired_at = kNever;
    int fired = 0;
    void fire(Instant now) {
        fired_at = now;
        ++fired;
    }
};

}  // namespace

TEST_GROUP(TimerWheel) {
    TimerWheel wheel{kStart};

    void arm(Probe& probe, Instant deadline) {
        probe.armed_for = deadline;
        wheel.arm<&Probe::fire>(probe.timer, deadline, &probe);
    }
};

TEST(TimerWheel, FiresNotEarlyAndAtMostOneTickLate) {
    Probe probe;
    arm(probe, kStart + 500ms + 1ns);
    wheel.advance(kStart + 500ms);
    LONGS_EQUAL(0, probe.fired);
    wheel.advance(kStart + 501ms);
    LONGS_EQUAL(1, probe.fired);
    LONGS_EQUAL(0, wheel.size());
}

TEST(TimerWheel, RandomDeadlinesFireOnceInOrderOverSeveralLevels) {
    test::FakeRandom random(1);
    std::vector<std::unique_ptr<Probe>> probes;
    for (int i = 0; i < 2000; ++i) {
        probes.push_back(std::make_unique<Probe>());
        // From milliseconds to half an hour.
        const auto span = 1U << (4 + random.below(18));
        arm(*probes.back(),
            kStart + std::chrono::milliseconds(random.below(span)) + std::chrono::nanoseconds(random.below(1000000)));
    }
    Instant now = kStart;
    while (wheel.size() != 0) {
        const auto next = wheel.next();
        CHECK_TRUE(next >= now);
        now = next > now ? next : now + 1ms;
        wheel.advance(now);
    }
    for (const auto& probe : probes) {
        LONGS_EQUAL(1, probe->fired);
        CHECK_TRUE(probe->fired_at >= probe->armed_for);
        CHECK_TRUE(probe->fired_at <= probe->armed_for + 2ms);
    }
}

TEST(TimerWheel, CancelledTimerDoesNotFire) {
    Probe kept, cancelled;
    arm(kept, kStart + 10ms);
    arm(cancelled, kStart + 10ms);
    cancelled.timer.cancel();
    wheel.advance(kStart + 1s);
    LONGS_EQUAL(1, kept.fired);
    LONGS_EQUAL(0, cancelled.fired);
}

TEST(TimerWheel, CallbackMayRearmItself) {
    struct Periodic {
        TimerWheel& wheel;
        Timer timer{};
        int fired = 0;
        void fire(Instant now) {
            if (++fired < 5) wheel.arm<&Periodic::fire>(timer, now + 20ms, this);
        }
    } periodic{wheel};
    wheel.arm<&Periodic::fire>(periodic.timer, kStart + 20ms, &periodic);
    for (Instant now = kStart; now < kStart + 1s; now += 1ms) wheel.advance(now);
    LONGS_EQUAL(5, periodic.fired);
}

TEST(TimerWheel, CallbackMayCancelAnotherTimerOfTheSameTick) {
    struct Canceller {
        Probe& victim;
        Timer timer{};
        void fire(Instant) { victim.timer.cancel(); }
    };
    Probe victim;
    arm(victim, kStart + 10ms);
    Canceller canceller{victim};
    // Armed later, so that it stands before its victim in the slot.
    wheel.arm<&Canceller::fire>(canceller.timer, kStart + 10ms, &canceller);
    wheel.advance(kStart + 1s);
    LONGS_EQUAL(0, victim.fired);
}

TEST(TimerWheel, DestroyedTimerIsCancelled) {
    {
        Probe probe;
        arm(probe, kStart + 10ms);
    }
    LONGS_EQUAL(0, wheel.size());
    wheel.advance(kStart + 1s);
}

TEST(TimerWheel, LongIdleThenShortTimer) {
    Probe probe;
    wheel.advance(kStart + 100h + 123ms);
    arm(probe, kStart + 100h + 200ms);
    CHECK_TRUE(wheel.next() <= kStart + 100h + 200ms);
    wheel.advance(kStart + 100h + 200ms);
    LONGS_EQUAL(1, probe.fired);
}

TEST(TimerWheel, NeverIsClampedToTheSpan) {
    Probe probe;
    arm(probe, kNever);
    wheel.advance(kStart + 10h);
    LONGS_EQUAL(0, probe.fired);
    CHECK_TRUE(probe.timer.armed());
}
