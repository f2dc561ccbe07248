#pragma once
// Writing and moving Ethernet headers.

#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/interfaces.h"
#include "dataplane/packet/packet.h"

namespace sallyport::packet {

inline bool is_group(const std::byte* mac) { return (std::to_integer<unsigned>(mac[0]) & 1) != 0; }

inline bool is_to(const std::byte* frame, const Mac& mac) { return std::memcmp(frame, mac.data(), mac.size()) == 0; }

// Writes the header of an IPv4 frame, out.ether_bytes at `at`.
inline void write_ether(std::byte* at, const Egress& out, MacWord destination) {
    store_raw64(at, destination.word());  // its last two bytes are overwritten
    store_raw64(at + 6, out.mac_and_type.word());
    if (out.vlan != 0) [[unlikely]]
        store32(at + kEtherBytes, std::uint32_t{out.vlan} << 16 | kEtherIpv4);
}

// Takes the VLAN tag out of a frame that has one.
inline void strip_vlan(Packet& p) {
    std::memmove(p.data + kVlanBytes, p.data, 12);
    p.data += kVlanBytes;
    p.length -= kVlanBytes;
    p.headroom = static_cast<std::uint16_t>(p.headroom + kVlanBytes);
}

// Puts a tag into a frame that has none; false without room for it.
inline bool insert_vlan(Packet& p, std::uint16_t vlan) {
    if (p.headroom < kVlanBytes || p.length < kEtherBytes) return false;
    std::memmove(p.data - kVlanBytes, p.data, 12);
    p.data -= kVlanBytes;
    p.length += kVlanBytes;
    p.headroom = static_cast<std::uint16_t>(p.headroom - kVlanBytes);
    store16(p.data + 12, kEtherVlan);
    store16(p.data + 14, vlan);
    return true;
}

}  // namespace sallyport::packet
