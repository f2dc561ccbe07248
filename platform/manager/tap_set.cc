#include "platform/manager/tap_set.h"

#include <fcntl.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/os/sysctl.h"
#include "platform/os/tap.h"

namespace sallyport::manager {
namespace {

constexpr std::uint32_t kFirstMetric = 100;  // default routes differ by it; a route that the operator sets comes first

// Each interface is a network of its own with other people in it: what the kernel does for a friendly host is off.
struct Setting {
    const char* folder;
    const char* name;
    const char* value;
    const char* why;
};
constexpr std::array kSettings = {
    Setting{"net/ipv4/conf/", "forwarding", "0", "nothing passes from one network to the other but by the dataplane"},
    Setting{"net/ipv4/conf/", "arp_ignore", "1", "an address is not told to the network of another interface"},
    Setting{"net/ipv4/conf/", "arp_announce", "2", "nor used as the sender of an ARP request there"},
    Setting{"net/ipv4/conf/", "rp_filter", "2", "both networks may have a default route: the way back is not unique"},
    Setting{"net/ipv4/conf/", "accept_redirects", "0", "a neighbour does not change our routes"},
    Setting{"net/ipv4/conf/", "send_redirects", "0", "we are no router to anybody"},
    Setting{"net/ipv6/conf/", "disable_ipv6", "1", "no IPv6 address is configured: no link-local traffic either"}};

IpPrefix default_route(const IpAddress& gateway) { return {gateway.is_v6() ? IpAddress::v6({}) : IpAddress::v4(0), 0}; }

}  // namespace

std::vector<std::string> TapSet::names() const {
    std::vector<std::string> out;
    out.reserve(interfaces_.size());
    for (const auto& i : interfaces_) out.push_back(i.name);
    return out;
}

os::Result<void> TapSet::claim() {
    for (const auto& interface : interfaces_)
        if (!ours_.contains(interface.name) && ::if_nametoindex(interface.name.c_str()) != 0)
            return std::unexpected("interface " + interface.name +
                                   ": a device of that name exists; choose another name for the interface, or remove "
                                   "the device if nobody needs it (ip link delete " +
                                   interface.name + ")");
    for (const auto& interface : interfaces_) ours_.insert(interface.name);
    return {};
}

os::Result<void> TapSet::open_all() {
    if (auto claimed = claim(); !claimed) return claimed;
    std::erase_if(ours_, [this](const std::string& name) {
        if (std::ranges::any_of(interfaces_, [&name](const auto& i) { return i.name == name; })) return false;
        const auto removed = os::remove_tap(name);
        if (!removed) log::warning("{}", removed.error());
        return removed.has_value();
    });
    for (const auto& interface : interfaces_) {
        // A device that somebody has deleted leaves its descriptor behind.
        std::erase_if(
            open_, [&](const auto& o) { return o.first == interface.name && os::tap_name(o.second.get()) != o.first; });
        if (open_.contains(interface.name)) continue;
        auto fd = os::open_tap(interface.name);
        if (!fd) return std::unexpected(fd.error());
        open_[interface.name] = std::move(*fd);
        for (const auto& s : kSettings) {
            const auto set = os::set_sysctl(s.folder + interface.name + "/" + s.name, s.value);
            if (!set) log::warning("{} ({}): {}", s.name, s.why, set.error());
        }
    }
    return {};
}

os::Result<std::vector<os::UniqueFd>> TapSet::hand_over() {
    std::vector<os::UniqueFd> out;
    for (const auto& interface : interfaces_) {
        const auto it = open_.find(interface.name);
        if (it == open_.end()) return std::unexpected("TAP " + interface.name + ": is not open here");
        os::drain_tap(it->second.get());
        os::UniqueFd copy(::fcntl(it->second.get(), F_DUPFD_CLOEXEC, 0));
        if (!copy) return std::unexpected(os::system_error("TAP " + interface.name));
        out.push_back(std::move(copy));
    }
    return out;
}

os::Result<void> TapSet::configure(std::span<const os::MacAddress> macs) {
    for (std::size_t i = 0; i < interfaces_.size(); ++i) {
        if (auto done = configure_one(i, macs[i]); !done) {
            return std::unexpected("interface " + interfaces_[i].name + ": " + done.error());
        }
    }
    return {};
}

os::Result<void> TapSet::configure_one(std::size_t index, const os::MacAddress& mac) {
    const auto& interface = interfaces_[index];
    const auto link = netlink_.link(interface.name);
    if (!link) return std::unexpected(link.error());
    if (link->mac != mac) {
        // Down first: neighbours and routes that were learned with the old address go.
        if (auto down = netlink_.set_up(link->ifindex, false); !down) return down;
        if (auto set = netlink_.set_mac(link->ifindex, mac); !set) return set;
    }
    std::vector<IpPrefix> wanted{interface.address};
    wanted.insert(wanted.end(), interface.further_addresses.begin(), interface.further_addresses.end());
    const auto present = netlink_.addresses(link->ifindex);
    if (!present) return std::unexpected(present.error());
    for (const auto& address : *present) {
        if (std::ranges::find(wanted, address) != wanted.end()) continue;
        if (auto removed = netlink_.remove_address(link->ifindex, address); !removed) return removed;
    }
    for (const auto& address : wanted) {
        if (auto added = netlink_.add_address(link->ifindex, address); !added) return added;
    }
    if (auto up = netlink_.set_up(link->ifindex, true); !up) return up;

    return set_default_route(link->ifindex, index);
}

os::Result<void> TapSet::set_default_route(std::uint32_t ifindex, std::size_t index) {
    const auto& gateway = interfaces_[index].gateway;
    const auto metric = kFirstMetric + static_cast<std::uint32_t>(index);
    if (gateway) {
        auto set = netlink_.replace_route(
            {.destination = default_route(*gateway), .ifindex = ifindex, .gateway = gateway, .metric = metric});
        if (!set) return set;
    }
    // What an earlier configuration has left on a TAP that was taken over.
    for (std::uint32_t other = kFirstMetric; other < kFirstMetric + os::kMaxPassedFds; ++other) {
        if (gateway && other == metric) continue;
        auto removed = netlink_.remove_route(
            {.destination = {IpAddress::v4(0), 0}, .ifindex = ifindex, .gateway = {}, .metric = other});
        if (!removed) return removed;
    }
    return {};
}

void TapSet::remove_all() {
    open_.clear();
    for (const auto& name : ours_) {
        if (const auto removed = os::remove_tap(name); !removed) log::warning("{}", removed.error());
    }
}

}  // namespace sallyport::manager
