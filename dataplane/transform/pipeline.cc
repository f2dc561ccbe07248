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
      stats_(table.stats_of(worker)),
      interfaces_(interfaces),
      next_hops_(next_hops),
      kernel_gate_(interfaces, kernel_rates) {}

void Pipeline::run(std::span<Packet> burst, std::uint64_t now_ns) {
    std::array<Work, kBurst> media;
    std::size_t count = 0;
    for (auto& p : burst.first(std::min(burst.size(), kBurst))) {
        if (!classify(p, media[count], now_ns)) continue;
        __builtin_prefetch(&table_.cell(media[count].cell));
        ++count;
    }
    const auto works = std::span(media).first(count);
    for (auto& w : works) {
        // Acquire: the rule's content, its empty latch and its fresh counters were written before its number.
        const auto index = table_.cell(w.cell).rule.load(std::memory_order_acquire);
        w.rule = index == 0 ? nullptr : &table_.rule(index);
        if (index == 0) [[unlikely]]
            drop(*w.packet, DropReason::kNoFlow);
        __builtin_prefetch(w.rule);
    }
    for (const auto& w : works) {
        if (w.rule == nullptr) [[unlikely]]
            continue;
        const auto& stats = stats_[w.rule->flow_index];
        __builtin_prefetch(&stats, 1);
        __builtin_prefetch(&stats.reception, 1);
        __builtin_prefetch(&table_.rate(w.rule->flow_index), 1);
        if (w.rule->reverse_cell != flow::kNoCell) __builtin_prefetch(&table_.cell(w.rule->reverse_cell));
    }
    const auto* hops = next_hops_.get();
    const auto now_us = now_ns / 1000;
    for (const auto& w : works)
        if (w.rule != nullptr) [[likely]]
            relay(w, hops, now_ns, now_us);
}

[[gnu::always_inline]] inline bool Pipeline::classify(Packet& p, Work& w, std::uint64_t now_ns) {
    const auto h = packet::parse({p.data, p.length}, p.ipv4_checked);
    const auto refused = [&](DropReason reason) {
        drop(p, reason);
        return false;
    };
    if (h.kind == packet::Kind::kBad) return refused(h.reason);
    p.interface = interfaces_.find(p.port, h.vlan);
    if (p.interface == packet::Interfaces::kNone) return refused(DropReason::kVlanUnknown);
    const bool group = packet::is_group(p.data);
    if (!group && !packet::is_to(p.data, interfaces_[p.interface].mac)) return refused(DropReason::kEtherForeign);
    const auto for_kernel = [&] {
        to_kernel(p, h, now_ns);
        return false;
    };
    if (h.kind == packet::Kind::kOther) return for_kernel();
    const auto& ports = table_.ports();
    const auto cell = ports.find(p.interface, h.destination, h.destination_port);
    if (cell == flow::kNoCell) {
        if (ports.elsewhere(p.interface, h.destination, h.destination_port))
            return refused(DropReason::kWrongInterface);
        return for_kernel();
    }
    if (h.kind == packet::Kind::kFirstFragment) return refused(DropReason::kIpv4Fragment);
    // What a link-layer broadcast brings to a unicast address is discarded (RFC 1122 §3.3.6).
    if (group) return refused(DropReason::kNoFlow);
    w = {.packet = &p,
         .rule = nullptr,
         .cell = cell,
         .source = h.source,
         .destination = h.destination,
         .source_port = h.source_port,
         .destination_port = h.destination_port,
         .udp_at = h.udp_at,
         .payload_bytes = static_cast<std::uint16_t>(h.udp_length - packet::kUdpBytes)};
    return true;
}

[[gnu::noinline, gnu::cold]] void Pipeline::drop(Packet& p, DropReason reason) {
    p.verdict = Verdict::kDrop;
    p.reason = reason;
    drops_.count(reason);
}

[[gnu::noinline, gnu::cold]] void Pipeline::refuse(const Work& w, DropReason reason, flow::FlowStats& stats) {
    stats.packets_dropped.add(1);
    drop(*w.packet, reason);
}

[[gnu::noinline, gnu::cold]] void Pipeline::keep(const Work& w, DropReason reason, flow::FlowStats& stats) {
    stats.packets_kept.add(1);
    stats.bytes_kept.add(w.payload_bytes);
    refuse(w, reason, stats);
}

[[gnu::noinline]] void Pipeline::to_kernel(Packet& p, const packet::Headers& h, std::uint64_t now_ns) {
    if (const auto refused = kernel_gate_.refuse(p, h, now_ns)) return drop(p, *refused);
    if (h.ether_bytes != packet::kEtherBytes) packet::strip_vlan(p);
    p.verdict = Verdict::kKernel;
}

[[gnu::always_inline]] inline void Pipeline::relay(const Work& w, const flow::NextHops* hops, std::uint64_t now_ns,
                                                   std::uint64_t now_us) {
    const auto& rule = *w.rule;
    auto& stats = stats_[rule.flow_index];
    const std::span<const std::byte> payload(w.packet->data + w.udp_at + packet::kUdpBytes, w.payload_bytes);
    // RTCP may come on the RTP port (RFC 5761), RTP not on the RTCP port.
    const auto header = rule.rtcp ? std::nullopt : rtp::parse(payload);
    const bool valid = header.has_value() || rtp::looks_like_rtcp(payload);
    if (!source_ok(w, valid, stats)) return;
    // Only what the flow's peer may send counts as received: others must not spoil its figures.
    stats.packets_in.add(1);
    stats.bytes_in.add(w.payload_bytes);
    if (stats.first_ns.get() == 0) stats.first_ns.set(now_ns);
    stats.last_ns.set(now_ns);
    if (header) {
        const auto clock = rule.clock_khz != 0 ? rule.clock_khz : rtp::static_clock_khz(header->payload_type);
        stats.reception.packet(*header, now_us, clock);
    }
    if (!rule.forward) return keep(w, DropReason::kOnHold, stats);
    if (rule.packet_interval_ns != 0 && !table_.rate(rule.flow_index).take(now_ns, rule.packet_interval_ns))
        return keep(w, DropReason::kRateLimit, stats);
    rewrite(w, hops, stats);
}

[[gnu::always_inline]] inline bool Pipeline::source_ok(const Work& w, bool valid, flow::FlowStats& stats) {
    const auto& rule = *w.rule;
    const auto refused = [&](DropReason reason) {
        refuse(w, reason, stats);
        return false;
    };
    if (((w.source ^ rule.remote) & rule.remote_mask) != 0 || (rule.exact && w.source_port != rule.remote_port))
        return refused(DropReason::kSourceForeign);
    if (!valid) return refused(rule.rtcp ? DropReason::kNotRtcp : DropReason::kNotRtp);
    if (rule.exact) return true;
    const auto learned = flow::Latch::unpack(table_.cell(w.cell).latch.load(std::memory_order_relaxed));
    if (learned.address == w.source && learned.port == w.source_port) [[likely]]
        return true;
    // What was signalled comes before what was learned: who was only quicker than the peer loses the flow to it.
    const bool signalled = w.source == rule.remote && w.source_port == rule.remote_port;
    if (learned.address == 0 || signalled) return learn(w, learned, stats);
    return refused(DropReason::kSourceNotLatched);
}

// The first valid packet that the rule allows teaches the address, and the first from the signalled address and port
// teaches it anew. Out of line: twice per flow at most.
[[gnu::noinline]] bool Pipeline::learn(const Work& w, flow::Latch before, flow::FlowStats& stats) {
    const auto refused = [&](DropReason reason) {
        refuse(w, reason, stats);
        return false;
    };
    const auto& p = *w.packet;
    if (!flow::is_peer_address(w.source) || w.source_port == 0 || table_.ports().is_own(p.interface, w.source))
        return refused(DropReason::kIpv4Source);
    if (!packet::udp_checksum_ok(w.source, w.destination, {p.data + w.udp_at, packet::kUdpBytes + w.payload_bytes}))
        return refused(DropReason::kUdpChecksum);
    const flow::Latch mine{w.source, w.source_port, w.rule->latch_tag};
    auto expected = flow::Latch{before.address, before.port, w.rule->latch_tag}.pack();
    if (table_.cell(w.cell).latch.compare_exchange_strong(expected, mine.pack(), std::memory_order_relaxed))
        return true;
    // Another worker was first, or the flow has changed under us.
    if (expected == mine.pack()) return true;
    return refused(DropReason::kSourceNotLatched);
}

[[gnu::always_inline]] inline void Pipeline::rewrite(const Work& w, const flow::NextHops* hops,
                                                     flow::FlowStats& stats) {
    auto& p = *w.packet;
    const auto& rule = *w.rule;
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
    const std::uint32_t total = static_cast<std::uint32_t>(packet::kIpv4Bytes + packet::kUdpBytes) + w.payload_bytes;
    if (total > out.mtu) return keep(w, DropReason::kMtu, stats);
    const auto hop = hops == nullptr ? flow::NextHops::Found{} : hops->find(rule.out_interface, destination);
    if (hop.outcome == flow::NextHops::Outcome::kNoRoute) return keep(w, DropReason::kNoRoute, stats);

    // The new headers end where the UDP header begins: options of the IPv4 header are gone.
    const auto ether = packet::ether_bytes(out);
    const auto front = static_cast<std::ptrdiff_t>(w.udp_at) - static_cast<std::ptrdiff_t>(packet::kIpv4Bytes + ether);
    if (front < -static_cast<std::ptrdiff_t>(p.headroom)) return keep(w, DropReason::kNoBuffer, stats);
    auto* udp = p.data + w.udp_at;
    auto* ip = udp - packet::kIpv4Bytes;
    // All in network order as the machine holds it: sums are right in any order, if it is one.
    const std::uint32_t old_ports = packet::load_raw32(udp);
    const std::uint32_t new_ports = packet::swap32(std::uint32_t{rule.out_source_port} << 16 | destination_port);
    const std::uint32_t new_source = packet::swap32(rule.out_source);
    const std::uint32_t new_destination = packet::swap32(destination);
    const std::uint64_t before = std::uint64_t{packet::swap32(w.source)} + packet::swap32(w.destination) + old_ports;
    const std::uint64_t addresses = std::uint64_t{new_source} + new_destination;
    packet::store_raw32(udp, new_ports);
    packet::store_raw16(udp + 6, packet::update_udp(packet::load_raw16(udp + 6), before, addresses + new_ports));

    const std::uint32_t first = packet::swap32(0x45000000U | std::uint32_t{rule.tos} << 16 | total);
    constexpr std::uint32_t kDontFragment = packet::swap32(0x4000);
    constexpr std::uint16_t kTtlProtocol = packet::swap16(std::uint16_t{kTtl} << 8 | packet::kUdpProtocol);
    packet::store_raw32(ip, first);
    packet::store_raw32(ip + 4, kDontFragment);
    packet::store_raw16(ip + 8, kTtlProtocol);
    packet::store_raw16(
        ip + 10, static_cast<std::uint16_t>(~packet::fold_wide(addresses + first + kDontFragment + kTtlProtocol)));
    packet::store_raw32(ip + 12, new_source);
    packet::store_raw32(ip + 16, new_destination);

    static constexpr packet::Mac kUnknownMac{};
    p.data += front;
    p.headroom = static_cast<std::uint16_t>(p.headroom + front);
    p.length = static_cast<std::uint32_t>(ether) + total;
    packet::write_ether(p.data, out, hop.mac != nullptr ? *hop.mac : kUnknownMac, packet::kEtherIpv4);
    p.interface = rule.out_interface;
    p.next_hop = hop.next_hop;
    p.verdict = hop.mac != nullptr ? Verdict::kTransmit : Verdict::kResolve;
}

}  // namespace sallyport::transform
