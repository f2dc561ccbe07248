#include "controlplane/sip/stream_framer.h"

#include <algorithm>
#include <optional>

#include "controlplane/sip/header_id.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/text.h"

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::size_t kKeptCapacity = 4096;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

// As Message::parse tells a start line, broken ones included: these deserve their 400. What has no version of SIP at
// its end is of another protocol.
bool is_start_line(std::string_view line) {
    while (line.ends_with(' ')) line.remove_suffix(1);
    if (iequals(line.substr(0, 4), "SIP/")) return true;
    const auto last = line.rfind(' ');
    return last != kNone && iequals(line.substr(last + 1, 4), "SIP/");
}

struct BodyLength {
    std::size_t bytes = 0;
    std::uint16_t status = 0;  // 0: known
    Reason reason;
};

// Of a head from its start line to its empty line. Fields are told apart as Message::add_field does it, in a number
// without bound: a second Content-Length behind many other fields counts as well.
BodyLength body_length(std::string_view head, std::size_t max_size) {
    std::optional<std::string_view> found;
    auto at = head.find("\r\n") + 2;
    while (at + 2 < head.size()) {
        auto end = head.find("\r\n", at);
        while (end + 2 < head.size() && (head[end + 2] == ' ' || head[end + 2] == '\t'))
            end = head.find("\r\n", end + 2);
        const auto field = head.substr(at, end - at);
        at = end + 2;
        std::size_t n = 0;
        while (n < field.size() && is_token_char(field[n])) ++n;
        auto colon = n;
        while (colon < field.size() && (field[colon] == ' ' || field[colon] == '\t')) ++colon;
        if (n == 0 || colon == field.size() || field[colon] != ':') continue;
        if (header_id(field.substr(0, n)) != HeaderId::kContentLength) continue;
        const auto value = trim(field.substr(colon + 1));
        if (found && *found != value) return {0, 400, "Duplicate Content-Length header"};
        found = value;
    }
    if (!found) return {0, 400, "Missing Content-Length header"};
    const auto length = parse_number(*found);
    if (!length) return {0, 400, "Malformed Content-Length header"};
    if (*length > max_size - head.size()) return {0, 513, "Message Too Large"};
    return {*length, 0, {}};
}

}  // namespace

void StreamFramer::lose(FrameSink& sink, Reason why, std::uint16_t status) {
    over_ = true;
    sink.on_frame({Frame::Kind::kLost, {}, status, why});
}

bool StreamFramer::feed(std::string_view bytes, FrameSink& sink) {
    if (over_) return false;
    if (pending_.empty()) {
        bytes.remove_prefix(take(bytes, sink));
        pending_.assign(bytes);
    } else {
        pending_ += bytes;
        pending_.erase(0, take(pending_, sink));
    }
    if (over_) pending_.clear();
    // What a large message needed is not kept for the small ones that follow, nor for the first byte of the next.
    if (pending_.capacity() > kKeptCapacity && pending_.size() < pending_.capacity() / 4) pending_.shrink_to_fit();
    return !over_;
}

// How far `bytes` were taken: what is left begins a message that is not whole.
std::size_t StreamFramer::take(std::string_view bytes, FrameSink& sink) {
    std::size_t at = 0;
    while (!over_ && at < bytes.size()) {
        const auto rest = bytes.substr(at);
        const bool crlf = !line_seen_ && rest.front() == '\r';
        const auto length = crlf ? take_crlf(rest, sink) : find_end(rest, sink);
        if (over_ || length == 0 || length > rest.size()) break;
        at += length;
        if (crlf) continue;
        length_ = looked_at_ = 0;
        line_seen_ = false;
        if (!sink.on_frame({Frame::Kind::kMessage, rest.substr(0, length), 0, {}})) over_ = true;
    }
    return at;
}

std::size_t StreamFramer::take_crlf(std::string_view rest, FrameSink& sink) {
    if (rest.size() == 1) return 0;
    if (rest[1] != '\n') {
        lose(sink, "Bare CR between messages");
    } else if (!sink.on_frame({Frame::Kind::kCrlf, rest.substr(0, 2), 0, {}})) {
        over_ = true;
    }
    return 2;
}

// The length of the message at the start of `rest`; 0: not known yet.
std::size_t StreamFramer::find_end(std::string_view rest, FrameSink& sink) {
    if (length_ != 0) return length_;
    if (!line_seen_) {
        // Methods, and "SIP", begin with a character of a token; a handshake of TLS does not.
        const auto end = rest.find("\r\n", looked_at_);
        if (!is_token_char(rest.front()) || (end != kNone && !is_start_line(rest.substr(0, end)))) {
            lose(sink, "No SIP");
            return 0;
        }
        line_seen_ = end != kNone;
        looked_at_ = line_seen_ ? end : rest.size() - (rest.ends_with('\r') ? 1 : 0);
    }
    const auto end = line_seen_ ? rest.find(kEndOfHead, looked_at_) : kNone;
    if (std::min(end, rest.size()) > max_size_ - kEndOfHead.size()) {
        if (end != kNone || rest.size() > max_size_) lose(sink, "Header section too large", 513);
    }
    if (over_) return 0;
    if (end == kNone) {
        if (line_seen_) looked_at_ = std::max(looked_at_, rest.size() - std::min(rest.size(), kEndOfHead.size() - 1));
        return 0;
    }
    const auto head = rest.substr(0, end + kEndOfHead.size());
    const auto body = body_length(head, max_size_);
    if (body.status == 0) return length_ = head.size() + body.bytes;
    if (sink.on_frame({Frame::Kind::kLast, head, body.status, body.reason})) lose(sink, body.reason, body.status);
    over_ = true;
    return 0;
}

}  // namespace sallyport::sip
