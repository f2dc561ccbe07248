#include "tests/scenario/lenient_reader.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace sallyport::scenario {

namespace {

// Of other alphabets and widths what looks like ASCII; and what ends a line in Unicode becomes LF.
std::string plain(std::string_view bytes) {
    struct Twin {
        std::string_view from;
        std::string_view to;
    };
    constexpr auto kTwins = std::to_array<Twin>({
        {"\xC2\x85", "\n"},
        {"\xE2\x80\xA8", "\n"},
        {"\xE2\x80\xA9", "\n"},
        {"\xD1\x95", "s"},
        {"\xD0\xB5", "e"},
        {"\xD1\x81", "c"},
        {"\xCF\x85", "u"},
        {"\xEF\xBC\x9A", ":"},
        {"\xC2\xA0", " "},
        {"\xE2\x80\x90", "-"},
        {"\xE2\x80\x91", "-"},
        {"\xEF\xBB\xBF", ""},
        {"\xE2\x80\x8B", ""},
    });
    std::string out;
    for (std::size_t i = 0; i < bytes.size();) {
        const auto twin =
            std::ranges::find_if(kTwins, [&](const Twin& t) { return bytes.substr(i).starts_with(t.from); });
        const auto b = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
        if (twin != kTwins.end()) {
            out += twin->to;
            i += twin->from.size();
        } else if (i + 2 < bytes.size() && b(i) == 0xEF && (b(i + 1) == 0xBC || b(i + 1) == 0xBD)) {  // full width
            out += static_cast<char>((b(i + 1) == 0xBC ? 0x20 : 0x60) + b(i + 2) - 0x80);
            i += 3;
        } else if (b(i) < 0x20 && b(i) != '\t') {
            out += '\n';
            ++i;
        } else {
            out += bytes[i++];
        }
    }
    return out;
}

std::string unescaped(std::string_view s) {
    const auto hex = [](char c) {
        return std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 32) - 'a' + 10;
    };
    std::string out;
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '%' && i + 2 < s.size() && std::isxdigit(static_cast<unsigned char>(s[i + 1])) != 0 &&
            std::isxdigit(static_cast<unsigned char>(s[i + 2])) != 0) {
            out += static_cast<char>(hex(s[i + 1]) * 16 + hex(s[i + 2]));
            i += 2;
        } else {
            out += s[i];
        }
    }
    return out;
}

std::string name_of(std::string_view text) {
    const auto word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    };
    std::string out;
    for (const char c : unescaped(text))
        if (word(c)) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

void of_lines(std::string_view bytes, std::vector<std::string>& out) {
    while (!bytes.empty()) {
        const auto end = std::min(bytes.find('\n'), bytes.size());
        const auto line = bytes.substr(0, end);
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
        if (const auto colon = line.find(':'); colon != std::string_view::npos)
            out.push_back(name_of(line.substr(0, colon)));
    }
}

void of_uris(std::string_view bytes, std::vector<std::string>& out) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] != '?' && bytes[i] != '&') continue;
        const auto rest = bytes.substr(i + 1, 80);
        if (const auto equals = rest.find('='); equals != std::string_view::npos)
            out.push_back(name_of(rest.substr(0, equals)));
    }
}

}  // namespace

std::vector<std::string> lenient_names(std::string_view bytes) {
    std::vector<std::string> out;
    const auto text = plain(bytes);
    of_lines(text, out);
    of_uris(text, out);
    // Escapes of line ends are read as such, too.
    if (const auto open = unescaped(text); open != text) of_lines(plain(open), out);
    return out;
}

bool lenient_has(std::string_view bytes, std::string_view name) {
    const auto names = lenient_names(bytes);
    return std::ranges::find(names, name_of(name)) != names.end();
}

}  // namespace sallyport::scenario
