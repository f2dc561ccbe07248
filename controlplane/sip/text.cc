#include "controlplane/sip/text.h"

#include <algorithm>
#include <utility>

#include "platform/base/line_break.h"

namespace sallyport::sip {
namespace {

// The closing parenthesis of the comment that opens at `at`, or `end`; they nest, and take quoted-pairs (RFC 3261
// §25.1).
const char* close_comment(const char* at, const char* end) {
    std::size_t depth = 0;
    for (; at < end; ++at) {
        if (*at == '\\') {
            if (++at == end) break;
        } else if (*at == '(')
            ++depth;
        else if (*at == ')' && --depth == 0)
            return at;
    }
    return end;
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

const char* close_quote(const char* at, const char* end) {
    const char* const floor = at;
    for (++at; (at = find_any<'"', '\\'>(floor, at, end)) != end && *at != '"'; ++at)
        if (++at == end) break;
    return at;
}

bool equals_in_lower_case(std::string_view a, std::string_view b) {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::optional<std::uint32_t> parse_number(std::string_view s, std::uint32_t max) {
    if (s.empty()) return std::nullopt;
    // Any nineteen digits are below 2^64: what is longer must begin with zeros.
    for (; s.size() > 19; s.remove_prefix(1))
        if (s.front() != '0') return std::nullopt;
    std::uint64_t n = 0;
    for (const char c : s) {
        const auto digit = static_cast<unsigned>(static_cast<std::uint8_t>(c)) - '0';
        if (digit > 9) return std::nullopt;
        n = n * 10 + digit;
    }
    return n > max ? std::nullopt : std::optional(static_cast<std::uint32_t>(n));
}

void append_unfolded(std::string& out, std::string_view value) {
    if (find_line_break(value) == std::string_view::npos) {
        out += value;
        return;
    }
    for (std::size_t i = 0; i < value.size();) {
        std::size_t end = i;
        bool fold = false;
        while (end < value.size() && is_lws(value[end])) {
            fold |= value[end] == '\r' || value[end] == '\n';
            ++end;
        }
        if (fold) {
            out += ' ';
            i = end;
        } else {
            end = end == i ? i + 1 : end;
            out.append(value, i, end - i);
            i = end;
        }
    }
}

std::string unfolded(std::string_view value) {
    std::string out;
    out.reserve(value.size());
    append_unfolded(out, value);
    return out;
}

std::string unquoted(std::string_view s) {
    if (s.size() < 2 || s.front() != '"' || s.back() != '"') return std::string(s);
    s = s.substr(1, s.size() - 2);
    std::string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '\\' && i + 1 < s.size()) ++i;
        out += s[i];
    }
    return out;
}

void append_quoted(std::string& out, std::string_view s) {
    out += '"';
    for (const char c : s) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

std::string unescaped(std::string_view s) {
    std::string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '%' && i + 2 < s.size()) {
            const int high = hex_digit(s[i + 1]);
            const int low = hex_digit(s[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out += s[i];
    }
    return out;
}

std::optional<std::size_t> find_outside(std::string_view s, char stop, Comments comments) {
    const char* const end = end_of(s);
    for (const char* at = s.data(); at != end; ++at) {
        const char c = *at;
        if (c == stop) return static_cast<std::size_t>(at - s.data());
        if (!chars::is(c, chars::kDelimiter)) [[likely]]
            continue;
        if (c == '"')
            at = close_quote(at, end);
        else if (c == '<')
            at = std::find(at, end, '>');
        else if (c == '(' && comments == Comments::kSkip)
            at = close_comment(at, end);
        if (at == end) return std::nullopt;
    }
    return s.size();
}

void CommaList::Iterator::advance() {
    if (find_any<','>(begin_of(rest_), end_of(rest_)) != end_of(rest_)) return split();
    element_ = trim(std::exchange(rest_, {}));  // most fields: nothing to take apart
}

void CommaList::Iterator::split() {
    while (!rest_.empty() && element_.empty()) {
        // An unbalanced quote: the rest is one element, and its parser says what is wrong with it.
        const auto end = find_outside(rest_, ',', comments_).value_or(rest_.size());
        element_ = trim(rest_.substr(0, end));
        rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
    }
}

namespace {

// Where a parameter ends, and its first '=', wherever that stands; nullptr when there is none.
struct ParamMarks {
    const char* end;
    const char* equals;
};

// Of one with quotes in it. Quotes only: '<' may stand in no parameter, and must not hide a semicolon.
[[gnu::noinline]] ParamMarks find_quoted_param_marks(const char* begin, const char* end) {
    const char* at = begin;
    const char* equals = nullptr;
    while ((at = find_any<';', '=', '"'>(begin, at, end)) != end && *at != ';') {
        const char* const mark = at;
        if (*mark == '"') at = close_quote(mark, end);
        if (equals == nullptr && *mark == '=') equals = mark;
        if (equals == nullptr && std::find(mark, at, '=') != at) equals = std::find(mark, at, '=');
        if (at != end) ++at;
    }
    return {at, equals};
}

inline ParamMarks find_param_marks(const char* floor, const char* begin, const char* end) {
    const char* at = find_any<';', '=', '"'>(floor, begin, end);
    const char* const equals = at != end && *at == '=' ? at : nullptr;
    if (equals != nullptr) at = find_any<';', '"'>(floor, at + 1, end);
    if (at != end && *at == '"') [[unlikely]]
        return find_quoted_param_marks(begin, end);
    return {at, equals};
}

}  // namespace

void ParamList::Iterator::advance() {
    const char* const floor = begin_of(rest_);
    const char* const end = end_of(rest_);
    const char* begin = floor;
    while (begin != end && (*begin == ';' || is_lws(*begin))) ++begin;
    if (begin == end) {
        rest_ = {};
        param_ = {};
        return;
    }
    const auto marks = find_param_marks(floor, begin, end);
    const char* const raw_end = chars::skip_back(begin, marks.end, chars::kLws);
    const char* const name_end = marks.equals != nullptr ? chars::skip_back(begin, marks.equals, chars::kLws) : raw_end;
    const char* const value = marks.equals != nullptr ? chars::skip(marks.equals + 1, raw_end, chars::kLws) : raw_end;
    param_ = {.name = chars::between(begin, name_end),
              .value = chars::between(value, raw_end),
              .has_value = marks.equals != nullptr,
              .raw = chars::between(begin, raw_end)};
    rest_ = marks.end != end ? chars::between(marks.end + 1, end) : std::string_view();
}

std::optional<Param> ParamList::find(std::string_view name) const {
    for (const Param& p : *this)
        if (iequals(p.name, name)) return p;
    return std::nullopt;
}

std::string_view ParamList::value(std::string_view name) const {
    const auto p = find(name);
    return p ? p->value : std::string_view();
}

}  // namespace sallyport::sip
