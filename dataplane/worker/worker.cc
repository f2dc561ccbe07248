#include "dataplane/worker/worker.h"

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

#include "dataplane/worker/mbuf.h"
#include "platform/os/clock.h"

namespace sallyport::worker {

using packet::Verdict;
using wire::DropReason;

Worker::Worker(Setup setup, std::span<const port::Port> ports, const packet::Interfaces& interfaces,
               flow::FlowTable& table, flow::Epochs& epochs, const flow::PublishedNextHops& next_hops, Rings& rings)
    : setup_(setup),
      ports_(ports),
      interfaces_(interfaces),
      epochs_(epochs),
      rings_(rings),
      pipeline_(table, interfaces, next_hops, setup.number),
      outgoing_(ports.size()),
      traffic_(std::make_unique<PortTraffic[]>(ports.size())) {}

void Worker::run() {
    prctl(PR_SET_TIMERSLACK, 1'000UL);  // a doze of 50 us shall not last 100
    constexpr timespec kStartPause{0, 1'000'000};
    while (!forwarding_.load(std::memory_order_acquire) && !stopping_.load(std::memory_order_acquire))
        nanosleep(&kStartPause, nullptr);
    while (!stopping_.load(std::memory_order_relaxed)) {
        const bool worked = turn();
        epochs_.quiescent(setup_.number);
        if (worked) {
            idle_turns_ = 0;
            next_doze_ = kFirstDoze;
            dozing_.set(false);
        } else if (setup_.doze.count() != 0 && ++idle_turns_ >= kIdleTurns) {
            doze();
        } else {
            rte_pause();
        }
    }
    for (std::size_t p = 0; p < ports_.size(); ++p) flush(p);
    epochs_.quiescent(setup_.number);
    ended_.store(true, std::memory_order_release);
}

void Worker::doze() {
    dozing_.set(true);
    const auto length = std::min(next_doze_, setup_.doze);
    next_doze_ = std::min(2 * next_doze_, setup_.doze);
    const timespec pause{0, length.count()};
    nanosleep(&pause, nullptr);
}

bool Worker::turn() {
    bool worked = false;
    for (std::size_t p = 0; p < ports_.size(); ++p) worked |= receive(p);
    if (setup_.number == 0) worked |= send_from_slow_path();
    if (worked)
        for (std::size_t p = 0; p < ports_.size(); ++p) flush(p);
    return worked;
}

[[gnu::always_inline]] inline void Worker::queue(std::uint16_t interface, rte_mbuf* m) {
    const auto port = interfaces_[interface].port;
    auto& out = outgoing_[port];
    out.packets[out.count++] = m;
    if (out.count >= kBurst) flush(port);
}

bool Worker::receive(std::size_t port) {
    std::array<rte_mbuf*, kBurst> received;
    const auto queue_number = static_cast<std::uint16_t>(setup_.number);
    const std::size_t count = rte_eth_rx_burst(ports_[port].id(), queue_number, received.data(), kBurst);
    if (count == 0) return false;
    const auto begin = os::monotonic_now();
    auto& traffic = traffic_[port];
    std::uint64_t bytes = 0;
    const bool flags = ports_[port].checks_ipv4();
    for (std::size_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(received[i], void*));
    for (std::size_t i = 0; i < count; ++i) {
        auto& p = packets_[i];
        to_packet(received[i], p);
        p.port = static_cast<std::uint16_t>(port);
        p.ipv4_checked = flags && (received[i]->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        bytes += received[i]->pkt_len;
    }
    traffic.rx_packets.add(count);
    traffic.rx_bytes.add(bytes);
    pipeline_.run({packets_.data(), count}, static_cast<std::uint64_t>(begin.time_since_epoch().count()));

    std::array<rte_mbuf*, kBurst> signalling;
    std::array<rte_mbuf*, kBurst> for_kernel;
    std::array<rte_mbuf*, kBurst> unresolved;
    std::array<rte_mbuf*, kBurst> dropped;
    std::size_t signalling_count = 0;
    std::size_t for_kernel_count = 0;
    std::size_t unresolved_count = 0;
    unsigned dropped_count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        switch (packets_[i].verdict) {
            case Verdict::kTransmit: queue(packets_[i].interface, to_mbuf(packets_[i])); break;
            case Verdict::kKernel:
                if (packets_[i].signalling)
                    signalling[signalling_count++] = to_mbuf(packets_[i]);
                else
                    for_kernel[for_kernel_count++] = to_mbuf(packets_[i]);
                break;
            case Verdict::kResolve: unresolved[unresolved_count++] = to_mbuf(packets_[i]); break;
            case Verdict::kDrop: dropped[dropped_count++] = received[i]; break;
        }
    }
    if (dropped_count > 0) rte_pktmbuf_free_bulk(dropped.data(), dropped_count);
    if (signalling_count + for_kernel_count + unresolved_count > 0) {
        const std::span signalling_span(signalling.data(), signalling_count);
        const std::span kernel_span(for_kernel.data(), for_kernel_count);
        const std::span unresolved_span(unresolved.data(), unresolved_count);
        hand_over(signalling_span, rings_.put_signalling(signalling_span), DropReason::kKernelQueue);
        hand_over(kernel_span, rings_.put_for_kernel(kernel_span), DropReason::kKernelQueue);
        hand_over(unresolved_span, rings_.put_unresolved(unresolved_span), DropReason::kNextHopQueue);
        rings_.notify();
    }
    bursts_.add(1);
    packet_count_.add(count);
    busy_ns_.add(static_cast<std::uint64_t>((os::monotonic_now() - begin).count()));
    return true;
}

void Worker::hand_over(std::span<rte_mbuf*> packets, std::size_t taken, DropReason reason) {
    for (std::size_t i = taken; i < packets.size(); ++i) {
        pipeline_.drops().count(reason);
        rte_pktmbuf_free(packets[i]);
    }
}

bool Worker::send_from_slow_path() {
    std::array<rte_mbuf*, kBurst> packets;
    const auto count = rings_.take_to_send(packets);
    for (std::size_t i = 0; i < count; ++i) queue(packets[i]->port, packets[i]);
    return count > 0;
}

void Worker::flush(std::size_t port) {
    auto& out = outgoing_[port];
    if (out.count == 0) return;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < out.count; ++i) bytes += out.packets[i]->pkt_len;
    auto& traffic = traffic_[port];
    const std::size_t sent = rte_eth_tx_burst(ports_[port].id(), static_cast<std::uint16_t>(setup_.number),
                                              out.packets.data(), static_cast<std::uint16_t>(out.count));
    for (std::size_t i = sent; i < out.count; ++i) {
        bytes -= out.packets[i]->pkt_len;
        pipeline_.drops().count(DropReason::kTransmitFull);
        rte_pktmbuf_free(out.packets[i]);
    }
    traffic.tx_packets.add(sent);
    traffic.tx_bytes.add(bytes);
    traffic.tx_unsent.add(out.count - sent);
    out.count = 0;
}

slowpath::WorkerStatus Worker::status() const {
    return {.core = setup_.core,
            .lcore = setup_.lcore,
            .bursts = bursts_.get(),
            .packets = packet_count_.get(),
            .busy_ns = busy_ns_.get(),
            .dozing = dozing_.get()};
}

}  // namespace sallyport::worker
