#pragma once
// The control plane's end of the session with the dataplane (docs/architecture.md): connect, take the segment
// and the counters page, push flow commands, pop flow events, and begin anew when the session ends.
//
// Commands that the ring has no room for wait in a bounded queue. When that is full too, or a ring is broken,
// the session is ended: the engine is told, and puts everything right in the next one, so nothing is lost
// silently. A doorbell (one byte on the socket) wakes the other side; besides, events are looked for every 5 ms
// while commands are outstanding and every 50 ms else. While turns follow each other anyway nobody rings for events.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"
#include "platform/os/event_loop.h"
#include "platform/os/shared_memory.h"
#include "platform/os/unique_fd.h"
#include "platform/wire/counters_page.h"
#include "platform/wire/flow_records.h"
#include "platform/wire/segment.h"

namespace sallyport::net {

class DataplaneSession {
public:
    static constexpr std::size_t kMaxWaiting = 65536;
    static constexpr std::size_t kMaxEventsPerDrain = 4096;

    struct Counters {
        std::uint64_t sessions = 0;
        std::uint64_t commands = 0;
        std::uint64_t events = 0;
        std::uint64_t commands_waited = 0;
        std::uint64_t overflows = 0;  // sessions ended because too many commands waited
        std::uint64_t broken = 0;     // sessions ended because of what the other side did to a ring
        std::uint64_t dropped = 0;    // commands given while there was no session
    };
    struct Handlers {
        std::function<void()> on_up;
        std::function<void()> on_down;
        std::function<void(const wire::FlowEvent& event)> on_event;
    };

    // Handlers may call push(), not start() or drain().
    DataplaneSession(os::EventLoop& loop, std::string socket_path, Handlers handlers);
    ~DataplaneSession();
    DataplaneSession(const DataplaneSession&) = delete;
    DataplaneSession& operator=(const DataplaneSession&) = delete;

    void start();
    bool up() const { return rings_.has_value(); }

    // In order. Rings once. Without a session the commands are dropped: the engine knows that it is down.
    void push(std::span<const wire::FlowCommand> commands);
    // Pops what waits, at most kMaxEventsPerDrain; moves waiting commands into the ring.
    void drain();
    // At the end of a turn: whether the next one comes soon by itself.
    void expect_turn(bool soon);
    // When drain() should be called at the latest.
    Instant next_poll(Instant now);

    const Counters& counters() const { return counters_; }
    std::size_t waiting() const { return waiting_.size(); }
    // nullptr while there is no session.
    const wire::CountersReader* page() const { return rings_ ? &rings_->page : nullptr; }

private:
    struct Rings {
        os::Mapping segment;
        os::Mapping page_memory;
        wire::RingProducer<wire::FlowCommand> commands;
        wire::RingConsumer<wire::FlowEvent> events;
        wire::CountersReader page;
    };

    void connect(Instant now);
    void on_ready();
    // False: the session must end.
    bool take_hand_over();
    bool read_doorbells();
    void end(const std::string& why);
    void flush_waiting();
    void ring();

    os::EventLoop& loop_;
    std::string path_;
    Handlers handlers_;
    os::UniqueFd socket_;
    std::optional<Rings> rings_;
    std::deque<wire::FlowCommand> waiting_;
    std::uint64_t outstanding_ = 0;  // commands that an event answers, and has not yet
    Timer timer_;                    // next connect, or the limit of a hand-over
    Duration pause_;
    bool more_ = false;      // drain() stopped at its bound
    bool looks_ = false;     // the dataplane has been told not to ring
    bool said_why_ = false;  // one log line per outage
    Counters counters_;
};

}  // namespace sallyport::net
