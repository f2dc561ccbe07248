#pragma once
// The interfaces as packets need them: which one a frame of a port and VLAN belongs to, and what goes
// into the Ethernet header of a frame that leaves. Built once, after the ports have started.

#include <cstdint>
#include <vector>

#include "dataplane/packet/packet.h"

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
        for (std::size_t i = 0; i < interfaces_.size(); ++i) {
            const auto& at = interfaces_[i];
            if (by_vlan_.size() <= at.port) by_vlan_.resize(at.port + std::size_t{1});
            auto& vlans = by_vlan_[at.port];
            if (vlans.empty()) vlans.assign(4096, kNone);
            vlans[at.vlan & 0x0fff] = static_cast<std::uint16_t>(i);
        }
    }

    std::uint16_t find(std::uint16_t port, std::uint16_t vlan) const {
        return port < by_vlan_.size() && !by_vlan_[port].empty() ? by_vlan_[port][vlan & 0x0fff] : kNone;
    }
    const Interface& operator[](std::uint16_t index) const { return interfaces_[index]; }
    std::uint16_t size() const { return static_cast<std::uint16_t>(interfaces_.size()); }

private:
    std::vector<Interface> interfaces_;
    std::vector<std::vector<std::uint16_t>> by_vlan_;  // by port, then VLAN
};

}  // namespace sallyport::packet
