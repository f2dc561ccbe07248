#pragma once
// Says whether more new calls come than can be set up, by how long their INVITEs wait: from the kernel's time stamp to
// the moment that one is at hand. What it measures is the delay itself, so it needs to know neither the CPU's speed nor
// what a call costs.
//
// A burst is no overload: only when the oldest has waited more than the target at every look for an interval does the
// overload begin (RFC 8289 §3). It is over when the waiting has been short for kCalm.

#include <cstdint>

#include "platform/base/time.h"

namespace sallyport::call {

class Overload {
public:
    // Far below T1 (RFC 3261's, 500 ms: that of the peers, which our configuration does not say), at which an INVITE is
    // sent again: the way, and the 100 that stops it, take their part.
    static constexpr Duration kTarget = std::chrono::milliseconds(60);
    static constexpr Duration kInterval = std::chrono::milliseconds(100);
    static constexpr Duration kCalm = std::chrono::seconds(1);

    // `waited`: how long the oldest INVITE has, zero if there is none. At each arrival and at least once a turn.
    void look(Instant now, Duration waited);

    bool on() const { return on_; }
    // Whether another INVITE is too many. The queue stays about as long as the target: long enough that no moment is
    // idle, and whoever is refused hears it at once.
    bool refuses(Duration waited) const { return on_ && waited > kTarget; }
    std::uint64_t times() const { return times_; }  // that it began

private:
    bool on_ = false;
    std::uint64_t times_ = 0;
    Instant long_since_ = kNever;   // the oldest has waited more than the target ever since
    Instant short_since_ = kNever;  // less than half of it
};

}  // namespace sallyport::call
