#include "controlplane/sip/headers.h"

#include <algorithm>

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;

std::string_view skip_lws(std::string_view s) {
    while (!s.empty() && is_lws(s.front())) s.remove_prefix(1);
    return s;
}

// Takes the token at the front of `s`, and the LWS behind it.
std::string_view take_token(std::string_view& s) {
    std::size_t n = 0;
    while (n < s.size() && is_token_char(s[n])) ++n;
    const auto token = s.substr(0, n);
    s = skip_lws(s.substr(n));
    return token;
}

bool take(std::string_view& s, char c) {
    if (s.empty() || s[0] != c) return false;
    s = skip_lws(s.substr(1));
    return true;
}

// A quoted-string as a whole, or text without any quote: what is appended after it must not end up within it.
bool quotes_balanced(std::string_view value) {
    if (!value.starts_with('"')) return value.find('"') == kNone;
    for (std::size_t i = 1; i < value.size(); ++i) {
        if (value[i] == '\\')
            ++i;
        else if (value[i] == '"')
            return i + 1 == value.size();
    }
    return false;
}

// RFC 3261 §25.1 gen-value = token / host / quoted-string; of what is none of them only the harmless passes.
bool value_well_formed(std::string_view value) {
    if (!chars::any_is(value, chars::kDelimiter)) return true;
    if (!quotes_balanced(value)) return false;
    return value.starts_with('"') || (!has_lws(value) && value.find('<') == kNone && value.find('>') == kNone);
}

bool params_well_formed(const ParamList& params) {
    for (const Param& p : params)
        if (!is_token(p.name) || !value_well_formed(p.value)) return false;
    return true;
}

// Two semicolons with nothing between them (RFC 4475 §3.1.2.1, badinv01). One at the end is let pass: shipped
// phones write it.
bool has_empty_param(std::string_view params) {
    bool empty = false;
    for (const char c : params) {
        if (c == ';' && empty) return true;
        empty = c == ';' || (empty && is_lws(c));
    }
    return false;
}

// The display name: tokens or one quoted-string. RFC 4475 §3.1.2.15 (baddn) lets us be liberal with unquoted
// text, but what cannot be told apart from another element is refused.
bool display_well_formed(std::string_view s) {
    if (s.starts_with('"')) return quotes_balanced(s);
    return std::ranges::none_of(s, [](char c) { return c == '"' || c == '<' || c == '>' || c == ',' || c == ';'; });
}

}  // namespace

std::expected<Via, Reason> parse_via(std::string_view element) {
    Via via;
    if (!read_via(element, via)) return std::unexpected("Malformed Via header");
    return via;
}

bool read_via(std::string_view element, Via& via) {
    via.raw = trim(element);
    auto rest = via.raw;
    // "SIP / 2.0 / UDP" with LWS around the slashes (RFC 3261 §25.1 sent-protocol).
    const auto protocol = take_token(rest);
    if (!iequals(protocol, "SIP") || !take(rest, '/')) return false;
    const auto version = take_token(rest);
    if (version != "2.0" || !take(rest, '/')) return false;
    const auto before = rest.size();
    via.transport = take_token(rest);
    if (via.transport.empty() || before == rest.size() + via.transport.size()) return false;

    const auto semicolon = find_outside(rest, ';', Comments::kSkip);
    if (!semicolon) return false;
    auto sent_by = rest.substr(0, *semicolon);
    // A comment may stand at the end.
    if (const auto comment = sent_by.find('('); comment != kNone) sent_by = sent_by.substr(0, comment);
    const auto host = parse_host_port(trim(sent_by), true);
    if (!host) return false;
    via.sent_by = *host;

    auto params = rest.substr(*semicolon);
    if (const auto end = find_outside(params, '(', Comments::kNone); end && *end < params.size())
        params = params.substr(0, *end);
    bool well_formed = !has_empty_param(params);
    via.params = ParamList(params);
    for (const Param& p : via.params) {
        // An IPv6 address in `received` is no token: values are looked at for their quotes only.
        if (!is_token(p.name) || !value_well_formed(p.value)) {
            // Nothing could be written behind a quote that does not close.
            if (p.raw.contains('"')) via.sent_by = {};
            well_formed = false;
            continue;
        }
        if (iequals(p.name, "branch")) {
            if (via.branch.empty()) via.branch = p.value;
        } else if (iequals(p.name, "received")) {
            via.received = p.value;
        } else if (iequals(p.name, "rport")) {
            via.has_rport = true;
            via.rport = static_cast<std::uint16_t>(parse_number(p.value, 65535).value_or(0));
        }
    }
    return well_formed;
}

std::expected<NameAddr, Reason> parse_name_addr(std::string_view element) {
    NameAddr out;
    out.raw = trim(element);
    const auto open = [&] {
        // The '<' outside of a quoted display name; find_outside would skip over <...> itself.
        std::size_t i = 0;
        while (i < out.raw.size() && out.raw[i] != '<') {
            if (out.raw[i] == '"') {
                for (++i; i < out.raw.size() && out.raw[i] != '"'; ++i)
                    if (out.raw[i] == '\\') ++i;
                if (i >= out.raw.size()) return kNone - 1;  // no closing quote
            }
            // addr-spec with parameters: a '<' further on does not open a name-addr.
            if (out.raw[i] == ';') return kNone;
            ++i;
        }
        return i < out.raw.size() ? i : kNone;
    }();
    if (open == kNone - 1) return std::unexpected("Unbalanced quotes");

    std::string_view params;
    if (open != kNone) {
        out.bracketed = true;
        out.display = trim(out.raw.substr(0, open));
        if (!out.display.empty() && !display_well_formed(out.display)) return std::unexpected("Malformed display name");
        const auto close = out.raw.find('>', open);
        if (close == kNone) return std::unexpected("Missing closing angle bracket");
        out.uri = out.raw.substr(open + 1, close - open - 1);
        params = skip_lws(out.raw.substr(close + 1));
        if (!params.empty() && params[0] != ';') return std::unexpected("Text after angle bracket");
    } else {
        const auto semicolon = std::min(out.raw.find(';'), out.raw.size());
        out.uri = trim(out.raw.substr(0, semicolon));
        params = out.raw.substr(semicolon);
        // RFC 3261 §20.10: a URI with '?' (or ',' or ';') stands in angle brackets (RFC 4475 §3.1.2.13, regbadct).
        if (out.uri.find('?') != kNone) return std::unexpected("URI with ? needs angle brackets");
    }
    if (out.uri.empty()) return std::unexpected("Missing URI");
    for (const char c : out.uri)
        // RFC 4475 §3.1.2.14 (badaspec): spaces within <> are no addr-spec.
        if (is_lws(c) || c == '"' || c == '<') return std::unexpected("Malformed URI");
    out.params = ParamList(params);
    if (!params_well_formed(out.params)) return std::unexpected("Malformed header parameter");
    return out;
}

std::expected<CSeq, Reason> parse_cseq(std::string_view value) {
    value = trim(value);
    std::size_t digits = 0;
    while (digits < value.size() && is_digit(value[digits])) ++digits;
    const auto number = parse_number(value.substr(0, digits));
    if (!number) return std::unexpected("Malformed CSeq number");
    auto rest = value.substr(digits);
    const auto method = skip_lws(rest);
    if (method.size() == rest.size() || !is_token(method)) return std::unexpected("Malformed CSeq method");
    return CSeq{*number, method_of(method), method};
}

std::expected<MediaType, Reason> parse_media_type(std::string_view value) {
    MediaType out;
    auto rest = trim(value);
    out.type = take_token(rest);
    if (out.type.empty() || !take(rest, '/')) return std::unexpected("Malformed Content-Type header");
    out.subtype = take_token(rest);
    if (out.subtype.empty() || (!rest.empty() && rest[0] != ';'))
        return std::unexpected("Malformed Content-Type header");
    out.params = ParamList(rest);
    if (!params_well_formed(out.params)) return std::unexpected("Malformed Content-Type header");
    return out;
}

std::expected<ReasonValue, Reason> parse_reason(std::string_view element) {
    ReasonValue out;
    auto rest = trim(element);
    out.protocol = take_token(rest);
    if (out.protocol.empty() || (!rest.empty() && rest[0] != ';')) return std::unexpected("Malformed Reason header");
    out.params = ParamList(rest);
    for (const Param& p : out.params)
        // Text without its quotes is seen: `text=Normal call clearing`.
        if (!is_token(p.name) || !quotes_balanced(p.value)) return std::unexpected("Malformed Reason header");
    out.cause = parse_number(out.params.value("cause"));
    out.text = out.params.value("text");
    return out;
}

std::expected<RAck, Reason> parse_rack(std::string_view value) {
    value = trim(value);
    std::size_t digits = 0;
    while (digits < value.size() && is_digit(value[digits])) ++digits;
    const auto rseq = parse_number(value.substr(0, digits));
    if (!rseq || digits == value.size() || !is_lws(value[digits])) return std::unexpected("Malformed RAck header");
    const auto cseq = parse_cseq(value.substr(digits));
    if (!cseq) return std::unexpected("Malformed RAck header");
    return RAck{*rseq, *cseq};
}

std::optional<std::uint32_t> parse_delta_seconds(std::string_view value) {
    value = trim(value);
    const auto end = std::min(value.find_first_of("(; \t\r\n"), value.size());
    const auto rest = skip_lws(value.substr(end));
    if (!rest.empty() && rest[0] != '(' && rest[0] != ';') return std::nullopt;
    return parse_number(value.substr(0, end));
}

}  // namespace sallyport::sip
