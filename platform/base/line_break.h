#pragma once
// The end of a line in text of a peer.

#include <cstddef>
#include <string_view>

#include "platform/base/byte_scan.h"

namespace sallyport {

// The first CR or LF in [at, end), `end` when there is none. The bytes from `floor` on may be read.
inline const char* find_line_break(const char* floor, const char* at, const char* end) {
    return find_any<'\r', '\n'>(floor, at, end);
}

// The first CR or LF from `from` on; npos when there is none.
inline std::size_t find_line_break(std::string_view text, std::size_t from = 0) {
    if (from >= text.size()) return std::string_view::npos;
    const char* const begin = begin_of(text);
    const char* const found = find_line_break(begin, begin + from, end_of(text));
    return found == end_of(text) ? std::string_view::npos : static_cast<std::size_t>(found - begin);
}

}  // namespace sallyport
