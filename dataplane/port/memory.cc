#include "dataplane/port/memory.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <vector>

namespace sallyport::port {

namespace {

constexpr unsigned kCache = 256;  // per lcore
constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;

std::uint32_t object_bytes(const rte_mempool& pool) { return pool.header_size + pool.elt_size + pool.trailer_size; }

// One chunk, filled from end to end: see memory.h.
bool is_dense(const rte_mempool& pool) {
    const auto* chunk = STAILQ_FIRST(&pool.mem_list);
    if (pool.nb_mem_chunks != 1 || chunk == nullptr) return false;
    const auto begin = reinterpret_cast<std::uintptr_t>(chunk->addr);
    std::uintptr_t end = begin;
    const rte_mempool_objhdr* object = nullptr;
    STAILQ_FOREACH(object, &pool.elt_list, next)
    end = std::max(end, reinterpret_cast<std::uintptr_t>(object + 1) + pool.elt_size + pool.trailer_size);
    return end - begin <= std::uint64_t{pool.populated_size} * object_bytes(pool);
}

// All buffers are taken out, and those that cross stay out for good.
void hold_back_crossing(rte_mempool& pool) {
    std::vector<void*> objects(pool.populated_size);
    if (rte_mempool_get_bulk(&pool, objects.data(), pool.populated_size) != 0) return;
    const auto crosses = [&](void* object) {
        const auto begin = reinterpret_cast<std::uintptr_t>(object);
        return begin / kHugePage != (begin + pool.elt_size - 1) / kHugePage;
    };
    const auto end = std::remove_if(objects.begin(), objects.end(), crosses);
    rte_mempool_put_bulk(&pool, objects.data(), static_cast<unsigned>(end - objects.begin()));
}

}  // namespace

std::expected<rte_mempool*, std::string> make_pool(const PoolPlan& plan) {
    const auto failed = [&](const std::string& why) {
        return std::unexpected("no memory for " + std::to_string(plan.mbufs) + " packet buffers: " + why +
                               "; set system.memory-mb lower or free some memory");
    };
    constexpr auto kDataRoom = static_cast<std::uint16_t>(kFrameRoom + RTE_PKTMBUF_HEADROOM);
    const auto socket = static_cast<int>(rte_socket_id());
    if (plan.pci) {
        auto* pool = rte_pktmbuf_pool_create("packets", plan.mbufs, kCache, 0, kDataRoom, socket);
        if (pool == nullptr) return failed(rte_strerror(rte_errno));
        return pool;
    }
    auto* pool = rte_mempool_create_empty("packets", plan.mbufs, sizeof(rte_mbuf) + kDataRoom, kCache,
                                          sizeof(rte_pktmbuf_pool_private), socket, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (pool == nullptr) return failed(rte_strerror(rte_errno));
    rte_pktmbuf_pool_private room{};
    room.mbuf_data_room_size = kDataRoom;
    rte_pktmbuf_pool_init(pool, &room);
    if (const int count = rte_mempool_populate_default(pool); count < 0) {
        rte_mempool_free(pool);
        return failed(rte_strerror(-count));
    }
    if (!is_dense(*pool)) {
        rte_mempool_free(pool);
        return failed("the memory is in pieces");
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
    if (plan.huge_pages) hold_back_crossing(*pool);
    return pool;
}

}  // namespace sallyport::port
