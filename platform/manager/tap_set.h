#pragma once
// The exception TAPs of the configuration: one per interface, named like it. They belong to the manager: they
// stay, with their addresses and routes, while the dataplane is restarted and while the manager is.
//
// A TAP has one holder at a time (the descriptor may be shared). The manager opens it, keeps its descriptor and
// gives the dataplane a copy; one that took over from a killed manager has no copy, and opens the TAP when
// that dataplane has ended. Only TAPs that we or a predecessor have made are used and removed.

#include <map>
#include <set>
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

    // `names`: what a killed predecessor has made.
    void take_over(std::span<const std::string> names) { ours_.insert(names.begin(), names.end()); }
    // Makes the names of the interfaces ours, to be saved before the TAPs are made. Fails when a device of
    // somebody else has one of them.
    os::Result<void> claim();
    // Opens those that are not open, or whose device is gone, and removes those of ours that the configuration no
    // longer has. To be called before a dataplane is started, when no other holds them.
    os::Result<void> open_all();
    // Copies in the order of the interfaces, emptied of what waited for a reader that has ended.
    os::Result<std::vector<os::UniqueFd>> hand_over();
    // MAC, addresses, routes, up. `macs` in the order of the interfaces. May be repeated; what is right already
    // stays untouched, so that connections and neighbours survive.
    os::Result<void> configure(std::span<const os::MacAddress> macs);
    // Forgets the descriptors and removes the TAPs that are ours.
    void remove_all();

    const std::vector<config::Interface>& interfaces() const { return interfaces_; }
    std::vector<std::string> names() const;
    const std::set<std::string>& ours() const { return ours_; }

private:
    os::Result<void> configure_one(std::size_t index, const os::MacAddress& mac);
    os::Result<void> set_default_route(std::uint32_t ifindex, std::size_t index, IpFamily family,
                                       const std::optional<IpAddress>& gateway);

    std::vector<config::Interface> interfaces_;
    os::Netlink netlink_;
    std::set<std::string> ours_;
    std::map<std::string, os::UniqueFd> open_;
};

}  // namespace sallyport::manager
