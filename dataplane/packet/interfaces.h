#pragma once
// The interfaces as packets need them: which one a frame of a port and VLAN belongs to, and what goes
// into the Ethernet header of a frame that leaves. Built once, after the ports have started.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/packet/packet.h"
#include "platform/base/fixed_array.h"

namespace sallyport::packet {

// Where signalling is listened for.
struct ListenPort {
    std::uint32_t address = 0;
    std::uint16_t port = 0;
};

struct Interface {
    std::uint16_t port = 0;
    std::uint16_t vlan = 0;  // 0: untagged
    std::uint16_t mtu = 1500;
    Mac mac{};
    std::vector<ListenPort> signalling{};
};

class Interfaces {
public:
    static constexpr std::uint16_t kNone = 0xffff;

    explicit Interfaces(std::vector<Interface> interfaces) : interfaces_(std::move(interfaces)) {
        std::size_t ports = 0;
        for (const auto& interface : interfaces_) ports = std::max(ports, interface.port + std::size_t{1});
        by_vlan_ = FixedArray(std::vector<std::uint16_t>(ports * kVlans, kNone));
        for (std::size_t i = 0; i < interfaces_.size(); ++i)
            by_vlan_[place(interfaces_[i].port, interfaces_[i].vlan)] = static_cast<std::uint16_t>(i);
    }

    std::uint16_t find(std::uint16_t port, std::uint16_t vlan) const {
        const auto at = place(port, vlan);
        return at < by_vlan_.size() ? by_vlan_[at] : kNone;
    }
    const Interface& operator[](std::uint16_t index) const { return interfaces_[index]; }
    std::uint16_t size() const { return static_cast<std::uint16_t>(interfaces_.size()); }

private:
    static constexpr std::size_t kVlans = 4096;
    static std::size_t place(std::uint16_t port, std::uint16_t vlan) { return port * kVlans + (vlan & (kVlans - 1)); }

    FixedArray<Interface> interfaces_;
    FixedArray<std::uint16_t> by_vlan_;  // by port, then VLAN
};

}  // namespace sallyport::packet
