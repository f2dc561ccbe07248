#pragma once
// How often this program has asked for memory, libraries included: malloc, calloc and realloc are replaced by ones that
// count and hand on. operator new asks malloc.

#include <cstdint>

namespace sallyport::bench {

std::uint64_t allocations();

}  // namespace sallyport::bench
