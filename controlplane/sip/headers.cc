#include "controlplane/sip/headers.h"

#include <algorithm>

#include "platform/base/byte_scan.h"

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;

std::string_view skip_lws(std::string_view s) {
    const char* const end = end_of(s);
    return chars::between(chars::skip(begin_of(s), end, chars::kLws), end);
}

// Takes the token at the front of `s`, and the LWS behind it.
std::string_view take_token(std::string_view& s) {
    const char* const end = end_of(s);
    const char* const stop = chars::skip(begin_of(s), end, chars::kToken);
    const auto token = chars::between(begin_of(s), stop);
    s = chars::between(chars::skip(stop, end, chars::kLws), end);
    return token;
}

template <char kStop>
std::string_view before_first(std::string_view s) {
    return chars::between(begin_of(s), find_any<kStop>(begin_of(s), end_of(s)));
}

bool take(std::string_view& s, char c) {
    if (s.empty() || s[0] != c) return false;
    s = skip_lws(s.substr(1));
    return true;
}

// A quoted-string as a whole, or text without any quote: what is appended after it must not end up within it.
bool quotes_balanced(std::string_view value) {
    if (!value.starts_with('"')) return value.find('"') == kNone;
    return value.size() > 1 && close_quote(begin_of(value), end_of(value)) == end_of(value) - 1;
}

bool has_delimiter(std::string_view value) {
    if (value.size() < 16) return chars::any_is(value, chars::kDelimiter);
    const char* const end = value.data() + value.size();
    return find_any<'"', '<', '>', '(', ')', '\\', ' ', '\t', '\r', '\n'>(begin_of(value), end) != end;
}

// RFC 3261 §25.1 gen-value = token / host / quoted-string; of what is none of them only the harmless passes.
bool value_well_formed(std::string_view value) {
    if (!has_delimiter(value)) return true;
    if (!quotes_balanced(value)) return false;
    return value.starts_with('"') || (!has_lws(value) && value.find('<') == kNone && value.find('>') == kNone);
}

bool well_formed_param(const Param& p) { return is_token(p.name) && value_well_formed(p.value); }

bool params_well_formed(const ParamList& params) {
    for (const Param& p : params)
        if (!well_formed_param(p)) return false;
    return true;
}

// Two semicolons with nothing between them (RFC 4475 §3.1.2.1, badinv01). One at the end is let pass: shipped
// phones write it.
bool has_empty_param(std::string_view params) {
    const char* const floor = begin_of(params);
    const char* const end = end_of(params);
    for (const char* at = floor; (at = find_any<';'>(floor, at, end)) != end;) {
        at = chars::skip(at + 1, end, chars::kLws);
        if (at != end && *at == ';') return true;
    }
    return false;
}

// "SIP/2.0/" of a Via, also with LWS around the slashes (RFC 3261 §25.1 sent-protocol), and the LWS behind it.
bool take_sip_2_0(std::string_view& s) {
    constexpr std::string_view kUsual = "SIP/2.0/";
    if (s.starts_with(kUsual)) {
        s = skip_lws(s.substr(kUsual.size()));
        return true;
    }
    return iequals(take_token(s), "SIP") && take(s, '/') && take_token(s) == "2.0" && take(s, '/');
}

// The display name: tokens or one quoted-string. RFC 4475 §3.1.2.15 (baddn) lets us be liberal with unquoted
// text, but what cannot be told apart from another element is refused.
bool display_well_formed(std::string_view s) {
    if (s.starts_with('"')) return quotes_balanced(s);
    return std::ranges::none_of(s, [](char c) { return c == '"' || c == '<' || c == '>' || c == ',' || c == ';'; });
}

}  // namespace

bool read_via(std::string_view element, Via& via) {
    via.raw = trim(element);
    auto rest = via.raw;
    if (!take_sip_2_0(rest)) return false;
    const auto before = rest.size();
    via.transport = take_token(rest);
    if (via.transport.empty() || before == rest.size() + via.transport.size()) return false;

    // Most have nothing before the parameters that could hide a semicolon.
    const char* const end = end_of(rest);
    const char* semicolon = find_any<';', '"', '<', '('>(begin_of(rest), end);
    auto sent_by = chars::between(begin_of(rest), semicolon);
    if (semicolon != end && *semicolon != ';') {
        const auto found = find_outside(rest, ';', Comments::kSkip);
        if (!found) return false;
        semicolon = begin_of(rest) + *found;
        sent_by = before_first<'('>(rest.substr(0, *found));  // a comment may stand at the end
    }
    const auto host = parse_host_port(trim(sent_by), true);
    if (!host) return false;
    via.sent_by = *host;

    auto params = chars::between(semicolon, end);
    if (before_first<'('>(params).size() != params.size())
        params = params.substr(0, find_outside(params, '(', Comments::kNone).value_or(params.size()));
    bool well_formed = !has_empty_param(params);
    via.params = ParamList(params);
    for (const Param& p : via.params) {
        // An IPv6 address in `received` is no token: values are looked at for their quotes only.
        if (!well_formed_param(p)) {
            // Nothing could be written behind what opens here and does not close.
            if (p.raw.find_first_of("\"(<") != kNone) via.sent_by = {};
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

namespace {

// The '<' of a name-addr, outside of a quoted display name; `end` when there is none, or a ';' before it: the
// parameters of an addr-spec have begun. nullptr when a quote does not end.
const char* find_open(const char* at, const char* end) {
    for (; at != end && *at != '<'; ++at) {
        if (*at == ';') return end;
        if (*at != '"') continue;
        at = close_quote(at, end);
        if (at == end) return nullptr;
    }
    return at;
}

// RFC 4475 §3.1.2.14 (badaspec): spaces within <> are no addr-spec.
bool may_stand_in_uri(char c) { return !is_lws(c) && c != '"' && c != '<'; }

// Why not, or "".
Reason read_name_addr(std::string_view element, NameAddr& out) {
    out.raw = trim(element);
    const char* const begin = out.raw.data();
    const char* const end = begin + out.raw.size();
    const char* const open = find_open(begin, end);
    if (open == nullptr) return "Unbalanced quotes";

    std::string_view params;
    bool well_formed = true;
    if (open != end) {
        out.bracketed = true;
        out.display = trim(chars::between(begin, open));
        if (!out.display.empty() && !display_well_formed(out.display)) return "Malformed display name";
        const char* close = open + 1;
        while ((close = find_any<'>', '<', '"', ' ', '\t', '\r', '\n'>(begin, close, end)) != end && *close != '>') {
            well_formed = false;
            ++close;
        }
        if (close == end) return "Missing closing angle bracket";
        out.uri = chars::between(open + 1, close);
        params = skip_lws(chars::between(close + 1, end));
        if (!params.empty() && params[0] != ';') return "Text after angle bracket";
    } else {
        const auto semicolon = std::min(out.raw.find(';'), out.raw.size());
        out.uri = trim(out.raw.substr(0, semicolon));
        params = out.raw.substr(semicolon);
        // RFC 3261 §20.10: a URI with '?' (or ',' or ';') stands in angle brackets (RFC 4475 §3.1.2.13, regbadct).
        if (out.uri.find('?') != kNone) return "URI with ? needs angle brackets";
        well_formed = std::ranges::all_of(out.uri, may_stand_in_uri);
    }
    if (out.uri.empty()) return "Missing URI";
    if (!well_formed) return "Malformed URI";
    out.params = ParamList(params);
    for (const Param& p : out.params) {
        if (!well_formed_param(p)) return "Malformed header parameter";
        if (out.has_tag || !iequals(p.name, "tag")) continue;
        out.has_tag = true;
        out.tag_value = p.value;
    }
    return {};
}

}  // namespace

std::expected<Via, Reason> parse_via(std::string_view element) {
    std::expected<Via, Reason> via;
    if (!read_via(element, *via)) via = std::unexpected("Malformed Via header");
    return via;
}

std::expected<NameAddr, Reason> parse_name_addr(std::string_view element) {
    std::expected<NameAddr, Reason> address;
    if (const auto wrong = read_name_addr(element, *address); !wrong.empty()) address = std::unexpected(wrong);
    return address;
}

std::expected<CSeq, Reason> parse_cseq(std::string_view value) {
    value = trim(value);
    const char* const end = end_of(value);
    const char* const digits_end = chars::skip(begin_of(value), end, chars::kDigit);
    const auto number = parse_number(chars::between(begin_of(value), digits_end));
    if (!number) return std::unexpected("Malformed CSeq number");
    const char* const method_at = chars::skip(digits_end, end, chars::kLws);
    const auto method = chars::between(method_at, end);
    if (method_at == digits_end || !is_token(method)) return std::unexpected("Malformed CSeq method");
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
