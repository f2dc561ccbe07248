#pragma once
// Timers without a clock: a hierarchical wheel (Varghese and Lauck 1987) of four levels of 256 slots.
//
// One tick is 1 ms, the resolution that SIP's timers need; the span is 2^32 ms (49 days), later deadlines
// are clamped to it. Arm and cancel are O(1) and allocate nothing: the links live in the Timer, which its
// owner embeds and which must not move or die while armed (its destructor cancels). `advance` fires in the
// order of the ticks; a timer fires never early, and late by up to one tick. A callback may arm and cancel
// any timer, itself included.

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/base/time.h"

namespace sallyport {

class TimerWheel;

class Timer {
public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    bool armed() const { return wheel_ != nullptr; }
    Instant deadline() const { return deadline_; }  // only while armed
    void cancel();

private:
    friend class TimerWheel;
    Timer* next_ = nullptr;
    Timer** link_ = nullptr;  // what points at us
    TimerWheel* wheel_ = nullptr;
    void* context_ = nullptr;
    void (*fire_)(void* context, Instant now) = nullptr;
    std::uint64_t tick_ = 0;
    Instant deadline_{};
};

class TimerWheel {
public:
    explicit TimerWheel(Instant start);
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;
    ~TimerWheel();

    // Arms `timer` anew, whether it was armed or not. `fire` is called once, from advance().
    void arm(Timer& timer, Instant deadline, void* context, void (*fire)(void* context, Instant now));
    template <auto Method, typename T>
    void arm(Timer& timer, Instant deadline, T* object) {
        arm(timer, deadline, object, [](void* c, Instant now) { (static_cast<T*>(c)->*Method)(now); });
    }

    // Fires what is due. `now` never goes back.
    void advance(Instant now);
    // A time before which nothing fires, or kNever: how long the event loop may sleep.
    Instant next() const;
    std::size_t size() const { return size_; }

private:
    friend class Timer;
    static constexpr std::size_t kLevels = 4;
    static constexpr std::size_t kSlots = 256;

    std::uint64_t tick_of(Instant t) const;
    void insert(Timer& timer);
    void cascade(std::size_t level);
    static void link(Timer*& head, Timer& timer);
    static void unlink(Timer& timer);

    Instant start_;
    std::uint64_t current_ = 0;  // all ticks before this one have fired
    std::size_t size_ = 0;
    std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
};

}  // namespace sallyport
