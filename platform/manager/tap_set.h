#pragma once
// The exception TAPs of the configuration: one per interface, named like it. They belong to the manager: they
// stay, with their addresses and routes, while the dataplane is restarted and while the manager is.
//
// A TAP has one holder at a time (the descriptor may be shared). The manager opens it, keeps its descriptor and
// gives the dataplane a copy; one that took over from a killed manager has no copy, and opens the TAP when
// that dataplane has ended.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "platform/config/views.h"
#include "platform/os/mac_address.h"
#include "platform/os/netlink.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::manager {

class TapSet {
public:
    TapSet(std::vector<config::Interface> interfaces, os::Netlink netlink)
        : interfaces_(std::move(interfaces)), netlink_(std::move(netlink)) {}

    // Opens those that are not open, and removes those in `stale` that the configuration no longer has. To be
    // called before a dataplane is started, when no other holds them.
    os::Result<void> open_all(std::span<const std::string> stale);
    // Copies in the order of the interfaces, emptied of what waited for a reader that has ended.
    os::Result<std::vector<os::UniqueFd>> hand_over();
    // MAC, addresses, routes, up. `macs` in the order of the interfaces. May be repeated; what is right already
    // stays untouched, so that connections and neighbours survive.
    os::Result<void> configure(std::span<const os::MacAddress> macs);
    // Forgets the descriptors and removes the TAPs.
    void remove_all();

    const std::vector<config::Interface>& interfaces() const { return interfaces_; }
    std::vector<std::string> names() const;

private:
    os::Result<void> configure_one(std::size_t index, const os::MacAddress& mac);
    os::Result<void> set_default_route(std::uint32_t ifindex, std::size_t index);

    std::vector<config::Interface> interfaces_;
    os::Netlink netlink_;
    std::map<std::string, os::UniqueFd> open_;
};

}  // namespace sallyport::manager
