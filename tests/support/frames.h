#pragma once
// A builder of frames for the dataplane's tests. It computes every checksum in full, by code of its own.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "platform/base/ip_address.h"

namespace sallyport::test {

using Bytes = std::vector<std::byte>;

inline std::uint32_t ip(const char* text) { return IpAddress::parse(text)->v4_host_order(); }

inline void put16(Bytes& out, std::uint32_t v) {
    out.push_back(static_cast<std::byte>(v >> 8));
    out.push_back(static_cast<std::byte>(v));
}
inline void put32(Bytes& out, std::uint32_t v) {
    put16(out, v >> 16);
    put16(out, v & 0xffff);
}
inline void set16(Bytes& out, std::size_t at, std::uint32_t v) {
    out[at] = static_cast<std::byte>(v >> 8);
    out[at + 1] = static_cast<std::byte>(v);
}

// RFC 1071 over the bytes [from, to), plus `start`.
inline std::uint16_t full_checksum(const Bytes& b, std::size_t from, std::size_t to, std::uint64_t start = 0) {
    std::uint64_t s = start;
    for (std::size_t i = from; i < to; i += 2) {
        s += std::to_integer<std::uint64_t>(b[i]) << 8;
        if (i + 1 < to) s += std::to_integer<std::uint64_t>(b[i + 1]);
    }
    while (s >> 16) s = (s & 0xffff) + (s >> 16);
    return static_cast<std::uint16_t>(~s);
}

struct UdpFrame {
    const char* destination_mac = "\x02\x00\x00\x00\x00\x01";
    const char* source_mac = "\x02\x00\x00\x00\x00\x0a";
    int vlan = -1;  // -1: untagged
    std::string source = "192.0.2.10";
    std::string destination = "192.0.2.1";
    std::uint16_t source_port = 30000;
    std::uint16_t destination_port = 20000;
    std::uint8_t tos = 0;
    std::uint8_t ttl = 60;
    std::uint16_t identification = 0x1234;
    std::uint16_t fragment = 0x4000;  // flags and offset
    Bytes options{};                  // of IPv4, a multiple of four bytes
    Bytes payload{};
    bool with_checksum = true;
    std::size_t padding = 0;  // bytes after the IP packet

    Bytes build() const {
        Bytes out;
        for (int i = 0; i < 6; ++i) out.push_back(static_cast<std::byte>(destination_mac[i]));
        for (int i = 0; i < 6; ++i) out.push_back(static_cast<std::byte>(source_mac[i]));
        if (vlan >= 0) {
            put16(out, 0x8100);
            put16(out, static_cast<std::uint32_t>(vlan));
        }
        put16(out, 0x0800);
        const auto l3 = out.size();
        const auto header = 20 + options.size();
        put16(out, static_cast<std::uint32_t>((0x40 | header / 4) << 8 | tos));
        put16(out, static_cast<std::uint32_t>(header + 8 + payload.size()));
        put16(out, identification);
        put16(out, fragment);
        put16(out, static_cast<std::uint32_t>(ttl << 8 | 17));
        put16(out, 0);
        put32(out, ip(source.c_str()));
        put32(out, ip(destination.c_str()));
        out.insert(out.end(), options.begin(), options.end());
        set16(out, l3 + 10, full_checksum(out, l3, out.size()));
        const auto udp = out.size();
        put16(out, source_port);
        put16(out, destination_port);
        put16(out, static_cast<std::uint32_t>(8 + payload.size()));
        put16(out, 0);
        out.insert(out.end(), payload.begin(), payload.end());
        if (with_checksum) set16(out, udp + 6, udp_checksum(out, l3, udp));
        out.resize(out.size() + padding);
        return out;
    }

    // What the checksum field of a datagram must be, whatever it holds now.
    static std::uint16_t udp_checksum(Bytes frame, std::size_t l3, std::size_t udp) {
        set16(frame, udp + 6, 0);
        const auto word = [&](std::size_t at) {
            return std::to_integer<std::uint64_t>(frame[at]) << 8 | std::to_integer<std::uint64_t>(frame[at + 1]);
        };
        const auto length = word(udp + 4);
        const auto pseudo = word(l3 + 12) + word(l3 + 14) + word(l3 + 16) + word(l3 + 18) + 17 + length;
        const auto value = full_checksum(frame, udp, udp + length, pseudo);
        return value == 0 ? std::uint16_t{0xffff} : value;
    }
};

// RTP with a payload of `size` bytes that depend on the sequence number.
inline Bytes rtp(std::uint16_t sequence, std::size_t size = 160, std::uint8_t payload_type = 8,
                 std::uint32_t ssrc = 0x11223344) {
    Bytes out;
    put16(out, 0x8000U | payload_type);
    put16(out, sequence);
    put32(out, sequence * 160U);
    put32(out, ssrc);
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(sequence + i));
    return out;
}
inline Bytes rtcp_sender_report() {
    Bytes out;
    put16(out, 0x80c8);
    put16(out, 6);
    for (std::uint32_t i = 0; i < 6; ++i) put32(out, 0x01010101 * i);
    return out;
}

}  // namespace sallyport::test
