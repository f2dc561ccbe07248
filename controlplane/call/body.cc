// What a message says of the session: the SDP in its body, or in one part of it. Other bodies end here.

#include "controlplane/call/engine_core.h"
#include "controlplane/sip/multipart.h"
#include "media/sdp/sdp_parse.h"

namespace sallyport::call {

namespace {

constexpr std::string_view kIdentity = "identity";

// RFC 3204 §4, RFC 3261 §20.11: what does not say handling=optional has to be understood.
bool may_be_ignored(std::string_view disposition) {
    const auto parameters = disposition.find(';');
    if (parameters == std::string_view::npos) return false;
    return sip::iequals(sip::ParamList(disposition.substr(parameters)).value("handling"), "optional");
}

// RFC 3261 §20.11: without a disposition SDP is the session's. Another (early-session, RFC 3959) is not.
bool is_session(const sip::BodyPart& part) {
    const auto type = sip::parse_media_type(part.type);
    const auto disposition = sip::trim(part.disposition.substr(0, part.disposition.find(';')));
    return type && type->is("application", "sdp") && !part.encoded &&
           (disposition.empty() || sip::iequals(disposition, "session"));
}

Body refused(unsigned status, std::string reason) { return {.sdp = {}, .status = status, .reason = std::move(reason)}; }

Body not_understood() { return refused(415, std::string(sip::default_reason(415))); }

// RFC 3261 §20.12: all that we could undo is nothing at all.
bool is_encoded(const sip::Message& message) {
    for (const auto coding : message.values(sip::HeaderId::kContentEncoding))
        if (!sip::iequals(coding, kIdentity)) return true;
    return false;
}

Body read_sdp(std::string_view text) {
    Body out;
    auto parsed = sdp::parse(text);
    if (!parsed) return refused(400, "Bad SDP, " + parsed.error().text());
    out.sdp = std::move(*parsed);
    return out;
}

// `lenient`: nothing in it has to be understood.
Body read_multipart(const sip::Message& message, const sip::MediaType& type, bool lenient) {
    const auto parts = sip::parse_multipart(message.body(), type.params.value("boundary"));
    if (!parts) return lenient ? Body{} : refused(400, std::string(parts.error()));
    const sip::BodyPart* session = nullptr;
    bool unknown = false;
    for (const auto& part : *parts) {
        if (session == nullptr && is_session(part))
            session = &part;
        else if (!may_be_ignored(part.disposition))
            unknown = true;
    }
    // RFC 2046 §5.1.4: of alternatives one that is understood is enough.
    if (session != nullptr && sip::iequals(type.subtype, "alternative")) unknown = false;
    if (unknown && !lenient) return not_understood();
    return session == nullptr ? Body{} : read_sdp(session->body);
}

}  // namespace

Body read_body(const sip::Message& message) {
    if (message.body().empty()) return {};
    // Nobody can be told that he may not say this in a response or an ACK: its SDP is taken, the rest is left.
    const bool answerable = message.is_request() && message.method() != sip::Method::kAck;
    const bool lenient = !answerable || may_be_ignored(message.value(sip::HeaderId::kContentDisposition));
    if (is_encoded(message)) {
        if (lenient) return {};
        auto out = not_understood();
        out.would_take = {"Accept-Encoding", kIdentity};
        return out;
    }
    const auto type = sip::parse_media_type(message.value(sip::HeaderId::kContentType));
    if (type && type->is("application", "sdp")) return read_sdp(message.body());
    if (type && sip::iequals(type->type, "multipart")) return read_multipart(message, *type, lenient);
    return lenient ? Body{} : not_understood();  // RFC 3261 §8.2.3
}

bool accepts_sdp(const sip::Message& request) {
    const auto* field = request.find(sip::HeaderId::kAccept);
    if (field == nullptr) return true;
    for (const auto element : request.values(sip::HeaderId::kAccept)) {
        const auto range = sip::parse_media_type(element);
        if (!range || (range->type != "*" && !sip::iequals(range->type, "application"))) continue;
        if (range->subtype == "*" || sip::iequals(range->subtype, "sdp")) return true;
    }
    return false;
}

}  // namespace sallyport::call
