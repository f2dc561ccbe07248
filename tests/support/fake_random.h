#pragma once
// A reproducible RandomSource (splitmix64): a scenario prints its seed, and the seed brings it back.

#include <cstring>

#include "platform/base/random.h"

namespace sallyport::test {

class FakeRandom final : public RandomSource {
public:
    explicit FakeRandom(std::uint64_t seed) : state_(seed) {}

    void fill(std::span<std::byte> out) override {
        while (!out.empty()) {
            std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
            z ^= z >> 31;
            const auto n = out.size() < sizeof z ? out.size() : sizeof z;
            std::memcpy(out.data(), &z, n);
            out = out.subspan(n);
        }
    }
    // True with probability percent/100.
    bool chance(std::uint32_t percent) { return below(100) < percent; }

private:
    std::uint64_t state_;
};

}  // namespace sallyport::test
