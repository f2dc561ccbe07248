#include "platform/manager/supervised_process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/os/clock.h"
#include "platform/os/log.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::manager;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using State = SupervisedProcess::State;

namespace {

const bool g_quiet = (log::start("test"), log::set_level(log::Level::kError), true);

}  // namespace

TEST_GROUP(SupervisedProcess) {
    os::EventLoop loop;
    int changes = 0;
    std::unique_ptr<SupervisedProcess> process;

    ProcessSpec spec(std::string script) {
        return {.role = "control",
                .label = "control plane",
                .arguments = {"/bin/sh", "-c", std::move(script)},
                .user = std::nullopt,
                .prepare = {}};
    }
    void make(ProcessSpec s) {
        CHECK(g_quiet);
        process = std::make_unique<SupervisedProcess>(loop, std::move(s), [this] { ++changes; });
    }
    void teardown() override {
        if (!process) return;
        bool ended = false;
        process->stop(5s, [&] { ended = true; });
        CHECK(until([&] { return ended; }));
    }
    bool until(const std::function<bool()>& done) {
        for (const auto end = os::monotonic_now() + 10s; os::monotonic_now() < end;) {
            if (done()) return true;
            loop.turn(10ms);
        }
        return false;
    }
};

TEST(SupervisedProcess, OneThatEndsIsStartedAgainAndItsEndIsTold) {
    make(spec("exit 3"));
    process->start();
    const auto first = process->running();
    CHECK(first.has_value());
    CHECK(until([&] { return process->restarts() == 2; }));  // at once, then after a pause
    const auto status = process->status();
    STRCMP_EQUAL("ended with status 3", status["last-end"].asCString());
    STRCMP_EQUAL("control", status["name"].asCString());
    CHECK(changes >= 4);
    const auto error = process->not_running_error();
    CHECK_EQUAL(rpc::kNotRunning, error.code);
    CHECK(error.message.starts_with("control plane is "));
    STRCMP_EQUAL("control", error.data["process"].asCString());
}

TEST(SupervisedProcess, StopEndsItOnceAndItStaysDown) {
    make(spec("exec sleep 1000"));
    process->start();
    const auto pid = process->running()->pid;
    bool ended = false;
    process->stop(5s, [&] { ended = true; });
    CHECK(!ended);
    CHECK(until([&] { return ended; }));
    CHECK(process->state() == State::kStopped);
    CHECK(::kill(pid, 0) != 0);
    process->start();
    CHECK(!process->running());
}

TEST(SupervisedProcess, OneThatDoesNotHeedIsKilledAfterItsGrace) {
    char name[] = "/tmp/sallyport-deaf-XXXXXX";
    const std::string file = ::mkdtemp(name) + std::string("/ready");
    make(spec("trap '' TERM; touch " + file + "; while :; do sleep 0.05; done"));
    process->start();
    CHECK(until([&] { return ::access(file.c_str(), F_OK) == 0; }));  // from here on it is deaf
    bool ended = false;
    process->stop(50ms, [&] { ended = true; });
    CHECK(until([&] { return ended; }));
    ::unlink(file.c_str());
    ::rmdir(name);
}

TEST(SupervisedProcess, AProgramThatIsNotThereIsTriedAgainAndSaysWhy) {
    auto s = spec("");
    s.arguments = {"/nowhere/sallyport-control"};
    make(std::move(s));
    process->start();
    CHECK(until([&] { return process->restarts() == 1; }));
    CHECK(process->status()["last-end"].asString().find("No such file") != std::string::npos);
    STRCMP_EQUAL("not-running", process->status()["state"].asCString());
}

TEST(SupervisedProcess, AFailedPreparationPutsTheStartOff) {
    int prepared = 0;
    auto s = spec("exec sleep 1000");
    s.prepare = [&]() -> os::Result<void> {
        if (++prepared == 1) return std::unexpected(std::string("TAP access: another process holds it"));
        return {};
    };
    make(std::move(s));
    process->start();
    CHECK(!process->running());
    CHECK(until([&] { return process->running().has_value(); }));
    CHECK_EQUAL(2, prepared);
}

TEST(SupervisedProcess, APredecessorsProcessIsTakenOverOnlyIfItIsTheSame) {
    os::SpawnOptions options;
    options.arguments = {"/bin/sleep", "1000"};
    auto orphan = os::Process::spawn(options);
    const RunningProcess running{.pid = orphan->pid(), .start_time = *os::process_start_time(orphan->pid())};
    make(spec("exec sleep 1000"));
    CHECK(!process->expect({.pid = running.pid, .start_time = running.start_time + 1}));
    CHECK(!process->running());
    CHECK(process->expect(running));
    CHECK(process->adopted());
    CHECK(process->state() == State::kReconnecting);
    CHECK(process->accepts(running.pid));
    CHECK(!process->accepts(::getpid()));

    // When it is replaced, the next is ours, at once.
    process->replace(5s);
    CHECK(until([&] { return process->running() && process->running()->pid != running.pid; }));
    CHECK(!process->adopted());
    CHECK(orphan->ended());
    orphan->reap();
}

TEST(SupervisedProcess, RoughDurationsAreShort) {
    STRCMP_EQUAL("3 s", rough_duration(3900ms).c_str());
    STRCMP_EQUAL("119 s", rough_duration(119s).c_str());
    STRCMP_EQUAL("2 min", rough_duration(120s).c_str());
    STRCMP_EQUAL("2 h", rough_duration(7200s).c_str());
}

TEST(SupervisedProcess, OneThatSaysHelloIsTakenOverOnlyWhenItRunsTheProgram) {
    make({.role = "control",
          .label = "control plane",
          .arguments = {"/bin/false"},
          .user = std::nullopt,
          .prepare = {}});
    CHECK(!process->accepts(::getpid()));
    CHECK(process->state() == State::kStopped);
    SupervisedProcess same(loop,
                           {.role = "control",
                            .label = "control plane",
                            .arguments = {"/proc/self/exe"},  // a symbolic link to it
                            .user = std::nullopt,
                            .prepare = {}},
                           [] {});
    CHECK(same.accepts(::getpid()));
}
