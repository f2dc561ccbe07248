#pragma once
// A packet as the pipeline sees it, whatever library holds its bytes.

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/wire/drop_reason.h"

namespace sallyport::packet {

using Mac = std::array<std::uint8_t, 6>;

enum class Verdict : std::uint8_t {
    kDrop,      // for `reason`
    kTransmit,  // out of the port of `interface`, complete
    kResolve,   // complete but for the destination MAC: `next_hop` at `interface` is not known yet
    kKernel,    // to the exception TAP of `interface`, without VLAN tag
};

struct Packet {
    // In: the whole frame, and the free bytes before it. Out: the frame to send; `data` may have moved.
    std::byte* data = nullptr;
    std::uint32_t length = 0;
    std::uint16_t headroom = 0;
    std::uint16_t port = 0;     // where it came in
    bool ipv4_checked = false;  // the port has verified the IPv4 header checksum
    // Out:
    Verdict verdict = Verdict::kDrop;
    bool signalling = false;  // with kKernel: goes before all else to the kernel
    wire::DropReason reason = wire::DropReason::kFrameTruncated;
    std::uint16_t interface = 0;
    std::uint16_t out_port = 0;  // of `interface`, with kTransmit
    std::uint32_t next_hop = 0;
    void* handle = nullptr;  // of the port library, never looked at here
};

}  // namespace sallyport::packet
