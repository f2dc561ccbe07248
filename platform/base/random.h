#pragma once
// Randomness as an argument: protocol code asks a RandomSource, so that a scenario is reproducible from
// its seed. Production uses the kernel's generator (platform/os/random.h): tags, branches, Call-IDs,
// SSRCs and ports that we make must not be guessable (RFC 3261 §19.3).

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport {

class RandomSource {
public:
    virtual ~RandomSource() = default;
    virtual void fill(std::span<std::byte> out) = 0;

    std::uint64_t next_u64() {
        std::uint64_t v = 0;
        fill(std::as_writable_bytes(std::span(&v, 1)));
        return v;
    }
    // Uniform in [0, bound), without modulo bias (Lemire). `bound` > 0.
    std::uint32_t below(std::uint32_t bound) {
        for (;;) {
            const std::uint64_t product = (next_u64() >> 32) * bound;
            const auto low = static_cast<std::uint32_t>(product);
            if (low >= bound || low >= (0U - bound) % bound) return static_cast<std::uint32_t>(product >> 32);
        }
    }
};

}  // namespace sallyport
