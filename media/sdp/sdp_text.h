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

// Most bytes are beyond both, which one comparison tells.
constexpr bool is_blank(char c) { return static_cast<std::uint8_t>(c) <= ' ' && (c == ' ' || c == '\t'); }

constexpr std::string_view trim(std::string_view s) {
    const char* begin = begin_of(s);
    const char* end = end_of(s);
    while (begin != end && is_blank(*begin)) ++begin;
    if (begin != end)
        while (is_blank(end[-1])) --end;  // at the latest *begin is none
    return {begin, end};
}

// Takes the number at the front of [at, end): its decimal digits up to the first other byte. nullopt when there are
// none, or too many for a T.
template <std::unsigned_integral T>
std::optional<T> take_number(const char*& at, const char* end) {
    const char* const begin = at;
    std::uint64_t value = 0;
    for (; at != end; ++at) {
        const auto digit = static_cast<unsigned>(static_cast<std::uint8_t>(*at)) - '0';
        if (digit > 9) break;
        if constexpr (sizeof(T) == sizeof(value)) {
            if (__builtin_mul_overflow(value, 10U, &value) || __builtin_add_overflow(value, digit, &value))
                return std::nullopt;
        } else {
            value = value * 10 + digit;
            if (value > std::numeric_limits<T>::max()) return std::nullopt;
        }
    }
    return at != begin ? std::optional(static_cast<T>(value)) : std::nullopt;
}

constexpr const char* skip_token(const char* at, const char* end) {
    while (at != end && kTokenTable[static_cast<std::uint8_t>(*at)]) ++at;
    return at;
}

// The words of a line without blanks at its ends, one after the other; one or more spaces separate them (RFC 8866 asks
// for one, peers send more).
class Words {
public:
    // `line` belongs to a text that begins at `floor`.
    Words(const char* floor, std::string_view line) : floor_(floor), at_(begin_of(line)), end_(end_of(line)) {}

    bool empty() const { return at_ == end_; }
    std::string_view rest() const { return {at_, end_}; }
    // "" at the end.
    std::string_view next() { return take(find_any<' '>(floor_, at_, end_)); }
    // The next word when it is a token, else "", and nothing is taken.
    std::string_view token() {
        const char* const stop = skip_token(at_, end_);
        return ends_word(stop) ? take(stop) : std::string_view();
    }
    // The same when it is a number.
    template <std::unsigned_integral T>
    std::optional<T> number() {
        const char* stop = at_;
        const auto value = take_number<T>(stop, end_);
        if (!value || !ends_word(stop)) return std::nullopt;
        take(stop);
        return value;
    }

private:
    bool ends_word(const char* at) const { return at == end_ || *at == ' '; }
    std::string_view take(const char* stop) {
        const std::string_view word(at_, stop);
        at_ = stop;
        while (at_ != end_ && is_blank(*at_)) ++at_;
        return word;
    }

    const char* floor_;
    const char* at_;
    const char* end_;
};

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    return true;
}

}  // namespace sallyport::sdp
