#pragma once
// Frames of IPv6 for the dataplane's tests: the header, extension headers as they are given, and what they carry.

#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace sallyport::test {

struct Extension {
    std::uint8_t type = 0;  // its own number, which stands in the header before it
    Bytes body{};           // without the next-header byte in front, which is filled in
};

struct Ipv6Frame {
    const char* destination_mac = "\x02\x00\x00\x00\x00\x01";
    int vlan = -1;  // -1: untagged
    std::string source = "2001:db8::10";
    std::string destination = "2001:db8::1";
    std::uint8_t hop_limit = 64;
    std::vector<Extension> extensions{};
    std::uint8_t upper = 59;
    Bytes payload{};
    std::size_t padding = 0;  // bytes after the IP packet

    // Where the IPv6 header begins.
    std::size_t l3() const { return vlan >= 0 ? 18 : 14; }

    Bytes build() const {
        Bytes out;
        for (int i = 0; i < 6; ++i) out.push_back(static_cast<std::byte>(destination_mac[i]));
        for (const unsigned b : {2U, 0U, 0U, 0U, 0U, 10U}) out.push_back(static_cast<std::byte>(b));
        if (vlan >= 0) {
            put16(out, 0x8100);
            put16(out, static_cast<std::uint32_t>(vlan));
        }
        put16(out, 0x86dd);
        std::size_t length = payload.size();
        for (const auto& e : extensions) length += 1 + e.body.size();
        put32(out, 0x60000000);
        put16(out, static_cast<std::uint32_t>(length));
        out.push_back(static_cast<std::byte>(extensions.empty() ? upper : extensions.front().type));
        out.push_back(static_cast<std::byte>(hop_limit));
        for (const auto* text : {&source, &destination}) {
            const auto address = IpAddress::parse(*text).value();
            for (const auto b : address.bytes()) out.push_back(static_cast<std::byte>(b));
        }
        for (std::size_t i = 0; i < extensions.size(); ++i) {
            out.push_back(static_cast<std::byte>(i + 1 < extensions.size() ? extensions[i + 1].type : upper));
            out.insert(out.end(), extensions[i].body.begin(), extensions[i].body.end());
        }
        out.insert(out.end(), payload.begin(), payload.end());
        out.resize(out.size() + padding);
        return out;
    }
};

// Without checksums, which nobody looks at before the kernel.
inline Bytes udp6(std::uint16_t port, std::size_t size = 20) {
    Bytes out;
    put16(out, 30000);
    put16(out, port);
    put16(out, static_cast<std::uint32_t>(8 + size));
    put16(out, 0);
    out.insert(out.end(), size, std::byte{'x'});
    return out;
}
inline Bytes icmp6(std::uint8_t type) { return {std::byte{type}, std::byte{0}, std::byte{0}, std::byte{0}}; }

// Options of `words` times eight bytes.
inline Extension options6(std::uint8_t type, std::uint8_t words = 1) {
    Bytes body(std::size_t{words} * 8 - 1);
    body[0] = static_cast<std::byte>(words - 1);
    return {type, body};
}
inline Extension fragment6(std::uint16_t offset_and_more) {
    Bytes body(7);
    set16(body, 1, offset_and_more);
    return {44, body};
}

}  // namespace sallyport::test
