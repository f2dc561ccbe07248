#pragma once
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are of 16-bit words, held in more and
// folded at the end. A sum is the same in either byte order but for the order of its own bytes (RFC 1071 §2(B)): the
// pipeline adds words as the machine has them ("raw"), 32 bits at a time; the rest is in network order.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sallyport::packet {

// Between the machine's order and the network's, in either direction.
constexpr std::uint16_t swap16(std::uint16_t v) {
    return std::endian::native == std::endian::little ? std::byteswap(v) : v;
}
constexpr std::uint32_t swap32(std::uint32_t v) {
    return std::endian::native == std::endian::little ? std::byteswap(v) : v;
}
// As they lie there.
inline std::uint16_t load_raw16(const std::byte* p) {
    std::uint16_t v = 0;
    std::memcpy(&v, p, sizeof(v));
    return v;
}
inline std::uint32_t load_raw32(const std::byte* p) {
    std::uint32_t v = 0;
    std::memcpy(&v, p, sizeof(v));
    return v;
}
inline std::uint64_t load_raw64(const std::byte* p) {
    std::uint64_t v = 0;
    std::memcpy(&v, p, sizeof(v));
    return v;
}
inline void store_raw16(std::byte* p, std::uint16_t v) { std::memcpy(p, &v, sizeof(v)); }
inline void store_raw32(std::byte* p, std::uint32_t v) { std::memcpy(p, &v, sizeof(v)); }
inline void store_raw64(std::byte* p, std::uint64_t v) { std::memcpy(p, &v, sizeof(v)); }

inline std::uint16_t load16(const std::byte* p) { return swap16(load_raw16(p)); }
inline std::uint32_t load32(const std::byte* p) { return swap32(load_raw32(p)); }
inline void store16(std::byte* p, std::uint32_t v) { store_raw16(p, swap16(static_cast<std::uint16_t>(v))); }
inline void store32(std::byte* p, std::uint32_t v) { store_raw32(p, swap32(v)); }

// A raw word of 16 or 32 bits as the bytes from the `at`th on of one of 64 bits.
constexpr std::uint64_t at_byte(std::uint16_t raw, unsigned at) {
    return std::uint64_t{raw} << (std::endian::native == std::endian::little ? 8 * at : 48 - 8 * at);
}
constexpr std::uint64_t at_byte(std::uint32_t raw, unsigned at) {
    return std::uint64_t{raw} << (std::endian::native == std::endian::little ? 8 * at : 32 - 8 * at);
}

constexpr std::uint16_t raw16_at(std::uint64_t word, unsigned at) {
    return static_cast<std::uint16_t>(word >> (std::endian::native == std::endian::little ? 8 * at : 48 - 8 * at));
}
constexpr std::uint32_t raw32_at(std::uint64_t word, unsigned at) {
    return static_cast<std::uint32_t>(word >> (std::endian::native == std::endian::little ? 8 * at : 32 - 8 * at));
}

constexpr std::uint32_t words(std::uint32_t address) { return (address >> 16) + (address & 0xffff); }

// The one's complement sum of `data`, an odd last byte padded with zero. At most 64 KiB.
inline std::uint32_t sum(std::span<const std::byte> data, std::uint32_t start = 0) {
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
// Each half is added to the other, and the upper one takes the carry of the lower: added at the other end, it is all
// that folding is. The folded sum is the upper half of this.
constexpr std::uint32_t fold_into_upper(std::uint64_t s) {
    const auto half = static_cast<std::uint32_t>((s + std::rotl(s, 32)) >> 32);
    return half + std::rotl(half, 16);
}
constexpr std::uint16_t fold_wide(std::uint64_t s) { return static_cast<std::uint16_t>(fold_into_upper(s) >> 16); }
// The checksum of what sums to `s`, as the bytes 2 and 3 of eight.
constexpr std::uint64_t checksum_at_2(std::uint64_t s) {
    const std::uint32_t upper = ~fold_into_upper(s) & 0xffff0000;
    return std::endian::native == std::endian::little ? upper : std::uint64_t{upper} << 16;
}

// True when the 20 bytes of an IPv4 header without options sum to what they must. Each carry goes to a word that has
// room for it: none is lost.
inline bool plain_header_ok(const std::byte* ip) {
    std::uint64_t half = 0;
    std::uint64_t all = 0;
    const bool carry = __builtin_add_overflow(load_raw64(ip), load_raw64(ip + 8), &half);
    const std::uint64_t rest = std::uint64_t{load_raw32(ip + 16)} + (carry ? 1 : 0);
    const bool last = __builtin_add_overflow(half, rest, &all);
    return fold_into_upper(all + (last ? 1 : 0)) >= 0xffff0000;
}

constexpr std::uint32_t kUdpProtocol = 17;

// Pseudo header of RFC 768.
constexpr std::uint32_t pseudo_sum(std::uint32_t source, std::uint32_t destination, std::uint32_t udp_length) {
    return words(source) + words(destination) + kUdpProtocol + udp_length;
}

// A UDP checksum field after words summing to `before` became words summing to `after`, by equation 3 of
// RFC 1624: HC' = ~(~HC + ~m + m'). 0 means "none" and stays; a result of 0 is sent as 0xffff (RFC 768).
// Field and sums are in the same order, whichever; sums are below 2^48. A complement of 48 bits is one of 16, since
// 2^48 - 1 is a multiple of 2^16 - 1: folding once at the end will do.
constexpr std::uint16_t update_udp(std::uint16_t field, std::uint64_t before, std::uint64_t after) {
    if (field == 0) [[unlikely]]
        return 0;
    constexpr std::uint64_t k48Bits = (std::uint64_t{1} << 48) - 1;
    const std::uint64_t old_sum = field ^ 0xffffU;
    const auto updated = static_cast<std::uint16_t>(~fold_wide(old_sum + (before ^ k48Bits) + after));
    return updated == 0 ? std::uint16_t{0xffff} : updated;
}

// True when a datagram's checksum is right or absent. `udp` is the header and its data, its length checked.
inline bool udp_checksum_ok(std::uint32_t source, std::uint32_t destination, std::span<const std::byte> udp) {
    if (load16(udp.data() + 6) == 0) return true;
    return fold(sum(udp, pseudo_sum(source, destination, static_cast<std::uint32_t>(udp.size())))) == 0xffff;
}

}  // namespace sallyport::packet
