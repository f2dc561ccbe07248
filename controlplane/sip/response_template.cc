#include "controlplane/sip/response_template.h"

#include <array>
#include <charconv>

namespace sallyport::sip {
namespace {

void append_line(std::string& out, const HeaderField& field) {
    out += field.line;
    out += "\r\n";
}

void append_lines(std::string& out, const Message& message, HeaderId id) {
    for (const auto* field = message.find(id); field; field = message.next(*field)) append_line(out, *field);
}

// The top element anew, the other elements of its field and the other fields as they came.
void append_vias(std::string& out, const Message& request, const Endpoint& source) {
    const auto& via = request.top_via();
    const auto* field = request.find(HeaderId::kVia);
    if (!via.raw.empty()) {
        // A field without an element may stand before the one that has it: it says nothing, and is left out.
        const auto holds = [&](const HeaderField& f) {
            return via.raw.data() >= f.line.data() && via.raw.data() < f.line.data() + f.line.size();
        };
        while (field && !holds(*field)) field = request.next(*field);
        if (!field) return;
        out += "Via: ";
        append_via_received(out, via, source);
        out.append(via.raw.data() + via.raw.size(), field->line.data() + field->line.size());
        out += "\r\n";
        field = request.next(*field);
    }
    for (; field; field = request.next(*field)) append_line(out, *field);
}

}  // namespace

void append_via_received(std::string& out, const Via& via, const Endpoint& source) {
    const auto size = via.params.text().empty() ? via.raw.size()
                                                : static_cast<std::size_t>(via.params.text().data() - via.raw.data());
    append_unfolded(out, trim(via.raw.substr(0, size)));
    for (const Param& p : via.params) {
        if (iequals(p.name, "received") || iequals(p.name, "rport")) continue;
        out += ';';
        append_unfolded(out, p.raw);
    }
    // RFC 3261 §18.2.1: when sent-by is a name or another address; RFC 3581 §4: always beside rport.
    if (via.has_rport || via.sent_by.address() != source.address) {
        out += ";received=";
        std::array<char, IpAddress::kMaxText> text;
        out.append(text.data(), source.address.write(text.data()));
    }
    if (via.has_rport) {
        std::array<char, 5> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), source.port).ptr;
        out += ";rport=";
        out.append(digits.data(), end);
    }
}

Endpoint response_target(const Via& via, const Endpoint& source) {
    if (via.has_rport) return source;
    return sent_by_target(via, source, Transport::kUdp);
}

Endpoint sent_by_target(const Via& via, const Endpoint& source, Transport transport) {
    return {source.address, via.sent_by.port != 0 ? via.sent_by.port : default_port(transport)};
}

void ResponseTemplate::assign(const Message& request, const Endpoint& source) {
    const auto mark = [this] { return static_cast<std::uint32_t>(buffer_.size()); };
    constexpr std::size_t kUsual = 512;
    buffer_.clear();
    buffer_.reserve(kUsual);
    append_vias(buffer_, request, source);
    append_lines(buffer_, request, HeaderId::kFrom);
    to_at_ = mark();
    if (const auto* to = request.find(HeaderId::kTo)) buffer_ += to->line;
    call_id_at_ = mark();
    append_lines(buffer_, request, HeaderId::kCallId);
    append_lines(buffer_, request, HeaderId::kCSeq);
    record_route_at_ = mark();
    append_lines(buffer_, request, HeaderId::kRecordRoute);
    timestamp_at_ = mark();
    append_lines(buffer_, request, HeaderId::kTimestamp);
    has_to_tag_ = !request.to_tag().empty();
}

void ResponseTemplate::clear() {
    std::string().swap(buffer_);
    to_at_ = call_id_at_ = record_route_at_ = timestamp_at_ = 0;
    has_to_tag_ = false;
}

void ResponseTemplate::begin(MessageWriter& writer, unsigned status, std::string_view reason,
                             std::string_view to_tag) const {
    writer.response(status, reason);
    writer.copy_lines(part(0, to_at_));
    if (const auto to = part(to_at_, call_id_at_); !to.empty()) {
        if (to_tag.empty() || has_to_tag_)
            writer.copy_line(to, {});
        else
            writer.copy_line(to, {";tag=", to_tag});
    }
    writer.copy_lines(part(call_id_at_, record_route_at_));
    // RFC 3261 §12.1.1 asks for it where a dialog is made; a 100 makes none, nor does a failure.
    if (status > 100 && status < 300) writer.copy_lines(part(record_route_at_, timestamp_at_));
    if (status == 100) writer.copy_lines(part(timestamp_at_, static_cast<std::uint32_t>(buffer_.size())));
}

}  // namespace sallyport::sip
