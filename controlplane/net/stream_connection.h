#pragma once
// One connection of StreamTransport: what is known of it, the part of a message that waits for its rest, and what
// waits to be written. Only for the files of StreamTransport.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/net/stream_socket.h"
#include "controlplane/net/stream_transport.h"
#include "controlplane/sip/stream_framer.h"
#include "controlplane/transaction/send_queue.h"
#include "platform/base/time.h"

namespace sallyport::net {

struct StreamTransport::Connection final : sip::FrameSink {
    struct Waiting {
        std::uint64_t end = 0;  // of all that was ever written: it is gone when so much is
        transaction::SendQueue::Entry entry;
    };

    StreamTransport& owner;
    StreamSocket socket;
    transaction::Path path;   // with its number
    std::uint16_t alias = 0;  // RFC 5923: it leads to this port, too
    bool accepted = false;
    bool connecting = false;
    bool shaking = false;  // hands, of TLS
    bool closing = false;  // nothing is read as messages any more; what waits to be written still goes
    bool shut = false;     // and it has gone
    bool had_message = false;
    bool queued_to_write = false;
    bool queued_to_read = false;
    unsigned crlfs = 0;
    unsigned pongs = 0;  // of ours, since pongs_since
    std::uint32_t watched = 0;
    sip::StreamFramer framer;
    std::string out;
    std::size_t out_at = 0;
    std::uint64_t written = 0;
    std::vector<Waiting> waiting;
    std::size_t accounted = 0;
    Instant began{};
    Instant message_began = kNever;
    Instant progress{};      // of writing
    Instant last_message{};  // in either direction, or ping
    Instant pongs_since{};
    Duration keep_alive{};
    Instant next_ping = kNever;
    Instant pong_due = kNever;
    Timer timer;

    Connection(StreamTransport& of, os::UniqueFd descriptor, const transaction::Path& where, bool was_accepted)
        : owner(of),
          socket(std::move(descriptor), of.limits_.write),
          path(where),
          accepted(was_accepted),
          framer(of.limits_.message_bytes) {}

    std::size_t unwritten() const { return out.size() - out_at; }
    bool on_frame(const sip::Frame& frame) override;
    void on_timer(Instant now) { owner.expire(*this, now); }
    // The first bound that would strike if nothing happened.
    Instant deadline() const;
    // Arms the next ping of ours.
    void plan_ping(Instant now);

private:
    void on_crlf(Instant now);
};

}  // namespace sallyport::net
