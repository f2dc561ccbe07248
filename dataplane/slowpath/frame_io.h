#pragma once
// Frames between the slow-path thread and the workers. The implementation (dataplane/worker) holds the
// packet memory and the rings; a frame is a packet::Packet whose `handle` is its own business. Who holds a
// Packet owes release() or transmit().

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"

namespace sallyport::slowpath {

class FrameIo {
public:
    virtual ~FrameIo() = default;

    // From the workers: frames for the kernel (Verdict::kKernel), and complete ones whose next hop is not
    // known (Verdict::kResolve). Returns how many were taken.
    virtual std::size_t take_for_kernel(std::span<packet::Packet> out) = 0;
    virtual std::size_t take_unresolved(std::span<packet::Packet> out) = 0;
    // A buffer of at least `bytes`, with room for a VLAN tag before it. False: none left.
    virtual bool make(packet::Packet& out, std::size_t bytes) = 0;
    // To the port of p.interface, by a worker. False: its queue is full, the frame stays the caller's.
    virtual bool transmit(packet::Packet& p) = 0;
    virtual void release(packet::Packet& p) = 0;

    // The slow-path thread is about to sleep: from now on a worker that has something wakes it. True: there
    // is something already.
    virtual bool arm_wake() = 0;
    virtual void disarm_wake() = 0;
};

}  // namespace sallyport::slowpath
