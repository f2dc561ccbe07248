#pragma once
// What becomes of each SDP attribute, at session and at media level. Those that are not in the table are
// unknown: they pass between trusted realms, by setting, when they hold nothing that looks like an address
// or a host name; else they are dropped. docs/headers.md shows the table; a test keeps it so.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::sdp {

enum class AttributeRule : std::uint8_t {
    kOwn,   // understood, and written anew from what it means
    kPass,  // as received, unless it holds what looks like an address or a host name
    kStrip,
};

struct AttributeRow {
    std::string_view name;
    AttributeRule rule = AttributeRule::kStrip;
    std::string_view why;
};

std::span<const AttributeRow> attribute_table();  // in alphabetical order
const AttributeRow* find_attribute(std::string_view name);
std::string attribute_table_text();  // as Markdown

}  // namespace sallyport::sdp
