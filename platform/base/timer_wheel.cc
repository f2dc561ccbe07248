#include "platform/base/timer_wheel.h"

#include <algorithm>

namespace sallyport {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(1);
constexpr std::uint64_t kMaxDelay = (std::uint64_t{1} << 32) - 1;

}  // namespace

void Timer::cancel() {
    if (!wheel_) return;
    TimerWheel::unlink(*this);
    --wheel_->size_;
    wheel_ = nullptr;
}

TimerWheel::TimerWheel(Instant start) : start_(start) {}

TimerWheel::~TimerWheel() {
    for (auto& level : slots_)
        for (auto*& head : level)
            while (head) head->cancel();
}

std::uint64_t TimerWheel::tick_of(Instant t) const {
    if (t <= start_) return 0;
    return static_cast<std::uint64_t>((t - start_) / kTick);
}

void TimerWheel::link(Timer*& head, Timer& timer) {
    timer.next_ = head;
    timer.link_ = &head;
    if (head) head->link_ = &timer.next_;
    head = &timer;
}

void TimerWheel::unlink(Timer& timer) {
    *timer.link_ = timer.next_;
    if (timer.next_) timer.next_->link_ = timer.link_;
    timer.next_ = nullptr;
    timer.link_ = nullptr;
}

void TimerWheel::arm(Timer& timer, Instant deadline, void* context, void (*fire)(void*, Instant)) {
    timer.cancel();
    timer.wheel_ = this;
    timer.context_ = context;
    timer.fire_ = fire;
    timer.deadline_ = deadline;
    // Rounded up: a timer never fires early.
    const auto delay = deadline <= start_ ? Duration::zero() : deadline - start_;
    const auto due = static_cast<std::uint64_t>(delay / kTick + (delay % kTick != Duration::zero()));
    timer.tick_ = std::clamp(due, current_, current_ + kMaxDelay);
    ++size_;
    insert(timer);
}

void TimerWheel::insert(Timer& timer) {
    const auto delay = timer.tick_ - current_;
    std::size_t level = 0;
    while (level + 1 < kLevels && delay >= std::uint64_t{1} << (8 * (level + 1))) ++level;
    link(slots_[level][timer.tick_ >> (8 * level) & (kSlots - 1)], timer);
}

void TimerWheel::cascade(std::size_t level) {
    auto*& head = slots_[level][current_ >> (8 * level) & (kSlots - 1)];
    Timer* list = head;
    head = nullptr;
    while (list) {
        Timer& timer = *list;
        list = timer.next_;
        insert(timer);
    }
}

void TimerWheel::advance(Instant now) {
    const auto target = tick_of(now);
    while (current_ <= target) {
        if (size_ == 0) {
            current_ = target + 1;
            // Skipped slots are empty, so that no cascade is owed.
            return;
        }
        for (std::size_t level = 1; level < kLevels && (current_ & ((std::uint64_t{1} << (8 * level)) - 1)) == 0;
             ++level)
            cascade(level);
        auto*& head = slots_[0][current_ & (kSlots - 1)];
        // What a callback arms for this very tick is fired in the same turn of the loop, but never twice
        // without leaving: the tick moves on first.
        Timer* due = head;
        head = nullptr;
        if (due) due->link_ = &due;
        ++current_;
        while (due) {
            Timer& timer = *due;
            unlink(timer);
            --size_;
            timer.wheel_ = nullptr;
            timer.fire_(timer.context_, now);
        }
    }
}

Instant TimerWheel::next() const {
    if (size_ == 0) return kNever;
    // Level 0 holds exact ticks; for the higher levels the start of the slot is a lower bound.
    for (std::uint64_t i = 0; i < kSlots; ++i) {
        const auto tick = current_ + i;
        // At a multiple of kSlots a cascade is due: it may bring earlier timers than any seen further on.
        if (slots_[0][tick & (kSlots - 1)] || (tick & (kSlots - 1)) == 0)
            return start_ + kTick * static_cast<std::int64_t>(tick);
    }
    return start_ + kTick * static_cast<std::int64_t>(current_ + kSlots);
}

}  // namespace sallyport
