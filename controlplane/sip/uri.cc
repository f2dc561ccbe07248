#include "controlplane/sip/uri.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kMark = "-_.!~*'()";

bool is_unreserved(char c) { return chars::is(c, chars::kAlpha | chars::kDigit) || kMark.find(c) != kNone; }
bool is_hex(char c) { return chars::is(c, chars::kHex); }

// What may stand nowhere in a URI: white space, controls, the delimiters around it, half an escape.
bool has_forbidden(std::string_view s) {
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto c = static_cast<unsigned char>(s[i]);
        if (c <= 0x20 || c == 0x7f || c == '<' || c == '>' || c == '"') return true;
        if (c == '%' && (i + 2 >= s.size() || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))) return true;
    }
    return false;
}

bool is_scheme(std::string_view s) {
    if (s.empty() || !chars::is(s[0], chars::kAlpha)) return false;
    for (const char c : s)
        if (!chars::is(c, chars::kAlpha | chars::kDigit) && c != '+' && c != '-' && c != '.') return false;
    return true;
}

// RFC 3966 §3: digits with visual separators, or a local number.
bool is_telephone_number(std::string_view s) {
    if (s.starts_with('+')) s.remove_prefix(1);
    bool any = false;
    for (const char c : s) {
        if (is_hex(c) || c == '*' || c == '#')
            any = true;
        else if (std::string_view("-.()").find(c) == kNone)
            return false;
    }
    return any;
}

// Within brackets. RFC 5118 §4.10: the grammar of RFC 3261 puts a third colon before the IPv4 part; it means nothing.
std::optional<IpAddress> ipv6_address(std::string_view text) {
    if (const auto address = IpAddress::parse(text)) return address;
    const auto colons = text.find(":::");
    if (colons == kNone || text.find('.', colons) == kNone || text.find(':', colons + 3) != kNone) return std::nullopt;
    return IpAddress::parse(std::string(text.substr(0, colons)).append(text.substr(colons + 1)));
}

std::expected<HostKind, Reason> host_kind(std::string_view host) {
    if (host.empty()) return std::unexpected("URI without host");
    if (!chars::all_are(host, chars::kHostName)) return std::unexpected("Malformed host name");
    // A name's last label starts with a letter (RFC 3261 §25.1 toplabel): what ends in a digit after a dot is
    // an address, or nothing.
    const auto of_number = [](char c) { return is_digit(c) || c == '.'; };
    if (!is_digit(host.front()) || !is_digit(host.back()) || !std::ranges::all_of(host, of_number))
        return HostKind::kName;
    if (const auto a = IpAddress::parse(host); a && a->is_v4()) return HostKind::kIpv4;
    return std::unexpected("Malformed IPv4 address");
}

// Decodes what needs no escape, and writes the others in one way (RFC 3261 §19.1.4: a character outside of
// the reserved set equals its escape).
std::string normalised(std::string_view s, bool fold_case) {
    std::string out;
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '%' && i + 2 < s.size()) {
            const auto plain = unescaped(s.substr(i, 3));
            if (plain.size() == 1 && is_unreserved(plain[0])) {
                out += fold_case ? lower(plain[0]) : plain[0];
            } else {
                out += '%';
                out += lower(s[i + 1]);
                out += lower(s[i + 2]);
            }
            i += 2;
        } else {
            out += fold_case ? lower(s[i]) : s[i];
        }
    }
    return out;
}

std::optional<Param> find_normalised(const ParamList& list, const std::string& name) {
    for (const Param& p : list)
        if (normalised(p.name, true) == name) return p;
    return std::nullopt;
}

// Every parameter of `a` against `b`; called both ways round. Of several of one name, which RFC 3261 §19.1.1 forbids,
// the first counts, as for all who read one: else a URI would not be equivalent to itself.
bool params_match(const ParamList& a, const ParamList& b) {
    // Those that change where the request goes must be in both or in neither. `transport` is not in the RFC's
    // list, but in its examples.
    constexpr std::array<std::string_view, 5> kSignificant = {"user", "ttl", "method", "maddr", "transport"};
    for (const Param& p : a) {
        const auto name = normalised(p.name, true);
        if (find_normalised(a, name)->raw.data() != p.raw.data()) continue;
        const auto other = find_normalised(b, name);
        if (!other) {
            for (const auto& s : kSignificant)
                if (name == s) return false;
            continue;
        }
        if (normalised(p.value, true) != normalised(other->value, true)) return false;
    }
    return true;
}

std::size_t count_headers(std::string_view headers) {
    std::size_t n = headers.empty() ? 0 : 1;
    for (const char c : headers) n += c == '&';
    return n;
}

// Each `name=value` of `a` in `b`.
bool headers_match(std::string_view a, std::string_view b) {
    if (count_headers(a) != count_headers(b)) return false;
    const auto each = [](std::string_view list, auto&& f) {
        while (!list.empty()) {
            const auto end = std::min(list.find('&'), list.size());
            const auto item = list.substr(0, end);
            const auto equals = std::min(item.find('='), item.size());
            if (f(normalised(item.substr(0, equals), true), normalised(item.substr(equals), false))) return true;
            list.remove_prefix(std::min(end + 1, list.size()));
        }
        return false;
    };
    return !each(a, [&](const std::string& name, const std::string& value) {
        return !each(b, [&](const std::string& n, const std::string& v) { return n == name && v == value; });
    });
}

std::string number_digits(std::string_view s) {
    std::string out;
    for (const char c : s)
        if (std::string_view("-.()").find(c) == kNone) out += lower(c);
    return out;
}

// RFC 3966 §4: parameters compare by name and case-insensitive value, all of them.
bool tel_params_match(const ParamList& a, const ParamList& b) {
    for (const Param& p : a) {
        if (a.find(p.name)->raw.data() != p.raw.data()) continue;
        const auto other = b.find(p.name);
        if (!other || !iequals(p.value, other->value)) return false;
    }
    return true;
}

void append_number(std::string& out, unsigned n) {
    std::array<char, 10> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
    out.append(digits.data(), end);
}

}  // namespace

std::optional<IpAddress> HostPort::address() const {
    if (kind == HostKind::kName) return std::nullopt;
    return ipv6_address(host);
}

std::expected<HostPort, Reason> parse_host_port(std::string_view text, bool lws) {
    HostPort out;
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == kNone) return std::unexpected("Malformed IPv6 address");
        out.host = text.substr(1, close - 1);
        const auto address = ipv6_address(out.host);
        if (!address || !address->is_v6()) return std::unexpected("Malformed IPv6 address");
        out.kind = HostKind::kIpv6;
        rest = text.substr(close + 1);
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        out.host = text.substr(0, colon);
        if (lws) out.host = trim(out.host);
        rest = text.substr(colon);
        const auto kind = host_kind(out.host);
        if (!kind) return std::unexpected(kind.error());
        out.kind = *kind;
    }
    if (lws) rest = trim(rest);
    if (rest.empty()) return out;
    if (rest[0] != ':') return std::unexpected("Malformed host");
    rest.remove_prefix(1);
    const auto port = parse_number(lws ? trim(rest) : rest, 65535);
    if (!port || *port == 0) return std::unexpected("Malformed port");
    out.port = static_cast<std::uint16_t>(*port);
    return out;
}

bool same_host(std::string_view a, std::string_view b) {
    if (iequals(a, b)) return true;
    const auto x = ipv6_address(a);
    return x && x == ipv6_address(b);
}

void append_host_port(std::string& out, std::string_view host, std::uint16_t port) {
    const bool brackets = host.find(':') != kNone && !host.starts_with('[');
    if (brackets) out += '[';
    out += host;
    if (brackets) out += ']';
    if (port == 0) return;
    out += ':';
    append_number(out, port);
}

std::expected<Uri, Reason> Uri::parse(std::string_view text) {
    Uri uri;
    uri.text = text;
    if (has_forbidden(text)) return std::unexpected("Malformed URI");
    const auto colon = text.find(':');
    if (colon == kNone || !is_scheme(text.substr(0, colon))) return std::unexpected("URI without scheme");
    uri.scheme_text = text.substr(0, colon);
    auto rest = text.substr(colon + 1);

    if (iequals(uri.scheme_text, "tel")) {
        uri.scheme = UriScheme::kTel;
        const auto semicolon = std::min(rest.find(';'), rest.size());
        uri.opaque = rest.substr(0, semicolon);
        if (!is_telephone_number(uri.opaque)) return std::unexpected("Malformed tel URI");
        uri.params = ParamList(rest.substr(std::min(semicolon + 1, rest.size())));
        return uri;
    }
    if (iequals(uri.scheme_text, "sip"))
        uri.scheme = UriScheme::kSip;
    else if (iequals(uri.scheme_text, "sips"))
        uri.scheme = UriScheme::kSips;
    else {
        if (rest.empty()) return std::unexpected("Malformed URI");
        uri.opaque = rest;
        return uri;
    }

    // '@' is in no part of a URI but as the end of userinfo, while ';' and '?' may stand in the user
    // (RFC 4475 §3.1.1.9, semiuri).
    if (const auto at = rest.find('@'); at != kNone) {
        auto info = rest.substr(0, at);
        rest.remove_prefix(at + 1);
        if (const auto c = info.find(':'); c != kNone) {
            uri.has_password = true;
            uri.password = info.substr(c + 1);
            info = info.substr(0, c);
        }
        if (info.empty()) return std::unexpected("URI with empty user");
        uri.has_user = true;
        uri.user = info;
    }
    if (const auto question = rest.find('?'); question != kNone) {
        uri.headers = rest.substr(question + 1);
        rest = rest.substr(0, question);
    }
    if (const auto semicolon = rest.find(';'); semicolon != kNone) {
        uri.params = ParamList(rest.substr(semicolon + 1));
        rest = rest.substr(0, semicolon);
    }
    auto host = parse_host_port(rest);
    if (!host) return std::unexpected(host.error());
    uri.host = *host;
    return uri;
}

bool equivalent(const Uri& a, const Uri& b) {
    if (a.text == b.text) return true;
    if (a.scheme != b.scheme) return false;
    if (a.scheme == UriScheme::kTel)
        return number_digits(a.opaque) == number_digits(b.opaque) && tel_params_match(a.params, b.params) &&
               tel_params_match(b.params, a.params);
    if (a.scheme == UriScheme::kOther) return iequals(a.scheme_text, b.scheme_text) && a.opaque == b.opaque;
    // A port that is written out differs from none: they may resolve to different places.
    return a.has_user == b.has_user && a.has_password == b.has_password && a.host.port == b.host.port &&
           same_host(a.host.host, b.host.host) && normalised(a.user, false) == normalised(b.user, false) &&
           normalised(a.password, false) == normalised(b.password, false) && params_match(a.params, b.params) &&
           params_match(b.params, a.params) && headers_match(a.headers, b.headers) &&
           headers_match(b.headers, a.headers);
}

void append_rewritten(std::string& out, const Uri& uri, const UriRewrite& rewrite) {
    if (!uri.is_sip()) {
        out += uri.text;
        return;
    }
    out += uri.scheme_text;
    out += ':';
    if (uri.has_user) {
        out += uri.user;
        if (uri.has_password && rewrite.keep_password) {
            out += ':';
            out += uri.password;
        }
        out += '@';
    }
    append_host_port(out, rewrite.host, rewrite.port);
    if (rewrite.keep_params) {
        for (const Param& p : uri.params) {
            bool keep = true;
            for (const auto& name : rewrite.drop_params) keep = keep && !iequals(name, p.name);
            if (!keep) continue;
            out += ';';
            out += p.raw;
        }
    }
    if (rewrite.keep_headers && !uri.headers.empty()) {
        out += '?';
        out += uri.headers;
    }
}

void append_user_escaped(std::string& out, std::string_view user) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : user) {
        if (is_unreserved(c) || std::string_view("&=+$,;?/").find(c) != kNone) {
            out += c;
            continue;
        }
        const auto b = static_cast<unsigned char>(c);
        out += '%';
        out += kHex[b >> 4];
        out += kHex[b & 15];
    }
}

}  // namespace sallyport::sip
