#pragma once
// The fixed header of RTP (RFC 3550 §5.1) and what tells RTCP from it (RFC 5761 §4).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sallyport::rtp {

inline constexpr std::size_t kFixedHeaderBytes = 12;

struct Header {
    std::uint8_t payload_type = 0;
    bool marker = false;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
};

namespace detail {
constexpr std::uint32_t be16(const std::byte* p) {
    return std::to_integer<std::uint32_t>(p[0]) << 8 | std::to_integer<std::uint32_t>(p[1]);
}
constexpr std::uint32_t be32(const std::byte* p) { return be16(p) << 16 | be16(p + 2); }
// CSRC list, extension and padding, as the first byte announces them.
[[gnu::noinline]] constexpr bool rest_fits(std::span<const std::byte> payload, std::uint8_t first) {
    std::size_t header = kFixedHeaderBytes + std::size_t{4} * (first & 0x0f);
    if (first & 0x10) {
        if (payload.size() < header + 4) return false;
        header += 4 + std::size_t{4} * be16(payload.data() + header + 2);
    }
    if (payload.size() < header) return false;
    if (first & 0x20) {
        const auto padding = std::to_integer<std::size_t>(payload.back());
        if (padding == 0 || padding > payload.size() - header) return false;
    }
    return true;
}
}  // namespace detail

// With one port for both (RFC 5761 §4), payload types 64-95 are RTCP: second byte 192-223.
constexpr bool looks_like_rtcp(std::span<const std::byte> payload) {
    if (payload.size() < 8) return false;
    const auto first = std::to_integer<std::uint8_t>(payload[0]);
    const auto second = std::to_integer<std::uint8_t>(payload[1]);
    return first >> 6 == 2 && second >= 192 && second <= 223;
}

// The validity checks of RFC 3550 A.1 that need no state: version, CSRC list, extension and padding within
// the payload. RTCP is not RTP.
[[gnu::always_inline]] constexpr std::optional<Header> parse(std::span<const std::byte> payload) {
    if (payload.size() < kFixedHeaderBytes || looks_like_rtcp(payload)) return std::nullopt;
    const auto first = std::to_integer<std::uint8_t>(payload[0]);
    const auto second = std::to_integer<std::uint8_t>(payload[1]);
    if (first >> 6 != 2) return std::nullopt;
    // Most packets have none of the rest.
    if ((first & 0x3f) != 0 && !detail::rest_fits(payload, first)) return std::nullopt;
    return Header{static_cast<std::uint8_t>(second & 0x7f), (second & 0x80) != 0,
                  static_cast<std::uint16_t>(detail::be16(payload.data() + 2)), detail::be32(payload.data() + 4),
                  detail::be32(payload.data() + 8)};
}

// RTP clock of the static payload types of audio in kHz (RFC 3551 §6, table 4); 8 for all others.
// G.722 is 8 by history, although it samples at 16.
constexpr std::uint32_t static_clock_khz(std::uint8_t payload_type) {
    switch (payload_type) {
        case 6: return 16;   // DVI4
        case 16: return 11;  // DVI4 at 11025 Hz
        case 17: return 22;  // DVI4 at 22050 Hz
        case 10:
        case 11: return 44;  // L16 at 44100 Hz
        case 14: return 90;  // MPA
        default: return 8;
    }
}

}  // namespace sallyport::rtp
