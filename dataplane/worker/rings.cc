#include "dataplane/worker/rings.h"

#include <rte_errno.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>

#include "dataplane/worker/mbuf.h"

namespace sallyport::worker {
namespace {

std::size_t take(rte_ring* ring, std::span<packet::Packet> out) {
    std::array<rte_mbuf*, 64> batch;
    const auto count = rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(batch.data()),
                                                 static_cast<unsigned>(std::min(batch.size(), out.size())), nullptr);
    for (unsigned i = 0; i < count; ++i) {
        to_packet(batch[i], out[i]);
        out[i].handle = batch[i];
        out[i].interface = batch[i]->port;
        out[i].next_hop = batch[i]->hash.usr;
    }
    return count;
}

// rte_ring_empty() reads the two tails as plain words.
bool holds_nothing(const rte_ring* ring) {
    return __atomic_load_n(&ring->prod.tail, __ATOMIC_RELAXED) == __atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED);
}

std::size_t put(rte_ring* ring, std::span<rte_mbuf*> packets) {
    return rte_ring_mp_enqueue_burst(ring, reinterpret_cast<void* const*>(packets.data()),
                                     static_cast<unsigned>(packets.size()), nullptr);
}

void empty(rte_ring* ring) {
    if (ring == nullptr) return;
    void* m = nullptr;
    while (rte_ring_dequeue(ring, &m) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
    rte_ring_free(ring);
}

}  // namespace

os::Result<std::unique_ptr<Rings>> Rings::make(rte_mempool* pool, std::function<void()> wake) {
    std::unique_ptr<Rings> out(new Rings(pool, std::move(wake)));
    const auto socket = SOCKET_ID_ANY;
    out->signalling_ = rte_ring_create("signalling", kKernelSlots, socket, RING_F_SC_DEQ);
    out->for_kernel_ = rte_ring_create("for-kernel", kKernelSlots, socket, RING_F_SC_DEQ);
    out->unresolved_ = rte_ring_create("unresolved", kSlots, socket, RING_F_SC_DEQ);
    out->to_send_ = rte_ring_create("to-send", kSlots, socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (out->signalling_ == nullptr || out->for_kernel_ == nullptr || out->unresolved_ == nullptr ||
        out->to_send_ == nullptr)
        return std::unexpected(std::string("no memory for the rings between workers and slow path: ") +
                               rte_strerror(rte_errno));
    return out;
}

Rings::~Rings() {
    empty(signalling_);
    empty(for_kernel_);
    empty(unresolved_);
    empty(to_send_);
}

std::size_t Rings::put_signalling(std::span<rte_mbuf*> packets) { return put(signalling_, packets); }
std::size_t Rings::put_for_kernel(std::span<rte_mbuf*> packets) { return put(for_kernel_, packets); }
std::size_t Rings::put_unresolved(std::span<rte_mbuf*> packets) { return put(unresolved_, packets); }

std::size_t Rings::take_to_send(std::span<rte_mbuf*> out) {
    return rte_ring_sc_dequeue_burst(to_send_, reinterpret_cast<void**>(out.data()), static_cast<unsigned>(out.size()),
                                     nullptr);
}

// Either the sleeper sees what was put before the fence, or we see that it sleeps (arm_wake has the mirror image).
void Rings::notify() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_relaxed) && sleeping_.exchange(false, std::memory_order_relaxed)) wake_();
}

bool Rings::arm_wake() {
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (holds_nothing(signalling_) && holds_nothing(for_kernel_) && holds_nothing(unresolved_)) return false;
    disarm_wake();
    return true;
}

std::size_t Rings::take_for_kernel(std::span<packet::Packet> out) {
    const auto first = take(signalling_, out);
    return first + take(for_kernel_, out.subspan(first));
}
std::size_t Rings::take_unresolved(std::span<packet::Packet> out) { return take(unresolved_, out); }

bool Rings::make(packet::Packet& out, std::size_t bytes) {
    auto* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) return false;
    if (rte_pktmbuf_tailroom(m) < bytes) {
        rte_pktmbuf_free(m);
        return false;
    }
    to_packet(m, out);
    out.handle = m;
    return true;
}

bool Rings::transmit(packet::Packet& p) {
    auto* m = static_cast<rte_mbuf*>(p.handle);
    to_addressed_mbuf(p, m);
    return rte_ring_sp_enqueue(to_send_, m) == 0;
}

void Rings::release(packet::Packet& p) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(p.handle));
    p.handle = nullptr;
}

}  // namespace sallyport::worker
