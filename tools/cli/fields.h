#pragma once
// Reads an answer without trusting its shape: what is absent or of another type is "-", 0, or an empty list.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/json.h"

namespace sallyport::cli {

const json::Value& field(const json::Value& object, std::string_view key);  // null when absent
std::string text_field(const json::Value& object, std::string_view key);    // "-" when absent
std::uint64_t number_field(const json::Value& object, std::string_view key);
bool bool_field(const json::Value& object, std::string_view key);
bool has(const json::Value& object, std::string_view key);
std::vector<json::Value> list_field(const json::Value& object, std::string_view key);
// Texts of a list, joined; "-" when there are none.
std::string joined_field(const json::Value& object, std::string_view key, std::string_view separator);

// What most subjects show.
std::string count_field(const json::Value& object, std::string_view key);     // "1,234", "-"
std::string bytes_field(const json::Value& object, std::string_view key);     // "1.4 MiB", "-"
std::string duration_field(const json::Value& object, std::string_view key);  // "12.3 s", "-"; of a `-ms` key
std::string millis_field(const json::Value& object, std::string_view key);    // "0.8", "-"; of a `-us` key

}  // namespace sallyport::cli
