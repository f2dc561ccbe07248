#include "dataplane/port/memory.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

namespace sallyport::port {

std::expected<rte_mempool*, std::string> make_pool(std::uint32_t mbufs) {
    constexpr unsigned kCache = 256;  // per lcore
    auto* pool = rte_pktmbuf_pool_create("packets", mbufs, kCache, 0, kFrameRoom + RTE_PKTMBUF_HEADROOM,
                                         static_cast<int>(rte_socket_id()));
    if (pool == nullptr)
        return std::unexpected("no memory for " + std::to_string(mbufs) + " packet buffers: " +
                               rte_strerror(rte_errno) + "; set system.memory-mb lower or free some memory");
    return pool;
}

}  // namespace sallyport::port
