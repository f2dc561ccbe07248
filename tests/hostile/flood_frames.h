#pragma once
// Frames that a hostile network sends to a port: of each kind as many different ones as are asked for.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/fake_random.h"
#include "tests/support/frames.h"

namespace sallyport::hostile {

inline constexpr std::array<std::string_view, 20> kFloodKinds{
    "garbage",    "short",   "cut",  "lying-total", "lying-ihl", "lying-udp", "checksum",
    "fragments",  "options", "vlan", "vlan-stack",  "group",     "jumbo",     "foreign-mac",
    "bad-source", "arp",     "icmp", "media",       "other-udp", "sip"};

struct FloodTarget {
    std::array<std::byte, 6> gate_mac{};
    std::string gate;   // where SIP listens
    std::string media;  // a media address
    std::string host;   // the sender's network, as 192.0.2.66: the last byte varies from 100 to 250
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 0;
};

class FloodFrames {
public:
    FloodFrames(FloodTarget target, std::uint64_t seed) : target_(std::move(target)), random_(seed) {}
    test::Bytes make(std::size_t kind);

private:
    test::UdpFrame base();
    test::Bytes build(const test::UdpFrame& frame);  // with the gate's MAC
    test::Bytes damaged(std::string_view how);
    test::Bytes arp();
    test::Bytes with_protocol(std::uint8_t protocol, std::size_t size);
    std::uint16_t port() { return static_cast<std::uint16_t>(random_.next_u64()); }
    std::uint16_t media_port();
    std::string host();
    test::Bytes noise(std::size_t size);

    FloodTarget target_;
    test::FakeRandom random_;
};

}  // namespace sallyport::hostile
