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

}  // namespace sallyport
