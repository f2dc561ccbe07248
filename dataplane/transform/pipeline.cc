#include "dataplane/transform/pipeline.h"

#include <algorithm>

#include "dataplane/flow/command_check.h"
#include "dataplane/packet/ether.h"
#include "media/rtp/header.h"

namespace sallyport::transform {

using packet::Packet;
using packet::Verdict;
using wire::DropReason;

Pipeline::Pipeline(flow::FlowTable& table, const packet::Interfaces& interfaces,
                   const flow::PublishedNextHops& next_hops, std::uint32_t worker, const KernelRates& kernel_rates)
    : table_(table),
      interfaces_(interfaces),
      next_hops_(next_hops),
      worker_(worker),
      kernel_gate_(interfaces, kernel_rates) {}

void Pipeline::run(std::span<Packet> burst, std::uint64_t now_ns) {
    std::array<Work, kBurst> work;
    const auto count = std::min(burst.size(), kBurst);
    for (std::size_t i = 0; i < count; ++i) {
        classify(burst[i], work[i], now_ns);
        if (work[i].cell != flow::kNoCell) __builtin_prefetch(&table_.cell(work[i].cell));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (work[i].cell == flow::kNoCell) continue;
        // Acquire: the rule's content, its empty latch and its fresh counters were written before its number.
        const auto index = table_.cell(work[i].cell).rule.load(std::memory_order_acquire);
        if (index == 0) {
            drop(burst[i], DropReason::kNoFlow);
            continue;
        }
        work[i].rule = &table_.rule(index);
        __builtin_prefetch(work[i].rule);
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (work[i].rule == nullptr) continue;
        const auto& stats = table_.stats(worker_, work[i].rule->flow_index);
        __builtin_prefetch(&stats, 1);
        __builtin_prefetch(&stats.reception, 1);
        if (work[i].rule->reverse_cell != flow::kNoCell) __builtin_prefetch(&table_.cell(work[i].rule->reverse_cell));
    }
    const auto* hops = next_hops_.get();
    for (std::size_t i = 0; i < count; ++i)
        if (work[i].rule != nullptr) relay(burst[i], work[i], hops, now_ns);
}

void Pipeline::classify(Packet& p, Work& w, std::uint64_t now_ns) {
    w.headers = packet::parse({p.data, p.length}, p.ipv4_checked);
    const auto& h = w.headers;
    if (h.kind == packet::Kind::kBad) return drop(p, h.reason);
    p.interface = interfaces_.find(p.port, h.vlan);
    if (p.interface == packet::Interfaces::kNone) return drop(p, DropReason::kVlanUnknown);
    const bool group = packet::is_group(p.data);
    if (!group &&
        !std::equal(p.data, p.data + 6, reinterpret_cast<const std::byte*>(interfaces_[p.interface].mac.data())))
        return drop(p, DropReason::kEtherForeign);
    if (h.kind == packet::Kind::kOther) return to_kernel(p, w, now_ns);
    const auto& ports = table_.ports();
    const auto cell = ports.find(p.interface, h.destination, h.destination_port);
    if (cell == flow::kNoCell) {
        if (ports.elsewhere(p.interface, h.destination, h.destination_port))
            return drop(p, DropReason::kWrongInterface);
        return to_kernel(p, w, now_ns);
    }
    if (h.kind == packet::Kind::kFirstFragment) return drop(p, DropReason::kIpv4Fragment);
    // What a link-layer broadcast brings to a unicast address is discarded (RFC 1122 §3.3.6).
    if (group) return drop(p, DropReason::kNoFlow);
    w.cell = cell;
}

void Pipeline::to_kernel(Packet& p, const Work& w, std::uint64_t now_ns) {
    if (const auto refused = kernel_gate_.refuse(p, w.headers, now_ns)) return drop(p, *refused);
    if (w.headers.ether_bytes != packet::kEtherBytes) packet::strip_vlan(p);
    p.verdict = Verdict::kKernel;
}

void Pipeline::relay(Packet& p, const Work& w, const flow::NextHops* hops, std::uint64_t now_ns) {
    const auto& rule = *w.rule;
    auto& stats = table_.stats(worker_, rule.flow_index);
    const std::size_t size = w.headers.udp_length - packet::kUdpBytes;
    const std::span<const std::byte> payload(p.data + w.headers.udp_at + packet::kUdpBytes, size);
    // RTCP may come on the RTP port (RFC 5761), RTP not on the RTCP port.
    const auto header = rule.rtcp ? std::nullopt : rtp::parse(payload);
    const bool valid = header.has_value() || rtp::looks_like_rtcp(payload);
    if (!source_ok(p, w, valid, stats)) return;
    // Only what the flow's peer may send counts as received: others must not spoil its figures.
    stats.packets_in.add(1);
    stats.bytes_in.add(size);
    if (stats.first_ns.get() == 0) stats.first_ns.set(now_ns);
    stats.last_ns.set(now_ns);
    if (header) {
        const auto clock = rule.clock_khz != 0 ? rule.clock_khz : rtp::static_clock_khz(header->payload_type);
        stats.reception.packet(*header, now_ns / 1000, clock);
    }
    if (!rule.forward) return drop(p, DropReason::kOnHold, stats);
    if (rule.packet_interval_ns != 0 && !table_.rate(rule.flow_index).take(now_ns, rule.packet_interval_ns))
        return drop(p, DropReason::kRateLimit, stats);
    rewrite(p, w, hops, stats);
}

bool Pipeline::source_ok(Packet& p, const Work& w, bool valid, flow::FlowStats& stats) {
    const auto& rule = *w.rule;
    const auto& h = w.headers;
    const auto refuse = [&](DropReason reason) {
        drop(p, reason, stats);
        return false;
    };
    if (((h.source ^ rule.remote) & rule.remote_mask) != 0 || (rule.exact && h.source_port != rule.remote_port))
        return refuse(DropReason::kSourceForeign);
    if (!valid) return refuse(rule.rtcp ? DropReason::kNotRtcp : DropReason::kNotRtp);
    if (rule.exact) return true;
    const auto learned = flow::Latch::unpack(table_.cell(w.cell).latch.load(std::memory_order_relaxed));
    if (learned.address == h.source && learned.port == h.source_port) return true;
    // What was signalled comes before what was learned: who was only quicker than the peer loses the flow to it.
    const bool signalled = h.source == rule.remote && h.source_port == rule.remote_port;
    if (learned.address == 0 || signalled) return learn(p, w, learned, stats);
    return refuse(DropReason::kSourceNotLatched);
}

// The first valid packet that the rule allows teaches the address, and the first from the signalled address and port
// teaches it anew. Out of line: twice per flow at most.
[[gnu::noinline]] bool Pipeline::learn(Packet& p, const Work& w, flow::Latch before, flow::FlowStats& stats) {
    const auto& h = w.headers;
    if (!flow::is_peer_address(h.source) || h.source_port == 0 || table_.ports().is_own(p.interface, h.source)) {
        drop(p, DropReason::kIpv4Source, stats);
        return false;
    }
    if (!packet::udp_checksum_ok(h.source, h.destination, {p.data + h.udp_at, h.udp_length})) {
        drop(p, DropReason::kUdpChecksum, stats);
        return false;
    }
    const flow::Latch mine{h.source, h.source_port, w.rule->latch_tag};
    auto expected = flow::Latch{before.address, before.port, w.rule->latch_tag}.pack();
    if (table_.cell(w.cell).latch.compare_exchange_strong(expected, mine.pack(), std::memory_order_relaxed))
        return true;
    // Another worker was first, or the flow has changed under us.
    if (expected == mine.pack()) return true;
    drop(p, DropReason::kSourceNotLatched, stats);
    return false;
}

void Pipeline::rewrite(Packet& p, const Work& w, const flow::NextHops* hops, flow::FlowStats& stats) {
    const auto& rule = *w.rule;
    const auto& h = w.headers;
    std::uint32_t destination = rule.out_destination;
    std::uint16_t destination_port = rule.out_destination_port;
    if (rule.reverse_cell != flow::kNoCell) {
        const auto learned = flow::Latch::unpack(table_.cell(rule.reverse_cell).latch.load(std::memory_order_relaxed));
        if (learned.address != 0) {
            destination = learned.address;
            destination_port = learned.port;
        }
    }
    const auto& out = interfaces_[rule.out_interface];
    const std::uint32_t total = static_cast<std::uint32_t>(packet::kIpv4Bytes) + h.udp_length;
    if (total > out.mtu) return drop(p, DropReason::kMtu, stats);
    const auto hop = hops == nullptr ? flow::NextHops::Found{} : hops->find(rule.out_interface, destination);
    if (hop.outcome == flow::NextHops::Outcome::kNoRoute) return drop(p, DropReason::kNoRoute, stats);

    // The new headers end where the UDP header begins: options of the IPv4 header are gone.
    const auto ether = packet::ether_bytes(out);
    const auto front = static_cast<std::ptrdiff_t>(h.udp_at) - static_cast<std::ptrdiff_t>(packet::kIpv4Bytes + ether);
    if (front < -static_cast<std::ptrdiff_t>(p.headroom)) return drop(p, DropReason::kNoBuffer, stats);
    auto* udp = p.data + h.udp_at;
    const auto before = packet::words(h.source) + packet::words(h.destination) + h.source_port + h.destination_port;
    const auto after =
        packet::words(rule.out_source) + packet::words(destination) + rule.out_source_port + destination_port;
    packet::store16(udp, rule.out_source_port);
    packet::store16(udp + 2, destination_port);
    packet::store16(udp + 6, packet::update_udp(packet::load16(udp + 6), before, after));

    auto* ip = udp - packet::kIpv4Bytes;
    const std::uint32_t version_tos = 0x4500U | rule.tos;
    constexpr std::uint32_t kDontFragment = 0x4000;
    constexpr std::uint32_t kTtlProtocol = std::uint32_t{kTtl} << 8 | packet::kUdpProtocol;
    packet::store16(ip, version_tos);
    packet::store16(ip + 2, total);
    packet::store32(ip + 4, kDontFragment);
    packet::store16(ip + 8, kTtlProtocol);
    packet::store16(ip + 10, packet::checksum(version_tos + total + kDontFragment + kTtlProtocol +
                                              packet::words(rule.out_source) + packet::words(destination)));
    packet::store32(ip + 12, rule.out_source);
    packet::store32(ip + 16, destination);

    static constexpr packet::Mac kUnknownMac{};
    p.data += front;
    p.headroom = static_cast<std::uint16_t>(p.headroom + front);
    p.length = static_cast<std::uint32_t>(ether) + total;
    packet::write_ether(p.data, out, hop.mac != nullptr ? *hop.mac : kUnknownMac, packet::kEtherIpv4);
    p.interface = rule.out_interface;
    p.next_hop = hop.next_hop;
    p.verdict = hop.mac != nullptr ? Verdict::kTransmit : Verdict::kResolve;
    stats.packets_forwarded.add(1);
    stats.bytes_forwarded.add(h.udp_length - packet::kUdpBytes);
}

}  // namespace sallyport::transform
