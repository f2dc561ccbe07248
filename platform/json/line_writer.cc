#include "platform/json/line_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

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

// The same of eight at once: a byte of `x` is below `n` (at most 0x80) when its highest bit comes out set.
constexpr std::uint64_t each(unsigned char byte) { return 0x0101010101010101U * byte; }
constexpr std::uint64_t any_below(std::uint64_t x, unsigned char n) { return (x - each(n)) & ~x; }
bool all_plain(const char* eight) {
    std::uint64_t x = 0;
    std::memcpy(&x, eight, sizeof x);
    const auto special = x | any_below(x, 0x20) | any_below(x ^ each('"'), 1) | any_below(x ^ each('\\'), 1);
    return (special & each(0x80)) == 0;
}

std::size_t plain_length(std::string_view text) {
    std::size_t length = 0;
    while (length + 8 <= text.size() && all_plain(text.data() + length)) length += 8;
    while (length < text.size() && is_plain(text[length])) ++length;
    return length;
}

std::string_view escaped(char c, std::array<char, 6>& out) {
    switch (c) {
        case '"': return "\\\"";
        case '\\': return "\\\\";
        case '\n': return "\\n";
        case '\r': return "\\r";
        case '\t': return "\\t";
        default: break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    return {out.data(), out.size()};
}

constexpr std::size_t kMostDigits = 24;

}  // namespace

void LineWriter::grow(std::size_t most) { out_.resize(std::max(2 * out_.size(), size_ + most)); }

std::string LineWriter::take() {
    out_.resize(size_);
    return std::move(out_);
}

void LineWriter::append(std::string_view text) {
    char* const at = room(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    size_ += text.size();
}

void LineWriter::separate() {
    if (!first_) append(",");
    first_ = false;
}

LineWriter& LineWriter::key(std::string_view name) {
    char* const begin = room(name.size() + 4);
    char* at = begin;
    if (!first_) *at++ = ',';
    *at++ = '"';
    std::memcpy(at, name.data(), name.size());
    at += name.size();
    *at++ = '"';
    *at++ = ':';
    size_ += static_cast<std::size_t>(at - begin);
    first_ = true;  // its value follows without a comma
    return *this;
}

void LineWriter::begin(char bracket) {
    separate();
    append({&bracket, 1});
    first_ = true;
}

void LineWriter::end(char bracket) {
    append({&bracket, 1});
    first_ = false;
}

void LineWriter::plain(std::string_view value) {
    separate();
    append(value);
}

template <typename Number>
void LineWriter::digits(Number value) {
    separate();
    char* const at = room(kMostDigits);
    size_ += static_cast<std::size_t>(std::to_chars(at, at + kMostDigits, value).ptr - at);
}

void LineWriter::number(std::uint64_t value) { digits(value); }

void LineWriter::number(std::int64_t value) { digits(value); }

void LineWriter::text(std::string_view value) {
    separate();
    append("\"");
    while (true) {
        const auto plain = plain_length(value);
        append(value.substr(0, plain));
        value.remove_prefix(plain);
        if (value.empty()) break;
        const auto length = utf8_length(value, 0);
        std::array<char, 6> escape;
        append(length == 0 ? kReplacement : length == 1 ? escaped(value.front(), escape) : value.substr(0, length));
        value.remove_prefix(length == 0 ? 1 : length);
    }
    append("\"");
}

}  // namespace sallyport::json
