#pragma once
// What a piece of work costs the SIP thread: the dearest one, and how many were above each bound.
//
// Work is timed by the monotonic clock, which is cheap (vDSO) and counts too much when the kernel takes the CPU away in
// the middle. So each figure is cut to the CPU time that the thread has had since the last look at its CPU clock: that
// is a system call, and is made once a turn and every kWorksPerLook works, not for each. What counts is then never less
// than the work's own CPU time, never more than the time that passed, and no message is charged for a preemption.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "platform/base/time.h"

namespace sallyport::ops {

class CostMeter {
public:
    static constexpr std::array<Duration, 3> kBounds = {std::chrono::milliseconds(1), std::chrono::milliseconds(5),
                                                        std::chrono::milliseconds(20)};
    static constexpr unsigned kWorksPerLook = 16;

    struct Clocks {
        std::function<Instant()> monotonic;
        std::function<Duration()> cpu;  // of the calling thread
    };

    explicit CostMeter(Clocks clocks) : clocks_(std::move(clocks)) {}

    // A turn has ended: the thread may sleep before the next work.
    void end_turn() { works_to_look_ = 0; }
    void begin();
    void end();

    std::uint64_t works() const { return works_; }
    Duration slowest() const { return slowest_; }
    std::uint64_t above(std::size_t bound) const { return above_[bound]; }

private:
    void look();

    Clocks clocks_;
    Instant begun_{};
    Duration cpu_{};  // at the last look
    unsigned works_to_look_ = 0;
    std::uint64_t works_ = 0;
    Duration slowest_{};
    std::array<std::uint64_t, kBounds.size()> above_{};
};

}  // namespace sallyport::ops
