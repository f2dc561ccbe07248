#pragma once
// How soon one turn of the loop follows another. A datagram that comes alone pays for a turn of its own: waking, asking
// what is ready, telling the dataplane, and finding its code and its data in no cache. While few come each is taken at
// once; while many come a turn waits until some have gathered, as network cards do with their interrupts. At the
// highest rate the turn before has taken longer than that, and nothing rests.
// Sans-IO: `now` is an argument.

#include <cstdint>

#include "platform/base/time.h"

namespace sallyport::net {

class Pace {
public:
    static constexpr std::uint64_t kGather = 64;                        // as many come from one turn to the next,
    static constexpr Duration kLongest = std::chrono::milliseconds(3);  // which are never further apart
    static constexpr std::uint64_t kBusy = 2'000;                       // datagrams a second: some 330 calls
    static constexpr Duration kWindow = std::chrono::milliseconds(20);

    // When the turn after the one that began at `turn` may begin; long ago if it need not wait. `received`: datagrams
    // since the start.
    Instant next_turn(Instant turn, std::uint64_t received);

private:
    Duration rest_{};  // for what came in the last whole window; zero: few
    Instant window_{};
    std::uint64_t received_before_ = 0;  // the window
};

}  // namespace sallyport::net
