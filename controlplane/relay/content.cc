#include "controlplane/relay/content.h"

#include "controlplane/policy/line_ends.h"

namespace sallyport::relay {

Content content_of(const sip::Message& message, const policy::HiddenNames& hidden) {
    using sip::HeaderId;
    const auto refused = [](unsigned status, std::string_view reason) { return Content{{}, status, reason}; };
    if (message.body().empty() || message.method() == sip::Method::kOptions) return {};
    if (message.body().size() > kMaxBody) return refused(413, sip::default_reason(413));
    if (!message.has(HeaderId::kContentType)) return refused(400, "Missing Content-Type");  // RFC 3261 §7.4.1
    const auto type = sip::parse_media_type(message.value(HeaderId::kContentType));
    if (!type) return refused(400, type.error());
    // What could not cross as a header, the line's end among it.
    const bool told = policy::has_line_end(message.value(HeaderId::kContentType)) ||
                      policy::has_line_end(message.value(HeaderId::kContentEncoding)) ||
                      hidden.named_in(message.value(HeaderId::kContentType)) ||
                      hidden.named_in(message.value(HeaderId::kContentEncoding));
    if (told || type->is("application", "sdp")) return refused(415, sip::default_reason(415));
    return {.body = message.body()};
}

}  // namespace sallyport::relay
