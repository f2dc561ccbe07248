#pragma once
// The one wrapper of jsoncpp. Strict parsing with bounds: RFC 8259 only (UTF-8, no comments, no trailing commas,
// no duplicate keys, one document), at most `max_depth` levels. The error names line and column.

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include <json/value.h>

namespace sallyport::json {

using Value = Json::Value;

inline constexpr std::size_t kMaxDepth = 64;

std::expected<Value, std::string> parse(std::string_view text);
// Always UTF-8: bytes in strings that are not become U+FFFD.
std::string write_line(const Value& value);    // compact, no newline
std::string write_pretty(const Value& value);  // two spaces, newline at the end

}  // namespace sallyport::json
