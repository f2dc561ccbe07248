#pragma once
// Header values taken apart. Each function takes one element (see CommaList, Message::values) and returns
// views into it; nothing is copied, escapes and quotes stay as written. Errors are reason phrases.

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "controlplane/sip/method.h"
#include "controlplane/sip/text.h"
#include "controlplane/sip/uri.h"

namespace sallyport::sip {

// RFC 3261 §20.42. Also the three-part protocol with LWS around its slashes.
struct Via {
    std::string_view raw;        // the element, trimmed
    std::string_view transport;  // "UDP"; any token
    HostPort sent_by;
    std::string_view branch;  // "" when absent
    std::string_view received;
    std::uint16_t rport = 0;  // the value, when there is one
    bool has_rport = false;   // present, with or without a value (RFC 3581 §3)
    ParamList params;

    static constexpr std::string_view kMagicCookie = "z9hG4bK";  // RFC 3261 §8.1.1.7
    // A branch that is unique by itself. The bare cookie is not (RFC 4475 §3.2.3, badbranch).
    bool has_magic_branch() const { return branch.size() > kMagicCookie.size() && branch.starts_with(kMagicCookie); }
};
std::expected<Via, Reason> parse_via(std::string_view element);
// The same into `via`. False: malformed; when `sent_by` could be read all the same, a response finds its way by it.
bool read_via(std::string_view element, Via& via);

// name-addr or addr-spec with parameters: From, To, Contact, Route, Record-Route, P-Asserted-Identity,
// Diversion, History-Info, Refer-To, Referred-By, Reply-To, Path, ... (RFC 3261 §20.10, §25.1).
struct NameAddr {
    std::string_view raw;      // the element, trimmed
    std::string_view display;  // as written: with its quotes if it has them; "" when absent
    bool bracketed = false;    // <...>; without, all parameters are the header's (RFC 3261 §20.10)
    std::string_view uri;      // as written; Uri::parse takes it apart
    ParamList params;          // after '>' (or after the addr-spec)

    std::string_view tag_value;
    bool has_tag = false;

    std::string_view tag() const { return tag_value; }  // "" when absent
};
std::expected<NameAddr, Reason> parse_name_addr(std::string_view element);

struct CSeq {
    std::uint32_t number = 0;
    Method method = Method::kOther;
    std::string_view method_text;
};
std::expected<CSeq, Reason> parse_cseq(std::string_view value);

struct MediaType {
    std::string_view type;  // compare with iequals
    std::string_view subtype;
    ParamList params;

    bool is(std::string_view a_type, std::string_view a_subtype) const {
        return iequals(type, a_type) && iequals(subtype, a_subtype);
    }
};
std::expected<MediaType, Reason> parse_media_type(std::string_view value);

// `SIP;cause=200;text="Call completed elsewhere"` (RFC 3326 §2).
struct ReasonValue {
    std::string_view protocol;
    std::optional<std::uint32_t> cause;
    std::string_view text;  // as written, with quotes
    ParamList params;
};
std::expected<ReasonValue, Reason> parse_reason(std::string_view element);

// `776656 1 INVITE` (RFC 3262 §7.2).
struct RAck {
    std::uint32_t rseq = 0;
    CSeq cseq;
};
std::expected<RAck, Reason> parse_rack(std::string_view value);

// The delta-seconds of Retry-After, Expires, Session-Expires, Min-SE; a comment or parameters may follow
// (RFC 3261 §20.33). nullopt when it is none or above 2^32-1.
std::optional<std::uint32_t> parse_delta_seconds(std::string_view value);

}  // namespace sallyport::sip
