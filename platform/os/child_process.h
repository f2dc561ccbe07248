#pragma once
// Processes: start one, know when it ends, end it. A process is held by a pidfd, so that a number which the
// kernel has given to somebody else meanwhile is never signalled; that works for processes that are not our
// children too, such as those that a predecessor of ours has started.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/os/privileges.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

struct SpawnOptions {
    std::vector<std::string> arguments;       // [0] is the path of the program
    std::optional<User> user = std::nullopt;  // become this user, without capabilities, before exec
    std::size_t descriptors = 0;              // that it may open, if it asks for them and the system lets us
};

class Process {
public:
    Process() = default;
    // stdin is /dev/null, stdout and stderr are ours; a new session, so that a terminal's Ctrl-C reaches us
    // alone. Exec failures are reported here. Call from a single-threaded process.
    static Result<Process> spawn(const SpawnOptions& options);
    // A running process, a child or not.
    static Result<Process> adopt(pid_t pid);

    explicit operator bool() const { return static_cast<bool>(pidfd_); }
    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }  // readable when the process has ended
    bool ended() const;
    void signal(int number) const;  // nothing happens when it has ended
    // After it ended: "ended with status 1", "was killed by signal 9 (Killed)"; reaps a child. What became of a
    // process that is not our child is not known: "ended".
    std::string reap();

private:
    Process(pid_t pid, UniqueFd pidfd, bool child) : pid_(pid), pidfd_(std::move(pidfd)), child_(child) {}
    pid_t pid_ = 0;
    UniqueFd pidfd_;
    bool child_ = false;
};

// Ticks since boot at which `pid` started: together they name a process beyond the reuse of numbers.
Result<std::uint64_t> process_start_time(pid_t pid);
// The path of the running program, its folder, and the same of another process.
Result<std::string> program_path(pid_t pid);
Result<std::string> own_program_folder();

}  // namespace sallyport::os
