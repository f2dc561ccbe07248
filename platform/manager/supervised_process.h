#pragma once
// One process that the manager keeps alive.
//
//            start()                 hello                     end of the process
//   kStopped ───────► kStarting ───────────────► kRunning ───────────────────────► kStopped, then start() again
//                        ▲   no hello in time: SIGKILL  │ connection lost: kReconnecting, then hello or SIGKILL
//   expect(): kReconnecting (a predecessor's process that runs)
//
// A process is ours by its pidfd, and alive by its connection to process.sock. After stop() it is not
// started again. Everything happens on the loop's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/timer_wheel.h"
#include "platform/json/json.h"
#include "platform/manager/restart_policy.h"
#include "platform/manager/state_file.h"
#include "platform/os/child_process.h"
#include "platform/os/event_loop.h"
#include "platform/os/log.h"
#include "platform/rpc/connection.h"

namespace sallyport::manager {

struct ProcessSpec {
    std::string role;                    // "dataplane", "control": in hello, status and the state file
    std::string label;                   // "dataplane", "control plane": for people
    std::vector<std::string> arguments;  // [0]: the program
    std::optional<os::User> user;        // whom it runs as; nullopt: root
    std::size_t descriptors = 0;         // that it may need
    // Called before each start; an error puts it off as if the process had ended at once.
    std::function<os::Result<void>()> prepare;
};

class SupervisedProcess {
public:
    enum class State : std::uint8_t { kStopped, kStarting, kReconnecting, kRunning };

    static constexpr Duration kHelloTime = std::chrono::seconds(30);  // EAL may be slow on a large machine
    static constexpr Duration kReconnectTime = std::chrono::seconds(6);

    // `changed`: the set of running processes is another; save it.
    SupervisedProcess(os::EventLoop& loop, ProcessSpec spec, std::function<void()> changed);
    ~SupervisedProcess();
    SupervisedProcess(const SupervisedProcess&) = delete;
    SupervisedProcess& operator=(const SupervisedProcess&) = delete;

    // Takes over a process that a predecessor has started, if it still runs. False: it does not.
    bool expect(const RunningProcess& running);
    void start();
    // Is `pid` the process that we wait for or have? One that is unknown is taken when we have none and it runs our
    // program.
    bool accepts(pid_t pid);
    void said_hello(std::shared_ptr<rpc::Connection> connection, std::string version);
    void lost_connection();
    // SIGTERM, and after `grace` SIGKILL; started again at once (replace), or not at all (stop).
    void replace(Duration grace);
    void stop(Duration grace, std::function<void()> ended);

    State state() const { return state_; }
    // Started by a predecessor: it may have another version or view.
    bool adopted() const { return adopted_; }
    const ProcessSpec& spec() const { return spec_; }
    rpc::Connection* connection() const { return state_ == State::kRunning ? connection_.get() : nullptr; }
    std::optional<RunningProcess> running() const;
    std::uint64_t restarts() const { return restarts_; }
    json::Value status() const;            // one entry of `show version`
    rpc::Error not_running_error() const;  // kNotRunning, worded

private:
    void watch(os::Process process, bool adopted);
    void on_end();
    void failed(const std::string& why, Duration lived);
    void on_hello_deadline(Instant now);
    void on_restart(Instant now) { (void)now, start(); }
    void on_grace(Instant now);
    void terminate(Duration grace);
    void enter(State state);
    void start_after(Duration pause);

    os::EventLoop& loop_;
    ProcessSpec spec_;
    std::function<void()> changed_;
    os::Process process_;
    std::shared_ptr<rpc::Connection> connection_;
    State state_ = State::kStopped;
    Instant down_since_;  // when it last ran, or when we began
    Instant started_;
    bool adopted_ = false;
    std::string version_;
    std::string last_end_;
    std::uint64_t restarts_ = 0;
    bool started_before_ = false;
    bool replacing_ = false;
    bool stopping_ = false;
    std::function<void()> ended_;
    RestartPolicy policy_;
    log::LogLimit hello_log_limit_{2};
    Timer hello_timer_;
    Timer restart_timer_;
    Timer grace_timer_;
};

// "3 s", "2 min", "4 h".
std::string rough_duration(Duration d);

}  // namespace sallyport::manager
