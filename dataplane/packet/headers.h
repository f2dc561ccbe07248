#pragma once
// Ethernet, one VLAN tag, IPv4 or IPv6 and UDP of a received frame: each length is checked before the fields it
// covers. Addresses of IPv4 are in host order. Media is IPv4: what is IPv6 is never more than kOther.
//
// Fragments (RFC 791 §3.2): only the first one of a datagram holds the UDP ports. A first fragment is
// reported as such, and the pipeline drops it when it aims at a media port. Later fragments go where all
// that is not media goes, to the kernel, which needs them for long SIP requests; those of a media datagram
// find no first fragment there and die with it.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/mac_word.h"
#include "platform/wire/drop_reason.h"

namespace sallyport::packet {

inline constexpr std::size_t kEtherBytes = 14;
inline constexpr std::size_t kVlanBytes = 4;
inline constexpr std::size_t kIpv4Bytes = 20;
inline constexpr std::size_t kUdpBytes = 8;
inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherVlan = 0x8100;
inline constexpr std::uint16_t kEtherVlanService = 0x88a8;

enum class Kind : std::uint8_t {
    kUdp,            // a whole IPv4 UDP datagram: all fields are set
    kFirstFragment,  // of a UDP datagram: addresses and ports are set
    kOther,          // anything else that is well formed as far as we look: ARP, ICMP, TCP, all of IPv6, ...
    kBad,            // `reason` says why
};

struct Headers {
    Kind kind = Kind::kBad;
    wire::DropReason reason = wire::DropReason::kFrameTruncated;
    std::uint16_t vlan = 0;        // 0: untagged or priority-tagged
    std::uint8_t ether_bytes = 0;  // 14, or 18 with a tag
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t udp_at = 0;      // offset of the UDP header in the frame
    std::uint16_t udp_length = 0;  // header and data; udp_at + udp_length <= frame length
    bool is_ipv6 = false;          // then `ipv6` is set
    Ipv6 ipv6{};
};

// Where the UDP header of a plain frame begins.
inline constexpr std::size_t kPlainUdpAt = kEtherBytes + kIpv4Bytes;

// The common frame, told by few comparisons: to `to`, untagged, no IPv4 options, whole, UDP, each length right.
// Header and data of the datagram in bytes, at least kUdpBytes; 0: parse() says what it is.
[[gnu::always_inline]] inline std::uint32_t plain_udp_length(const std::byte* frame, std::uint32_t length, MacWord to,
                                                             bool ipv4_checked) {
    constexpr std::uint32_t kEther = kEtherBytes;
    constexpr std::uint32_t kIpv4 = kIpv4Bytes;
    constexpr std::uint32_t kIpv4NoOptions = swap32(std::uint32_t{kEtherIpv4} << 16 | 0x4500);
    constexpr std::uint32_t kTypeAndVersion = swap32(0xffffff00);
    constexpr std::uint32_t kFragmentAndProtocol = swap32(0x3fff00ff);  // a fragment has one of the bits 0x3fff
    if (length < kPlainUdpAt + kUdpBytes || !to.is_at(frame) ||
        (load_raw32(frame + 12) & kTypeAndVersion) != kIpv4NoOptions ||
        (load_raw32(frame + kEtherBytes + 6) & kFragmentAndProtocol) != swap32(kUdpProtocol))
        return 0;
    const std::uint32_t total = load16(frame + kEtherBytes + 2);
    const std::uint32_t udp_length = load16(frame + kPlainUdpAt + 4);
    if (kEther + total > length || udp_length < kUdpBytes || kIpv4 + udp_length > total ||
        (!ipv4_checked && !plain_header_ok(frame + kEtherBytes)))
        return 0;
    return udp_length;
}

// `ipv4_checked`: the port has verified the IPv4 header checksum.
inline Headers parse(std::span<const std::byte> frame, bool ipv4_checked) {
    using wire::DropReason;
    Headers h;
    const auto bad = [&h](DropReason reason) {
        h.kind = Kind::kBad;
        h.reason = reason;
        return h;
    };
    if (frame.size() < kEtherBytes) return bad(DropReason::kFrameTruncated);
    std::uint32_t type = load16(frame.data() + 12);
    h.ether_bytes = kEtherBytes;
    if (type == kEtherVlan) {
        if (frame.size() < kEtherBytes + kVlanBytes) return bad(DropReason::kFrameTruncated);
        h.vlan = load16(frame.data() + 14) & 0x0fff;
        type = load16(frame.data() + 16);
        h.ether_bytes = kEtherBytes + kVlanBytes;
        if (type == kEtherVlan) return bad(DropReason::kVlanStacked);
    }
    if (type == kEtherVlanService) return bad(DropReason::kVlanStacked);
    if (type != kEtherIpv4 && type != kEtherIpv6) {
        h.kind = Kind::kOther;
        return h;
    }
    const auto ip = frame.subspan(h.ether_bytes);
    if (type == kEtherIpv6) {
        h.is_ipv6 = true;
        h.ipv6 = parse_ipv6(ip);
        if (h.ipv6.bad) return bad(h.ipv6.reason);
        if (!h.ipv6.fragment && h.ipv6.upper == kUdpProtocol) {
            const std::size_t room = h.ipv6.end - std::size_t{h.ipv6.upper_at};
            const std::size_t length = room < kUdpBytes ? 0 : load16(ip.data() + h.ipv6.upper_at + 4);
            if (length < kUdpBytes || length > room) return bad(DropReason::kUdpLength);
        }
        h.kind = Kind::kOther;
        return h;
    }
    if (ip.size() < kIpv4Bytes) return bad(DropReason::kFrameTruncated);
    const auto first = std::to_integer<std::uint32_t>(ip[0]);
    const std::size_t header = std::size_t{first & 0x0f} * 4;
    if (first >> 4 != 4 || header < kIpv4Bytes || header > ip.size()) return bad(DropReason::kIpv4Header);
    const std::size_t total = load16(ip.data() + 2);
    // Ethernet pads short frames: a frame may be longer than the packet in it, never shorter.
    if (total < header || total > ip.size()) return bad(DropReason::kIpv4Length);
    if (!ipv4_checked && !(header == kIpv4Bytes ? plain_header_ok(ip.data()) : fold(sum(ip.first(header))) == 0xffff))
        return bad(DropReason::kIpv4Checksum);
    h.source = load32(ip.data() + 12);
    h.destination = load32(ip.data() + 16);
    h.kind = Kind::kOther;
    if (std::to_integer<std::uint32_t>(ip[9]) != kUdpProtocol) return h;
    const std::uint32_t fragment = load16(ip.data() + 6);
    if ((fragment & 0x1fff) != 0) return h;
    const auto payload = ip.subspan(header, total - header);
    if (payload.size() < kUdpBytes) return bad(DropReason::kUdpLength);
    h.source_port = load16(payload.data());
    h.destination_port = load16(payload.data() + 2);
    h.udp_at = static_cast<std::uint16_t>(h.ether_bytes + header);
    if ((fragment & 0x2000) != 0) {
        h.kind = Kind::kFirstFragment;
        return h;
    }
    h.udp_length = load16(payload.data() + 4);
    if (h.udp_length < kUdpBytes || h.udp_length > payload.size()) return bad(DropReason::kUdpLength);
    h.kind = Kind::kUdp;
    return h;
}

}  // namespace sallyport::packet
