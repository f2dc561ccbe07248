#pragma once
// Buffers that are used again.

#include <cstddef>
#include <string>

namespace sallyport {

// Empties `buffer`, which keeps its memory up to `keep` bytes. To assign an empty string would not do it: libstdc++
// then copies the nothing and keeps what there is.
inline void clear_buffer(std::string& buffer, std::size_t keep) {
    if (buffer.capacity() > keep)
        std::string().swap(buffer);
    else
        buffer.clear();
}

}  // namespace sallyport
