#include "controlplane/sip/uri.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "controlplane/sip/uri_marks.h"
#include "platform/base/byte_scan.h"

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kMark = "-_.!~*'()";

bool is_unreserved(char c) { return chars::is(c, chars::kAlpha | chars::kDigit) || kMark.find(c) != kNone; }
bool is_hex(char c) { return chars::is(c, chars::kHex); }

bool is_scheme(std::string_view s) {
    if (s.empty() || !chars::is(s[0], chars::kAlpha)) return false;
    for (const char c : s)
        if (!chars::is(c, chars::kAlpha | chars::kDigit) && c != '+' && c != '-' && c != '.') return false;
    return true;
}

UriScheme scheme_of(std::string_view scheme) {
    if (scheme == "sip" || iequals(scheme, "sip")) return UriScheme::kSip;  // nearly always
    if (iequals(scheme, "sips")) return UriScheme::kSips;
    return iequals(scheme, "tel") ? UriScheme::kTel : UriScheme::kOther;
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

// What follows the colon of any other scheme than sip and sips; why it is refused, or "".
Reason read_opaque(Uri& uri, std::string_view rest) {
    uri.opaque = rest;
    if (uri.scheme != UriScheme::kTel) return rest.empty() ? "Malformed URI" : "";
    const auto semicolon = std::min(rest.find(';'), rest.size());
    uri.opaque = rest.substr(0, semicolon);
    uri.params = ParamList(rest.substr(std::min(semicolon + 1, rest.size())));
    return is_telephone_number(uri.opaque) ? "" : "Malformed tel URI";
}

// Why `host` is none, or "".
Reason read_host(std::string_view host, HostKind& kind) {
    if (host.empty()) return "URI without host";
    // A name's last label starts with a letter (RFC 3261 §25.1 toplabel): what ends in a digit after a dot is
    // an address, or nothing.
    const bool number = is_digit(host.front()) && is_digit(host.back());
    if (number) {
        kind = HostKind::kIpv4;
        if (const auto address = IpAddress::parse(host); address && address->is_v4()) return {};
    }
    unsigned all = chars::kHostName | chars::kNumberOrDot;
    for (const char c : host) all &= chars::classes(c);
    if ((all & chars::kHostName) == 0) return "Malformed host name";
    if (number && (all & chars::kNumberOrDot) != 0) return "Malformed IPv4 address";
    kind = HostKind::kName;
    return {};
}

// ":5060", or nothing.
Reason read_port(std::string_view text, bool lws, HostPort& out) {
    if (lws) text = trim(text);
    if (text.empty()) return {};
    if (text[0] != ':') return "Malformed host";
    text.remove_prefix(1);
    const auto port = parse_number(lws ? trim(text) : text, 65535);
    if (!port || *port == 0) return "Malformed port";
    out.port = static_cast<std::uint16_t>(*port);
    return {};
}

// "[2001:db8::1]:5060"
Reason read_bracketed(std::string_view text, bool lws, HostPort& out) {
    const char* const end = end_of(text);
    const char* const close = find_any<']'>(begin_of(text), end);
    if (close == end) return "Malformed IPv6 address";
    out.host = chars::between(text.data() + 1, close);
    const auto address = ipv6_address(out.host);
    if (!address || !address->is_v6()) return "Malformed IPv6 address";
    out.kind = HostKind::kIpv6;
    return read_port(chars::between(close + 1, end), lws, out);
}

// What is in no brackets; `colon`: the first one, or `end`.
Reason read_host_port(const char* begin, const char* colon, const char* end, bool lws, HostPort& out) {
    out.host = chars::between(begin, colon);
    if (lws) out.host = trim(out.host);
    if (const auto wrong = read_host(out.host, out.kind); !wrong.empty()) return wrong;
    return colon == end ? Reason() : read_port(chars::between(colon, end), lws, out);
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
    const char* const end = end_of(text);
    const auto wrong = text.starts_with('[')
                           ? read_bracketed(text, lws, out)
                           : read_host_port(begin_of(text), find_any<':'>(begin_of(text), end), end, lws, out);
    if (!wrong.empty()) return std::unexpected(wrong);
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

Reason Uri::read(std::string_view all) {
    const auto marks = find_uri_marks(all);
    if (marks.forbidden) return "Malformed URI";
    if (marks.scheme_end == nullptr) return "URI without scheme";
    const char* at = all.data();
    const char* const end = at + all.size();
    text = all;
    scheme_text = chars::between(at, marks.scheme_end);
    scheme = scheme_of(scheme_text);
    if (scheme == UriScheme::kOther && !is_scheme(scheme_text)) return "URI without scheme";
    at = marks.scheme_end + 1;
    if (!is_sip()) return read_opaque(*this, chars::between(at, end));

    if (marks.at != nullptr) {
        has_user = true;
        user = chars::between(at, marks.password != nullptr ? marks.password : marks.at);
        if (user.empty()) return "URI with empty user";
        has_password = marks.password != nullptr;
        if (has_password) password = chars::between(marks.password + 1, marks.at);
        at = marks.at + 1;
    }
    const char* rest_end = end;
    if (marks.question != nullptr) {
        headers = chars::between(marks.question + 1, end);
        rest_end = marks.question;
    }
    if (marks.semicolon != nullptr && marks.semicolon < rest_end) {
        params = ParamList(chars::between(marks.semicolon + 1, rest_end));
        rest_end = marks.semicolon;
    }
    if (at != rest_end && *at == '[') return read_bracketed(chars::between(at, rest_end), false, host);
    const char* const colon = marks.colon != nullptr && marks.colon < rest_end ? marks.colon : rest_end;
    return read_host_port(at, colon, rest_end, false, host);
}

std::expected<Uri, Reason> Uri::parse(std::string_view text) {
    std::expected<Uri, Reason> uri;
    if (const auto wrong = uri->read(text); !wrong.empty()) uri = std::unexpected(wrong);
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
