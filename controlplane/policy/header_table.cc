#include "controlplane/policy/header_table.h"

#include <algorithm>

#include "controlplane/sip/text.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;
using enum Rule;

constexpr std::array<Rule, 4> all(Rule rule) { return {rule, rule, rule, rule}; }

// Four rules: trusted to trusted, trusted to untrusted, untrusted to trusted, untrusted to untrusted.
// clang-format off
constexpr auto kTable = std::to_array<HeaderRow>({
    {HeaderId::kAccept, "Accept", all(kOwn), "", "of a call we take application/sdp, and say so in answers to OPTIONS"},
    {HeaderId::kAcceptContact, "Accept-Contact", all(kPass), "", "caller preferences (RFC 3841); no addresses"},
    {HeaderId::kAcceptEncoding, "Accept-Encoding", all(kStrip), "", "we rebuild bodies, unencoded"},
    {HeaderId::kAcceptLanguage, "Accept-Language", all(kPass), "", "the user's, end to end"},
    {HeaderId::kAcceptResourcePriority, "Accept-Resource-Priority", {kPass, kPass, kStrip, kStrip}, "", "namespaces of a trusted network (RFC 4412)"},
    {HeaderId::kOther, "Additional-Identity", all(kStrip), "", "addresses of the trusted network (TS 24.229)"},
    {HeaderId::kAlertInfo, "Alert-Info", all(kUrn), "", "URLs name hosts; urn:alert does not (RFC 7462)"},
    {HeaderId::kAllow, "Allow", all(kOwn), "", "the methods that we support, not those of the other side"},
    {HeaderId::kAllowEvents, "Allow-Events", all(kStrip), "", "says nothing in a call"},
    {HeaderId::kAnswerMode, "Answer-Mode", {kPass, kPass, kStrip, kStrip}, "", "answering without the user is for trusted callers only (RFC 5373)"},
    {HeaderId::kOther, "Attestation-Info", {kPass, kStrip, kStrip, kStrip}, "", "stays in the trusted network (TS 24.229)"},
    {HeaderId::kAuthenticationInfo, "Authentication-Info", all(kStrip), "", "belongs to an authentication of one side"},
    {HeaderId::kAuthorization, "Authorization", all(kStrip), "", "credentials and the digest's URI are those of one side"},
    {HeaderId::kCallId, "Call-ID", all(kOwn), "", "each leg has its own"},
    {HeaderId::kCallInfo, "Call-Info", all(kStrip), "", "URLs name hosts"},
    {HeaderId::kOther, "Cellular-Network-Info", all(kStrip), "", "where the user is"},
    {HeaderId::kContact, "Contact", all(kOwn), "", "each leg has its own"},
    {HeaderId::kContentDisposition, "Content-Disposition", all(kOwn), "", "the body is ours"},
    {HeaderId::kContentEncoding, "Content-Encoding", all(kOwn), "", "the body is ours"},
    {HeaderId::kContentId, "Content-ID", all(kStrip), "", "the body is ours; the id names a host"},
    {HeaderId::kContentLanguage, "Content-Language", all(kStrip), "", "the body is ours"},
    {HeaderId::kContentLength, "Content-Length", all(kOwn), "", "the body is ours"},
    {HeaderId::kContentType, "Content-Type", all(kOwn), "", "the body is ours"},
    {HeaderId::kCSeq, "CSeq", all(kOwn), "", "each leg has its own"},
    {HeaderId::kDate, "Date", all(kPass), "", "the time at which the request was made"},
    {HeaderId::kDiversion, "Diversion", all(kRewrite), "reason counter limit privacy screen", "RFC 5806; made anonymous at a border where privacy asks for it"},
    {HeaderId::kOther, "Encryption", all(kStrip), "", "made obsolete by RFC 3261"},
    {HeaderId::kErrorInfo, "Error-Info", all(kStrip), "", "URLs name hosts"},
    {HeaderId::kEvent, "Event", all(kStrip), "", "says nothing in a call"},
    {HeaderId::kExpires, "Expires", all(kPass), "", "how long an INVITE is of interest"},
    {HeaderId::kFeatureCaps, "Feature-Caps", all(kStrip), "", "carries URIs of network functions (RFC 6809)"},
    {HeaderId::kFlowTimer, "Flow-Timer", all(kStrip), "", "belongs to the registrar's hop (RFC 5626)"},
    {HeaderId::kFrom, "From", all(kRewrite), "", "our tag; host ours; anonymous at a border with Privacy: user (RFC 3323 §5.3)"},
    {HeaderId::kGeolocation, "Geolocation", all(kStrip), "", "points into a body or to a host; bodies other than SDP do not cross"},
    {HeaderId::kGeolocationError, "Geolocation-Error", all(kStrip), "", "goes with Geolocation"},
    {HeaderId::kGeolocationRouting, "Geolocation-Routing", all(kStrip), "", "goes with Geolocation"},
    {HeaderId::kOther, "Hide", all(kStrip), "", "made obsolete by RFC 3261"},
    {HeaderId::kHistoryInfo, "History-Info", all(kRewrite), "index rc mp np", "RFC 7044; of the URI's headers only Reason and Privacy; anonymous at a border where Privacy asks for it"},
    {HeaderId::kIdentity, "Identity", {kPass, kStrip, kStrip, kStrip}, "", "a signature of the trusted network (RFC 8224)"},
    {HeaderId::kIdentityInfo, "Identity-Info", all(kStrip), "", "a URL; made obsolete by RFC 8224"},
    {HeaderId::kInReplyTo, "In-Reply-To", all(kStrip), "", "holds Call-IDs of one side"},
    {HeaderId::kInfoPackage, "Info-Package", all(kStrip), "", "belongs to INFO"},
    {HeaderId::kJoin, "Join", all(kStrip), "", "names a dialog of one side"},
    {HeaderId::kMaxBreadth, "Max-Breadth", all(kFormat), "", "RFC 5393 §5.3: a number, and never more of it, for nothing is forked here"},
    {HeaderId::kMaxForwards, "Max-Forwards", all(kOwn), "", "the received value less one, so that loops end (RFC 7332)"},
    {HeaderId::kMimeVersion, "MIME-Version", all(kOwn), "", "the body is ours"},
    {HeaderId::kMinExpires, "Min-Expires", all(kStrip), "", "belongs to a registration or subscription"},
    {HeaderId::kMinSe, "Min-SE", all(kStrip), "", "session timers are not supported; per leg"},
    {HeaderId::kOrganization, "Organization", all(kStrip), "", "names the other side"},
    {HeaderId::kOther, "Origination-Id", {kPass, kStrip, kStrip, kStrip}, "", "stays in the trusted network (TS 24.229)"},
    {HeaderId::kPAccessNetworkInfo, "P-Access-Network-Info", {kPass, kStrip, kStrip, kStrip}, "", "where the user is: stays in the trusted network (RFC 7315 §5.4)"},
    {HeaderId::kPAnswerState, "P-Answer-State", {kPass, kStrip, kStrip, kStrip}, "", "stays in the trusted network (RFC 4964)"},
    {HeaderId::kPAssertedIdentity, "P-Asserted-Identity", {kRewrite, kRewrite, kStrip, kStrip}, "", "RFC 3325: taken from trusted realms only; with Privacy: id it does not leave them; one sip and one tel at most"},
    {HeaderId::kPAssertedService, "P-Asserted-Service", {kPass, kStrip, kStrip, kStrip}, "", "RFC 6050: within the trusted network"},
    {HeaderId::kPAssociatedUri, "P-Associated-URI", all(kStrip), "", "belongs to a registration"},
    {HeaderId::kPCalledPartyId, "P-Called-Party-ID", all(kStrip), "", "belongs to the last hop of one side"},
    {HeaderId::kPChargingFunctionAddresses, "P-Charging-Function-Addresses", all(kStrip), "", "addresses of one side"},
    {HeaderId::kPChargingVector, "P-Charging-Vector", all(kStrip), "", "names the network elements of one side"},
    {HeaderId::kPEarlyMedia, "P-Early-Media", {kPass, kStrip, kStrip, kStrip}, "", "RFC 5009: believed within the trusted network only"},
    {HeaderId::kPPreferredIdentity, "P-Preferred-Identity", all(kStrip), "", "a wish to the first proxy of one side (RFC 3325 §9.2)"},
    {HeaderId::kPPreferredService, "P-Preferred-Service", all(kStrip), "", "a wish to the first proxy of one side"},
    {HeaderId::kOther, "P-Profile-Key", all(kStrip), "", "belongs to a database of one side (RFC 5002)"},
    {HeaderId::kPServedUser, "P-Served-User", all(kStrip), "", "belongs to the hops of one side"},
    {HeaderId::kOther, "P-User-Database", all(kStrip), "", "names a database of one side (RFC 4457)"},
    {HeaderId::kPVisitedNetworkId, "P-Visited-Network-ID", all(kStrip), "", "names a network of one side"},
    {HeaderId::kPath, "Path", all(kStrip), "", "the way within one side"},
    {HeaderId::kOther, "Policy-Contact", all(kStrip), "", "URIs of one side (RFC 6794)"},
    {HeaderId::kPriority, "Priority", all(kPass), "", "the user's, end to end"},
    {HeaderId::kOther, "Priv-Answer-Mode", {kPass, kStrip, kStrip, kStrip}, "", "answering without the user is for trusted callers only (RFC 5373)"},
    {HeaderId::kPrivacy, "Privacy", all(kPrivacy), "", "what was done here is taken out at a border (RFC 3323 §5)"},
    {HeaderId::kOther, "Private-Network-Indication", all(kStrip), "", "names a network of one side (RFC 7316)"},
    {HeaderId::kProxyAuthenticate, "Proxy-Authenticate", all(kStrip), "", "a challenge of one side cannot be answered on the other"},
    {HeaderId::kProxyAuthorization, "Proxy-Authorization", all(kStrip), "", "credentials for a proxy of one side"},
    {HeaderId::kProxyRequire, "Proxy-Require", all(kOwn), "", "420 for what we do not support; we require nothing"},
    {HeaderId::kRAck, "RAck", all(kStrip), "", "reliable provisional responses are per leg"},
    {HeaderId::kReason, "Reason", all(kReason), "", "RFC 3326: protocol and cause always; text unless it names the other side"},
    {HeaderId::kRecordRoute, "Record-Route", all(kStrip), "", "the way within one side"},
    {HeaderId::kRecvInfo, "Recv-Info", all(kOpaque), "", "the packages that the users take in INFO (RFC 6086)"},
    {HeaderId::kReferSub, "Refer-Sub", all(kStrip), "", "REFER is not supported"},
    {HeaderId::kReferTo, "Refer-To", all(kRewrite), "", "host ours: the referred party reaches it through us; its headers, Replaces too, are left out"},
    {HeaderId::kOther, "References", all(kStrip), "", "holds Call-IDs of one side"},
    {HeaderId::kReferredBy, "Referred-By", all(kRewrite), "", "host ours; cid is left out, for its body does not cross"},
    {HeaderId::kRejectContact, "Reject-Contact", all(kPass), "", "caller preferences (RFC 3841); no addresses"},
    {HeaderId::kRemotePartyId, "Remote-Party-ID", {kRewrite, kRewrite, kStrip, kStrip}, "party id-type privacy screen", "as P-Asserted-Identity; with privacy it does not leave the trusted network"},
    {HeaderId::kReplaces, "Replaces", all(kStrip), "", "names a dialog of one side"},
    {HeaderId::kReplyTo, "Reply-To", all(kStrip), "", "an address that is not reached through us"},
    {HeaderId::kRequestDisposition, "Request-Disposition", all(kPass), "", "caller preferences (RFC 3841); no addresses"},
    {HeaderId::kRequire, "Require", all(kOwn), "", "420 for what we do not support; we require nothing"},
    {HeaderId::kResourcePriority, "Resource-Priority", {kPass, kPass, kStrip, kStrip}, "", "from trusted realms only (RFC 4412 §4.7)"},
    {HeaderId::kOther, "Response-Key", all(kStrip), "", "made obsolete by RFC 3261"},
    {HeaderId::kOther, "Response-Source", all(kStrip), "", "names the element that answered (RFC 8606)"},
    {HeaderId::kRetryAfter, "Retry-After", all(kPass), "", "how long the far end is not available"},
    {HeaderId::kRoute, "Route", all(kOwn), "", "the way within one side; ours is that of the leg"},
    {HeaderId::kRSeq, "RSeq", all(kStrip), "", "reliable provisional responses are per leg"},
    {HeaderId::kSecurityClient, "Security-Client", all(kStrip), "", "belongs to one hop (RFC 3329)"},
    {HeaderId::kSecurityServer, "Security-Server", all(kStrip), "", "belongs to one hop (RFC 3329)"},
    {HeaderId::kSecurityVerify, "Security-Verify", all(kStrip), "", "belongs to one hop (RFC 3329)"},
    {HeaderId::kServer, "Server", all(kOwn), "", "names software; ours by setting"},
    {HeaderId::kServiceRoute, "Service-Route", all(kStrip), "", "the way within one side"},
    {HeaderId::kSessionExpires, "Session-Expires", all(kStrip), "", "session timers are not supported; per leg"},
    {HeaderId::kSessionId, "Session-ID", all(kFormat), "", "end to end (RFC 7989), if it is nothing but its 32 hexadecimal digits"},
    {HeaderId::kSipEtag, "SIP-ETag", all(kStrip), "", "belongs to a publication or subscription"},
    {HeaderId::kSipIfMatch, "SIP-If-Match", all(kStrip), "", "belongs to a publication or subscription"},
    {HeaderId::kSubject, "Subject", all(kPass), "", "the user's, end to end; stripped at a border with Privacy: user"},
    {HeaderId::kSubscriptionState, "Subscription-State", all(kStrip), "", "says nothing in a call"},
    {HeaderId::kSupported, "Supported", all(kOwn), "", "the extensions that we support: none yet"},
    {HeaderId::kOther, "Suppress-If-Match", all(kStrip), "", "belongs to a subscription (RFC 5839)"},
    {HeaderId::kTargetDialog, "Target-Dialog", all(kStrip), "", "names a dialog of one side"},
    {HeaderId::kTimestamp, "Timestamp", all(kOwn), "", "measures one hop; copied into the 100"},
    {HeaderId::kTo, "To", all(kRewrite), "", "our tag; host the peer's"},
    {HeaderId::kUnsupported, "Unsupported", all(kOwn), "", "answers a Require of one side"},
    {HeaderId::kUserAgent, "User-Agent", all(kOwn), "", "names software; ours by setting"},
    {HeaderId::kUserToUser, "User-to-User", all(kPass), "", "the users' own, opaque (RFC 7433)"},
    {HeaderId::kVia, "Via", all(kOwn), "", "the way of one side"},
    {HeaderId::kWarning, "Warning", all(kStrip), "", "names the element that warns"},
    {HeaderId::kWwwAuthenticate, "WWW-Authenticate", all(kStrip), "", "a challenge of one side cannot be answered on the other"},
});

constexpr std::string_view kWithBody = "INFO MESSAGE NOTIFY PUBLISH SUBSCRIBE others";
constexpr auto kMethodTable = std::to_array<MethodRow>({
    {HeaderId::kAccept, "Accept", kWithBody, kOpaque, "the bodies that the far end takes"},
    {HeaderId::kAcceptEncoding, "Accept-Encoding", kWithBody, kOpaque, "bodies cross as they are"},
    {HeaderId::kAllowEvents, "Allow-Events", "NOTIFY OPTIONS PUBLISH SUBSCRIBE", kOpaque, "the event packages of the far end (RFC 6665)"},
    {HeaderId::kContentDisposition, "Content-Disposition", kWithBody, kOpaque, "the body crosses as it is"},
    {HeaderId::kContentEncoding, "Content-Encoding", kWithBody, kOpaque, "the body crosses as it is"},
    {HeaderId::kContentLanguage, "Content-Language", kWithBody, kOpaque, "the body crosses as it is"},
    {HeaderId::kContentType, "Content-Type", kWithBody, kOpaque, "the body crosses as it is; when this cannot, it does not: 415"},
    {HeaderId::kEvent, "Event", "NOTIFY PUBLISH SUBSCRIBE", kOpaque, "what the subscription is about (RFC 6665)"},
    {HeaderId::kInfoPackage, "Info-Package", "INFO", kOpaque, "what the INFO is about (RFC 6086)"},
    {HeaderId::kMimeVersion, "MIME-Version", kWithBody, kOpaque, "the body crosses as it is"},
    {HeaderId::kMinExpires, "Min-Expires", "PUBLISH SUBSCRIBE", kOpaque, "goes with 423, which crosses here"},
    {HeaderId::kSipEtag, "SIP-ETag", "NOTIFY PUBLISH SUBSCRIBE", kOpaque, "names a state of the far end, to the users (RFC 3903, RFC 5839)"},
    {HeaderId::kSipIfMatch, "SIP-If-Match", "PUBLISH", kOpaque, "the same (RFC 3903)"},
    {HeaderId::kSubscriptionState, "Subscription-State", "NOTIFY", kOpaque, "between the users (RFC 6665)"},
    {HeaderId::kOther, "Suppress-If-Match", "SUBSCRIBE", kOpaque, "the same (RFC 5839)"},
});
// clang-format on

constexpr auto kById = [] {
    std::array<const HeaderRow*, sip::kHeaderIds> out{};
    for (const auto& row : kTable) {
        if (row.id != HeaderId::kOther) out[static_cast<std::size_t>(row.id)] = &row;
    }
    return out;
}();

// Nothing that the parser knows by name is left to the rule for unknown headers.
static_assert(std::ranges::count(kById, nullptr) == 1, "a header of header_id.h is not in the table");

}  // namespace

std::span<const HeaderRow> header_table() { return kTable; }

const HeaderRow* find_header(HeaderId id, std::string_view name) {
    if (id != HeaderId::kOther) return kById[static_cast<std::size_t>(id)];
    const auto it = std::ranges::find_if(
        kTable, [&](const HeaderRow& row) { return row.id == HeaderId::kOther && sip::iequals(row.name, name); });
    return it == kTable.end() ? nullptr : &*it;
}

std::span<const MethodRow> method_table() { return kMethodTable; }

namespace {

bool names_method(std::string_view methods, sip::Method method) {
    const auto name = method == sip::Method::kOther ? std::string_view("others") : sip::method_name(method);
    while (!methods.empty()) {
        const auto end = std::min(methods.find(' '), methods.size());
        if (methods.substr(0, end) == name) return true;
        methods.remove_prefix(std::min(end + 1, methods.size()));
    }
    return false;
}

}  // namespace

Rule rule_of(const HeaderRow& row, sip::Method method, Crossing crossing) {
    if (method != sip::Method::kInvite && method != sip::Method::kBye) {
        for (const auto& other : kMethodTable) {
            if (other.id == row.id && other.name == row.name && names_method(other.methods, method)) return other.rule;
        }
    }
    return row.rule(crossing);
}

std::string_view rule_name(Rule rule) {
    switch (rule) {
        case kStrip: return "strip";
        case kOwn: return "own";
        case kPass: return "pass";
        case kRewrite: return "rewrite";
        case kUrn: return "urn only";
        case kPrivacy: return "privacy";
        case kReason: return "reason";
        case kFormat: return "exact form";
        case kOpaque: return "opaque";
    }
    return "";
}

std::string header_table_text() {
    std::string out =
        "| header | trusted → trusted | trusted → untrusted | untrusted → trusted | untrusted → untrusted | why |\n"
        "|---|---|---|---|---|---|\n";
    for (const auto& row : kTable) {
        out.append("| ").append(row.name);
        for (const auto rule : row.rules) out.append(" | ").append(rule_name(rule));
        out.append(" | ").append(row.why);
        if (!row.params.empty()) out.append("; parameters ").append(row.params);
        out.append(" |\n");
    }
    return out;
}

std::string method_table_text() {
    std::string out = "| header | methods | crosses | why |\n|---|---|---|---|\n";
    for (const auto& row : kMethodTable) {
        out.append("| ").append(row.name).append(" | ").append(row.methods).append(" | ");
        out.append(rule_name(row.rule)).append(" | ").append(row.why).append(" |\n");
    }
    return out;
}

}  // namespace sallyport::policy
