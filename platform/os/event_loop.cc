#include "platform/os/event_loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "platform/os/clock.h"

namespace sallyport::os {
namespace {

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "event loop: %s: %s\n", what, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
    std::abort();
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(os::now()),
      timers_(now_.instant) {
    if (!epoll_) die("epoll_create1");
    if (!wake_) die("eventfd");
    add(wake_.get(), EPOLLIN, [this](std::uint32_t) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
    });
}

EventLoop::~EventLoop() = default;

void EventLoop::add(int fd, std::uint32_t events, FdCallback callback) {
    auto watch = std::make_unique<Watch>(Watch{.fd = fd, .callback = std::move(callback)});
    epoll_event event{};
    event.events = events;
    event.data.ptr = watch.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl add");
    watches_[fd] = std::move(watch);
}

void EventLoop::modify(int fd, std::uint32_t events) {
    const auto it = watches_.find(fd);
    if (it == watches_.end()) return;
    epoll_event event{};
    event.events = events;
    event.data.ptr = it->second.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl modify");
}

void EventLoop::remove(int fd) {
    const auto it = watches_.find(fd);
    if (it == watches_.end()) return;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    it->second->removed = true;
    removed_.push_back(std::move(it->second));
    watches_.erase(it);
}

const Now& EventLoop::refresh() {
    now_ = os::now();
    return now_;
}

void EventLoop::run() {
    stopping_ = false;
    while (!stopping_) turn(Duration::max());
}

void EventLoop::stop() { stopping_ = true; }

Instant EventLoop::next_deadline() const { return std::min(timers_.next(), hook_deadline_); }

void EventLoop::rest(Duration longest) {
    const auto until = std::exchange(rest_until_, Instant::min());
    if (until == Instant::min()) return;
    const auto wait = std::min(longest, until - monotonic_now());
    if (wait > Duration::zero()) sleep_for(wait);
}

int EventLoop::turn(Duration longest) {
    rest(longest);
    int timeout_ms = -1;
    if (const auto deadline = next_deadline(); deadline != kNever || longest != Duration::max()) {
        const auto until_deadline = deadline == kNever ? Duration::max() : deadline - monotonic_now();
        const auto wait =
            std::clamp<Duration>(std::min(longest, until_deadline), Duration::zero(), std::chrono::hours(1));
        // Rounded up: waking before the deadline would only mean another turn.
        timeout_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
    }
    std::array<epoll_event, 64> events;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    refresh();
    for (int i = 0; i < ready; ++i) {
        auto* watch = static_cast<Watch*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!watch->removed) watch->callback(events[static_cast<std::size_t>(i)].events);
    }
    timers_.advance(now_.instant);
    run_posted();
    removed_.clear();
    hook_deadline_ = kNever;
    for (std::size_t i = 0; i < hooks_.size(); ++i) hook_deadline_ = std::min(hook_deadline_, hooks_[i](now_));
    removed_.clear();
    return std::max(ready, 0);
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);  // full: it is awake anyway
}

void EventLoop::post(std::function<void()> work) {
    {
        const std::scoped_lock lock(posted_mutex_);
        posted_.push_back(std::move(work));
    }
    wake();
}

void EventLoop::run_posted() {
    std::vector<std::function<void()>> work;
    {
        const std::scoped_lock lock(posted_mutex_);
        work.swap(posted_);
    }
    for (const auto& w : work) w();
}

}  // namespace sallyport::os
