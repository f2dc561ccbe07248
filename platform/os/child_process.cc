#include "platform/os/child_process.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "platform/os/signals.h"

namespace sallyport::os {
namespace {

struct ChildFault {
    int step;  // index into kSteps
    int error;
};
constexpr std::array kSteps = {"set up", "become the user of", "execute"};

// Not by <sys/pidfd.h>: glibc 2.36 declares it without C linkage.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

[[noreturn]] void run_child(const SpawnOptions& options, char* const* arguments, int report) {
    ChildFault fault{.step = 0, .error = 0};
    ::setsid();
    unblock_all_signals();
    // While we may. What it does not get it tells of itself.
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < options.descriptors) {
        limit.rlim_max = options.descriptors;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) {
        fault.error = errno;
    } else if (options.user && (fault.error = become_unprivileged(*options.user)) != 0) {
        fault.step = 1;
    } else {
        // What we did not open ourselves (a shell's descriptors, say) is not the child's either.
        ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execv(arguments[0], arguments);
        fault = {.step = 2, .error = errno};
    }
    [[maybe_unused]] const auto n = ::write(report, &fault, sizeof fault);
    ::_exit(127);
}

}  // namespace

Result<Process> Process::spawn(const SpawnOptions& options) {
    if (options.arguments.empty()) return std::unexpected(std::string("no program to start"));
    const auto& program = options.arguments.front();
    std::vector<std::string> copies = options.arguments;
    std::vector<char*> arguments;
    arguments.reserve(copies.size() + 1);
    for (auto& a : copies) arguments.push_back(a.data());
    arguments.push_back(nullptr);

    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::unexpected(system_error("pipe"));
    const UniqueFd reader(pipe[0]);
    UniqueFd writer(pipe[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return std::unexpected(system_error("fork for " + program));
    if (pid == 0) run_child(options, arguments.data(), writer.get());
    writer.reset();

    ChildFault fault{};
    ssize_t n = 0;
    do {
        n = ::read(reader.get(), &fault, sizeof fault);
    } while (n < 0 && errno == EINTR);
    if (n == static_cast<ssize_t>(sizeof fault)) {  // else exec has closed the pipe
        ::waitpid(pid, nullptr, 0);
        const auto step = static_cast<std::size_t>(fault.step);
        return std::unexpected(
            system_error(std::string(step < kSteps.size() ? kSteps[step] : "start") + " " + program, fault.error));
    }
    UniqueFd pidfd(open_pidfd(pid));
    if (!pidfd) {
        const auto problem = system_error("pidfd_open");
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return std::unexpected(problem);
    }
    return Process(pid, std::move(pidfd), true);
}

Result<Process> Process::adopt(pid_t pid) {
    UniqueFd pidfd(open_pidfd(pid));
    if (!pidfd) return std::unexpected(system_error("process " + std::to_string(pid)));
    return Process(pid, std::move(pidfd), false);
}

bool Process::ended() const {
    if (!pidfd_) return true;
    pollfd p{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, 0) == 1;
}

void Process::signal(int number) const {
    if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::string Process::reap() {
    siginfo_t info{};
    if (!child_ || ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0 ||
        info.si_pid == 0) {
        return "ended";
    }
    if (info.si_code == CLD_EXITED) return "ended with status " + std::to_string(info.si_status);
    const char* name = ::sigdescr_np(info.si_status);
    return "was killed by signal " + std::to_string(info.si_status) +
           (name != nullptr ? " (" + std::string(name) + ")" : "");
}

Result<std::uint64_t> process_start_time(pid_t pid) {
    const auto path = "/proc/" + std::to_string(pid) + "/stat";
    std::ifstream in(path);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    // The second field is the name in parentheses, which may hold anything; the start time is field 22.
    auto at = text.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
    std::uint64_t start = 0;
    if (at == std::string::npos ||
        std::from_chars(text.data() + at + 1, text.data() + text.size(), start).ec != std::errc{}) {
        return std::unexpected(path + ": no such process");
    }
    return start;
}

Result<std::string> program_path(pid_t pid) {
    const auto link = "/proc/" + std::to_string(pid) + "/exe";
    std::array<char, PATH_MAX> path{};
    const auto n = ::readlink(link.c_str(), path.data(), path.size());
    if (n <= 0) return std::unexpected(system_error(link));
    return std::string(path.data(), static_cast<std::size_t>(n));
}

Result<std::string> own_program_folder() {
    auto path = program_path(::getpid());
    if (!path) return path;
    return path->substr(0, path->rfind('/'));
}

}  // namespace sallyport::os
