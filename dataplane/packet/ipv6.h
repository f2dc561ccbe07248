#pragma once
// An IPv6 packet as far as its budget needs it: the header, and the extension headers up to the upper layer's
// (RFC 8200 §4), each length checked before the fields it covers. Media is IPv4: all of IPv6 goes to the kernel, which
// looks at it again; what stands here says only of what kind it is.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/checksum.h"
#include "platform/wire/drop_reason.h"

namespace sallyport::packet {

inline constexpr std::size_t kIpv6Bytes = 40;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;
// More than any honest packet has; RFC 8504 §5.3 lets a host refuse what has more than it likes.
inline constexpr std::size_t kMostExtensions = 8;

enum NextHeader : std::uint8_t {
    kHopByHop = 0,
    kTcpHeader = 6,
    kUdpHeader = 17,
    kRouting = 43,
    kFragmentHeader = 44,
    kAuthentication = 51,
    kIcmpv6 = 58,
    kNoNextHeader = 59,
    kDestinationOptions = 60
};

struct Ipv6 {
    bool bad = false;
    wire::DropReason reason = wire::DropReason::kIpv6Header;  // when `bad`
    bool fragment = false;                                    // one of several: `upper` is nothing then
    std::uint8_t upper = kNoNextHeader;
    std::uint16_t upper_at = 0;  // from the beginning of the IPv6 header
    std::uint16_t end = 0;       // of the packet, from there too; the frame may be padded beyond it
};

// `ip`: from the IPv6 header to the end of the frame.
inline Ipv6 parse_ipv6(std::span<const std::byte> ip) {
    using wire::DropReason;
    Ipv6 out;
    const auto bad = [&out](DropReason reason) {
        out.bad = true;
        out.reason = reason;
        return out;
    };
    const auto byte = [ip](std::size_t at) { return std::to_integer<std::uint8_t>(ip[at]); };
    if (ip.size() < kIpv6Bytes) return bad(DropReason::kFrameTruncated);
    if (byte(0) >> 4 != 6) return bad(DropReason::kIpv6Header);
    const std::size_t end = kIpv6Bytes + load16(ip.data() + 4);
    if (end > ip.size()) return bad(DropReason::kIpv6Length);
    out.end = static_cast<std::uint16_t>(end);
    std::size_t at = kIpv6Bytes;
    auto next = byte(6);
    for (std::size_t i = 0; i <= kMostExtensions; ++i) {
        const bool authentication = next == kAuthentication;
        const bool fragment = next == kFragmentHeader;
        if (!authentication && !fragment && next != kHopByHop && next != kRouting && next != kDestinationOptions) {
            out.upper = next;
            out.upper_at = static_cast<std::uint16_t>(at);
            return out;
        }
        // Options for each hop come first or not at all (RFC 8200 §4.1).
        if (next == kHopByHop && i != 0) break;
        if (at + 8 > end) break;
        // RFC 4302 §2.2 counts in words of four bytes, all others in eight.
        const std::size_t length = fragment         ? 8
                                   : authentication ? (byte(at + 1) + std::size_t{2}) * 4
                                                    : (byte(at + 1) + std::size_t{1}) * 8;
        if (at + length > end) break;
        // An offset, or more to come. One that is all of its datagram is none (RFC 6946).
        if (fragment && (load16(ip.data() + at + 2) & 0xfff9) != 0) {
            out.fragment = true;
            return out;
        }
        next = byte(at);
        at += length;
    }
    return bad(DropReason::kIpv6Extension);
}

}  // namespace sallyport::packet
