#include "controlplane/sip/glance.h"

#include "controlplane/sip/text.h"

namespace sallyport::sip {

namespace {

// Of a line with the name and the colon of To: is there a tag behind the address?
bool has_tag(std::string_view line) {
    // A display name or a URI may hold the text too; without <> all parameters are the header's (RFC 3261 §20.10).
    if (const auto end = line.rfind('>'); end != std::string_view::npos) line.remove_prefix(end);
    for (auto at = line.find(';'); at != std::string_view::npos; at = line.find(';', at + 1)) {
        auto name = line.substr(at + 1);
        while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
        if (iequals(name.substr(0, 3), "tag")) return true;
    }
    return false;
}

bool is_to(std::string_view line) {
    auto name = line.substr(0, line.find(':'));
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    return iequals(name, "To") || iequals(name, "t");
}

}  // namespace

Glance glance(std::string_view datagram) {
    constexpr std::string_view kInvite = "INVITE ";
    constexpr std::string_view kEmergency = "urn:service:sos";       // RFC 5031 §4.2
    while (datagram.starts_with("\r\n")) datagram.remove_prefix(2);  // RFC 3261 §7.5
    if (datagram.starts_with("CANCEL ")) return Glance::kCancel;
    auto kind = Glance::kOther;
    if (datagram.starts_with(kInvite)) kind = Glance::kNewInvite;
    for (const std::string_view method : {"MESSAGE ", "OPTIONS ", "PUBLISH ", "SUBSCRIBE "})
        if (datagram.starts_with(method)) kind = Glance::kNewRequest;
    if (kind == Glance::kOther) return kind;
    const auto uri = datagram.substr(datagram.find(' ') + 1);
    if (iequals(uri.substr(0, kEmergency.size()), kEmergency)) return Glance::kOther;
    for (auto end = datagram.find('\n'); end != std::string_view::npos; end = datagram.find('\n')) {
        datagram.remove_prefix(end + 1);
        const auto line = datagram.substr(0, datagram.find('\n'));
        if (line.empty() || line == "\r") break;  // the body
        if ((line.front() | 0x20) == 't' && is_to(line)) return has_tag(line) ? Glance::kOther : kind;
    }
    return kind;
}

}  // namespace sallyport::sip
