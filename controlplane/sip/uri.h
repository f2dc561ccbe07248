#pragma once
// URIs as SIP uses them: sip, sips and tel taken apart, all others kept whole (RFC 3261 §19, RFC 3966).
// All members are views into the text that was parsed. The comparison is that of RFC 3261 §19.1.4.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/text.h"
#include "platform/base/ip_address.h"

namespace sallyport::sip {

enum class UriScheme : std::uint8_t { kSip, kSips, kTel, kOther };
enum class HostKind : std::uint8_t { kName, kIpv4, kIpv6 };

// Why a text was refused; a literal that may serve as the reason phrase of a 400.
using Reason = std::string_view;

// A host with an optional port, as in sent-by and in a URI.
struct HostPort {
    std::string_view host;  // as written; an IPv6 address without its brackets
    HostKind kind = HostKind::kName;
    std::uint16_t port = 0;  // 0: none given

    // The address, when the host is one.
    std::optional<IpAddress> address() const;
};
// The whole of `text`; LWS around the colon is allowed where `lws` says so (Via, not URIs).
std::expected<HostPort, Reason> parse_host_port(std::string_view text, bool lws = false);
// Hosts by ASCII case, addresses by value ("2001:DB8::1" and "2001:db8:0::1" are the same).
bool same_host(std::string_view a, std::string_view b);
// "[2001:db8::1]:5060", "example.com"; port 0 is not written.
void append_host_port(std::string& out, std::string_view host, std::uint16_t port);

struct Uri {
    UriScheme scheme = UriScheme::kOther;
    std::string_view text;         // the whole
    std::string_view scheme_text;  // as written, without the colon
    // sip and sips
    std::string_view user;  // escapes unresolved
    bool has_user = false;
    std::string_view password;
    bool has_password = false;
    HostPort host;
    // tel: the number with its visual separators. Other schemes: all after the colon.
    std::string_view opaque;
    // sip, sips and tel; without the leading ';' and '?'
    ParamList params;
    std::string_view headers;

    bool is_sip() const { return scheme == UriScheme::kSip || scheme == UriScheme::kSips; }
    bool lr() const { return params.has("lr"); }

    // Never fails for an unknown scheme that is well formed (RFC 4475 §3.3.3, unkscm).
    static std::expected<Uri, Reason> parse(std::string_view text);

private:
    Reason read(std::string_view all);  // into an empty one; why not, or ""
};

// RFC 3261 §19.1.4. tel: by the digits without visual separators, and parameters in any order (RFC 3966 §4).
// Others: octet by octet, the scheme by ASCII case.
bool equivalent(const Uri& a, const Uri& b);

// What of a sip or sips URI goes into a rewritten one. Its user is copied byte by byte.
struct UriRewrite {
    std::string_view host;
    std::uint16_t port = 0;  // 0: none is written
    bool keep_password = false;
    bool keep_params = true;
    bool keep_headers = false;                        // they may hold anything, hosts of ours too
    std::span<const std::string_view> drop_params{};  // names, any case: maddr, received, ...
};
// Other schemes than sip and sips are copied as they are.
void append_rewritten(std::string& out, const Uri& uri, const UriRewrite& rewrite);

// Escapes what may not stand in a user part (RFC 3261 §25.1 user = unreserved / escaped / user-unreserved).
void append_user_escaped(std::string& out, std::string_view user);

}  // namespace sallyport::sip
