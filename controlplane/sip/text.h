#pragma once
// The lexical ground of RFC 3261 §25.1: character classes, folding, quoting, lists and parameters.
//
// All of it works on views into the datagram. Inside a header value CR, LF, SP and HTAB all count as
// linear white space: Message::parse has made sure that CR LF occur there only as part of a fold.

#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sip/chars.h"
#include "platform/base/byte_scan.h"

namespace sallyport::sip {

constexpr bool is_token_char(char c) { return chars::is(c, chars::kToken); }
constexpr bool is_lws(char c) { return chars::is(c, chars::kLws); }
constexpr bool is_digit(char c) { return chars::is(c, chars::kDigit); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

constexpr bool is_token(std::string_view s) { return !s.empty() && chars::all_are(s, chars::kToken); }
inline bool has_lws(std::string_view s) { return find_any<' ', '\t', '\r', '\n'>(begin_of(s), end_of(s)) != end_of(s); }
// Of one length. Names are short: two words that overlap are compared instead of bytes in turn.
inline bool same_bytes(std::string_view a, std::string_view b) {
    const auto n = a.size();
    const auto differ = [&](std::size_t at, auto word) {
        auto other = word;
        std::memcpy(&word, a.data() + at, sizeof(word));
        std::memcpy(&other, b.data() + at, sizeof(word));
        return word ^ other;
    };
    if (n > 16) return std::memcmp(a.data(), b.data(), n) == 0;
    if (n >= 8) return (differ(0, std::uint64_t{}) | differ(n - 8, std::uint64_t{})) == 0;
    if (n >= 4) return (differ(0, std::uint32_t{}) | differ(n - 4, std::uint32_t{})) == 0;
    if (n >= 2) return (differ(0, std::uint16_t{}) | differ(n - 2, std::uint16_t{})) == 0;
    return n == 0 || a[0] == b[0];
}
bool equals_in_lower_case(std::string_view a, std::string_view b);  // of one length
inline bool iequals(std::string_view a, std::string_view b) {       // ASCII case; written as usual in most cases
    return a.size() == b.size() && (same_bytes(a, b) || equals_in_lower_case(a, b));
}
constexpr std::string_view trim(std::string_view s) {
    const char* const end = end_of(s);
    const char* const begin = chars::skip(begin_of(s), end, chars::kLws);
    return chars::between(begin, chars::skip_back(begin, end, chars::kLws));
}

// Decimal digits only, at least one, leading zeros allowed ("0068"); nullopt on anything else or above `max`.
std::optional<std::uint32_t> parse_number(std::string_view s, std::uint32_t max = UINT32_MAX);

// Appends `value` with each fold (LWS that contains a line end) replaced by one SP (RFC 3261 §7.3.1).
void append_unfolded(std::string& out, std::string_view value);
std::string unfolded(std::string_view value);

// The content of a quoted-string without its quotes and backslashes; any other text as it is.
std::string unquoted(std::string_view s);
// As a quoted-string, with " and \ escaped.
void append_quoted(std::string& out, std::string_view s);

// Resolves %XX. What is no valid escape stays as it is.
std::string unescaped(std::string_view s);

// The closing quote of the quoted-string that opens at `at`, with quoted-pairs in it at will; `end` when there is none.
const char* close_quote(const char* at, const char* end);

// The position of the first `stop` in `s` that is outside of a quoted string, of <>, and, if asked for,
// of a comment; s.size() when there is none. nullopt when a quoted string, <> or a comment does not end.
enum class Comments : bool { kNone, kSkip };
std::optional<std::size_t> find_outside(std::string_view s, char stop, Comments comments = Comments::kNone);

// The elements of a comma-separated value, trimmed, the empty ones left out. Commas within quotes, <> and
// comments do not separate; an unbalanced quote makes the rest one element, which its parser then refuses.
//     for (std::string_view element : CommaList(field.value)) ...
class CommaList {
public:
    explicit CommaList(std::string_view value, Comments comments = Comments::kNone)
        : value_(value), comments_(comments) {}

    class Iterator {
    public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(std::string_view rest, Comments comments) : rest_(rest), comments_(comments) { ++*this; }
        std::string_view operator*() const { return element_; }
        Iterator& operator++() {
            element_ = {};
            if (!rest_.empty()) advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.element_.empty(); }

    private:
        void advance();
        void split();

        std::string_view rest_;
        std::string_view element_;  // empty: the end
        Comments comments_ = Comments::kNone;
    };
    Iterator begin() const { return {value_, comments_}; }
    std::default_sentinel_t end() const { return {}; }

private:
    std::string_view value_;
    Comments comments_;
};

// Parameters `;name=value;name;...` of a header or a URI: without quotes removed, LWS around `;` and `=`
// taken off. The text starts before or after the first semicolon.
struct Param {
    std::string_view name;
    std::string_view value;  // as written, a quoted-string with its quotes
    bool has_value = false;
    std::string_view raw;  // "name=value", trimmed
};

class ParamList {
public:
    ParamList() = default;
    explicit ParamList(std::string_view text) : text_(text) {}

    class Iterator {
    public:
        using value_type = Param;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(std::string_view rest) : rest_(rest) {
            if (!rest_.empty()) advance();
        }
        const Param& operator*() const { return param_; }
        const Param* operator->() const { return &param_; }
        Iterator& operator++() {
            if (rest_.empty())
                param_ = {};
            else
                advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.param_.raw.empty(); }

    private:
        void advance();

        std::string_view rest_;
        Param param_;  // raw empty: the end
    };
    Iterator begin() const { return Iterator(text_); }
    std::default_sentinel_t end() const { return {}; }

    // By name, ASCII case ignored; the first of several.
    std::optional<Param> find(std::string_view name) const;
    bool has(std::string_view name) const { return find(name).has_value(); }
    std::string_view value(std::string_view name) const;  // "" when absent or without value
    std::string_view text() const { return text_; }
    bool empty() const { return begin() == end(); }

private:
    std::string_view text_;
};

}  // namespace sallyport::sip
