#pragma once
// The lexical ground of a description's lines: words, tokens, numbers (RFC 8866 §9). Views into the text, one pass
// each.

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "platform/base/byte_scan.h"

namespace sallyport::sdp {

constexpr std::array<bool, 256> make_token_table() {
    std::array<bool, 256> t{};
    for (const char c :
         std::string_view("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`{|}~"))
        t[static_cast<std::uint8_t>(c)] = true;
    return t;
}
inline constexpr auto kTokenTable = make_token_table();

// token of RFC 8866 §9: what may name a media type, transport, format or attribute.
constexpr bool is_token(std::string_view s) {
    bool all = !s.empty();
    for (const char c : s) all &= kTokenTable[static_cast<std::uint8_t>(c)];
    return all;
}

constexpr bool all_digits(std::string_view s) {
    bool all = !s.empty();
    for (const char c : s) all &= c >= '0' && c <= '9';
    return all;
}

template <std::unsigned_integral T>
std::optional<T> number(std::string_view s) {
    if (s.empty()) return std::nullopt;
    std::uint64_t v = 0;
    if (s.size() > std::numeric_limits<std::uint64_t>::digits10) {  // may be too many
        const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
        if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
    } else {
        for (const char c : s) {
            const auto digit = static_cast<unsigned>(static_cast<std::uint8_t>(c)) - '0';
            if (digit > 9) return std::nullopt;
            v = v * 10 + digit;
        }
    }
    return v > std::numeric_limits<T>::max() ? std::nullopt : std::optional(static_cast<T>(v));
}

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::string_view trim(std::string_view s) {
    while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
    return s;
}

// The next word of what has no blanks at its ends, as trim() and word() leave it; words are separated by one or more
// spaces (RFC 8866 asks for one, peers send more).
inline std::string_view word(std::string_view& rest) {
    const char* const begin = rest.data();
    const char* const end = begin + rest.size();
    const char* at = find_any<' '>(begin, end);
    const std::string_view out(begin, at);
    while (at != end && is_blank(*at)) ++at;
    rest = std::string_view(at, end);
    return out;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    return true;
}

}  // namespace sallyport::sdp
