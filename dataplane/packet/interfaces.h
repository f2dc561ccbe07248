#pragma once
// The interfaces as packets need them: which one a frame of a port and VLAN belongs to, and what goes
// into the Ethernet header of a frame that leaves. Built once, after the ports have started.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/mac_word.h"
#include "dataplane/packet/packet.h"
#include "platform/base/fixed_array.h"

namespace sallyport::packet {

// Where signalling is listened for.
struct ListenPort {
    std::uint32_t address = 0;
    std::uint16_t port = 0;
};

struct ListenPort6 {
    std::array<std::byte, 16> address{};
    std::uint16_t port = 0;
};

struct Interface {
    std::uint16_t port = 0;
    std::uint16_t vlan = 0;  // 0: untagged
    std::uint16_t mtu = 1500;
    Mac mac{};
    std::vector<ListenPort> signalling{};
    std::vector<ListenPort6> signalling6{};
};

// Of an interface what every packet that leaves by it needs.
struct Egress {
    MacWord mac_and_type;           // ours, and behind it the type
    std::uint16_t vlan = 0;         // 0: untagged
    std::uint16_t ether_bytes = 0;  // 14, or 18 with a tag
    std::uint16_t mtu = 1500;       // of the whole IPv4 packet
    std::uint16_t port = 0;
};
static_assert(sizeof(Egress) == 16);

class Interfaces {
public:
    static constexpr std::uint16_t kNone = 0xffff;

    explicit Interfaces(std::vector<Interface> interfaces) : interfaces_(std::move(interfaces)) {
        std::size_t ports = 0;
        for (const auto& interface : interfaces_) ports = std::max(ports, interface.port + std::size_t{1});
        by_vlan_ = FixedArray(std::vector<std::uint16_t>(ports * kVlans, kNone));
        for (std::size_t i = 0; i < interfaces_.size(); ++i)
            by_vlan_[place(interfaces_[i].port, interfaces_[i].vlan)] = static_cast<std::uint16_t>(i);
        egress_ = FixedArray<Egress>(interfaces_.size());
        for (std::size_t i = 0; i < interfaces_.size(); ++i) egress_[i] = egress_of(interfaces_[i]);
    }

    std::uint16_t find(std::uint16_t port, std::uint16_t vlan) const {
        const auto at = place(port, vlan);
        return at < by_vlan_.size() ? by_vlan_[at] : kNone;
    }
    std::uint16_t ports() const { return static_cast<std::uint16_t>(by_vlan_.size() / kVlans); }
    const Interface& operator[](std::uint16_t index) const { return interfaces_[index]; }
    FixedView<const Egress> egress() const { return egress_.view(); }  // by interface
    std::uint16_t size() const { return static_cast<std::uint16_t>(interfaces_.size()); }

private:
    static constexpr std::size_t kVlans = 4096;
    static std::size_t place(std::uint16_t port, std::uint16_t vlan) { return port * kVlans + (vlan & (kVlans - 1)); }

    static Egress egress_of(const Interface& i) {
        const bool tagged = i.vlan != 0;
        return {.mac_and_type = MacWord(i.mac, tagged ? kEtherVlan : kEtherIpv4),
                .vlan = i.vlan,
                .ether_bytes = static_cast<std::uint16_t>(kEtherBytes + (tagged ? kVlanBytes : 0)),
                .mtu = i.mtu,
                .port = i.port};
    }

    FixedArray<Interface> interfaces_;
    FixedArray<Egress> egress_;
    FixedArray<std::uint16_t> by_vlan_;  // by port, then VLAN
};

}  // namespace sallyport::packet
