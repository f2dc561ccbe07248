#pragma once
// Writing and moving Ethernet headers.

#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/interfaces.h"
#include "dataplane/packet/packet.h"

namespace sallyport::packet {

inline bool is_group(const std::byte* mac) { return (std::to_integer<unsigned>(mac[0]) & 1) != 0; }

inline bool is_to(const std::byte* frame, const Mac& mac) { return std::memcmp(frame, mac.data(), mac.size()) == 0; }

inline std::size_t ether_bytes(const Interface& out) { return kEtherBytes + (out.vlan != 0 ? kVlanBytes : 0); }

// Writes ether_bytes(out) bytes at `at`.
inline void write_ether(std::byte* at, const Interface& out, const Mac& destination, std::uint16_t type) {
    std::memcpy(at, destination.data(), 6);
    std::memcpy(at + 6, out.mac.data(), 6);
    if (out.vlan != 0) {
        store16(at + 12, kEtherVlan);
        store16(at + 14, out.vlan);
        at += kVlanBytes;
    }
    store16(at + 12, type);
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
