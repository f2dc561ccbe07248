#pragma once
// Time as values. Nothing here reads a clock: `now` is always an argument, so that a test can run a
// two-hour call in a millisecond. Clocks are read in platform/os/clock.h and nowhere else.

#include <chrono>
#include <cstdint>

namespace sallyport {

using Duration = std::chrono::nanoseconds;

// Monotonic time. It goes on over a restart of a process, not over a restart of the machine.
struct MonotonicTime {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicTime>;
    static constexpr bool is_steady = true;
};
using Instant = MonotonicTime::time_point;

// Civil time (UTC), for records and for deadlines that must survive a move to another machine.
using WallTime = std::chrono::sys_time<Duration>;

// What an input happens at. Both are taken once per turn of the event loop.
struct Now {
    Instant instant;
    WallTime wall;
};

constexpr Instant kNever = Instant::max();

}  // namespace sallyport
