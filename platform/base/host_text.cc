#include "platform/base/host_text.h"

#include <algorithm>

#include "platform/base/byte_scan.h"

namespace sallyport {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// `piece`: letters, digits, '-' and '.'.
bool looks_like_host(std::string_view piece, int fewest_dots) {
    while (piece.ends_with('.')) piece.remove_suffix(1);
    const auto dot = piece.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return false;
    const auto last = piece.substr(dot + 1);
    const auto dots = std::ranges::count(piece, '.');
    if (last.size() >= 2 && std::ranges::all_of(last, is_alpha)) return dots >= fewest_dots;
    return dots >= 3;  // a dotted quad, or longer
}

}  // namespace

bool mentions_address(std::string_view text, int fewest_dots) {
    // Each of them holds one of these.
    if (find_any<'.', ':', '@'>(begin_of(text), end_of(text)) == end_of(text)) return false;
    if (text.contains('@') || text.contains("://") || text.contains("::")) return true;
    // An IPv6 address written out has seven colons; times have two, MAC addresses five.
    if (std::ranges::count(text, ':') >= 5) return true;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && (is_digit(text[i]) || is_alpha(text[i]) || text[i] == '-' || text[i] == '.')) continue;
        const bool feature_tag = start > 0 && text[start - 1] == '+';
        if (!feature_tag && looks_like_host(text.substr(start, i - start), fewest_dots)) return true;
        start = i + 1;
    }
    return false;
}

}  // namespace sallyport
