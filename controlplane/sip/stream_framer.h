#pragma once
// Messages out of the bytes of a stream (RFC 3261 §18.3), however these were cut into segments.
//
// A message goes from its start line to the end that its Content-Length tells. Where that end is in doubt nothing that
// follows could be told from a body, and whoever sent it would decide what we read there: the stream is lost then, and
// is to be closed. The head at hand still comes as kLast, so that its sender can be told why.
//
// Bounded: no more than the largest message is kept of what is not whole. Each byte is looked at once, whatever the
// cuts.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"
#include "controlplane/sip/uri.h"

namespace sallyport::sip {

struct Frame {
    enum class Kind : std::uint8_t {
        kMessage,  // `bytes` for Message::parse
        kCrlf,     // an empty line between messages: half a ping, or a pong (RFC 5626 §3.5.1)
        kLast,     // `bytes` are a head without a certain end: to be answered with `status` and `reason`. kLost follows
        kLost,     // nothing more comes out of this stream, because of `reason`; `status` 513: too large
    };
    Kind kind = Kind::kMessage;
    std::string_view bytes;  // as long as the sink is called
    std::uint16_t status = 0;
    Reason reason;
};

class FrameSink {
public:
    virtual ~FrameSink() = default;
    // False: stop, nothing more is wanted of this stream (it was closed because of this frame).
    virtual bool on_frame(const Frame& frame) = 0;
};

class StreamFramer {
public:
    // `max_size`: of a message; not above Message::kMaxSize.
    explicit StreamFramer(std::size_t max_size = Message::kMaxSize) : max_size_(max_size) {}

    // Gives the sink all that is whole with these bytes; keeps the rest. False once the stream is lost or was stopped.
    // `bytes` may be anything but what this framer keeps.
    bool feed(std::string_view bytes, FrameSink& sink);

    // Is there a part of a message that waits for its rest? Empty lines are none.
    bool within_message() const { return !pending_.empty(); }
    std::size_t kept() const { return pending_.size(); }

private:
    std::size_t take(std::string_view bytes, FrameSink& sink);
    std::size_t take_crlf(std::string_view rest, FrameSink& sink);
    std::size_t find_end(std::string_view rest, FrameSink& sink);
    void lose(FrameSink& sink, Reason why, std::uint16_t status = 0);

    std::size_t max_size_;
    std::string pending_;        // from the start of a message, or a CR
    std::size_t looked_at_ = 0;  // of it: no end of the head before this
    std::size_t length_ = 0;     // of the whole message, as soon as its head is there; 0: not known
    bool line_seen_ = false;     // its start line is there, and is one of SIP
    bool over_ = false;
};

}  // namespace sallyport::sip
