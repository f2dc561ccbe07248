#include "dataplane/transform/pipeline.h"

#include <algorithm>

#include "dataplane/flow/command_check.h"
#include "dataplane/packet/ether.h"
#include "media/rtp/header.h"

namespace sallyport::transform {

using flow::FlowRule;
using flow::Latch;
using packet::Packet;
using packet::Verdict;
using wire::DropReason;

namespace {

// Where a datagram came from, as a latch without tag; raw addresses lie before a UDP header.
std::uint64_t source_of(const std::byte* udp) {
    return Latch::pack_raw(packet::load_raw32(udp - 8), packet::load_raw16(udp));
}

}  // namespace

Pipeline::Pipeline(flow::FlowTable& table, const packet::Interfaces& interfaces,
                   const flow::PublishedNextHops& next_hops, std::uint32_t worker, const KernelRates& kernel_rates)
    : ports_(table.ports()),
      rules_(table.rules()),
      cells_(table.cells()),
      stats_(table.stats_of(worker)),
      interfaces_(interfaces),
      egress_(interfaces.egress()),
      next_hops_(next_hops),
      stations_(interfaces.ports()),
      kernel_gate_(interfaces, kernel_rates) {
    for (std::uint16_t port = 0; port < interfaces.ports(); ++port)
        if (const auto i = interfaces.find(port, 0); i != packet::Interfaces::kNone)
            stations_[port] = {i, packet::MacWord(interfaces[i].mac), ports_.pools_of(i)};
}

void Pipeline::run(std::span<Packet> burst, std::uint64_t now_ns) {
    std::array<Work, kBurst> media;
    const auto count = classify(burst.first(std::min(burst.size(), kBurst)), media.data(), now_ns);
    const auto works = std::span(media).first(count);
    for (auto& w : works) find_rule(w);
    const auto* published = next_hops_.get();
    const Turn turn{published != nullptr ? *published : no_next_hops_, now_ns, now_ns / 1000};
    for (auto& w : works) find_stream(w, turn.hops);
    for (const auto& w : works) relay(w, turn);
}

// `works` has room for the whole burst; returns how many there are.
[[gnu::always_inline]] inline std::size_t Pipeline::classify(std::span<Packet> burst, Work* works,
                                                             std::uint64_t now_ns) {
    auto* next = works;
    // Of the packet before: a burst is of one port, as a rule.
    std::uint16_t port = packet::Interfaces::kNone;
    const auto* station = &no_station_;
    for (auto& p : burst) {
        if (p.port != port) [[unlikely]] {
            port = p.port;
            station = &station_of(port);
        }
        if (!classify_plain(p, *station, *next) && !classify_any(p, *next, now_ns)) continue;
        __builtin_prefetch(next->cell);
        ++next;
    }
    return static_cast<std::size_t>(next - works);
}

const Pipeline::Station& Pipeline::station_of(std::uint16_t port) const {
    return port < stations_.size() ? stations_[port] : no_station_;
}

// Most packets. True: what classify_any() would have done.
[[gnu::always_inline]] inline bool Pipeline::classify_plain(Packet& p, const Station& station, Work& w) {
    const auto length = packet::plain_udp_length(p.data, p.length, station.mac, p.ipv4_checked);
    if (length == 0) [[unlikely]]
        return false;
    auto* udp = p.data + packet::kPlainUdpAt;
    auto* cell = station.pools.find(packet::load32(udp - 4), packet::load16(udp + 2));
    if (cell == nullptr) [[unlikely]]
        return false;
    p.interface = station.interface;
    w.packet = &p;
    w.udp = udp;
    w.payload_bytes = length - packet::kUdpBytes;
    w.cell = cell;
    return true;
}

[[gnu::noinline]] bool Pipeline::classify_any(Packet& p, Work& w, std::uint64_t now_ns) {
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
    auto* cell = ports_.pools_of(p.interface).find(h.destination, h.destination_port);
    if (cell == nullptr) {
        if (ports_.elsewhere(p.interface, h.destination, h.destination_port))
            return refused(DropReason::kWrongInterface);
        return for_kernel();
    }
    if (h.kind == packet::Kind::kFirstFragment) return refused(DropReason::kIpv4Fragment);
    // What a link-layer broadcast brings to a unicast address is discarded (RFC 1122 §3.3.6).
    if (group) return refused(DropReason::kNoFlow);
    w.packet = &p;
    w.udp = p.data + h.udp_at;
    w.payload_bytes = h.udp_length - static_cast<std::uint32_t>(packet::kUdpBytes);
    w.cell = cell;
    // Over the options, if there are any: they do not go on.
    packet::store32(w.udp - 8, h.source);
    packet::store32(w.udp - 4, h.destination);
    return true;
}

[[gnu::noinline, gnu::cold]] void Pipeline::drop(Packet& p, DropReason reason) {
    p.verdict = Verdict::kDrop;
    p.reason = reason;
    drops_.count(reason);
}

[[gnu::noinline, gnu::cold]] void Pipeline::refuse(const Work& w, DropReason reason) {
    w.stats->packets_dropped.add(1);
    drop(*w.packet, reason);
}

[[gnu::noinline, gnu::cold]] void Pipeline::keep(const Work& w, DropReason reason) {
    w.stats->packets_kept.add(1);
    w.stats->bytes_kept.add(w.payload_bytes);
    refuse(w, reason);
}

[[gnu::noinline]] void Pipeline::to_kernel(Packet& p, const packet::Headers& h, std::uint64_t now_ns) {
    if (const auto refused = kernel_gate_.refuse(p, h, now_ns)) return drop(p, *refused);
    if (h.ether_bytes != packet::kEtherBytes) packet::strip_vlan(p);
    p.verdict = Verdict::kKernel;
}

[[gnu::always_inline]] inline void Pipeline::find_rule(Work& w) {
    // Acquire: the rule's content, its empty latch and its fresh counters were written before its number.
    w.rule = &rules_[w.cell->rule.load(std::memory_order_acquire)];
    __builtin_prefetch(w.rule, 1);
}

[[gnu::always_inline]] inline void Pipeline::find_stream(Work& w, const flow::NextHops& hops) {
    w.stats = &stats_[w.rule->flow_index];
    __builtin_prefetch(w.stats, 1);
    const auto* reverse = cells_.find(w.rule->reverse_cell);
    w.reverse = reverse != nullptr ? reverse : &no_cell_;
    __builtin_prefetch(w.reverse);
    // Most learned addresses are the signalled ones.
    hops.prefetch(w.rule->out_interface, packet::swap32(Latch::raw_address(w.rule->to)));
}

// kCommon: RTP of a flow that forwards it.
template <bool kCommon>
[[gnu::always_inline]] inline void Pipeline::relay_as(const Work& w, const Turn& turn, bool is_rtp) {
    const auto& rule = *w.rule;
    auto& stats = *w.stats;
    const auto* payload = w.udp + packet::kUdpBytes;
    if (!source_ok(w, is_rtp || rtp::looks_like_rtcp({payload, w.payload_bytes}))) return;
    // Only what the flow's peer may send counts as received: others must not spoil its figures.
    const auto packets = stats.packets_in.get();
    stats.packets_in.set(packets + 1);
    stats.bytes_in.add(w.payload_bytes);
    if (packets == 0) [[unlikely]]
        stats.first_ns.set(turn.now_ns);
    stats.last_ns.set(turn.now_ns);
    if (is_rtp) {
        const auto header = rtp::read_header(payload);
        const auto clock = rule.clock_khz != 0 ? rule.clock_khz : rtp::static_clock_khz(header.payload_type);
        stats.reception.packet(header, turn.now_us, clock);
    }
    if (!kCommon && !rule.is(FlowRule::kForward)) return keep(w, DropReason::kOnHold);
    if (rule.packet_interval_ns != 0 && !rule.rate.take(turn.now_ns, rule.packet_interval_ns)) [[unlikely]]
        return keep(w, DropReason::kRateLimit);
    rewrite(w, turn.hops);
}

[[gnu::always_inline]] inline void Pipeline::relay(const Work& w, const Turn& turn) {
    constexpr auto kKind = FlowRule::kForward | FlowRule::kRtcp;
    if ((w.rule->flags & kKind) == FlowRule::kForward && rtp::is_rtp({w.udp + packet::kUdpBytes, w.payload_bytes}))
        [[likely]]
        return relay_as<true>(w, turn, true);
    relay_any(w, turn);
}

[[gnu::noinline]] void Pipeline::relay_any(const Work& w, const Turn& turn) {
    if (w.rule == &rules_[0]) return drop(*w.packet, DropReason::kNoFlow);
    // RTCP may come on the RTP port (RFC 5761), RTP not on the RTCP port.
    relay_as<false>(w, turn, !w.rule->is(FlowRule::kRtcp) && rtp::is_rtp({w.udp + packet::kUdpBytes, w.payload_bytes}));
}

[[gnu::always_inline]] inline bool Pipeline::source_ok(const Work& w, bool valid) {
    const auto& rule = *w.rule;
    const auto refused = [&](DropReason reason) {
        refuse(w, reason);
        return false;
    };
    const auto source = source_of(w.udp);
    if (((source ^ rule.remote) & rule.remote_mask) != 0) [[unlikely]]
        return refused(DropReason::kSourceForeign);
    if (!valid) [[unlikely]]
        return refused(rule.is(FlowRule::kRtcp) ? DropReason::kNotRtcp : DropReason::kNotRtp);
    if (rule.is(FlowRule::kExact)) return true;
    const auto learned = w.cell->latch.load(std::memory_order_relaxed);
    if (((learned ^ source) & ~Latch::kTag) == 0) [[likely]]
        return true;
    // What was signalled comes before what was learned: who was only quicker than the peer loses the flow to it.
    if (Latch::raw_address(learned) == 0 || source == rule.remote) return learn(w, learned);
    return refused(DropReason::kSourceNotLatched);
}

// The first valid packet that the rule allows teaches the address, and the first from the signalled address and port
// teaches it anew. Out of line: twice per flow at most.
[[gnu::noinline]] bool Pipeline::learn(const Work& w, std::uint64_t before) {
    const auto refused = [&](DropReason reason) {
        refuse(w, reason);
        return false;
    };
    auto mine = Latch::unpack(source_of(w.udp));
    if (!flow::is_peer_address(mine.address) || mine.port == 0 || ports_.is_own(w.packet->interface, mine.address))
        return refused(DropReason::kIpv4Source);
    if (!packet::udp_checksum_ok(mine.address, packet::load32(w.udp - 4), {w.udp, packet::kUdpBytes + w.payload_bytes}))
        return refused(DropReason::kUdpChecksum);
    mine.tag = w.rule->latch_tag;
    auto expected = (before & ~Latch::kTag) | Latch{.tag = mine.tag}.pack();
    if (w.cell->latch.compare_exchange_strong(expected, mine.pack(), std::memory_order_relaxed)) return true;
    // Another worker was first, or the flow has changed under us.
    if (expected == mine.pack()) return true;
    return refused(DropReason::kSourceNotLatched);
}

// As a latch. What was learned by the reverse flow comes before what was signalled.
[[gnu::always_inline]] inline std::uint64_t Pipeline::destination_of(const Work& w) {
    const auto learned = w.reverse->latch.load(std::memory_order_relaxed);
    return Latch::raw_address(learned) != 0 ? learned : w.rule->to;
}

// By a gateway, not known yet, or for the first time since somebody asked who is used. kDrop: it has been.
[[gnu::noinline]] Pipeline::Hop Pipeline::find_hop(const Work& w, const flow::NextHops& hops,
                                                   std::uint32_t destination) {
    using Outcome = flow::NextHops::Outcome;
    const auto found = hops.find_by_route(w.rule->out_interface, destination);
    w.packet->next_hop = found.next_hop;
    if (found.outcome == Outcome::kNoRoute) {
        keep(w, DropReason::kNoRoute);
        return {{}, Verdict::kDrop};
    }
    return {found.mac, found.outcome == Outcome::kFound ? Verdict::kTransmit : Verdict::kResolve};
}

[[gnu::always_inline]] inline void Pipeline::rewrite(const Work& w, const flow::NextHops& hops) {
    auto& p = *w.packet;
    const auto& rule = *w.rule;
    const auto& out = egress_[rule.out_interface];
    const auto total = static_cast<std::uint32_t>(packet::kIpv4Bytes + packet::kUdpBytes) + w.payload_bytes;
    if (total > out.mtu) [[unlikely]]
        return keep(w, DropReason::kMtu);
    const auto to = destination_of(w);
    const auto to_address = Latch::raw_address(to);
    const auto known = hops.find_used(rule.out_interface, packet::swap32(to_address));
    Hop hop{known, Verdict::kTransmit};
    if (known.word() == 0) [[unlikely]] {
        hop = find_hop(w, hops, packet::swap32(to_address));
        if (hop.verdict == Verdict::kDrop) return;
    }

    // The new headers end where the UDP header begins: options of the IPv4 header are gone.
    auto* udp = w.udp;
    auto* frame = p.data;
    const auto front = udp - frame - static_cast<std::ptrdiff_t>(packet::kIpv4Bytes) - out.ether_bytes;
    if (front != 0) [[unlikely]] {
        if (front < -static_cast<std::ptrdiff_t>(p.headroom)) return keep(w, DropReason::kNoBuffer);
        frame += front;
        p.data = frame;
        p.headroom = static_cast<std::uint16_t>(p.headroom + front);
    }
    p.length = out.ether_bytes + total;
    p.interface = rule.out_interface;
    p.out_port = out.port;
    p.verdict = hop.verdict;
    packet::write_ether(frame, out, hop.mac);

    // Sums of raw words are raw.
    const std::uint64_t before =
        std::uint64_t{packet::load_raw32(udp - 8)} + packet::load_raw32(udp - 4) + packet::load_raw32(udp);
    const std::uint64_t after = std::uint64_t{rule.source_sum} + to_address + Latch::raw_port(to);
    packet::store_raw16(udp + 6, packet::update_udp(packet::load_raw16(udp + 6), before, after));
    const auto raw_total = packet::swap16(static_cast<std::uint16_t>(total));
    const auto checksum = packet::checksum_at_2(std::uint64_t{rule.ip_sum} + raw_total + to_address);
    packet::store_raw64(udp - 20,
                        FlowRule::kDontFragment | packet::at_byte(raw_total, 2) | packet::at_byte(rule.ip_first, 0));
    packet::store_raw64(udp - 12, rule.ip_middle | checksum);
    packet::store_raw64(udp - 4, (to & ~Latch::kTag) | (rule.to & Latch::kTag));
}

}  // namespace sallyport::transform
