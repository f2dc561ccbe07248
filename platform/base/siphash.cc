#include "platform/base/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace sallyport {
namespace {

struct State {
    std::uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    }
};

State begin(const SipHashKey& key) {
    return {key.k0 ^ 0x736f6d6570736575U, key.k1 ^ 0x646f72616e646f6dU, key.k0 ^ 0x6c7967656e657261U,
            key.k1 ^ 0x7465646279746573U};
}

void absorb(State& s, std::string_view data) {
    std::size_t at = 0;
    for (; at + 8 <= data.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data.data() + at, 8);
        s.v3 ^= word;
        s.round();
        s.v0 ^= word;
    }
    std::uint64_t last = static_cast<std::uint64_t>(data.size()) << 56;
    for (std::size_t i = 0; at + i < data.size(); ++i)
        last |= static_cast<std::uint64_t>(static_cast<unsigned char>(data[at + i])) << (8 * i);
    s.v3 ^= last;
    s.round();
    s.v0 ^= last;
}

std::uint64_t squeeze(State& s) {
    s.round();
    s.round();
    s.round();
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace

std::uint64_t siphash13(const SipHashKey& key, std::string_view data) {
    auto s = begin(key);
    absorb(s, data);
    s.v2 ^= 0xFF;
    return squeeze(s);
}

Hash128 siphash13_128(const SipHashKey& key, std::string_view data) {
    auto s = begin(key);
    s.v1 ^= 0xEE;
    absorb(s, data);
    s.v2 ^= 0xEE;
    const auto low = squeeze(s);
    s.v1 ^= 0xDD;
    return {low, squeeze(s)};
}

}  // namespace sallyport
