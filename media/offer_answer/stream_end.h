#pragma once
// What one side's description says about one m-line, resolved: session-level defaults applied, old forms
// of hold recognised. This is what the media plan and the call record work on.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "media/sdp/session.h"
#include "platform/base/ip_address.h"

namespace sallyport::sdp {

// Whether we relay an m-line: audio over RTP/AVP with a usable unicast IPv4 address.
enum class Relay : std::uint8_t {
    kYes,
    kDisabled,    // port 0 (RFC 3264 §6)
    kNotAudio,    // another media type
    kNotRtpAvp,   // another transport: SAVP, AVPF, udptl, TCP
    kBadAddress,  // host name, IPv6, multicast, loopback
};

struct StreamEnd {
    Relay relay = Relay::kDisabled;
    Endpoint rtp;   // where the side wants RTP; the address is empty for c=0.0.0.0
    Endpoint rtcp;  // a=rtcp (RFC 3605) or the next port; port 0: none possible
    // As the side means it. c=0.0.0.0 (RFC 3264 §8.4, the hold of RFC 2543) takes "receives" away.
    Direction direction = Direction::kSendRecv;
    bool zero_address = false;  // c=0.0.0.0: neither RTP nor RTCP may go there
    friend bool operator==(const StreamEnd&, const StreamEnd&) = default;
};

StreamEnd stream_end(const Session& description, std::size_t index);

// How many m-lines of a description we could relay; 0 for an offer means 488.
std::size_t relayed_streams(const Session& description);

// True when no relayed stream of this side receives: it has put the other side on hold.
bool is_hold(const Session& description);

// For the call record: what the answer chose.
struct CodecSummary {
    std::string name;  // "PCMA", "opus/2"; "" when nothing was chosen
    std::uint32_t clock_rate = 0;
    std::uint8_t payload_type = 0;
    std::uint32_t ptime_ms = 0;  // 0: not said
    friend bool operator==(const CodecSummary&, const CodecSummary&) = default;
};

// The first format of `answer` for m-line `index` that is not telephone-event, comfort noise or the like;
// names of static payload types come from RFC 3551 §6.
CodecSummary codec_summary(const Session& answer, std::size_t index);
// Every format with its name, for display: "PCMA/8000 (8)".
std::vector<std::string> codec_names(const Session& description, std::size_t index);

}  // namespace sallyport::sdp
