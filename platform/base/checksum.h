#pragma once
// A checksum against accidents: torn writes, cut files. Not against people, who can make two texts with the same one;
// what a peer may choose is hashed with a key (siphash.h). XXH3 of 64 bits, at some 10 bytes a nanosecond.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport {

std::uint64_t checksum64(std::span<const std::byte> data, std::uint64_t seed = 0);

}  // namespace sallyport
