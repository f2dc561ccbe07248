// A datagram as a SIP message: parsed, each header read by whoever reads it, written anew and answered.
//
// Oracles: views lie in the datagram; chains of fields and the table agree; what was parsed and written again means the
// same; the answer to a request, also to a malformed one, is a message that finds its transaction.

#include <memory>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "controlplane/sip/multipart.h"
#include "controlplane/sip/response_template.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::sip {
namespace {

using fuzz::within;

void check_params(const ParamList& params, std::string_view whole) {
    int budget = 64;
    for (const Param& p : params) {
        FUZZ_CHECK(within(p.raw, whole) && within(p.name, p.raw) && within(p.value, p.raw));
        FUZZ_CHECK(!p.raw.empty());
        if (--budget < 0) break;  // find() is linear
        FUZZ_CHECK(params.has(p.name));
    }
}

void check_uri(std::string_view text) {
    const auto uri = Uri::parse(text);
    if (!uri) {
        FUZZ_CHECK(!uri.error().empty());
        return;
    }
    FUZZ_CHECK(within(uri->user, text) && within(uri->host.host, text) && within(uri->opaque, text));
    check_params(uri->params, text);
    FUZZ_CHECK(!uri->is_sip() || !uri->host.host.empty());
}

void check_name_addr(std::string_view element) {
    const auto n = parse_name_addr(element);
    if (!n) {
        FUZZ_CHECK(!n.error().empty());
        return;
    }
    FUZZ_CHECK(within(n->display, element) && within(n->uri, element));
    check_params(n->params, element);
    check_uri(n->uri);
}

void check_via(std::string_view element) {
    const auto via = parse_via(element);
    if (!via) {
        FUZZ_CHECK(!via.error().empty());
        return;
    }
    FUZZ_CHECK(within(via->raw, element) && within(via->branch, element) && within(via->received, element));
    FUZZ_CHECK(!via->transport.empty() && !via->sent_by.host.empty());
    check_params(via->params, element);
}

// By whoever reads such a header in the product; the others only as lists.
void check_header(const Message& m, HeaderId id) {
    int budget = 64;
    for (const std::string_view element : m.values(id)) {
        FUZZ_CHECK(!element.empty() && within(element, m.bytes()));
        if (--budget < 0) break;
        switch (id) {
            case HeaderId::kVia: check_via(element); break;
            case HeaderId::kReason: (void)parse_reason(element); break;
            case HeaderId::kRAck: (void)parse_rack(element); break;
            case HeaderId::kCSeq: (void)parse_cseq(element); break;
            case HeaderId::kContentType: (void)parse_media_type(element); break;
            case HeaderId::kExpires:
            case HeaderId::kMinSe:
            case HeaderId::kSessionExpires:
            case HeaderId::kRetryAfter: (void)parse_delta_seconds(element); break;
            case HeaderId::kContact:
            case HeaderId::kRoute:
            case HeaderId::kRecordRoute:
            case HeaderId::kPAssertedIdentity:
            case HeaderId::kDiversion:
            case HeaderId::kReferTo: check_name_addr(element); break;
            default: (void)m.lists(id, element);
        }
    }
}

void check_fields(const Message& m) {
    std::size_t chained = 0;
    for (std::size_t i = 1; i < kHeaderIds; ++i) {  // those without an id are not chained
        const auto id = static_cast<HeaderId>(i);
        const HeaderField* before = nullptr;
        for (const auto* f = m.find(id); f != nullptr; f = m.next(*f)) {
            FUZZ_CHECK(f->id == id && f > before);
            before = f;
            ++chained;
        }
        if (before != nullptr) check_header(m, id);
    }
    for (const auto& f : m.fields()) {
        chained += f.id == HeaderId::kOther ? 1 : 0;
        FUZZ_CHECK(within(f.line, m.bytes()) && within(f.value, f.line));
        FUZZ_CHECK(is_token(f.name()) && m.find(f.name()) != nullptr);
    }
    FUZZ_CHECK(chained == m.fields().size());
}

void check_multipart(const Message& m) {
    const auto type = parse_media_type(m.value(HeaderId::kContentType));
    if (!type || !iequals(type->type, "multipart")) return;
    const auto parts = parse_multipart(m.body(), type->params.value("boundary"));
    if (!parts) return;
    FUZZ_CHECK(!parts->empty() && parts->size() <= kMaxParts);
    for (const auto& p : *parts)
        FUZZ_CHECK(within(p.body, m.body()) && within(p.type, m.body()) && within(p.disposition, m.body()));
}

// The same start line, fields and body by our writer: a reader sees what we saw.
void check_round_trip(const Message& m, Message& again, MessageWriter& writer) {
    if (m.fields().size() + 2 > Message::kMaxFields) return;  // no room for the two that the writer adds
    if (m.is_request())
        writer.request(m.method_text(), m.request_uri());
    else
        writer.response(m.status(), m.reason());
    // These two are the writer's own.
    const auto copied = [&m](const HeaderField& f) {
        return f.id != HeaderId::kContentLength && (f.id != HeaderId::kContentType || m.body().empty());
    };
    for (const auto& f : m.fields())
        if (copied(f)) writer.copy(f);
    const std::string_view bytes =
        m.body().empty() ? writer.finish() : writer.finish(m.value(HeaderId::kContentType), m.body());
    FUZZ_CHECK(!bytes.empty());
    FUZZ_CHECK(again.parse(bytes).has_value());
    FUZZ_CHECK(again.is_request() == m.is_request() && again.method() == m.method());
    FUZZ_CHECK(again.request_uri() == m.request_uri() && again.status() == m.status());
    FUZZ_CHECK(again.call_id() == m.call_id() && again.from_tag() == m.from_tag() && again.to_tag() == m.to_tag());
    FUZZ_CHECK(again.cseq().number == m.cseq().number && again.max_forwards() == m.max_forwards());
    FUZZ_CHECK(again.top_via().raw == m.top_via().raw && again.body() == m.body());
    std::size_t i = 0;
    for (const auto& f : m.fields()) {
        if (!copied(f)) continue;
        FUZZ_CHECK(again.fields()[i].line == f.line && again.fields()[i].id == f.id);
        ++i;
    }
    FUZZ_CHECK(again.fields().size() == i + (m.body().empty() ? 1 : 2));
}

void check_answer(const Message& m, bool whole, Message& again, MessageWriter& writer, ResponseTemplate& kept) {
    const Endpoint source(IpAddress::v4(0xC000020AU), 5099);
    kept.assign(m, source);
    kept.begin(writer, 400, "Bad Request", "gate-tag");
    const std::string_view bytes = writer.finish();
    if (bytes.empty()) {
        FUZZ_CHECK(m.bytes().size() > MessageWriter::kMaxSize - 1024);
        return;
    }
    const auto parsed = again.parse(bytes);
    FUZZ_CHECK(again.is_response() && again.status() == 400);
    FUZZ_CHECK(!again.top_via().raw.empty() && again.top_via().branch == m.top_via().branch);
    FUZZ_CHECK(!m.top_via().has_rport || again.top_via().rport == source.port);
    FUZZ_CHECK(response_target(m.top_via(), source).address == source.address);
    if (!whole) return;
    FUZZ_CHECK(parsed.has_value());
    FUZZ_CHECK(again.call_id() == m.call_id() && again.cseq().number == m.cseq().number);
    FUZZ_CHECK(again.method() == m.method() && again.from_tag() == m.from_tag());
    FUZZ_CHECK(again.to_tag() == (m.to_tag().empty() ? std::string_view("gate-tag") : m.to_tag()));
}

struct Buffers {
    Message message;
    Message again;
    MessageWriter writer;
    ResponseTemplate kept;
};

void run(std::string_view datagram) {
    // Reused, as the product reuses them: what is left of the message before must not show.
    static const std::unique_ptr<Buffers> buffers = std::make_unique<Buffers>();
    auto& [m, again, writer, kept] = *buffers;
    const auto parsed = m.parse(datagram);
    check_fields(m);
    check_multipart(m);
    FUZZ_CHECK(within(m.body(), datagram) && within(m.call_id(), datagram) && within(m.reason(), datagram));
    if (parsed) {
        FUZZ_CHECK(!m.call_id().empty() && !m.top_via().raw.empty() && !m.from().uri.empty() && !m.to().uri.empty());
        FUZZ_CHECK(m.is_response() || is_token(m.method_text()));
        check_round_trip(m, again, writer);
    } else {
        FUZZ_CHECK(parsed.error().status == 400 || parsed.error().status == 505);
        FUZZ_CHECK(!parsed.error().reason.empty());
    }
    if (m.is_request() && (parsed || parsed.error().answerable))
        check_answer(m, parsed.has_value(), again, writer, kept);
}

}  // namespace
}  // namespace sallyport::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sallyport::sip::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
