#include "platform/os/clock.h"

#include <ctime>

namespace sallyport::os {
namespace {

Duration read(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec);
}

}  // namespace

Instant monotonic_now() { return Instant(read(CLOCK_MONOTONIC)); }
WallTime wall_now() { return WallTime(read(CLOCK_REALTIME)); }
Duration thread_cpu() { return read(CLOCK_THREAD_CPUTIME_ID); }
void sleep_for(Duration time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec t{.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
    ::nanosleep(&t, nullptr);
}
Now now() { return {monotonic_now(), wall_now()}; }

}  // namespace sallyport::os
