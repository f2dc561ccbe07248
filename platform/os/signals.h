#pragma once
// Signals as events of the loop (signalfd): no handler, nothing that interrupts.

#include <functional>
#include <initializer_list>

#include "platform/os/event_loop.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

// In main before any thread starts: the threads inherit the mask, and the signals wait for a Signals object.
// SIGPIPE is ignored on the way: a write to a closed socket is an error value.
void block_signals(std::initializer_list<int> signals);
// The default again: for a child between fork and exec.
void unblock_all_signals();

class Signals {
public:
    // Blocks `signals` as well, in the calling thread.
    static Result<Signals> make(EventLoop& loop, std::initializer_list<int> signals,
                                std::function<void(int signal)> callback);
    Signals(Signals&&) = default;
    Signals& operator=(Signals&&) = delete;
    ~Signals();

private:
    Signals(EventLoop& loop, UniqueFd fd) : loop_(&loop), fd_(std::move(fd)) {}
    EventLoop* loop_;
    UniqueFd fd_;
};

}  // namespace sallyport::os
