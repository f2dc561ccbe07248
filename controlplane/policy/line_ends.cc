#include "controlplane/policy/line_ends.h"

#include <algorithm>
#include <cstdint>

#include "controlplane/sip/text.h"

namespace sallyport::policy {

namespace {

// U+0085, U+2028, U+2029.
bool is_unicode_end(std::string_view at) {
    return at.starts_with("\xC2\x85") || at.starts_with("\xE2\x80\xA8") || at.starts_with("\xE2\x80\xA9");
}

bool is_escaped_end(std::string_view at) {
    return at.size() > 2 && at[0] == '%' && at[1] == '0' &&
           (at[2] == '0' || sip::lower(at[2]) == 'a' || sip::lower(at[2]) == 'd');
}

}  // namespace

bool has_line_end(std::string_view value) {
    bool look = false;  // most values have none of these characters
    for (const char c : value) {
        const auto b = static_cast<std::uint8_t>(c);
        if ((b < 0x20 && c != '\t' && c != '\r' && c != '\n') || b == 0x7f) return true;
        look |= c == '%' || b == 0xC2 || b == 0xE2;
    }
    if (!look) return false;
    for (std::size_t i = 0; i < value.size(); ++i)
        if (is_unicode_end(value.substr(i, 3)) || is_escaped_end(value.substr(i, 3))) return true;
    return false;
}

}  // namespace sallyport::policy
