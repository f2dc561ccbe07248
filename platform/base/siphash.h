#pragma once
// SipHash-1-3 (Aumasson and Bernstein 2012): a keyed hash for tables whose keys come from the wire, so
// that a peer cannot choose keys that collide. The key is drawn once per process.

#include <cstdint>
#include <string_view>

namespace sallyport {

struct SipHashKey {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

std::uint64_t siphash13(const SipHashKey& key, std::string_view data);

// The variant of 128 bits. Two texts that have the same will not be met: who does not know the key cannot look for
// them, and among a million texts chance brings two together once in 10^26. It can stand for the text itself.
struct Hash128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const Hash128&, const Hash128&) = default;
};
Hash128 siphash13_128(const SipHashKey& key, std::string_view data);

}  // namespace sallyport
