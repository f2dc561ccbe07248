#include "controlplane/dialog/dialog.h"

#include <algorithm>
#include <utility>

#include "platform/base/digits.h"
#include "platform/base/ip_ranges.h"
#include "platform/base/line_break.h"
#include "platform/base/scratch_text.h"

namespace sallyport::dialog {

namespace {

constexpr std::size_t kMaxExportedRoutes = kMaxRoutes + 1;

using Address = ScratchText<512>;

// From or To without its tag: what we write is a name-addr, so that parameters of the URI stay in it.
void without_tag(Address& out, const sip::NameAddr& address) {
    out.append(address.display);
    if (out.size() != 0) out += ' ';
    out.append("<").append(address.uri).append(">");
    for (const auto& parameter : address.params)
        if (!sip::iequals(parameter.name, "tag")) out.append(";").append(parameter.raw);
}

// In one line.
class WithoutTag {
public:
    explicit WithoutTag(const sip::NameAddr& address) {
        without_tag(folded_, address);
        if (find_line_break(folded_.view()) != std::string::npos) unfolded_ = sip::unfolded(folded_.view());
    }
    std::string_view view() const { return unfolded_.empty() ? folded_.view() : unfolded_; }

private:
    Address folded_;
    std::string unfolded_;
};

// As it stands in the message; "" when there is none.
std::expected<std::string_view, sip::Reason> contact_uri(const sip::Message& message) {
    for (const auto element : message.values(sip::HeaderId::kContact)) {
        const auto contact = sip::parse_name_addr(element);
        if (!contact) return std::unexpected(contact.error());
        const auto uri = sip::Uri::parse(contact->uri);
        if (!uri || !uri->is_sip()) return std::unexpected("Contact is not a SIP URI");
        if (contact->uri.size() > kMaxUri) return std::unexpected("Contact is too long");
        return contact->uri;  // a dialog has exactly one (§8.1.1.8)
    }
    return std::string_view();
}

// "" when nobody could be called there.
std::string_view address_of(const sip::NameAddr& address) {
    const auto uri = sip::Uri::parse(address.uri);
    return uri && uri->is_sip() && address.uri.size() <= kMaxUri ? address.uri : std::string_view();
}

std::expected<std::vector<std::string>, sip::Reason> record_routes(const sip::Message& message) {
    std::vector<std::string> out;
    for (const auto element : message.values(sip::HeaderId::kRecordRoute)) {
        const auto route = sip::parse_name_addr(element);
        if (!route) return std::unexpected(route.error());
        if (out.size() == kMaxRoutes || element.size() > kMaxUri)
            return std::unexpected("Too many Record-Route entries");
        out.push_back(sip::unfolded(element));
    }
    return out;
}

// "" when every text fits that stands in the dialog for as long as it lives.
sip::Reason too_long(const sip::Message& invite) {
    if (invite.call_id().size() > kMaxIdentifier) return "Call-ID is too long";
    if (invite.from_tag().size() > kMaxIdentifier) return "From tag is too long";
    if (invite.value(sip::HeaderId::kFrom).size() > kMaxAddress) return "From is too long";
    if (invite.value(sip::HeaderId::kTo).size() > kMaxAddress) return "To is too long";
    return {};
}

std::expected<sip::Uri, sip::Reason> route_uri(std::string_view route) {
    const auto address = sip::parse_name_addr(route);
    if (!address) return std::unexpected(address.error());
    return sip::Uri::parse(address->uri);
}

// A route without `lr` is a strict router's (§12.2.1.1, §16.12).
bool strict(const Dialog& dialog) {
    if (dialog.routes.empty()) return false;
    const auto first = route_uri(dialog.routes.front());
    return first && !first->lr();
}

// What a URI asks for (RFC 3261 §19.1.1, RFC 5630 §3.1.4); of one that it does not know, as of none.
std::optional<Transport> transport_of(const sip::Uri& uri) {
    if (uri.scheme == sip::UriScheme::kSips) return Transport::kTls;
    const auto value = uri.params.value("transport");
    for (const auto t : {Transport::kUdp, Transport::kTcp, Transport::kTls})
        if (sip::iequals(value, transport_name(t))) return t;
    return std::nullopt;
}

std::string_view uri_of(std::string_view route) {
    const auto address = sip::parse_name_addr(route);
    return address ? address->uri : std::string_view();
}

}  // namespace

std::expected<Dialog, sip::Reason> accept(const sip::Message& invite, std::string_view local_tag) {
    if (const auto reason = too_long(invite); !reason.empty()) return std::unexpected(reason);
    auto target = contact_uri(invite);
    if (!target) return std::unexpected(target.error());
    // A caller of RFC 2543, which has no tag either, is where From says (RFC 4475 §3.4.1).
    if (target->empty() && invite.from_tag().empty()) target = address_of(invite.from());
    if (target->empty()) return std::unexpected("Missing Contact header");  // §8.1.1.8: INVITE must have one
    auto routes = record_routes(invite);
    if (!routes) return std::unexpected(routes.error());
    Dialog d;
    d.set({.call_id = invite.call_id(),
           .local_tag = local_tag,
           .remote_tag = invite.from_tag(),
           .local = WithoutTag(invite.to()).view(),
           .remote = WithoutTag(invite.from()).view(),
           .remote_target = *target});
    d.routes = std::move(*routes);  // §12.1.1: in order
    d.remote_cseq = invite.cseq().number;
    return d;
}

Dialog make(std::string_view call_id, std::string_view local_tag, std::string_view local, std::string_view remote,
            std::string_view target, std::uint32_t cseq) {
    Dialog d;
    d.set({.call_id = call_id,
           .local_tag = local_tag,
           .remote_tag = {},
           .local = local,
           .remote = remote,
           .remote_target = target});
    d.local_cseq = cseq;
    return d;
}

void readdress(Dialog& dialog, const sip::Message& invite) {
    auto texts = dialog.texts();
    const WithoutTag local(invite.from());
    const WithoutTag remote(invite.to());
    texts.local = local.view();
    texts.remote = remote.view();
    texts.remote_target = invite.request_uri();
    dialog.set(texts);
}

std::expected<void, sip::Reason> establish(Dialog& dialog, const sip::Message& response) {
    if (response.to_tag().size() > kMaxIdentifier) return std::unexpected("To tag is too long");
    auto target = contact_uri(response);
    if (!target) return std::unexpected(target.error());
    if (target->empty() && response.status() >= 200) return std::unexpected("Missing Contact header");
    auto routes = record_routes(response);
    if (!routes) return std::unexpected(routes.error());
    std::ranges::reverse(*routes);  // §12.1.2: in reverse order
    auto texts = dialog.texts();
    texts.remote_tag = response.to_tag();
    if (!target->empty()) texts.remote_target = *target;
    dialog.set(texts);
    dialog.routes = std::move(*routes);
    return {};
}

std::expected<void, sip::Reason> refresh_target(Dialog& dialog, const sip::Message& message) {
    auto target = contact_uri(message);
    if (!target) return std::unexpected(target.error());
    if (!target->empty()) dialog.set_remote_target(*target);
    return {};
}

bool take_cseq(Dialog& dialog, std::uint32_t cseq) {
    // A retransmission never gets here, so the same number again is as old as a lower one.
    if (dialog.remote_cseq && cseq <= *dialog.remote_cseq) return false;
    dialog.remote_cseq = cseq;
    return true;
}

bool matches(const Dialog& dialog, const sip::Message& request) {
    return request.to_tag() == dialog.local_tag() && request.from_tag() == dialog.remote_tag() &&
           request.call_id() == dialog.call_id();
}

void begin_request(sip::MessageWriter& writer, const Dialog& dialog, const RequestLine& line) {
    const bool to_strict = strict(dialog);
    writer.request(line.method, to_strict ? uri_of(dialog.routes.front()) : dialog.remote_target());
    writer.header(sip::HeaderId::kVia, {line.via, ";rport;branch=", line.branch});
    writer.number(sip::HeaderId::kMaxForwards, line.max_forwards);
    for (std::size_t i = to_strict ? 1 : 0; i < dialog.routes.size(); ++i) {
        writer.header(sip::HeaderId::kRoute, dialog.routes[i]);
    }
    if (to_strict) writer.header(sip::HeaderId::kRoute, {"<", dialog.remote_target(), ">"});
    writer.header(sip::HeaderId::kFrom, {dialog.local(), ";tag=", dialog.local_tag()});
    // A peer of RFC 2543 may have no tag (§12.2.1.1).
    if (dialog.remote_tag().empty())
        writer.header(sip::HeaderId::kTo, dialog.remote());
    else
        writer.header(sip::HeaderId::kTo, {dialog.remote(), ";tag=", dialog.remote_tag()});
    writer.header(sip::HeaderId::kCallId, dialog.call_id());
    writer.header(sip::HeaderId::kCSeq, {Digits(line.cseq), " ", line.method});
}

std::optional<Hop> next_hop(const Dialog& dialog, IpFamily family) {
    const auto uri = sip::Uri::parse(dialog.routes.empty() ? dialog.remote_target() : uri_of(dialog.routes.front()));
    if (!uri || !uri->is_sip()) return std::nullopt;
    const auto address = uri->host.address();
    if (!address || address->family() != family || address->is_unspecified() || address->is_loopback() ||
        address->is_multicast())
        return std::nullopt;
    // A link-local one would need to say on which link (RFC 4007 §6); a mapped one is IPv4 under another name.
    if (address->is_v6() && (is_link_local(*address) || is_v4_mapped(*address))) return std::nullopt;
    const auto transport = transport_of(*uri);
    const auto port = uri->host.port != 0 ? uri->host.port : default_port(transport.value_or(Transport::kUdp));
    return Hop{Endpoint(*address, port), transport};
}

void write(ByteWriter& out, const Dialog& d, const Ids& known) {
    const auto t = d.texts();
    const bool same = t.call_id == known.call_id && t.local_tag == known.local_tag && t.remote_tag == known.remote_tag;
    out.u8(same ? 1 : 0);
    if (!same)
        for (const auto text : {t.call_id, t.local_tag, t.remote_tag}) out.text(text);
    for (const auto text : {t.local, t.remote, t.remote_target}) out.text(text);
    out.number(static_cast<std::uint32_t>(d.routes.size()));
    for (const auto& route : d.routes) out.text(route);
    out.number(d.local_cseq);
    out.u8(d.remote_cseq ? 1 : 0);
    if (d.remote_cseq) out.number(*d.remote_cseq);
}

Dialog read_dialog(ByteReader& in, const Ids& known) {
    Dialog d;
    Dialog::Texts t;
    t.call_id = known.call_id;
    t.local_tag = known.local_tag;
    t.remote_tag = known.remote_tag;
    if (in.u8() == 0)
        for (auto* text : {&t.call_id, &t.local_tag, &t.remote_tag}) *text = in.text();
    for (auto* text : {&t.local, &t.remote, &t.remote_target}) *text = in.text();
    d.set(t);
    const auto routes = in.number();
    for (std::size_t i = 0; i < routes && i < kMaxExportedRoutes && !in.failed(); ++i) d.routes.emplace_back(in.text());
    d.local_cseq = in.number();
    if (in.u8() != 0) d.remote_cseq = in.number();
    return d;
}

}  // namespace sallyport::dialog
