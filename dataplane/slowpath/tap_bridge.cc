#include "dataplane/slowpath/tap_bridge.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "dataplane/packet/ether.h"

namespace sallyport::slowpath {

using wire::DropReason;

TapBridge::TapBridge(std::vector<os::UniqueFd> taps, const packet::Interfaces& interfaces, FrameIo& io, Drop drop)
    : taps_(std::move(taps)), interfaces_(interfaces), io_(io), drop_(std::move(drop)), counters_(taps_.size()) {}

void TapBridge::drop(std::uint16_t interface, DropReason reason) {
    ++counters_[interface].dropped;
    drop_(reason);
}

bool TapBridge::write_waiting() {
    std::array<packet::Packet, 64> batch;
    for (int i = 0; i < 16; ++i) {
        const auto count = io_.take_for_kernel(batch);
        for (std::size_t p = 0; p < count; ++p) write(batch[p]);
        if (count < batch.size()) return false;
    }
    return true;
}

void TapBridge::write(packet::Packet& p) {
    // The kernel takes a frame whole or not at all. EIO: the TAP is down, as it is before the manager has set it up.
    const auto written = ::write(taps_[p.interface].get(), p.data, p.length);
    if (written == static_cast<ssize_t>(p.length))
        ++counters_[p.interface].to_kernel;
    else
        drop(p.interface, DropReason::kKernelWrite);
    io_.release(p);
}

bool TapBridge::read(std::uint16_t interface) {
    const auto& out = interfaces_[interface];
    for (int i = 0; i < kFramesPerTurn; ++i) {
        packet::Packet p;
        if (!io_.make(p, kLongestFrame)) {
            // Without a buffer the frame is taken and thrown away: a readable descriptor must not spin the loop.
            std::array<std::byte, kLongestFrame> nowhere;
            if (::read(taps_[interface].get(), nowhere.data(), nowhere.size()) > 0)
                drop(interface, DropReason::kNoBuffer);
            return true;
        }
        const auto count = ::read(taps_[interface].get(), p.data, kLongestFrame);
        if (count <= 0) {
            const bool usable = count < 0 && (errno == EAGAIN || errno == EINTR);
            io_.release(p);
            return usable;
        }
        p.length = static_cast<std::uint32_t>(count);
        p.interface = interface;
        // Longer than the port carries, or cut by our buffer: the TAP's MTU is not the interface's.
        const bool fits = p.length >= packet::kEtherBytes && p.length <= out.mtu + packet::kEtherBytes;
        if (!fits || (out.vlan != 0 && !packet::insert_vlan(p, out.vlan))) {
            drop(interface, DropReason::kFromKernelFrame);
            io_.release(p);
        } else if (io_.transmit(p)) {
            ++counters_[interface].from_kernel;
        } else {
            drop(interface, DropReason::kFromKernelQueue);
            io_.release(p);
        }
    }
    return true;
}

}  // namespace sallyport::slowpath
