#pragma once
// How soon one turn of the loop follows another. A datagram that comes alone pays for a turn of its own: waking, asking
// what is ready, telling the dataplane. While few come each is taken at once; while many come turns are a millisecond
// apart, and each takes what has gathered. At the highest rate turns are longer than that, and nothing rests.
// Sans-IO: `now` is an argument.

#include <cstdint>

#include "platform/base/time.h"

namespace sallyport::net {

class Pace {
public:
    static constexpr Duration kBetweenTurns = std::chrono::milliseconds(1);
    static constexpr std::uint64_t kBusy = 2'000;  // datagrams a second: some 330 calls
    static constexpr Duration kWindow = std::chrono::milliseconds(20);

    // When the turn after the one that began at `turn` may begin; long ago if it need not wait. `received`: datagrams
    // since the start.
    Instant next_turn(Instant turn, std::uint64_t received);

private:
    bool busy_ = false;  // in the last whole window
    Instant window_{};
    std::uint64_t received_before_ = 0;  // the window
};

}  // namespace sallyport::net
