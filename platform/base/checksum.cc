#include "platform/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sallyport {

std::uint64_t checksum64(std::span<const std::byte> data, std::uint64_t seed) {
    return XXH3_64bits_withSeed(data.data(), data.size(), seed);
}

}  // namespace sallyport
