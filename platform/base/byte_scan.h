#pragma once
// The first of some bytes in a short text, sixteen at a time where the processor can: names and values are too short
// for the call that memchr is, and for a table there is a branch a byte.
//
// What is left below sixteen at the end is read together with bytes before it, as long as these belong to the text,
// too: `floor` says from where on they do. No byte outside of [floor, end) is ever read.

#include <bit>
#include <cstddef>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sallyport {

// A view as the two ends that a scan goes between.
constexpr const char* begin_of(std::string_view text) { return text.data(); }
constexpr const char* end_of(std::string_view text) { return text.data() + text.size(); }

#ifdef __SSE2__
inline constexpr std::ptrdiff_t kScanBlock = sizeof(__m128i);

inline __m128i scan_block(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

// Of a block: all bits set in the bytes that are one of these.
template <char... kBytes>
[[gnu::always_inline]] inline __m128i equal_to_any(__m128i block) {
    auto found = _mm_setzero_si128();
    ((found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8(kBytes)))), ...);
    return found;
}

// Of a block: all bits set in the bytes that are at most this, as unsigned numbers.
template <unsigned char kLimit>
__m128i at_most(__m128i block) {
    return _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(static_cast<char>(kLimit))), block);
}

// One bit a byte, the lowest is the first byte's.
inline unsigned scan_bits(__m128i found) { return static_cast<unsigned>(_mm_movemask_epi8(found)); }
#endif

// The first in [at, end) that is one of kBytes; `end` when there is none.
template <char... kBytes>
const char* find_any(const char* floor, const char* at, const char* end) {
#ifdef __SSE2__
    if (end - floor >= kScanBlock) {
        const char* const last = end - kScanBlock;
        for (; at <= last; at += kScanBlock) {
            const auto bits = scan_bits(equal_to_any<kBytes...>(scan_block(at)));
            if (bits != 0) return at + static_cast<unsigned>(std::countr_zero(bits));
        }
        const auto bits = scan_bits(equal_to_any<kBytes...>(scan_block(last))) >> (at - last);
        return bits != 0 ? at + static_cast<unsigned>(std::countr_zero(bits)) : end;
    }
#endif
    while (at != end && ((*at != kBytes) && ...)) ++at;
    return at;
}

template <char... kBytes>
const char* find_any(const char* at, const char* end) {
    return find_any<kBytes...>(at, at, end);
}

}  // namespace sallyport
