#pragma once
// A session description (RFC 8866, RFC 4566 before it) as owning values. What a relay needs is parsed into
// fields; every other attribute is kept, in order, as name and value. Not kept at all, because no
// description of ours ever carries them on: t=, i=, u=, e=, p=, k=, r=, z= (a B2BUA's description is its own).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/ip_address.h"

namespace sallyport::sdp {

// As the sender of the description means it: bit 0 "I send", bit 1 "I receive" (RFC 8866 §6.7).
enum class Direction : std::uint8_t { kInactive = 0, kSendOnly = 1, kRecvOnly = 2, kSendRecv = 3 };

constexpr bool sends(Direction d) { return (static_cast<unsigned>(d) & 1U) != 0; }
constexpr bool receives(Direction d) { return (static_cast<unsigned>(d) & 2U) != 0; }
constexpr Direction make_direction(bool send, bool receive) {
    return static_cast<Direction>((send ? 1U : 0U) | (receive ? 2U : 0U));
}
// The same stream seen from the other end: sendonly <-> recvonly.
constexpr Direction reverse(Direction d) { return make_direction(receives(d), sends(d)); }
constexpr Direction intersect(Direction a, Direction b) {
    return make_direction(sends(a) && sends(b), receives(a) && receives(b));
}
// "sendrecv"
constexpr std::string_view direction_name(Direction d) {
    constexpr std::array<std::string_view, 4> kNames = {"inactive", "sendonly", "recvonly", "sendrecv"};
    return kNames[static_cast<std::size_t>(d)];
}

struct Origin {
    std::string username = "-";
    std::string session_id;  // digits; text, because peers send more than 64 bits
    std::string version;     // digits
    std::string address;     // as written, host names included
    bool ip6 = false;
    friend bool operator==(const Origin&, const Origin&) = default;
};

// c=. `ip` is empty when the address is a host name: such a stream cannot be relayed.
struct Connection {
    std::string address;  // as written, without "/ttl"
    IpAddress ip;
    friend bool operator==(const Connection&, const Connection&) = default;
};

struct Bandwidth {
    std::string type;  // "AS", "TIAS", "RR", "RS"
    std::uint64_t value = 0;
    friend bool operator==(const Bandwidth&, const Bandwidth&) = default;
};

struct Attribute {
    std::string name;
    std::optional<std::string> value;  // none: a property attribute ("a=inactive")
    friend bool operator==(const Attribute&, const Attribute&) = default;
};

struct RtpMap {
    std::uint8_t payload_type = 0;
    std::string encoding;  // "PCMA", as written
    std::uint32_t clock_rate = 0;
    std::uint16_t channels = 1;
    friend bool operator==(const RtpMap&, const RtpMap&) = default;
};

struct Fmtp {
    std::string format;
    std::string parameters;
    friend bool operator==(const Fmtp&, const Fmtp&) = default;
};

// a=rtcp (RFC 3605): where RTCP goes when it is not the next port.
struct RtcpAttribute {
    std::uint16_t port = 0;
    std::optional<Connection> connection;
    friend bool operator==(const RtcpAttribute&, const RtcpAttribute&) = default;
};

struct Media {
    std::string type;        // "audio"
    std::uint16_t port = 0;  // 0: rejected or disabled (RFC 3264 §6)
    std::uint16_t port_count = 1;
    std::string protocol;  // "RTP/AVP"
    std::vector<std::string> formats;
    std::optional<Connection> connection;
    std::vector<Bandwidth> bandwidths;
    std::optional<Direction> direction;
    std::optional<std::uint32_t> ptime_ms;
    std::optional<std::uint32_t> maxptime_ms;
    std::vector<RtpMap> rtpmaps;
    std::vector<Fmtp> fmtps;
    std::optional<RtcpAttribute> rtcp;
    std::vector<Attribute> attributes;  // all others, in order
    friend bool operator==(const Media&, const Media&) = default;

    const RtpMap* rtpmap(std::uint8_t payload_type) const;
    const Fmtp* fmtp(std::string_view format) const;
};

struct Session {
    Origin origin;
    std::string name = "-";
    std::optional<Connection> connection;
    std::vector<Bandwidth> bandwidths;
    std::optional<Direction> direction;
    std::vector<Attribute> attributes;  // all others, in order
    std::vector<Media> media;
    friend bool operator==(const Session&, const Session&) = default;
};

}  // namespace sallyport::sdp
