#include "controlplane/policy/value_grammar.h"

#include "controlplane/sip/headers.h"
#include "controlplane/sip/uri.h"

namespace sallyport::policy {

namespace {

using config::RulePart;
using sip::HeaderId;

// What a dialog keeps of them is bounded (controlplane/dialog): rules make no longer ones.
constexpr std::size_t kLongestAddress = 2048;
constexpr std::size_t kLongestUri = 1024;

bool is_address(std::string_view value) {
    if (value.size() > kLongestAddress) return false;
    const auto address = sip::parse_name_addr(value);
    return address && sip::Uri::parse(address->uri).has_value();
}

bool is_list_of_one(std::string_view value) {
    const auto end = sip::find_outside(value, ',');
    return end && *end == value.size() && !value.empty();
}

}  // namespace

bool is_list(HeaderId id) {
    switch (id) {
        case HeaderId::kAccept:
        case HeaderId::kAcceptContact:
        case HeaderId::kAcceptEncoding:
        case HeaderId::kAcceptLanguage:
        case HeaderId::kAcceptResourcePriority:
        case HeaderId::kAlertInfo:
        case HeaderId::kAllow:
        case HeaderId::kAllowEvents:
        case HeaderId::kCallInfo:
        case HeaderId::kDiversion:
        case HeaderId::kErrorInfo:
        case HeaderId::kFeatureCaps:
        case HeaderId::kGeolocation:
        case HeaderId::kHistoryInfo:
        case HeaderId::kInReplyTo:
        case HeaderId::kPAccessNetworkInfo:
        case HeaderId::kPAssertedIdentity:
        case HeaderId::kPAssertedService:
        case HeaderId::kPAssociatedUri:
        case HeaderId::kPChargingFunctionAddresses:
        case HeaderId::kPEarlyMedia:
        case HeaderId::kPPreferredIdentity:
        case HeaderId::kPPreferredService:
        case HeaderId::kPVisitedNetworkId:
        case HeaderId::kPrivacy:
        case HeaderId::kProxyRequire:
        case HeaderId::kReason:
        case HeaderId::kRecvInfo:
        case HeaderId::kRejectContact:
        case HeaderId::kRemotePartyId:
        case HeaderId::kRequestDisposition:
        case HeaderId::kRequire:
        case HeaderId::kResourcePriority:
        case HeaderId::kSecurityClient:
        case HeaderId::kSecurityServer:
        case HeaderId::kSecurityVerify:
        case HeaderId::kSupported:
        case HeaderId::kUnsupported:
        case HeaderId::kUserToUser:
        case HeaderId::kWarning: return true;
        default: return false;
    }
}

bool is_single(HeaderId id) {
    // RFC 3261 §7.3.1: a header that is no list stands once. Of the authentication's own there may be several.
    switch (id) {
        case HeaderId::kOther:
        case HeaderId::kAuthorization:
        case HeaderId::kProxyAuthorization:
        case HeaderId::kProxyAuthenticate:
        case HeaderId::kWwwAuthenticate:
        case HeaderId::kIdentity: return false;
        default: return !is_list(id);
    }
}

bool holds_addresses(HeaderId id) {
    switch (id) {
        case HeaderId::kFrom:
        case HeaderId::kTo:
        case HeaderId::kDiversion:
        case HeaderId::kHistoryInfo:
        case HeaderId::kPAssertedIdentity:
        case HeaderId::kPAssociatedUri:
        case HeaderId::kPCalledPartyId:
        case HeaderId::kPPreferredIdentity:
        case HeaderId::kPServedUser:
        case HeaderId::kReferTo:
        case HeaderId::kReferredBy:
        case HeaderId::kRemotePartyId:
        case HeaderId::kReplyTo: return true;
        default: return false;
    }
}

bool is_request_uri(std::string_view text) {
    return text.size() <= kLongestUri && !has_control(text) && sip::Uri::parse(text).has_value();
}

bool is_one_value(const HeaderKey& key, std::string_view value) {
    if (has_control(value) || sip::trim(value).size() != value.size()) return false;
    if (is_list(key.id) && !is_list_of_one(value)) return false;
    if (holds_addresses(key.id)) return is_address(value);
    if (key.id == HeaderId::kReason) return sip::parse_reason(value).has_value();
    if (key.id == HeaderId::kExpires || key.id == HeaderId::kRetryAfter || key.id == HeaderId::kMinExpires)
        return sip::parse_delta_seconds(value).has_value();
    return true;
}

bool are_values(const HeaderKey& key, std::string_view text) {
    if (!is_list(key.id)) return is_one_value(key, text);
    bool good = !has_control(text);
    for (const auto value : sip::CommaList(text)) good = good && is_one_value(key, value);
    return good;
}

std::optional<std::string_view> find_part(std::string_view value, bool is_uri, RulePart part,
                                          std::string_view parameter) {
    if (part == RulePart::kValue) return value;
    sip::NameAddr address;
    if (is_uri) {
        address.uri = value;
    } else {
        const auto parsed = sip::parse_name_addr(value);
        if (!parsed) return std::nullopt;
        address = *parsed;
    }
    if (part == RulePart::kDisplayName) return address.display.empty() ? std::nullopt : std::optional(address.display);
    if (part == RulePart::kParameter) {
        const auto found = address.params.find(parameter);
        return found && found->has_value ? std::optional(found->value) : std::nullopt;
    }
    if (part == RulePart::kUri) return address.uri;
    const auto uri = sip::Uri::parse(address.uri);
    if (!uri) return std::nullopt;
    if (part == RulePart::kUriHost) return uri->is_sip() ? std::optional(uri->host.host) : std::nullopt;
    if (uri->scheme == sip::UriScheme::kTel) return uri->opaque;
    return uri->has_user ? std::optional(uri->user) : std::nullopt;
}

std::optional<std::string> replace_part(std::string_view value, bool is_uri, RulePart part, std::string_view parameter,
                                        std::string_view text) {
    const auto old = find_part(value, is_uri, part, parameter);
    if (!old) return std::nullopt;
    std::string put(text);
    const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
    if (part == RulePart::kDisplayName && !quoted) {
        put.clear();
        sip::append_quoted(put, text);
    }
    std::string out;
    const auto at = static_cast<std::size_t>(old->data() - value.data());
    out.append(value.substr(0, at)).append(put).append(value.substr(at + old->size()));
    if (part == RulePart::kValue) return out;
    // What was put in must be that part again, all of it: it has not broken out into its neighbours.
    const auto now = find_part(out, is_uri, part, parameter);
    if (!now || *now != put) return std::nullopt;
    return out;
}

}  // namespace sallyport::policy
