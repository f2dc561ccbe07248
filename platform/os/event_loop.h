#pragma once
// One thread, one epoll: descriptors, timers, and what other threads ask for.
//
// A turn: sleep until a descriptor is ready, the next timer or hook deadline comes, or another thread wakes
// us; read the clocks once; call the descriptors' callbacks; fire timers; run what was posted; call the
// before-wait hooks, which return the next deadline that they know. A turn that is not to begin yet (rest_until) lets
// pass what is ready, so that it takes more at once: each turn costs the same whether it takes one or a hundred.
// Everything but wake() and post() is for the loop's own thread. A callback may add, change and remove any descriptor,
// its own included.

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

class EventLoop {
public:
    using FdCallback = std::function<void(std::uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP
    using Hook = std::function<Instant(const Now& now)>;           // next deadline, or kNever

    // Aborts when the system refuses an epoll or an eventfd: no process of ours can go on without.
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // The descriptor stays the caller's; remove() it before it is closed. Level-triggered.
    void add(int fd, std::uint32_t events, FdCallback callback);
    void modify(int fd, std::uint32_t events);
    void remove(int fd);

    TimerWheel& timers() { return timers_; }
    // Called at the end of each turn, in the order added: flush outputs, and say when to be called at latest.
    void before_wait(Hook hook) { hooks_.push_back(std::move(hook)); }

    // The next turn begins no earlier, whatever comes; for a rest of milliseconds, since nothing ends it. For one turn.
    void rest_until(Instant earliest) { rest_until_ = earliest; }

    // The clocks as they were read in this turn.
    const Now& now() const { return now_; }
    // Reads the clocks anew; for set-up before the first turn.
    const Now& refresh();

    void run();   // until stop()
    void stop();  // ends run() after this turn
    // One turn that sleeps at most `longest`. Returns the number of descriptors that were ready.
    int turn(Duration longest);

    // From any thread, and from a signal handler: ends the sleep.
    void wake();
    // From any thread: `work` runs on the loop's thread, soon.
    void post(std::function<void()> work);

private:
    struct Watch {
        int fd;
        FdCallback callback;
        bool removed = false;
    };

    Instant next_deadline() const;
    void rest(Duration longest);
    void run_posted();

    UniqueFd epoll_;
    UniqueFd wake_;
    Now now_;
    TimerWheel timers_;
    std::unordered_map<int, std::unique_ptr<Watch>> watches_;
    std::vector<std::unique_ptr<Watch>> removed_;  // kept until the end of the turn: epoll may still name them
    std::vector<Hook> hooks_;
    Instant hook_deadline_ = kNever;
    Instant rest_until_ = Instant::min();
    bool stopping_ = false;
    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;
};

}  // namespace sallyport::os
