#include "controlplane/policy/message_edit.h"

#include <algorithm>
#include <utility>

namespace sallyport::policy {

namespace {

using sip::HeaderId;

bool is_least(HeaderId id) {
    switch (id) {
        case HeaderId::kVia:
        case HeaderId::kFrom:
        case HeaderId::kTo:
        case HeaderId::kCallId:
        case HeaderId::kCSeq:
        case HeaderId::kMaxForwards:
        case HeaderId::kContact:
        case HeaderId::kRoute:
        case HeaderId::kRecordRoute:
        case HeaderId::kRequire:
        case HeaderId::kProxyRequire:
        case HeaderId::kRSeq:
        case HeaderId::kRAck:
        case HeaderId::kEvent:
        case HeaderId::kSubscriptionState:
        case HeaderId::kExpires:
        case HeaderId::kContentType:
        case HeaderId::kContentEncoding:
        case HeaderId::kContentDisposition:
        case HeaderId::kMimeVersion:
        case HeaderId::kContentLength: return true;
        default: return false;
    }
}

}  // namespace

bool has_control(std::string_view value) {
    return std::ranges::any_of(value,
                               [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

HeaderKey HeaderKey::of(std::string_view name) {
    const auto id = sip::header_id(name);
    return {id, std::string(id == HeaderId::kOther ? name : sip::header_name(id))};
}

void MessageEdit::assign(const sip::Message& message) {
    using sip::Method;
    message_ = &message;
    request_uri_ = message.request_uri();
    lines_.clear();
    texts_.clear();
    added_ = taken_ = looked_ = 0;
    changes_ = 0;
    begins_dialog_ = message.is_request() && message.to_tag().empty() && message.method() != Method::kAck &&
                     message.method() != Method::kCancel;
    for (const auto& field : message.fields()) {
        const bool folded = field.value.find_first_of("\r\n") != std::string_view::npos;
        const auto value = folded ? keep(sip::unfolded(field.value)) : field.value;
        Line line{field.id, field.name(), value, field.line, field.name(), false};
        // A name has no escapes (RFC 3261 §25.1), but '%' is a character of tokens, and somebody may resolve them.
        if (line.id == HeaderId::kOther && line.name.find('%') != std::string_view::npos) {
            line.name = keep(sip::unescaped(line.name));
            line.id = sip::header_id(line.name);
        }
        lines_.push_back(line);
    }
}

void MessageEdit::set_request_uri(std::string uri) {
    taken_ += request_uri_.size();
    added_ += uri.size();
    request_uri_ = keep(std::move(uri));
    ++changes_;
}

void MessageEdit::set_value(Line& line, std::string value) {
    taken_ += line.value.size();
    added_ += value.size();
    line.value = keep(std::move(value));
    line.raw = {};
    ++changes_;
}

void MessageEdit::remove(Line& line) {
    taken_ += line.value.size();
    line.removed = true;
    ++changes_;
}

void MessageEdit::add(const HeaderKey& key, std::string value) {
    added_ += key.name.size() + value.size() + 4;
    lines_.push_back({key.id, key.name, keep(std::move(value)), {}, key.name, false});
    ++changes_;
}

std::size_t MessageEdit::fields() const {
    return static_cast<std::size_t>(std::ranges::count(lines_, false, &Line::removed));
}

void MessageEdit::write_start(std::string& out, std::string_view uri) const {
    out.clear();
    if (message_->is_request()) {
        out.append(message_->method_text()).append(" ").append(uri).append(" SIP/2.0\r\n");
    } else {
        out.append("SIP/2.0 ").append(std::to_string(message_->status())).append(" ");
        out.append(message_->reason()).append("\r\n");
    }
}

void MessageEdit::write(std::string& out) const {
    write_start(out, request_uri_);
    for (const auto& line : lines_) {
        if (line.removed) continue;
        if (line.raw.empty())
            out.append(line.token).append(": ").append(line.value);
        else
            out.append(line.raw);
        out.append("\r\n");
    }
    out.append("\r\n").append(message_->body());
}

void MessageEdit::write_least(std::string& out) const {
    write_start(out, message_->request_uri());
    for (const auto& field : message_->fields())
        if (is_least(field.id)) out.append(field.line).append("\r\n");
    out.append("\r\n").append(message_->body());
}

}  // namespace sallyport::policy
