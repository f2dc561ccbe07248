#pragma once
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are of 16-bit words in
// network order, held in 32 bits and folded at the end.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sallyport::packet {

constexpr std::uint16_t load16(const std::byte* p) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(p[0]) << 8 | std::to_integer<unsigned>(p[1]));
}
constexpr std::uint32_t load32(const std::byte* p) {
    return static_cast<std::uint32_t>(load16(p)) << 16 | load16(p + 2);
}
constexpr void store16(std::byte* p, std::uint32_t v) {
    p[0] = static_cast<std::byte>(v >> 8);
    p[1] = static_cast<std::byte>(v);
}
constexpr void store32(std::byte* p, std::uint32_t v) {
    store16(p, v >> 16);
    store16(p + 2, v);
}

constexpr std::uint32_t words(std::uint32_t address) { return (address >> 16) + (address & 0xffff); }

// The one's complement sum of `data`, an odd last byte padded with zero. At most 64 KiB.
constexpr std::uint32_t sum(std::span<const std::byte> data, std::uint32_t start = 0) {
    std::size_t i = 0;
    for (; i + 1 < data.size(); i += 2) start += load16(data.data() + i);
    if (i < data.size()) start += std::to_integer<std::uint32_t>(data[i]) << 8;
    return start;
}
constexpr std::uint16_t fold(std::uint32_t s) {
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return static_cast<std::uint16_t>(s);
}
// The checksum field for a sum.
constexpr std::uint16_t checksum(std::uint32_t s) { return static_cast<std::uint16_t>(~fold(s)); }

// True when the 20 bytes of an IPv4 header without options sum to what they must. The sum is the same in either byte
// order (RFC 1071 §2(B)), so words are taken as the machine has them, 32 bits at a time.
inline bool plain_header_ok(const std::byte* ip) {
    std::array<std::uint32_t, 5> raw;
    std::memcpy(raw.data(), ip, sizeof(raw));
    std::uint64_t s = std::uint64_t{raw[0]} + raw[1] + raw[2] + raw[3] + raw[4];
    s = (s & 0xffffffff) + (s >> 32);
    return fold(static_cast<std::uint32_t>((s & 0xffff) + (s >> 16))) == 0xffff;
}

constexpr std::uint32_t kUdpProtocol = 17;

// Pseudo header of RFC 768.
constexpr std::uint32_t pseudo_sum(std::uint32_t source, std::uint32_t destination, std::uint32_t udp_length) {
    return words(source) + words(destination) + kUdpProtocol + udp_length;
}

// A UDP checksum field after words summing to `before` became words summing to `after`, by equation 3 of
// RFC 1624: HC' = ~(~HC + ~m + m'). 0 means "none" and stays; a result of 0 is sent as 0xffff (RFC 768).
constexpr std::uint16_t update_udp(std::uint16_t field, std::uint32_t before, std::uint32_t after) {
    if (field == 0) return 0;
    const std::uint32_t old_sum = static_cast<std::uint16_t>(~field);
    const std::uint32_t minus = static_cast<std::uint16_t>(~fold(before));
    const auto updated = checksum(old_sum + minus + fold(after));
    return updated == 0 ? std::uint16_t{0xffff} : updated;
}

// True when a datagram's checksum is right or absent. `udp` is the header and its data, its length checked.
constexpr bool udp_checksum_ok(std::uint32_t source, std::uint32_t destination, std::span<const std::byte> udp) {
    if (load16(udp.data() + 6) == 0) return true;
    return fold(sum(udp, pseudo_sum(source, destination, static_cast<std::uint32_t>(udp.size())))) == 0xffff;
}

}  // namespace sallyport::packet
