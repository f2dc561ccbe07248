#include "platform/os/privileges.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <set>

namespace sallyport::os {
namespace {

constexpr std::array<std::string_view, 41> kNames = {"CAP_CHOWN",
                                                     "CAP_DAC_OVERRIDE",
                                                     "CAP_DAC_READ_SEARCH",
                                                     "CAP_FOWNER",
                                                     "CAP_FSETID",
                                                     "CAP_KILL",
                                                     "CAP_SETGID",
                                                     "CAP_SETUID",
                                                     "CAP_SETPCAP",
                                                     "CAP_LINUX_IMMUTABLE",
                                                     "CAP_NET_BIND_SERVICE",
                                                     "CAP_NET_BROADCAST",
                                                     "CAP_NET_ADMIN",
                                                     "CAP_NET_RAW",
                                                     "CAP_IPC_LOCK",
                                                     "CAP_IPC_OWNER",
                                                     "CAP_SYS_MODULE",
                                                     "CAP_SYS_RAWIO",
                                                     "CAP_SYS_CHROOT",
                                                     "CAP_SYS_PTRACE",
                                                     "CAP_SYS_PACCT",
                                                     "CAP_SYS_ADMIN",
                                                     "CAP_SYS_BOOT",
                                                     "CAP_SYS_NICE",
                                                     "CAP_SYS_RESOURCE",
                                                     "CAP_SYS_TIME",
                                                     "CAP_SYS_TTY_CONFIG",
                                                     "CAP_MKNOD",
                                                     "CAP_LEASE",
                                                     "CAP_AUDIT_WRITE",
                                                     "CAP_AUDIT_CONTROL",
                                                     "CAP_SETFCAP",
                                                     "CAP_MAC_OVERRIDE",
                                                     "CAP_MAC_ADMIN",
                                                     "CAP_SYSLOG",
                                                     "CAP_WAKE_ALARM",
                                                     "CAP_BLOCK_SUSPEND",
                                                     "CAP_AUDIT_READ",
                                                     "CAP_PERFMON",
                                                     "CAP_BPF",
                                                     "CAP_CHECKPOINT_RESTORE"};

enum class Step : int { kBound, kCut };

// What the signal handler of each thread does. Raw system calls only; 0 or an errno.
int carry_out(Step step, std::uint64_t keep) {
    if (step == Step::kBound) {
        for (int cap = 0; cap < 64; ++cap) {
            if ((keep >> cap & 1) != 0) continue;
            const long in = ::syscall(SYS_prctl, PR_CAPBSET_READ, cap, 0, 0, 0);
            if (in < 0) break;  // beyond the last that this kernel knows
            if (in == 1 && ::syscall(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return errno;
        }
        return ::syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 ? 0 : errno;
    }
    if (::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    for (unsigned i = 0; i < 2; ++i) data[i].permitted = data[i].effective = static_cast<__u32>(keep >> (32 * i));
    if (::syscall(SYS_capset, &header, data) != 0) return errno;
    if (::syscall(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return errno;
    return ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

// A signal handler has no arguments of its own: the order that all threads are to carry out stands here.
struct Order {
    std::atomic<Step> step{Step::kBound};
    std::atomic<std::uint64_t> keep{0};
    std::atomic<int> answered{0};
    std::atomic<int> error{0};
};
Order g_order;

// The highest but one, which nothing else here uses. SIGRTMAX is no constant.
int order_signal() { return SIGRTMAX - 1; }

void on_order(int) {
    const int saved = errno;
    if (const int error = carry_out(g_order.step.load(), g_order.keep.load()); error != 0) g_order.error.store(error);
    g_order.answered.fetch_add(1);
    errno = saved;
}

// The value of `key` in the status of thread `tid`; nullopt when there is none (the thread has ended).
std::optional<std::uint64_t> status_value(pid_t tid, std::string_view key, int base) {
    std::ifstream in("/proc/self/task/" + std::to_string(tid) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        const auto at = line.find_first_not_of("\t ", key.size());
        std::uint64_t value = 0;
        if (at == std::string::npos) return std::nullopt;
        const auto [end, error] = std::from_chars(line.data() + at, line.data() + line.size(), value, base);
        return error == std::errc{} ? std::optional(value) : std::nullopt;
    }
    return std::nullopt;
}

std::string thread_name(pid_t tid) {
    std::ifstream in("/proc/self/task/" + std::to_string(tid) + "/comm");
    std::string name;
    std::getline(in, name);
    return name.empty() ? std::to_string(tid) : name;
}

// ThreadSanitizer runs a thread of its own that blocks every signal and cannot be asked; no other build has one.
bool is_sanitizer_thread([[maybe_unused]] pid_t tid) {
#ifdef __SANITIZE_THREAD__
    return (status_value(tid, "SigBlk:", 16).value_or(0) >> (order_signal() - 1) & 1) != 0;
#else
    return false;
#endif
}

Result<std::set<pid_t>> threads_of_process() {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc/self/task"), ::closedir);
    if (!dir) return std::unexpected(system_error("/proc/self/task"));
    std::set<pid_t> out;
    while (const dirent* entry = ::readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
        pid_t tid = 0;
        const std::string_view name = entry->d_name;
        if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc{} && !is_sanitizer_thread(tid))
            out.insert(tid);
    }
    return out;
}

void pause_1ms() {
    const timespec t{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&t, nullptr);
}

// Every thread carries out the step; those that were started meanwhile too.
Result<void> in_all_threads(Step step, std::uint64_t keep) {
    g_order.step.store(step);
    g_order.keep.store(keep);
    g_order.error.store(0);
    const int number = order_signal();
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = on_order;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(number, &action, &before) != 0) return std::unexpected(system_error("sigaction"));

    if (const int error = carry_out(step, keep); error != 0) {
        ::sigaction(number, &before, nullptr);
        return std::unexpected(system_error("give up capabilities", error));
    }
    std::set<pid_t> done{static_cast<pid_t>(::syscall(SYS_gettid))};
    std::string problem;
    for (bool again = true; again && problem.empty();) {
        again = false;
        const auto threads = threads_of_process();
        if (!threads) {
            problem = threads.error();
            break;
        }
        int asked = 0;
        g_order.answered.store(0);
        std::string names;
        for (const pid_t tid : *threads) {
            if (!done.insert(tid).second) continue;
            again = true;
            if (::syscall(SYS_tgkill, ::getpid(), tid, number) != 0) continue;  // it has ended meanwhile
            ++asked;
            names += (names.empty() ? "" : ", ") + thread_name(tid);
        }
        for (int waited_ms = 0; g_order.answered.load() < asked && waited_ms < 2000; ++waited_ms) pause_1ms();
        if (const int answered = g_order.answered.load(); answered < asked) {
            problem = "give up capabilities: only " + std::to_string(answered) + " of the threads " + names +
                      " answered within 2 s (one blocks signal " + std::to_string(number) + ")";
        }
    }
    ::sigaction(number, &before, nullptr);
    if (!problem.empty()) return std::unexpected(problem);
    if (const int error = g_order.error.load(); error != 0) {
        return std::unexpected(system_error("give up capabilities in a thread", error));
    }
    return {};
}

Result<void> verify(std::uint64_t keep) {
    const auto threads = threads_of_process();
    if (!threads) return std::unexpected(threads.error());
    for (const pid_t tid : *threads) {
        const auto permitted = status_value(tid, "CapPrm:", 16).value_or(~0ULL);
        const auto bounding = status_value(tid, "CapBnd:", 16).value_or(~0ULL);
        const bool no_new_privs = status_value(tid, "NoNewPrivs:", 10) == 1;
        if (((permitted | bounding) & ~keep) == 0 && no_new_privs) continue;
        if (::syscall(SYS_tgkill, ::getpid(), tid, 0) != 0) continue;  // ended while we looked
        return std::unexpected("thread " + std::to_string(tid) + " still has privileges that were given up");
    }
    return {};
}

}  // namespace

Result<User> find_user(std::string_view name) {
    const std::string wanted(name);
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    uid_t uid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
    const bool numeric = error == std::errc{} && end == name.data() + name.size();
    const int failed = numeric ? ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)
                               : ::getpwnam_r(wanted.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
        return std::unexpected(failed != 0 ? system_error("user " + wanted, failed)
                                           : "user " + wanted + " does not exist");
    }
    return User{.name = entry.pw_name, .uid = entry.pw_uid, .gid = entry.pw_gid};
}

Result<void> drop_privileges(const PrivilegePlan& plan) {
    std::uint64_t keep = 0;
    for (const auto& k : plan.keep) {
        if (k.capability < 0 || k.capability > 63) return std::unexpected(std::string("no such capability"));
        keep |= 1ULL << k.capability;
    }
    if (auto done = in_all_threads(Step::kBound, keep); !done) return done;
    // glibc applies these three to every thread by itself.
    if (::setgroups(0, nullptr) != 0) return std::unexpected(system_error("setgroups"));
    if (plan.user) {
        if (::setresgid(plan.user->gid, plan.user->gid, plan.user->gid) != 0 ||
            ::setresuid(plan.user->uid, plan.user->uid, plan.user->uid) != 0) {
            return std::unexpected(system_error("become user " + plan.user->name));
        }
    }
    if (auto done = in_all_threads(Step::kCut, keep); !done) return done;
    return verify(keep);
}

std::string capability_name(int capability) {
    if (capability >= 0 && static_cast<std::size_t>(capability) < kNames.size()) {
        return std::string(kNames[static_cast<std::size_t>(capability)]);
    }
    return "CAP_" + std::to_string(capability);
}

Result<std::vector<int>> permitted_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) != 0) return std::unexpected(system_error("capget"));
    std::vector<int> out;
    for (int cap = 0; cap < 64; ++cap) {
        if ((data[cap / 32].permitted >> (cap % 32) & 1) != 0) out.push_back(cap);
    }
    return out;
}

int become_unprivileged(const User& user) {
    if (const int error = carry_out(Step::kBound, 0); error != 0) return error;
    if (::setgroups(0, nullptr) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
        ::setresuid(user.uid, user.uid, user.uid) != 0) {
        return errno;
    }
    return carry_out(Step::kCut, 0);
}

}  // namespace sallyport::os
