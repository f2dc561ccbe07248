#pragma once
// How long to wait before a process that ended is started again: not at all the first time, then 250 ms, doubled
// each time up to 1 s: whatever kills it again and again, new calls are taken within 2 s. One that has run for 30 s
// has earned a fresh start.

#include "platform/base/time.h"

namespace sallyport::manager {

class RestartPolicy {
public:
    static constexpr Duration kFirstPause = std::chrono::milliseconds(250);
    static constexpr Duration kLongestPause = std::chrono::seconds(1);
    static constexpr Duration kStable = std::chrono::seconds(30);

    // The process ended after `lived`: the pause before the next start.
    Duration after_end(Duration lived);

private:
    Duration next_pause_{};
};

}  // namespace sallyport::manager
