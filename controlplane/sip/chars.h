#pragma once
// The classes of RFC 3261 §25.1 that a byte belongs to, in one table, and scans by it. Values are taken apart in one
// pass: a scan runs on to the next byte that means anything where it stands.

#include <array>
#include <cstdint>
#include <string_view>

namespace sallyport::sip::chars {

enum : unsigned {
    kToken = 1,
    kLws = 2,
    kDigit = 4,
    kAlpha = 8,
    kHostName = 16,
    kHex = 32,
    kDelimiter = 64,      // what makes a value more than plain text: quotes, <>, (), backslash, white space
    kNumberOrDot = 128,   // of an IPv4 address
    kUriMark = 256,       // divides a URI, or begins an escape: : @ ; ? %
    kUriForbidden = 512,  // may stand nowhere in one: white space, controls, the delimiters around it
    kBlank = 1024
};

constexpr std::array<std::uint16_t, 256> make_table() {
    std::array<std::uint16_t, 256> t{};
    const auto add = [&t](std::string_view set, unsigned bits) {
        for (const char c : set)
            t[static_cast<std::uint8_t>(c)] = static_cast<std::uint16_t>(t[static_cast<std::uint8_t>(c)] | bits);
    };
    add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", kToken | kAlpha | kHostName);
    add("0123456789", kToken | kDigit | kHostName | kHex | kNumberOrDot);
    add("abcdefABCDEF", kHex);
    add("-.!%*_+`'~", kToken);
    add("-._", kHostName);  // '_' is no host name of RFC 1123, but is seen in the wild
    add(".", kNumberOrDot);
    add(" \t", kBlank);
    add(" \t\r\n", kLws | kDelimiter);
    add("\"<>()\\", kDelimiter);
    add(":@;?%", kUriMark);
    add("<>\"\x7f", kUriForbidden);
    for (unsigned c = 0; c <= 0x20; ++c) t[c] = static_cast<std::uint16_t>(t[c] | kUriForbidden);
    return t;
}
inline constexpr auto kTable = make_table();

constexpr unsigned classes(char c) { return kTable[static_cast<std::uint8_t>(c)]; }
constexpr bool is(char c, unsigned bits) { return (classes(c) & bits) != 0; }

// Whether any character is of one of these classes.
constexpr bool any_is(std::string_view s, unsigned bits) {
    unsigned seen = 0;  // no branch for a character: texts are short
    for (const char c : s) seen |= classes(c);
    return (seen & bits) != 0;
}
// Whether each character is of this class.
constexpr bool all_are(std::string_view s, unsigned bit) {
    unsigned seen = bit;
    for (const char c : s) seen &= classes(c);
    return seen != 0;
}

// The first byte from `at` on that is of one of these classes, or of none of them; `end` when there is none.
constexpr const char* find(const char* at, const char* end, unsigned bits) {
    while (at != end && !is(*at, bits)) ++at;
    return at;
}
constexpr const char* skip(const char* at, const char* end, unsigned bits) {
    while (at != end && is(*at, bits)) ++at;
    return at;
}
// The same from the end: where what is left of [begin, end) ends.
constexpr const char* skip_back(const char* begin, const char* end, unsigned bits) {
    while (end != begin && is(end[-1], bits)) --end;
    return end;
}
constexpr std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace sallyport::sip::chars
