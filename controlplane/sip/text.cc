#include "controlplane/sip/text.h"

#include <cstring>
#include <utility>

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;

// The index of the closing quote of the quoted-string that opens at `at`, or npos.
std::size_t close_quote(std::string_view s, std::size_t at) {
    for (std::size_t i = at + 1; i < s.size(); ++i) {
        if (s[i] == '\\')
            ++i;
        else if (s[i] == '"')
            return i;
    }
    return kNone;
}

// Comments nest, and take quoted-pairs (RFC 3261 §25.1).
std::size_t close_comment(std::string_view s, std::size_t at) {
    std::size_t depth = 0;
    for (std::size_t i = at; i < s.size(); ++i) {
        if (s[i] == '\\')
            ++i;
        else if (s[i] == '(')
            ++depth;
        else if (s[i] == ')' && --depth == 0)
            return i;
    }
    return kNone;
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

bool equals_in_lower_case(std::string_view a, std::string_view b) {
    if (a == b) return true;  // written as usual: the common case, one memcmp
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::optional<std::uint32_t> parse_number(std::string_view s, std::uint32_t max) {
    if (s.empty()) return std::nullopt;
    std::uint64_t n = 0;
    for (const char c : s) {
        if (!is_digit(c)) return std::nullopt;
        n = n * 10 + static_cast<std::uint64_t>(c - '0');
        if (n > max) return std::nullopt;
    }
    return static_cast<std::uint32_t>(n);
}

void append_unfolded(std::string& out, std::string_view value) {
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
    for (std::size_t i = 0; i < s.size(); ++i) {
        const char c = s[i];
        if (c == stop) return i;
        if (!chars::is(c, chars::kDelimiter)) [[likely]]
            continue;
        if (c == '"')
            i = close_quote(s, i);
        else if (c == '<')
            i = s.find('>', i);
        else if (c == '(' && comments == Comments::kSkip)
            i = close_comment(s, i);
        if (i == kNone) return std::nullopt;
    }
    return s.size();
}

CommaList::Iterator& CommaList::Iterator::operator++() {
    element_ = {};
    while (!rest_.empty() && element_.empty()) {
        if (std::memchr(rest_.data(), ',', rest_.size()) == nullptr) {  // most fields: nothing to take apart
            element_ = trim(std::exchange(rest_, {}));
            break;
        }
        // An unbalanced quote: the rest is one element, and its parser says what is wrong with it.
        const auto end = find_outside(rest_, ',', comments_).value_or(rest_.size());
        element_ = trim(rest_.substr(0, end));
        rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
    }
    return *this;
}

ParamList::Iterator& ParamList::Iterator::operator++() {
    param_ = {};
    while (!rest_.empty() && param_.raw.empty()) {
        // Quotes only: '<' may stand in no parameter, and must not hide a semicolon.
        std::size_t end = 0;
        while (end < rest_.size() && rest_[end] != ';') {
            if (rest_[end] == '"') {
                end = close_quote(rest_, end);
                if (end == kNone) end = rest_.size() - 1;
            }
            ++end;
        }
        param_.raw = trim(rest_.substr(0, end));
        rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
    }
    const auto equals = param_.raw.find('=');
    param_.has_value = equals != kNone;
    param_.name = trim(param_.raw.substr(0, equals));
    if (param_.has_value) param_.value = trim(param_.raw.substr(equals + 1));
    return *this;
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
