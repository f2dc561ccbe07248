#include "platform/os/signals.h"

#include <sys/signalfd.h>

#include <csignal>

namespace sallyport::os {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int s : signals) sigaddset(&set, s);
    return set;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
    const auto set = set_of(signals);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

void unblock_all_signals() {
    const auto none = set_of({});
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
}

Result<Signals> Signals::make(EventLoop& loop, std::initializer_list<int> signals,
                              std::function<void(int signal)> callback) {
    block_signals(signals);
    const auto set = set_of(signals);
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return std::unexpected(system_error("signalfd"));
    loop.add(fd.get(), EPOLLIN, [raw = fd.get(), callback = std::move(callback)](std::uint32_t) {
        signalfd_siginfo info{};
        while (::read(raw, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            callback(static_cast<int>(info.ssi_signo));
        }
    });
    return Signals(loop, std::move(fd));
}

Signals::~Signals() {
    if (fd_) loop_->remove(fd_.get());
}

}  // namespace sallyport::os
