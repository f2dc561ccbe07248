#pragma once
// The one pool of packet buffers. Its memory is DPDK's and goes with the EAL.
//
// net_af_xdp (22.11) gives the kernel one range of memory for its frames: it begins where the pool's first chunk
// does, and is as long as the pool's objects would be if they lay end to end. Buffers beyond that range are lost as
// soon as they are used: the kernel refuses their descriptors without a word, until the port has none left. So
// without PCI devices, which would want each buffer to be contiguous in physical memory, the objects do lie end to
// end, in one chunk; make_pool refuses any other pool. Of huge pages, the few buffers that cross from one to the next
// are never given out: a driver without copies may find that their halves are not neighbours.

#include <cstdint>
#include <expected>
#include <string>

struct rte_mempool;

namespace sallyport::port {

struct PoolPlan {
    std::uint32_t mbufs = 0;
    bool huge_pages = false;
    bool pci = false;  // a port's device writes to the buffers by itself
};

// Bytes of memory that one buffer takes, with what the pool adds. For a PCI device no buffer crosses a page: of
// ordinary memory each one takes a page of its own.
constexpr std::uint32_t bytes_per_mbuf(bool huge_pages, bool pci) { return huge_pages || !pci ? 2'560 : 4'096; }
// What a frame may have before and after it in a buffer: room for a VLAN tag, and the longest frame.
inline constexpr std::uint32_t kFrameRoom = 2'048;

std::expected<rte_mempool*, std::string> make_pool(const PoolPlan& plan);

}  // namespace sallyport::port
