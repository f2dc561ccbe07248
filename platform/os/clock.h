#pragma once
// The only place where clocks are read and slept by. An event loop reads them once a turn and passes `Now` on.

#include "platform/base/time.h"

namespace sallyport::os {

Instant monotonic_now();        // CLOCK_MONOTONIC; vDSO, no system call
WallTime wall_now();            // CLOCK_REALTIME
Now now();                      // both, taken together
void sleep_for(Duration time);  // a signal may end it early
Duration thread_cpu();          // what the calling thread has used of the CPU; a system call

}  // namespace sallyport::os
