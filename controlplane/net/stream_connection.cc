#include "controlplane/net/stream_connection.h"

#include <algorithm>
#include <span>

namespace sallyport::net {

namespace {

constexpr std::uint16_t kTooLarge = 513;
constexpr Duration kLastWord = std::chrono::seconds(1);  // for what is to be written before it is closed
// Answers to pings: as many in so long. Clients send one in 24 s or more (RFC 5626 §4.4.1).
constexpr unsigned kPongs = 4;
constexpr Duration kPongTime = std::chrono::seconds(1);

}  // namespace

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
        case Kind::kCrlf: on_crlf(now); break;
        case Kind::kLast: owner.handlers_.on_unframed(path, frame); break;
        case Kind::kLost:
            ++(frame.status == kTooLarge ? counters.too_large : counters.lost_sync);
            closing = true;
            break;
    }
    return !closing;
}

// RFC 5626 §3.5.1: two are a ping, one is a pong for whoever waits for it.
void StreamTransport::Connection::on_crlf(Instant now) {
    if (pong_due != kNever) {
        pong_due = kNever;
        crlfs = 0;
        last_message = now;
        return plan_ping(now);
    }
    if (++crlfs < 2) return;
    crlfs = 0;
    if (had_message) last_message = now;  // it is wanted for what may come (RFC 5626 §3.5)
    if (now - pongs_since >= kPongTime) {
        pongs_since = now;
        pongs = 0;
    }
    // Whoever does not read them gets no more.
    if (unwritten() != 0 || pongs >= kPongs) {
        ++owner.counters_.pings_unanswered;
        return;
    }
    ++pongs;
    ++owner.counters_.pings;
    out += "\r\n";
    owner.to_write(*this);
}

// RFC 5626 §4.4.1: between 80 and 100 % of the time, so that those which began together do not stay so.
void StreamTransport::Connection::plan_ping(Instant now) {
    if (keep_alive == Duration::zero()) return;
    constexpr std::uint64_t kSpread = 1'000;
    constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15;
    const auto at = ((path.connection + written) * kMix >> 32) % kSpread;
    next_ping = now + keep_alive * 4 / 5 + keep_alive / 5 * static_cast<std::int64_t>(at) / kSpread;
}

Instant StreamTransport::Connection::deadline() const {
    const auto& limits = owner.limits_;
    if (shut || closing) return progress + kLastWord;
    if (connecting) return began + limits.connect;
    if (shaking) return began + limits.handshake;
    auto first = last_message + limits.idle;
    if (accepted && !had_message) first = std::min(first, began + limits.first_message);
    if (message_began != kNever) first = std::min(first, message_began + limits.message);
    if (unwritten() != 0) first = std::min(first, progress + limits.write);
    first = std::min(first, next_ping);
    // A message that is being received when a pong is due has its own time first.
    if (message_began == kNever) first = std::min(first, pong_due);
    return first;
}

}  // namespace sallyport::net
