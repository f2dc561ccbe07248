#pragma once
// One worker: an lcore with a receive and a transmit queue of every port. It runs bursts to completion and
// polls as long as there is traffic; after a while without any it dozes, longer each time up to the
// configured bound, so that the core is of use to others. A doze is its only system call beside those of
// the ports' drivers.

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/flow/epoch.h"
#include "dataplane/port/port.h"
#include "dataplane/slowpath/panel.h"
#include "dataplane/transform/pipeline.h"
#include "dataplane/worker/rings.h"
#include "platform/base/fixed_array.h"
#include "platform/base/relaxed.h"
#include "platform/base/time.h"

namespace sallyport::worker {

// Of one port at one worker, who alone writes.
struct alignas(64) PortTraffic {
    Relaxed<std::uint64_t> rx_packets;
    Relaxed<std::uint64_t> rx_bytes;
    Relaxed<std::uint64_t> tx_packets;
    Relaxed<std::uint64_t> tx_bytes;
    Relaxed<std::uint64_t> tx_unsent;
};

class Worker {
public:
    struct Setup {
        std::uint32_t number = 0;  // from 0; the first also sends what comes from the slow path
        int core = 0;
        unsigned lcore = 0;
        Duration doze{};  // longest; 0: polls always
    };

    Worker(Setup setup, std::span<const port::Port> ports, const packet::Interfaces& interfaces, flow::FlowTable& table,
           flow::Epochs& epochs, const flow::PublishedNextHops& next_hops, Rings& rings);

    // On its lcore, until stop(). Touches no packet before forward().
    void run();
    void forward() { forwarding_.store(true, std::memory_order_release); }
    // True once run() has returned. Release and acquire here: how the environment layer joins its threads is
    // out of sight of ThreadSanitizer.
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    void stop() { stopping_.store(true, std::memory_order_release); }

    // From any thread:
    slowpath::WorkerStatus status() const;
    const PortTraffic& traffic(std::size_t port) const { return traffic_[port]; }
    std::uint64_t drops(wire::DropReason reason) const { return pipeline_.drops().get(reason); }

private:
    static constexpr std::size_t kBurst = transform::Pipeline::kBurst;
    static constexpr std::uint32_t kIdleTurns = 64;  // polled in vain before the first doze
    static constexpr Duration kFirstDoze = std::chrono::microseconds(10);

    struct Outgoing {
        std::array<rte_mbuf*, 2 * kBurst> packets;  // less than a burst, and a burst more
        std::size_t count = 0;
        std::uint64_t bytes = 0;
    };

    bool turn();
    bool receive(std::size_t port);
    bool send_from_slow_path();
    std::size_t queue(rte_mbuf* const* received, std::span<packet::Packet> packets);
    void flush(std::size_t port);
    std::uint64_t take_over(std::size_t port, rte_mbuf* const* received, std::span<packet::Packet> packets);
    void hand_over_others(rte_mbuf* const* received, std::span<packet::Packet> packets);
    void hand_over(std::span<rte_mbuf*> packets, std::size_t taken, wire::DropReason reason);
    void doze();
    // Work goes on, or begins; and it has ended.
    void busy(Instant now);
    void idle();

    Setup setup_;
    std::span<const port::Port> ports_;
    const packet::Interfaces& interfaces_;
    flow::Epochs& epochs_;
    Rings& rings_;
    transform::Pipeline pipeline_;
    std::array<packet::Packet, kBurst> packets_;  // of the burst in hand; kept, since it is long
    FixedArray<Outgoing> outgoing_;               // by port
    std::unique_ptr<PortTraffic[]> traffic_;      // by port
    Duration next_doze_ = kFirstDoze;
    Instant busy_since_{};  // what came before has been added to busy_ns_; {}: idle
    std::uint32_t idle_turns_ = 0;
    alignas(64) std::atomic<bool> stopping_{false};
    std::atomic<bool> forwarding_{false};
    std::atomic<bool> ended_{false};
    Relaxed<std::uint64_t> bursts_;
    Relaxed<std::uint64_t> packet_count_;
    Relaxed<std::uint64_t> busy_ns_;
    Relaxed<bool> dozing_;
};

}  // namespace sallyport::worker
