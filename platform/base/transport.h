#pragma once
// The transports of SIP (RFC 3261 §18).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport {

enum class Transport : std::uint8_t { kUdp, kTcp, kTls };
inline constexpr std::size_t kTransports = 3;

// Streams lose nothing and repeat nothing: transactions do not either (RFC 3261 §17).
constexpr bool is_stream(Transport t) { return t != Transport::kUdp; }

// "udp": the value of a URI's transport parameter, and what the configuration says.
constexpr std::string_view transport_name(Transport t) {
    switch (t) {
        case Transport::kTcp: return "tcp";
        case Transport::kTls: return "tls";
        case Transport::kUdp: break;
    }
    return "udp";
}

constexpr std::optional<Transport> transport_named(std::string_view name) {
    for (const auto t : {Transport::kUdp, Transport::kTcp, Transport::kTls})
        if (name == transport_name(t)) return t;
    return std::nullopt;
}

// "SIP/2.0/UDP": how a Via begins.
constexpr std::string_view via_protocol(Transport t) {
    switch (t) {
        case Transport::kTcp: return "SIP/2.0/TCP";
        case Transport::kTls: return "SIP/2.0/TLS";
        case Transport::kUdp: break;
    }
    return "SIP/2.0/UDP";
}

// RFC 3261 §19.1.2.
constexpr std::uint16_t default_port(Transport t) { return t == Transport::kTls ? 5061 : 5060; }

}  // namespace sallyport
