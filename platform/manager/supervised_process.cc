#include "platform/manager/supervised_process.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "platform/os/log.h"

namespace sallyport::manager {
namespace {

// Through symbolic links, as the kernel names it.
bool runs_program(pid_t pid, const std::string& program) {
    std::error_code error;
    const auto ours = std::filesystem::canonical(program, error);
    const auto theirs = os::program_path(pid);
    return !error && theirs && *theirs == ours.string();
}

std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

// The kernel counts ticks since boot, our clock runs since boot: the same but for times of suspension.
Instant instant_of(std::uint64_t ticks) {
    const auto per_second = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
    return Instant(std::chrono::milliseconds(ticks * 1000 / per_second));
}

}  // namespace

std::string rough_duration(Duration d) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d).count();
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 7200) return fmt::format("{} min", seconds / 60);
    return fmt::format("{} h", seconds / 3600);
}

SupervisedProcess::SupervisedProcess(os::EventLoop& loop, ProcessSpec spec, std::function<void()> changed)
    : loop_(loop),
      spec_(std::move(spec)),
      changed_(std::move(changed)),
      down_since_(loop.now().instant),
      started_(loop.now().instant) {}

SupervisedProcess::~SupervisedProcess() {
    if (process_) loop_.remove(process_.pidfd());
}

void SupervisedProcess::enter(State state) {
    if (state_ == State::kRunning && state != State::kRunning) down_since_ = loop_.now().instant;
    state_ = state;
}

bool SupervisedProcess::expect(const RunningProcess& running) {
    auto process = os::Process::adopt(running.pid);
    if (!process || process->ended()) return false;
    // Read after the pidfd is held: now the number cannot change its meaning under us.
    const auto start_time = os::process_start_time(running.pid);
    if (!start_time || *start_time != running.start_time) return false;
    log::info("{} (pid {}) runs already: waiting for it to report", spec_.label, running.pid);
    watch(std::move(*process), true);
    started_ = instant_of(*start_time);
    enter(State::kReconnecting);
    loop_.timers().arm<&SupervisedProcess::on_hello_deadline>(hello_timer_, loop_.now().instant + kReconnectTime, this);
    return true;
}

void SupervisedProcess::start() {
    if (stopping_ || process_) return;
    if (std::exchange(started_before_, true)) ++restarts_;
    if (spec_.prepare) {
        if (const auto prepared = spec_.prepare(); !prepared) {
            failed("cannot be started: " + prepared.error(), {});
            return;
        }
    }
    auto process =
        os::Process::spawn({.arguments = spec_.arguments, .user = spec_.user, .descriptors = spec_.descriptors});
    if (!process) {
        failed("cannot be started: " + process.error(), {});
        return;
    }
    log::info("{} started (pid {})", spec_.label, process->pid());
    watch(std::move(*process), false);
    enter(State::kStarting);
    loop_.timers().arm<&SupervisedProcess::on_hello_deadline>(hello_timer_, loop_.now().instant + kHelloTime, this);
    changed_();
}

void SupervisedProcess::watch(os::Process process, bool adopted) {
    process_ = std::move(process);
    adopted_ = adopted;
    started_before_ = true;
    started_ = loop_.now().instant;
    version_.clear();
    loop_.add(process_.pidfd(), EPOLLIN, [this](std::uint32_t) { on_end(); });
}

bool SupervisedProcess::accepts(pid_t pid) {
    if (process_) return process_.pid() == pid;
    if (stopping_) return false;
    auto process = os::Process::adopt(pid);
    // Read while the pidfd is held. Any process of its user might say hello, but only one of them is our program.
    if (!process || !runs_program(pid, spec_.arguments[0]) || process->ended()) return false;
    log::info("{} (pid {}) runs already: taken over", spec_.label, pid);
    restart_timer_.cancel();
    watch(std::move(*process), true);
    if (const auto start_time = os::process_start_time(pid)) started_ = instant_of(*start_time);
    enter(State::kReconnecting);
    changed_();
    return true;
}

void SupervisedProcess::said_hello(std::shared_ptr<rpc::Connection> connection, std::string version) {
    if (const auto old = std::exchange(connection_, std::move(connection))) old->end("the process connected anew");
    version_ = std::move(version);
    hello_timer_.cancel();
    enter(State::kRunning);
    log::limited(hello_log_limit_, loop_.now().instant, log::Level::kInfo, "{} (pid {}, version {}) is running",
                 spec_.label, process_.pid(), version_);
}

void SupervisedProcess::lost_connection() {
    connection_.reset();
    if (state_ != State::kRunning || grace_timer_.armed()) return;
    enter(State::kReconnecting);
    loop_.timers().arm<&SupervisedProcess::on_hello_deadline>(hello_timer_, loop_.now().instant + kReconnectTime, this);
}

void SupervisedProcess::on_hello_deadline(Instant /*now*/) {
    if (process_.ended()) return;  // on_end comes
    log::error("{} (pid {}) did not report to the manager in time: it is ended", spec_.label, process_.pid());
    process_.signal(SIGKILL);
}

void SupervisedProcess::on_end() {
    loop_.remove(process_.pidfd());
    const auto how = process_.reap();
    const auto pid = process_.pid();
    process_ = {};
    if (const auto old = std::exchange(connection_, nullptr)) old->end("the process has ended");
    hello_timer_.cancel();
    grace_timer_.cancel();
    const auto lived = loop_.now().instant - started_;
    if (stopping_) {
        log::info("{} (pid {}) {}", spec_.label, pid, how);
        enter(State::kStopped);
        changed_();
        if (ended_) std::exchange(ended_, nullptr)();
        return;
    }
    if (std::exchange(replacing_, false)) {
        log::info("{} (pid {}) {}; a new one takes its place", spec_.label, pid, how);
        enter(State::kStopped);
        start_after({});
    } else {
        failed(fmt::format("(pid {}) {}", pid, how), lived);
        last_end_ = how;
    }
    changed_();
}

void SupervisedProcess::failed(const std::string& why, Duration lived) {
    last_end_ = why;
    enter(State::kStopped);
    const auto pause = policy_.after_end(lived);
    log::error("{} {}; started again {}", spec_.label, why,
               pause == Duration::zero() ? "at once" : fmt::format("in {} ms", to_ms(pause)));
    start_after(pause);
}

// Through the timer in any case: the caller may be in the middle of something.
void SupervisedProcess::start_after(Duration pause) {
    loop_.timers().arm<&SupervisedProcess::on_restart>(restart_timer_, loop_.now().instant + pause, this);
}

void SupervisedProcess::terminate(Duration grace) {
    if (!process_) return;
    process_.signal(SIGTERM);
    loop_.timers().arm<&SupervisedProcess::on_grace>(grace_timer_, loop_.now().instant + grace, this);
}

void SupervisedProcess::on_grace(Instant /*now*/) {
    if (process_.ended()) return;
    log::warning("{} (pid {}) did not end when asked to: it is killed", spec_.label, process_.pid());
    process_.signal(SIGKILL);
}

void SupervisedProcess::replace(Duration grace) {
    hello_timer_.cancel();
    replacing_ = true;
    terminate(grace);
}

void SupervisedProcess::stop(Duration grace, std::function<void()> ended) {
    stopping_ = true;
    restart_timer_.cancel();
    hello_timer_.cancel();
    if (!process_) {
        ended();
        return;
    }
    ended_ = std::move(ended);
    terminate(grace);
}

std::optional<RunningProcess> SupervisedProcess::running() const {
    if (!process_) return std::nullopt;
    const auto start_time = os::process_start_time(process_.pid());
    if (!start_time) return std::nullopt;
    return RunningProcess{.pid = process_.pid(), .start_time = *start_time};
}

json::Value SupervisedProcess::status() const {
    json::Value out(Json::objectValue);
    out["name"] = spec_.role;
    out["restarts"] = Json::UInt64{restarts_};
    if (!last_end_.empty()) out["last-end"] = last_end_;
    switch (state_) {
        case State::kStopped: out["state"] = "not-running"; break;
        case State::kStarting:
        case State::kReconnecting: out["state"] = "starting"; break;
        case State::kRunning: out["state"] = "running"; break;
    }
    if (state_ == State::kRunning) {
        out["version"] = version_;
        out["uptime-ms"] = Json::Int64{to_ms(loop_.now().instant - started_)};
    } else {
        out["since-ms"] = Json::Int64{to_ms(loop_.now().instant - down_since_)};
    }
    if (process_) out["pid"] = static_cast<Json::Int64>(process_.pid());
    return out;
}

rpc::Error SupervisedProcess::not_running_error() const {
    const auto since = loop_.now().instant - down_since_;
    rpc::Error out;
    out.code = rpc::kNotRunning;
    out.message = fmt::format("{} is {} (since {})", spec_.label,
                              state_ == State::kStopped ? "not running" : "starting", rough_duration(since));
    out.data = json::Value(Json::objectValue);
    out.data["process"] = spec_.role;
    out.data["since-ms"] = Json::Int64{to_ms(since)};
    out.data["restarts"] = Json::UInt64{restarts_};
    if (!last_end_.empty()) out.data["last-end"] = last_end_;
    return out;
}

}  // namespace sallyport::manager
