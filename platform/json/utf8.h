#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::json {

// What stands for bytes that are no UTF-8: U+FFFD.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The length of the UTF-8 sequence at `at`, or 0: cut, overlong, a surrogate or beyond U+10FFFF (RFC 3629 §4).
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace sallyport::json
