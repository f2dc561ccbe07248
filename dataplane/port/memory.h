#pragma once
// The one pool of packet buffers. Its memory is DPDK's and goes with the EAL.

#include <cstdint>
#include <expected>
#include <string>

struct rte_mempool;

namespace sallyport::port {

// Bytes of memory that one buffer takes, with what the pool adds. No buffer crosses a page: of ordinary memory
// each one takes a page of its own.
constexpr std::uint32_t bytes_per_mbuf(bool huge_pages) { return huge_pages ? 2'560 : 4'096; }
// What a frame may have before and after it in a buffer: room for a VLAN tag, and the longest frame.
inline constexpr std::uint32_t kFrameRoom = 2'048;

std::expected<rte_mempool*, std::string> make_pool(std::uint32_t mbufs);

}  // namespace sallyport::port
