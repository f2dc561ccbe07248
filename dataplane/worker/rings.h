#pragma once
// Packet buffers between workers and the slow-path thread: three rings from all workers (signalling for the kernel;
// other frames for the kernel, taken after it; frames whose next hop is unknown, apart, so that a dead next hop does
// not hold up signalling) and one ring
// to the first worker. A buffer that is in a ring names its interface in `port` and its next hop in
// `hash.usr`.

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/slowpath/frame_io.h"
#include "platform/os/result.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace sallyport::worker {

class Rings final : public slowpath::FrameIo {
public:
    static constexpr unsigned kSlots = 4'096;
    static constexpr unsigned kKernelSlots = 2'048;  // of each of the two for the kernel
    static constexpr std::uint32_t kMbufs = 2 * kSlots + 2 * kKernelSlots;

    // `wake` ends the slow-path thread's sleep; called by workers.
    static os::Result<std::unique_ptr<Rings>> make(rte_mempool* pool, std::function<void()> wake);
    ~Rings() override;
    Rings(const Rings&) = delete;
    Rings& operator=(const Rings&) = delete;

    // --- workers. How many of `packets` were taken; the others stay the caller's.
    std::size_t put_signalling(std::span<rte_mbuf*> packets);
    std::size_t put_for_kernel(std::span<rte_mbuf*> packets);
    std::size_t put_unresolved(std::span<rte_mbuf*> packets);
    std::size_t take_to_send(std::span<rte_mbuf*> out);  // the first worker alone
    // After one or more puts, once per burst.
    void notify();

    // --- slow-path thread
    std::size_t take_for_kernel(std::span<packet::Packet> out) override;
    std::size_t take_unresolved(std::span<packet::Packet> out) override;
    bool make(packet::Packet& out, std::size_t bytes) override;
    bool transmit(packet::Packet& p) override;
    void release(packet::Packet& p) override;
    bool arm_wake() override;
    void disarm_wake() override { sleeping_.store(false, std::memory_order_relaxed); }

private:
    Rings(rte_mempool* pool, std::function<void()> wake) : pool_(pool), wake_(std::move(wake)) {}

    rte_mempool* pool_;
    std::function<void()> wake_;
    rte_ring* signalling_ = nullptr;
    rte_ring* for_kernel_ = nullptr;
    rte_ring* unresolved_ = nullptr;
    rte_ring* to_send_ = nullptr;
    alignas(64) std::atomic<bool> sleeping_{false};
};

}  // namespace sallyport::worker
