#pragma once
// The fixed header of RTP (RFC 3550 §5.1) and what tells RTCP from it (RFC 5761 §4).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
inline std::uint16_t be16(const std::byte* p) {
    std::uint16_t v = 0;
    std::memcpy(&v, p, sizeof(v));
    return std::endian::native == std::endian::little ? std::byteswap(v) : v;
}
inline std::uint32_t be32(const std::byte* p) {
    std::uint32_t v = 0;
    std::memcpy(&v, p, sizeof(v));
    return std::endian::native == std::endian::little ? std::byteswap(v) : v;
}
// CSRC list, extension and padding, as the first byte announces them.
[[gnu::noinline]] inline bool rest_fits(std::span<const std::byte> payload, std::uint8_t first) {
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
[[gnu::always_inline]] inline bool is_rtp(std::span<const std::byte> payload) {
    if (payload.size() < kFixedHeaderBytes) [[unlikely]]
        return false;
    const auto* bytes = payload.data();
    const auto first = std::to_integer<std::uint8_t>(bytes[0]);
    // Most packets have the version and no more in their first byte.
    if (first != 0x80 && (first >> 6 != 2 || ((first & 0x3f) != 0 && !detail::rest_fits(payload, first)))) [[unlikely]]
        return false;
    return (std::to_integer<std::uint8_t>(bytes[1]) & 0xe0) != 0xc0;
}

// Of what is_rtp().
[[gnu::always_inline]] inline Header read_header(const std::byte* payload) {
    const auto second = std::to_integer<std::uint8_t>(payload[1]);
    return {static_cast<std::uint8_t>(second & 0x7f), (second & 0x80) != 0, detail::be16(payload + 2),
            detail::be32(payload + 4), detail::be32(payload + 8)};
}

inline std::optional<Header> parse(std::span<const std::byte> payload) {
    if (!is_rtp(payload)) return std::nullopt;
    return read_header(payload.data());
}

namespace detail {
// RFC 3551 §6, table 4.
consteval std::array<std::uint8_t, 128> static_clocks() {
    std::array<std::uint8_t, 128> khz{};
    khz.fill(8);
    khz[6] = 16;             // DVI4
    khz[16] = 11;            // DVI4 at 11025 Hz
    khz[17] = 22;            // DVI4 at 22050 Hz
    khz[10] = khz[11] = 44;  // L16 at 44100 Hz
    khz[14] = 90;            // MPA
    return khz;
}
inline constexpr auto kStaticClocks = static_clocks();
}  // namespace detail

// RTP clock of the static payload types of audio in kHz; 8 for all others. G.722 is 8 by history, although it samples
// at 16. `payload_type`: of seven bits.
constexpr std::uint32_t static_clock_khz(std::uint8_t payload_type) {
    return detail::kStaticClocks[payload_type & 0x7f];
}

}  // namespace sallyport::rtp
