#include "controlplane/net/stream_connection.h"

#include <algorithm>
#include <span>

namespace sallyport::net {

bool StreamTransport::Connection::on_frame(const sip::Frame& frame) {
    auto& counters = owner.counters_;
    const auto now = owner.loop_.now().instant;
    using Kind = sip::Frame::Kind;
    switch (frame.kind) {
        case Kind::kMessage:
            ++counters.received;
            had_message = true;
            crlfs = 0;
            last_message = now;
            owner.handlers_.on_message(path, std::as_bytes(std::span(frame.bytes)));
            break;
        case Kind::kCrlf:
            if (++crlfs < 2) break;
            crlfs = 0;
            if (had_message) last_message = now;  // it is wanted for what may come (RFC 5626 §3.5)
            // RFC 5626 §4.4.1. Whoever does not read them gets no more.
            if (unwritten() != 0) break;
            ++counters.pings;
            out += "\r\n";
            owner.to_write(*this);
            break;
        case Kind::kLast: owner.handlers_.on_unframed(path, frame); break;
        case Kind::kLost:
            ++counters.lost_sync;
            closing = true;
            break;
    }
    return !closing;
}

// The first bound that would strike if nothing happened.
Instant StreamTransport::Connection::deadline() const {
    const auto& limits = owner.limits_;
    if (shut || closing) return progress + limits.last_word;
    if (connecting) return began + limits.connect;
    if (shaking) return began + limits.handshake;
    auto first = last_message + limits.idle;
    if (accepted && !had_message) first = std::min(first, began + limits.first_message);
    if (message_began != kNever) first = std::min(first, message_began + limits.message);
    if (unwritten() != 0) first = std::min(first, progress + limits.write);
    return first;
}

}  // namespace sallyport::net
