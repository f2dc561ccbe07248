#pragma once

#include <malloc.h>

#include <cstddef>

namespace sallyport::test {

// Bytes of the heap in use. 0 under a sanitizer, which has a heap of its own.
inline std::size_t heap_in_use() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

}  // namespace sallyport::test
