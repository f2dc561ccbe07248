#pragma once
// The end of a line in text of a peer.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sallyport {

// The first CR or LF from `from` on; npos when there is none. Eight bytes at a time: lines are too short for memchr to
// pay, and string_view::find_first_of takes a call for each character.
inline std::size_t find_line_break(std::string_view text, std::size_t from = 0) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kHighs = 0x8080808080808080U;
    // Exact in its lowest set bit, which is all that is asked of it (little-endian: the first byte).
    const auto zero_bytes = [](std::uint64_t word) { return (word - kOnes) & ~word & kHighs; };
    std::size_t at = from;
    if constexpr (std::endian::native == std::endian::little) {
        for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
            std::uint64_t word = 0;
            std::memcpy(&word, text.data() + at, sizeof(word));
            const auto found = zero_bytes(word ^ (kOnes * '\r')) | zero_bytes(word ^ (kOnes * '\n'));
            if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
        }
    }
    for (; at < text.size(); ++at)
        if (text[at] == '\r' || text[at] == '\n') return at;
    return std::string_view::npos;
}

}  // namespace sallyport
