// The values of SIP headers one by one: URIs, addresses, Via, parameters, lists, quoting. The first byte of the input
// chooses the reader.
//
// Oracles: what is written from what was read is read again as the same; comparison is reflexive and symmetric; a value
// that we quote or escape has no end before its end.

#include <string>
#include <string_view>

#include "controlplane/sip/headers.h"
#include "controlplane/sip/multipart.h"
#include "controlplane/sip/response_template.h"
#include "controlplane/sip/uri.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::sip {
namespace {

using fuzz::within;

void check_host(const HostPort& host) {
    FUZZ_CHECK(!host.host.empty());
    FUZZ_CHECK((host.kind == HostKind::kName) == !host.address().has_value());
    std::string written;
    append_host_port(written, host.host, host.port);
    const auto again = parse_host_port(written);
    FUZZ_CHECK(again && again->host == host.host && again->port == host.port && again->kind == host.kind);
    FUZZ_CHECK(same_host(host.host, again->host));
}

void uri(std::string_view text) {
    const auto u = Uri::parse(text);
    if (!u) return;
    FUZZ_CHECK(equivalent(*u, *u));
    // The same bytes elsewhere: not even the short cut of the same view may be what makes it equal.
    const std::string copied(text);
    const auto copy = Uri::parse(copied);
    FUZZ_CHECK(copy && equivalent(*u, *copy) && equivalent(*copy, *u));
    if (!u->is_sip()) return;
    check_host(u->host);
    FUZZ_CHECK(u->has_user == !u->user.empty());
    std::string written;
    append_rewritten(written, *u,
                     {.host = u->host.host, .port = u->host.port, .keep_password = true, .keep_headers = true});
    const auto again = Uri::parse(written);
    FUZZ_CHECK(again.has_value());
    FUZZ_CHECK(again->user == u->user && again->password == u->password && again->headers == u->headers);
    FUZZ_CHECK(equivalent(*u, *again) && equivalent(*again, *u));
    // What hides: nothing but the user is left.
    written.clear();
    append_rewritten(written, *u, {.host = "gate.example", .keep_params = false});
    const auto hidden = Uri::parse(written);
    FUZZ_CHECK(hidden && hidden->host.host == "gate.example" && hidden->user == u->user && !hidden->has_password);
    FUZZ_CHECK(hidden->params.empty() && hidden->headers.empty());
}

void two_uris(std::string_view text) {
    const auto half = text.find('\n');
    if (half == std::string_view::npos) return;
    const auto a = Uri::parse(text.substr(0, half));
    const auto b = Uri::parse(text.substr(half + 1));
    if (a && b) FUZZ_CHECK(equivalent(*a, *b) == equivalent(*b, *a));
}

void name_addr(std::string_view text) {
    const auto n = parse_name_addr(text);
    if (!n) return;
    FUZZ_CHECK(within(n->raw, text) && within(n->uri, n->raw) && within(n->display, n->raw));
    FUZZ_CHECK(n->bracketed || n->display.empty());
    FUZZ_CHECK(n->raw == trim(text));
    const auto again = parse_name_addr(n->raw);
    FUZZ_CHECK(again && again->uri == n->uri && again->display == n->display && again->tag() == n->tag());
}

void via(std::string_view text) {
    const auto v = parse_via(text);
    if (!v) return;
    check_host(v->sent_by);
    FUZZ_CHECK(v->has_rport || v->rport == 0);
    const Endpoint source(IpAddress::v4(0xC000020AU), 5099);
    std::string written;
    append_via_received(written, *v, source);
    const auto again = parse_via(written);
    FUZZ_CHECK(again && again->branch == unfolded(v->branch) && again->transport == v->transport);
    FUZZ_CHECK(again->sent_by.host == v->sent_by.host && again->sent_by.port == v->sent_by.port);
    FUZZ_CHECK(again->has_rport == v->has_rport && (!v->has_rport || again->rport == source.port));
    const bool same = !v->has_rport && v->sent_by.address() == source.address;
    FUZZ_CHECK(again->received == (same ? "" : "192.0.2.10"));
    FUZZ_CHECK(written.find_first_of("\r\n") == std::string::npos);
}

void lists(std::string_view text) {
    for (const auto comments : {Comments::kNone, Comments::kSkip}) {
        const char* end = text.data();
        for (const std::string_view element : CommaList(text, comments)) {
            FUZZ_CHECK(!element.empty() && within(element, text) && element == trim(element));
            FUZZ_CHECK(element.data() >= end);  // in order, without overlap
            end = element.data() + element.size();
        }
    }
    const ParamList params(text);
    const char* end = text.data();
    int budget = 64;
    for (const Param& p : params) {
        FUZZ_CHECK(!p.raw.empty() && within(p.raw, text) && p.raw.data() >= end);
        FUZZ_CHECK(within(p.name, p.raw) && within(p.value, p.raw) && (p.has_value || p.value.empty()));
        end = p.raw.data() + p.raw.size();
        if (--budget >= 0) FUZZ_CHECK(params.has(p.name));
    }
}

void quoting(std::string_view text) {
    std::string quoted;
    append_quoted(quoted, text);
    FUZZ_CHECK(unquoted(quoted) == text);
    FUZZ_CHECK(find_outside(quoted, '\x01') == quoted.size());  // it ends where it ends
    std::string escaped;
    append_user_escaped(escaped, text);
    FUZZ_CHECK(unescaped(escaped) == text);
    if (!text.empty()) {
        const auto whole = "sip:" + escaped + "@gate.example";
        const auto u = Uri::parse(whole);
        FUZZ_CHECK(u && u->user == escaped && u->host.host == "gate.example");
    }
    (void)unquoted(text);
    FUZZ_CHECK(unescaped(text).size() <= text.size());
    FUZZ_CHECK(unfolded(text).size() <= text.size() + 1);
    FUZZ_CHECK(trim(trim(text)) == trim(text));
}

void small(std::string_view text) {
    if (const auto c = parse_cseq(text))
        FUZZ_CHECK(is_token(c->method_text) && method_of(c->method_text) == c->method &&
                   (c->method == Method::kOther || method_name(c->method) == c->method_text));
    if (const auto r = parse_rack(text)) FUZZ_CHECK(is_token(r->cseq.method_text));
    if (const auto t = parse_media_type(text)) FUZZ_CHECK(t->is(t->type, t->subtype) && !t->type.empty());
    if (const auto r = parse_reason(text)) FUZZ_CHECK(!r->protocol.empty() && within(r->text, text));
    (void)parse_delta_seconds(text);
    if (const auto h = parse_host_port(text)) check_host(*h);
    if (const auto h = parse_host_port(text, true)) check_host(*h);
    if (const auto n = parse_number(text)) FUZZ_CHECK(parse_number(std::to_string(*n)) == n);
    const auto id = header_id(text);
    if (id != HeaderId::kOther) FUZZ_CHECK(header_id(header_name(id)) == id);
    if (const auto a = IpAddress::parse(text)) FUZZ_CHECK(IpAddress::parse(a->text()) == a);
    if (const auto e = Endpoint::parse(text)) FUZZ_CHECK(Endpoint::parse(e->text()) == e);
    if (const auto p = IpPrefix::parse(text)) FUZZ_CHECK(IpPrefix::parse(p->text()) == p);
}

void multipart(std::string_view text) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return;
    const auto body = text.substr(end + 1);
    const auto parts = parse_multipart(body, text.substr(0, end));
    if (!parts) return;
    FUZZ_CHECK(!parts->empty() && parts->size() <= kMaxParts);
    const char* at = body.data();
    for (const auto& p : *parts) {
        FUZZ_CHECK(within(p.body, body) && within(p.type, body) && within(p.disposition, body));
        if (p.body.empty()) continue;
        FUZZ_CHECK(p.body.data() >= at);
        at = p.body.data() + p.body.size();
    }
}

}  // namespace
}  // namespace sallyport::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::sip;
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (*data % 8) {
        case 0: uri(text); break;
        case 1: two_uris(text); break;
        case 2: name_addr(text); break;
        case 3: via(text); break;
        case 4: lists(text); break;
        case 5: quoting(text); break;
        case 6: small(text); break;
        case 7: multipart(text); break;
        default: break;
    }
    return 0;
}
