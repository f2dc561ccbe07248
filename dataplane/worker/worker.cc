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
            continue;
        }
        if (busy_since_ != Instant{}) idle();
        if (setup_.doze.count() != 0 && ++idle_turns_ >= kIdleTurns) {
            doze();
        } else {
            rte_pause();
        }
    }
    for (std::size_t p = 0; p < ports_.size(); ++p) flush(p);
    epochs_.quiescent(setup_.number);
    ended_.store(true, std::memory_order_release);
}

// One reading of the clock a burst, as long as burst follows on burst.
void Worker::busy(Instant now) {
    if (busy_since_ != Instant{}) busy_ns_.add(static_cast<std::uint64_t>((now - busy_since_).count()));
    busy_since_ = now;
}

void Worker::idle() {
    busy(os::monotonic_now());
    busy_since_ = {};
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

bool Worker::receive(std::size_t port) {
    std::array<rte_mbuf*, kBurst> received;
    const auto queue_number = static_cast<std::uint16_t>(setup_.number);
    const std::size_t count = rte_eth_rx_burst(ports_[port].id(), queue_number, received.data(), kBurst);
    if (count == 0) return false;
    const auto now = os::monotonic_now();
    busy(now);
    const std::span packets(packets_.data(), count);
    const auto bytes = take_over(port, received.data(), packets);
    auto& traffic = traffic_[port];
    traffic.rx_packets.add(count);
    traffic.rx_bytes.add(bytes);
    bursts_.add(1);
    packet_count_.add(count);
    pipeline_.run(packets, static_cast<std::uint64_t>(now.time_since_epoch().count()));

    if (queue(received.data(), packets) != count) [[unlikely]]
        hand_over_others(received.data(), packets);
    return true;
}

// Queues what is to be sent; returns how many that were. Most of a burst leaves by one port, whose numbers are kept in
// registers meanwhile: in memory each packet would wait for the one before.
[[gnu::always_inline]] inline std::size_t Worker::queue(rte_mbuf* const* received, std::span<packet::Packet> packets) {
    std::size_t all = 0;
    for (auto p = packets.begin(); p != packets.end();) {
        if (p->verdict != Verdict::kTransmit) [[unlikely]] {
            ++p;
            ++received;
            continue;
        }
        const auto port = p->out_port;
        auto& out = outgoing_[port];
        auto count = out.count;
        auto bytes = out.bytes;
        for (; p != packets.end() && p->out_port == port && p->verdict == Verdict::kTransmit; ++p) {
            auto* m = *received++;
            to_mbuf(*p, m);
            out.packets[count++] = m;
            bytes += p->length;
        }
        all += count - out.count;
        out.count = count;
        out.bytes = bytes;
        if (count >= kBurst) flush(port);
    }
    return all;
}

// Buffers to packets, whose bytes are asked for on the way; returns how many there are.
[[gnu::always_inline]] inline std::uint64_t Worker::take_over(std::size_t port, rte_mbuf* const* received,
                                                              std::span<packet::Packet> packets) {
    const bool flags = ports_[port].checks_ipv4();
    std::uint64_t bytes = 0;
    for (auto& p : packets) {
        auto* m = *received++;
        to_packet(m, p);
        rte_prefetch0(p.data);
        p.port = static_cast<std::uint16_t>(port);
        p.ipv4_checked = flags && (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        bytes += m->pkt_len;
    }
    return bytes;
}

// What is not sent now: to the slow path or to nobody.
[[gnu::noinline]] void Worker::hand_over_others(rte_mbuf* const* received, std::span<packet::Packet> packets) {
    std::array<rte_mbuf*, kBurst> signalling;
    std::array<rte_mbuf*, kBurst> for_kernel;
    std::array<rte_mbuf*, kBurst> unresolved;
    std::array<rte_mbuf*, kBurst> dropped;
    std::size_t signalling_count = 0;
    std::size_t for_kernel_count = 0;
    std::size_t unresolved_count = 0;
    unsigned dropped_count = 0;
    for (const auto& p : packets) {
        auto* m = *received++;
        if (p.verdict == Verdict::kKernel || p.verdict == Verdict::kResolve) to_addressed_mbuf(p, m);
        switch (p.verdict) {
            case Verdict::kTransmit: break;  // done
            case Verdict::kKernel:
                if (p.signalling)
                    signalling[signalling_count++] = m;
                else
                    for_kernel[for_kernel_count++] = m;
                break;
            case Verdict::kResolve: unresolved[unresolved_count++] = m; break;
            case Verdict::kDrop: dropped[dropped_count++] = m; break;
        }
    }
    if (dropped_count > 0) rte_pktmbuf_free_bulk(dropped.data(), dropped_count);
    if (signalling_count + for_kernel_count + unresolved_count == 0) return;
    const std::span signalling_span(signalling.data(), signalling_count);
    const std::span kernel_span(for_kernel.data(), for_kernel_count);
    const std::span unresolved_span(unresolved.data(), unresolved_count);
    hand_over(signalling_span, rings_.put_signalling(signalling_span), DropReason::kKernelQueue);
    hand_over(kernel_span, rings_.put_for_kernel(kernel_span), DropReason::kKernelQueue);
    hand_over(unresolved_span, rings_.put_unresolved(unresolved_span), DropReason::kNextHopQueue);
    rings_.notify();
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
    for (auto* m : std::span(packets).first(count)) {
        const auto port = interfaces_[m->port].port;
        auto& out = outgoing_[port];
        out.packets[out.count++] = m;
        out.bytes += m->pkt_len;
        if (out.count >= kBurst) flush(port);
    }
    return count > 0;
}

void Worker::flush(std::size_t port) {
    auto& out = outgoing_[port];
    if (out.count == 0) return;
    auto bytes = out.bytes;
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
    out.bytes = 0;
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
