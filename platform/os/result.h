#pragma once
// What a call to the system gives: a value, or one line that says what failed, on what, and why.

#include <expected>
#include <string>
#include <string_view>

namespace sallyport::os {

template <typename T>
using Result = std::expected<T, std::string>;

// "<what>: <text of errno>". Reads errno first thing, so it may be called with built strings.
std::string system_error(std::string_view what);
std::string system_error(std::string_view what, int error);

}  // namespace sallyport::os
