#pragma once
// Why the dataplane dropped a packet: one reason per cause, one counter per reason. The name is what the
// CLI and the tests show and never changes its meaning; the text is for people.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::wire {

enum class DropReason : std::uint8_t {
    // frame and headers
    kFrameTruncated,
    kVlanStacked,
    kVlanUnknown,
    kEtherForeign,
    kIpv4Header,
    kIpv4Length,
    kIpv4Checksum,
    kIpv4Fragment,
    kIpv4Source,
    kIpv6Header,
    kIpv6Length,
    kIpv6Extension,
    kUdpLength,
    kUdpChecksum,
    // flows
    kNoFlow,
    kWrongInterface,
    kOnHold,
    kSourceForeign,
    kSourceNotLatched,
    kNotRtp,
    kNotRtcp,
    kRateLimit,
    // the way out
    kNoRoute,
    kNextHopTimeout,
    kNextHopQueue,
    kMtu,
    kTransmitFull,
    // to and from the kernel
    kKernelRate,
    kKernelRateSip,
    kKernelRateArp,
    kKernelRateNeighbour,
    kKernelRateIcmp,
    kKernelRateFragment,
    kKernelRateGroup,
    kKernelQueue,
    kKernelWrite,
    kFromKernelFrame,
    kFromKernelQueue,
    kNoBuffer,
    kCount
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::kCount);

struct DropReasonInfo {
    std::string_view name;
    std::string_view text;
};

// In the order of the enumerators.
inline constexpr std::array<DropReasonInfo, kDropReasons> kDropReasonInfo{{
    {"frame-truncated", "frame shorter than the headers that it announces"},
    {"vlan-stacked", "more than one VLAN tag"},
    {"vlan-unknown", "VLAN of no interface of this port"},
    {"ether-foreign", "unicast frame to a MAC address that is not ours"},
    {"ipv4-header", "IPv4 version or header length impossible"},
    {"ipv4-length", "IPv4 total length beyond the frame or shorter than its header"},
    {"ipv4-checksum", "IPv4 header checksum wrong"},
    {"ipv4-fragment", "fragment to a media port"},
    {"ipv4-source", "source address unspecified, multicast, loopback, broadcast or our own"},
    {"ipv6-header", "IPv6 version impossible"},
    {"ipv6-length", "IPv6 payload length beyond the frame"},
    {"ipv6-extension", "IPv6 extension headers beyond the packet, out of place, or more than eight"},
    {"udp-length", "UDP length beyond the IPv4 payload or shorter than its header"},
    {"udp-checksum", "UDP checksum wrong in a packet that would have taught us an address"},
    {"no-flow", "media port without a flow"},
    {"wrong-interface", "media address and port of another interface"},
    {"on-hold", "the flow forwards nothing now"},
    {"source-foreign", "source not allowed by the flow's rule"},
    {"source-not-latched", "allowed source, but another one has been learned"},
    {"not-rtp", "no RTP on an RTP flow"},
    {"not-rtcp", "no RTCP on an RTCP flow"},
    {"rate-limit", "above the flow's packet rate"},
    {"no-route", "no route to the destination at the interface of its realm"},
    {"next-hop-timeout", "next hop did not answer while the packet waited"},
    {"next-hop-queue", "too many packets wait for this next hop"},
    {"mtu", "longer than the outgoing interface carries"},
    {"transmit-full", "the port did not take the packet"},
    {"kernel-rate", "above the rate let through to the kernel of what has no rate of its own"},
    {"kernel-rate-sip", "above the rate let through to where SIP listens"},
    {"kernel-rate-arp", "above the rate of unicast ARP let through to the kernel"},
    {"kernel-rate-neighbour", "above the rate of IPv6 neighbour discovery let through to the kernel"},
    {"kernel-rate-icmp", "above the rate of ICMP let through to the kernel"},
    {"kernel-rate-fragment", "above the rate of fragments let through to the kernel"},
    {"kernel-rate-group", "above the rate of broadcast and multicast frames let through to the kernel"},
    {"kernel-queue", "queue to the slow-path thread full"},
    {"kernel-write", "the kernel did not take the frame at the TAP"},
    {"from-kernel-frame", "frame from the kernel that the interface cannot send"},
    {"from-kernel-queue", "queue from the kernel to the worker full"},
    {"no-buffer", "packet memory used up"},
}};

constexpr const DropReasonInfo& info(DropReason reason) { return kDropReasonInfo[static_cast<std::size_t>(reason)]; }

}  // namespace sallyport::wire
