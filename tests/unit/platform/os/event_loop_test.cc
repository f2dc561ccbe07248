#include "platform/os/event_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "platform/os/clock.h"
#include "platform/os/unique_fd.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

struct Pair {
    os::UniqueFd a;
    os::UniqueFd b;
    Pair() {
        std::array<int, 2> fds{};
        CHECK_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()));
        a.reset(fds[0]);
        b.reset(fds[1]);
    }
    void ring() const { CHECK_EQUAL(1, ::write(b.get(), "x", 1)); }
    void silence() const {
        char c = 0;
        CHECK_EQUAL(1, ::read(a.get(), &c, 1));
    }
};

}  // namespace

TEST_GROUP(EventLoop) {
    os::EventLoop loop;
};

TEST(EventLoop, ATurnThatIsNotToBeginYetTakesWhatComesMeanwhile) {
    const Pair first;
    const Pair second;
    int calls = 0;
    for (const Pair* pair : {&first, &second}) {
        loop.add(pair->a.get(), EPOLLIN, [&calls, pair](std::uint32_t) {
            pair->silence();
            ++calls;
        });
    }
    first.ring();
    const auto began = os::monotonic_now();
    loop.rest_until(began + 20ms);
    const std::jthread later([&] {
        os::sleep_for(5ms);
        second.ring();
    });
    CHECK_EQUAL(2, loop.turn(1s));
    CHECK(os::monotonic_now() - began >= 20ms);
    CHECK_EQUAL(2, calls);
    // Of that turn alone, and never longer than the turn may take.
    first.ring();
    CHECK_EQUAL(1, loop.turn(1s));
    loop.rest_until(os::monotonic_now() + 3600s);
    CHECK_EQUAL(0, loop.turn(1ms));
}

TEST(EventLoop, CallsBackForAReadyDescriptorAndNotForASilentOne) {
    const Pair loud;
    const Pair silent;
    int loud_calls = 0;
    int silent_calls = 0;
    loop.add(loud.a.get(), EPOLLIN, [&](std::uint32_t events) {
        CHECK((events & EPOLLIN) != 0);
        loud.silence();
        ++loud_calls;
    });
    loop.add(silent.a.get(), EPOLLIN, [&](std::uint32_t) { ++silent_calls; });
    loud.ring();
    CHECK_EQUAL(1, loop.turn(1s));
    CHECK_EQUAL(0, loop.turn(0s));
    CHECK_EQUAL(1, loud_calls);
    CHECK_EQUAL(0, silent_calls);
}

TEST(EventLoop, ADescriptorRemovedByAnEarlierCallbackOfTheTurnIsNotCalled) {
    const Pair first;
    const Pair second;
    int calls = 0;
    const auto remove_other = [&](int other) { return [&, other](std::uint32_t) { ++calls, loop.remove(other); }; };
    loop.add(first.a.get(), EPOLLIN, remove_other(second.a.get()));
    loop.add(second.a.get(), EPOLLIN, remove_other(first.a.get()));
    first.ring();
    second.ring();
    CHECK_EQUAL(2, loop.turn(1s));  // both were ready
    CHECK_EQUAL(1, calls);
}

TEST(EventLoop, ACallbackMayRemoveItself) {
    const Pair pair;
    std::vector<int> kept(100, 7);
    int sum = 0;
    loop.add(pair.a.get(), EPOLLIN, [&, kept](std::uint32_t) {
        loop.remove(pair.a.get());
        for (const int k : kept) sum += k;  // what the callback owns is still there
    });
    pair.ring();
    loop.turn(1s);
    CHECK_EQUAL(700, sum);
    CHECK_EQUAL(0, loop.turn(0s));
}

TEST(EventLoop, SleepsUntilTheNextTimerAndNotLonger) {
    Timer timer;
    std::optional<Instant> fired;
    struct Context {
        std::optional<Instant>* fired;
        void fire(Instant now) { *fired = now; }
    } context{&fired};
    const auto start = loop.refresh().instant;
    loop.timers().arm<&Context::fire>(timer, start + 20ms, &context);
    for (int turns = 0; !fired && turns < 10; ++turns) loop.turn(10s);
    CHECK(fired.has_value());
    CHECK(*fired >= start + 20ms);
    CHECK(os::monotonic_now() - start < 5s);
}

TEST(EventLoop, AHookDeadlineEndsTheSleep) {
    int calls = 0;
    loop.before_wait([&](const Now& now) { return ++calls < 3 ? now.instant + 1ms : kNever; });
    const auto start = os::monotonic_now();
    loop.turn(0s);
    loop.turn(10s);
    loop.turn(10s);
    CHECK_EQUAL(3, calls);
    CHECK(os::monotonic_now() - start < 5s);
}

TEST(EventLoop, WorkPostedByAnotherThreadRunsOnTheLoopsThread) {
    std::thread::id ran_on;
    std::thread other([&] { loop.post([&] { ran_on = std::this_thread::get_id(), loop.stop(); }); });
    loop.run();
    other.join();
    CHECK(ran_on == std::this_thread::get_id());
}

TEST(EventLoop, AskedForWritableItSaysSo) {
    const Pair pair;
    std::uint32_t seen = 0;
    loop.add(pair.a.get(), EPOLLIN, [&](std::uint32_t events) { seen |= events; });
    CHECK_EQUAL(0, loop.turn(0s));
    loop.modify(pair.a.get(), EPOLLIN | EPOLLOUT);
    CHECK_EQUAL(1, loop.turn(1s));
    CHECK((seen & EPOLLOUT) != 0);
}
