#include "dataplane/transform/kernel_gate.h"

#include <algorithm>
#include <span>

#include "dataplane/packet/ether.h"

namespace sallyport::transform {

using wire::DropReason;

namespace {

constexpr std::uint32_t kEtherArp = 0x0806;
constexpr unsigned kIcmpProtocol = 1;
constexpr unsigned kTcpProtocol = 6;

constexpr std::array<DropReason, kKernelKinds> kReasons{
    DropReason::kKernelRateSip,       DropReason::kKernelRateArp,       DropReason::kKernelRateIcmp,
    DropReason::kKernelRateFragment,  DropReason::kKernelRateGroup,     DropReason::kKernelRateSip,
    DropReason::kKernelRateNeighbour, DropReason::kKernelRateNeighbour, DropReason::kKernelRateIcmp,
    DropReason::kKernelRateFragment,  DropReason::kKernelRate};

// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4). What a router has passed on is neither (§7.1).
bool is_neighbour_discovery(const std::byte* ip, const packet::Ipv6& h) {
    constexpr unsigned kSolicitation = 135;
    constexpr unsigned kAdvertisement = 136;
    constexpr unsigned kNotForwarded = 255;
    if (h.fragment || h.upper != packet::kIcmpv6 || h.upper_at >= h.end) return false;
    const auto type = std::to_integer<unsigned>(ip[h.upper_at]);
    return (type == kSolicitation || type == kAdvertisement) && std::to_integer<unsigned>(ip[7]) == kNotForwarded;
}

}  // namespace

KernelGate::KernelGate(const packet::Interfaces& interfaces, const KernelRates& rates)
    : interfaces_(interfaces), due_(interfaces.size()) {
    for (std::size_t k = 0; k < kKernelKinds; ++k) {
        budgets_[k].interval_ns = 1'000'000'000U / rates.rates[k].packets_per_second;
        budgets_[k].burst_ns = budgets_[k].interval_ns * rates.rates[k].burst;
    }
}

std::optional<DropReason> KernelGate::refuse(packet::Packet& packet, const packet::Headers& headers,
                                             std::uint64_t now_ns) {
    const auto what = kind_of(packet, headers);
    const auto kind = static_cast<std::size_t>(what);
    auto& due = due_[packet.interface][kind];
    const auto& budget = budgets_[kind];
    if (due > now_ns + budget.burst_ns - budget.interval_ns) return kReasons[kind];
    due = std::max(due, now_ns) + budget.interval_ns;
    packet.signalling = what == KernelKind::kSignalling || what == KernelKind::kStream;
    return std::nullopt;
}

KernelKind KernelGate::kind_of(const packet::Packet& packet, const packet::Headers& headers) const {
    if (headers.is_ipv6) return kind_of_ipv6(packet, headers);
    if (packet::is_group(packet.data)) return KernelKind::kGroup;
    const auto* network = packet.data + headers.ether_bytes;
    const auto type = packet::load16(network - 2);
    if (type == kEtherArp) return KernelKind::kArp;
    if (type != packet::kEtherIpv4) return KernelKind::kOther;
    if ((packet::load16(network + 6) & 0x3fff) != 0) return KernelKind::kFragment;
    if (std::to_integer<unsigned>(network[9]) == kIcmpProtocol) return KernelKind::kIcmp;
    const auto& signalling = interfaces_[packet.interface].signalling;
    // The address stands in the first 20 bytes, which parse() has seen.
    if (std::to_integer<unsigned>(network[9]) == kTcpProtocol &&
        std::ranges::find(signalling, packet::load32(network + 16), &packet::ListenPort::address) != signalling.end())
        return KernelKind::kStream;
    if (headers.kind == packet::Kind::kUdp)
        for (const auto& at : signalling)
            if (at.address == headers.destination && at.port == headers.destination_port)
                return KernelKind::kSignalling;
    return KernelKind::kOther;
}

KernelKind KernelGate::kind_of_ipv6(const packet::Packet& packet, const packet::Headers& headers) const {
    const auto* ip = packet.data + headers.ether_bytes;
    const auto& h = headers.ipv6;
    const bool group = packet::is_group(packet.data);
    if (is_neighbour_discovery(ip, h)) return group ? KernelKind::kNeighbourGroup : KernelKind::kNeighbour;
    if (group) return KernelKind::kGroup;
    if (h.fragment) return KernelKind::kFragment6;
    if (h.upper == packet::kIcmpv6) return KernelKind::kIcmp6;
    const bool udp = h.upper == packet::kUdpHeader;  // whose length parse() has looked at
    if (!udp && h.upper != packet::kTcpHeader) return KernelKind::kOther;
    for (const auto& at : interfaces_[packet.interface].signalling6) {
        if (!std::ranges::equal(at.address, std::span(ip + 24, at.address.size()))) continue;
        if (!udp) return KernelKind::kStream;
        if (at.port == packet::load16(ip + h.upper_at + 2)) return KernelKind::kSignalling;
    }
    return KernelKind::kOther;
}

}  // namespace sallyport::transform
