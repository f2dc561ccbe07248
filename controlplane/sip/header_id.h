#pragma once
// The header fields known by name. Names and compact forms are case-insensitive (RFC 3261 §7.3.1, §7.3.3).
// Known means recognised quickly, not supported: what becomes of a field is its reader's matter.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::sip {

// X(enumerator, name, compact form or 0)
#define SALLYPORT_SIP_HEADERS(X)                                      \
    X(Accept, "Accept", 0)                                            \
    X(AcceptContact, "Accept-Contact", 'a')                           \
    X(AcceptEncoding, "Accept-Encoding", 0)                           \
    X(AcceptLanguage, "Accept-Language", 0)                           \
    X(AcceptResourcePriority, "Accept-Resource-Priority", 0)          \
    X(AlertInfo, "Alert-Info", 0)                                     \
    X(Allow, "Allow", 0)                                              \
    X(AllowEvents, "Allow-Events", 'u')                               \
    X(AnswerMode, "Answer-Mode", 0)                                   \
    X(AuthenticationInfo, "Authentication-Info", 0)                   \
    X(Authorization, "Authorization", 0)                              \
    X(CallId, "Call-ID", 'i')                                         \
    X(CallInfo, "Call-Info", 0)                                       \
    X(Contact, "Contact", 'm')                                        \
    X(ContentDisposition, "Content-Disposition", 0)                   \
    X(ContentEncoding, "Content-Encoding", 'e')                       \
    X(ContentId, "Content-ID", 0)                                     \
    X(ContentLanguage, "Content-Language", 0)                         \
    X(ContentLength, "Content-Length", 'l')                           \
    X(ContentType, "Content-Type", 'c')                               \
    X(CSeq, "CSeq", 0)                                                \
    X(Date, "Date", 0)                                                \
    X(Diversion, "Diversion", 0)                                      \
    X(ErrorInfo, "Error-Info", 0)                                     \
    X(Event, "Event", 'o')                                            \
    X(Expires, "Expires", 0)                                          \
    X(FeatureCaps, "Feature-Caps", 0)                                 \
    X(FlowTimer, "Flow-Timer", 0)                                     \
    X(From, "From", 'f')                                              \
    X(Geolocation, "Geolocation", 0)                                  \
    X(GeolocationError, "Geolocation-Error", 0)                       \
    X(GeolocationRouting, "Geolocation-Routing", 0)                   \
    X(HistoryInfo, "History-Info", 0)                                 \
    X(Identity, "Identity", 'y')                                      \
    X(IdentityInfo, "Identity-Info", 'n')                             \
    X(InfoPackage, "Info-Package", 0)                                 \
    X(InReplyTo, "In-Reply-To", 0)                                    \
    X(Join, "Join", 0)                                                \
    X(MaxBreadth, "Max-Breadth", 0)                                   \
    X(MaxForwards, "Max-Forwards", 0)                                 \
    X(MimeVersion, "MIME-Version", 0)                                 \
    X(MinExpires, "Min-Expires", 0)                                   \
    X(MinSe, "Min-SE", 0)                                             \
    X(Organization, "Organization", 0)                                \
    X(PAccessNetworkInfo, "P-Access-Network-Info", 0)                 \
    X(PAnswerState, "P-Answer-State", 0)                              \
    X(PAssertedIdentity, "P-Asserted-Identity", 0)                    \
    X(PAssertedService, "P-Asserted-Service", 0)                      \
    X(PAssociatedUri, "P-Associated-URI", 0)                          \
    X(Path, "Path", 0)                                                \
    X(PCalledPartyId, "P-Called-Party-ID", 0)                         \
    X(PChargingFunctionAddresses, "P-Charging-Function-Addresses", 0) \
    X(PChargingVector, "P-Charging-Vector", 0)                        \
    X(PEarlyMedia, "P-Early-Media", 0)                                \
    X(PPreferredIdentity, "P-Preferred-Identity", 0)                  \
    X(PPreferredService, "P-Preferred-Service", 0)                    \
    X(Priority, "Priority", 0)                                        \
    X(Privacy, "Privacy", 0)                                          \
    X(PServedUser, "P-Served-User", 0)                                \
    X(PVisitedNetworkId, "P-Visited-Network-ID", 0)                   \
    X(ProxyAuthenticate, "Proxy-Authenticate", 0)                     \
    X(ProxyAuthorization, "Proxy-Authorization", 0)                   \
    X(ProxyRequire, "Proxy-Require", 0)                               \
    X(RAck, "RAck", 0)                                                \
    X(Reason, "Reason", 0)                                            \
    X(RecordRoute, "Record-Route", 0)                                 \
    X(RecvInfo, "Recv-Info", 0)                                       \
    X(ReferSub, "Refer-Sub", 0)                                       \
    X(ReferTo, "Refer-To", 'r')                                       \
    X(ReferredBy, "Referred-By", 'b')                                 \
    X(RejectContact, "Reject-Contact", 'j')                           \
    X(RemotePartyId, "Remote-Party-ID", 0)                            \
    X(Replaces, "Replaces", 0)                                        \
    X(ReplyTo, "Reply-To", 0)                                         \
    X(RequestDisposition, "Request-Disposition", 'd')                 \
    X(Require, "Require", 0)                                          \
    X(ResourcePriority, "Resource-Priority", 0)                       \
    X(RetryAfter, "Retry-After", 0)                                   \
    X(Route, "Route", 0)                                              \
    X(RSeq, "RSeq", 0)                                                \
    X(SecurityClient, "Security-Client", 0)                           \
    X(SecurityServer, "Security-Server", 0)                           \
    X(SecurityVerify, "Security-Verify", 0)                           \
    X(Server, "Server", 0)                                            \
    X(ServiceRoute, "Service-Route", 0)                               \
    X(SessionExpires, "Session-Expires", 'x')                         \
    X(SessionId, "Session-ID", 0)                                     \
    X(SipEtag, "SIP-ETag", 0)                                         \
    X(SipIfMatch, "SIP-If-Match", 0)                                  \
    X(Subject, "Subject", 's')                                        \
    X(SubscriptionState, "Subscription-State", 0)                     \
    X(Supported, "Supported", 'k')                                    \
    X(TargetDialog, "Target-Dialog", 0)                               \
    X(Timestamp, "Timestamp", 0)                                      \
    X(To, "To", 't')                                                  \
    X(Unsupported, "Unsupported", 0)                                  \
    X(UserAgent, "User-Agent", 0)                                     \
    X(UserToUser, "User-to-User", 0)                                  \
    X(Via, "Via", 'v')                                                \
    X(Warning, "Warning", 0)                                          \
    X(WwwAuthenticate, "WWW-Authenticate", 0)

enum class HeaderId : std::uint8_t {
    kOther,  // not in the list: only its name tells what it is
#define SALLYPORT_SIP_ENUMERATOR(id, name, compact) k##id,
    SALLYPORT_SIP_HEADERS(SALLYPORT_SIP_ENUMERATOR)
#undef SALLYPORT_SIP_ENUMERATOR
        kCount
};
constexpr std::size_t kHeaderIds = static_cast<std::size_t>(HeaderId::kCount);

// Full or compact name, any case. kOther when it is not in the list. `readable`: the bytes from the name's first on
// that belong to the text which it stands in; with sixteen of them most names are compared at once.
HeaderId header_id(std::string_view name, std::size_t readable);
inline HeaderId header_id(std::string_view name) { return header_id(name, name.size()); }
// The full name as it is usually written; "" for kOther.
std::string_view header_name(HeaderId id);

}  // namespace sallyport::sip
