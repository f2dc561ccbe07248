#include "platform/os/child_process.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "platform/os/event_loop.h"
#include "platform/os/signals.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using std::chrono_literals::operator""s;

namespace {

os::Process spawn(std::vector<std::string> arguments) {
    os::SpawnOptions options;
    options.arguments = std::move(arguments);
    auto process = os::Process::spawn(options);
    CHECK(process.has_value());
    return std::move(*process);
}

void wait_for_end(const os::Process& process) {
    pollfd p{.fd = process.pidfd(), .events = POLLIN, .revents = 0};
    CHECK_EQUAL(1, ::poll(&p, 1, 10000));
}

}  // namespace

TEST_GROUP(ChildProcess) {};

TEST(ChildProcess, SaysHowItEnded) {
    auto good = spawn({"/bin/sh", "-c", "exit 7"});
    wait_for_end(good);
    CHECK(good.ended());
    STRCMP_EQUAL("ended with status 7", good.reap().c_str());

    auto endless = spawn({"/bin/sleep", "1000"});
    CHECK(!endless.ended());
    endless.signal(SIGKILL);
    wait_for_end(endless);
    STRCMP_EQUAL("was killed by signal 9 (Killed)", endless.reap().c_str());
}

TEST(ChildProcess, AProgramThatIsNotThereIsAnErrorAtOnce) {
    os::SpawnOptions options;
    options.arguments = {"/nowhere/program"};
    const auto process = os::Process::spawn(options);
    CHECK(!process);
    STRCMP_EQUAL("execute /nowhere/program: No such file or directory", process.error().c_str());
}

TEST(ChildProcess, TheChildHasNoSignalBlockedAndNoDescriptorOfOurs) {
    os::block_signals({SIGTERM});
    const os::UniqueFd leaky(::dup(STDERR_FILENO));  // not close-on-exec
    auto child = spawn({"/bin/sh", "-c",
                        "test \"$(grep SigBlk /proc/self/status | tr -d '[:alpha:]: \\t0')\" = '' && "
                        "test ! -e /proc/$$/fd/" +
                            std::to_string(leaky.get())});
    os::unblock_all_signals();
    wait_for_end(child);
    STRCMP_EQUAL("ended with status 0", child.reap().c_str());
}

TEST(ChildProcess, AnAdoptedProcessIsWatchedAndSignalledByItsIdentity) {
    auto child = spawn({"/bin/sleep", "1000"});
    auto adopted = os::Process::adopt(child.pid());
    CHECK(adopted.has_value());
    CHECK(os::process_start_time(child.pid()).has_value());
    adopted->signal(SIGTERM);
    wait_for_end(*adopted);
    child.reap();
    CHECK(adopted->ended());
    CHECK(!os::Process::adopt(child.pid()));
    CHECK(!os::process_start_time(child.pid()));
}

TEST(ChildProcess, TheStartTimeTellsTwoProcessesApartAndStaysTheSame) {
    const auto own = os::process_start_time(::getpid());
    CHECK(own.has_value());
    CHECK_EQUAL(*own, *os::process_start_time(::getpid()));
    CHECK(*own > *os::process_start_time(1));
}

TEST_GROUP(Signals) {};

TEST(Signals, ASignalIsAnEventOfTheLoop) {
    int seen = 0;
    {
        os::EventLoop loop;
        const auto signals = os::Signals::make(loop, {SIGUSR1}, [&](int s) { seen = s; });
        CHECK(signals.has_value());
        ::kill(::getpid(), SIGUSR1);
        loop.turn(1s);
    }
    os::unblock_all_signals();
    CHECK_EQUAL(SIGUSR1, seen);
}
