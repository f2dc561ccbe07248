#include "platform/json/line_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "platform/json/utf8.h"

namespace sallyport::json {

namespace {

// What goes out as it is: one look at a table for a character, for most texts are nothing else.
constexpr auto kPlain = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0x20; c < 0x80; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();
bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
}

template <typename Number>
void append_number(std::string& out, Number value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

}  // namespace

void LineWriter::separate() {
    if (!first_) out_ += ',';
    first_ = false;
}

LineWriter& LineWriter::key(std::string_view name) {
    const auto begin = out_.size();
    const bool comma = !first_;
    out_.resize_and_overwrite(begin + name.size() + (comma ? 4 : 3), [&](char* out, std::size_t) {
        char* at = out + begin;
        if (comma) *at++ = ',';
        *at++ = '"';
        at = std::copy(name.begin(), name.end(), at);
        *at++ = '"';
        *at++ = ':';
        return at - out;
    });
    first_ = true;  // its value follows without a comma
    return *this;
}

void LineWriter::begin(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
}

void LineWriter::end(char bracket) {
    out_ += bracket;
    first_ = false;
}

void LineWriter::plain(std::string_view value) {
    separate();
    out_ += value;
}

void LineWriter::number(std::uint64_t value) {
    separate();
    append_number(out_, value);
}

void LineWriter::number(std::int64_t value) {
    separate();
    append_number(out_, value);
}

void LineWriter::text(std::string_view value) {
    separate();
    out_ += '"';
    while (!value.empty()) {
        std::size_t plain = 0;
        while (plain < value.size() && is_plain(value[plain])) ++plain;
        out_.append(value, 0, plain);
        value.remove_prefix(plain);
        if (value.empty()) break;
        const auto length = utf8_length(value, 0);
        if (length == 0)
            out_ += kReplacement;
        else if (length == 1)
            append_escaped(out_, value.front());
        else
            out_.append(value, 0, length);
        value.remove_prefix(length == 0 ? 1 : length);
    }
    out_ += '"';
}

}  // namespace sallyport::json
