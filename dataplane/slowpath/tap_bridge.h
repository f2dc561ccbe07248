#pragma once
// Frames between the workers and the kernel, through one exception TAP per interface. The descriptors are
// the manager's TAPs, non-blocking; the frames on them bear no VLAN tag.

#include <cstdint>
#include <functional>
#include <vector>

#include "dataplane/packet/interfaces.h"
#include "dataplane/slowpath/frame_io.h"
#include "platform/os/unique_fd.h"

namespace sallyport::slowpath {

struct TapCounters {
    std::uint64_t to_kernel = 0;
    std::uint64_t from_kernel = 0;
    std::uint64_t dropped = 0;  // either way
};

class TapBridge {
public:
    using Drop = std::function<void(wire::DropReason reason)>;

    static constexpr std::size_t kLongestFrame = 2'048 - 128;
    static constexpr int kFramesPerTurn = 256;  // and TAP

    // `taps`: in the order of the interfaces.
    TapBridge(std::vector<os::UniqueFd> taps, const packet::Interfaces& interfaces, FrameIo& io, Drop drop);

    // All that the workers have for the kernel, at most some bursts. True: there may be more.
    bool write_waiting();
    // From one TAP to its port. False: the descriptor is of no use any more.
    bool read(std::uint16_t interface);

    int fd(std::uint16_t interface) const { return taps_[interface].get(); }
    const TapCounters& counters(std::uint16_t interface) const { return counters_[interface]; }

private:
    void write(packet::Packet& p);
    void drop(std::uint16_t interface, wire::DropReason reason);

    std::vector<os::UniqueFd> taps_;
    const packet::Interfaces& interfaces_;
    FrameIo& io_;
    Drop drop_;
    std::vector<TapCounters> counters_;
};

}  // namespace sallyport::slowpath
