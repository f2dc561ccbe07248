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
    Setting{"net/ipv4/conf/", "send_redirects", "0", "we are no router to anybody"}};
// Of an interface with an IPv6 network. That of an interface without one has no IPv6 at all. The link-local address
// stays: the kernel asks for neighbours and joins their groups from it. Nobody listens there.
constexpr std::array kSettings6 = {
    Setting{"net/ipv6/conf/", "accept_ra", "0", "a neighbour sets neither addresses nor routes of ours"},
    Setting{"net/ipv6/conf/", "autoconf", "0", "we have the addresses of the configuration alone"},
    Setting{"net/ipv6/conf/", "router_solicitations", "0", "and ask no router for others"},
    Setting{"net/ipv6/conf/", "accept_redirects", "0", "a neighbour does not change our routes"},
    Setting{"net/ipv6/conf/", "accept_source_route", "-1", "nor says by which way packets go (RFC 5095)"},
    Setting{"net/ipv6/conf/", "forwarding", "0", "nothing passes from one network to the other but by the dataplane"},
    Setting{"net/ipv6/conf/", "accept_dad", "0", "an address is usable at once, also before there is anybody to ask"},
    Setting{"net/ipv6/conf/", "keep_addr_on_down", "1", "as of IPv4: the link goes down for a new MAC"},
    Setting{"net/ipv6/conf/", "disable_ipv6", "0", "there is an IPv6 address"}};
constexpr std::array kNoIpv6 = {
    Setting{"net/ipv6/conf/", "disable_ipv6", "1", "no IPv6 address is configured: no link-local traffic either"}};

IpPrefix default_route(IpFamily family) {
    return {family == IpFamily::kIpv6 ? IpAddress::v6({}) : IpAddress::v4(0), 0};
}

void apply_settings(std::span<const Setting> settings, const std::string& device) {
    for (const auto& s : settings) {
        const auto set = os::set_sysctl(s.folder + device + "/" + s.name, s.value);
        if (!set) log::warning("{} ({}): {}", s.name, s.why, set.error());
    }
}

// Those that must be there; what else there is goes.
std::vector<IpPrefix> addresses_of(const config::Interface& interface) {
    std::vector<IpPrefix> out{interface.address};
    if (interface.address6) out.push_back(*interface.address6);
    out.insert(out.end(), interface.further_addresses.begin(), interface.further_addresses.end());
    return out;
}

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
    // For one device there is no such setting, as IPv4 has.
    if (std::ranges::any_of(interfaces_, [](const auto& i) { return i.address6.has_value(); }))
        if (const auto all = os::sysctl("net/ipv6/conf/all/forwarding"); all && *all != "0")
            log::warning(
                "net.ipv6.conf.all.forwarding is {}: the kernel passes IPv6 from one interface to another by itself; "
                "set "
                "it to 0 (sysctl -w net.ipv6.conf.all.forwarding=0)",
                *all);
    for (const auto& interface : interfaces_) {
        // A device that somebody has deleted leaves its descriptor behind.
        std::erase_if(
            open_, [&](const auto& o) { return o.first == interface.name && os::tap_name(o.second.get()) != o.first; });
        if (open_.contains(interface.name)) continue;
        auto fd = os::open_tap(interface.name);
        if (!fd) return std::unexpected(fd.error());
        open_[interface.name] = std::move(*fd);
        apply_settings(kSettings, interface.name);
        if (interface.address6)
            apply_settings(kSettings6, interface.name);
        else
            apply_settings(kNoIpv6, interface.name);
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
    const auto wanted = addresses_of(interface);
    const auto present = netlink_.addresses(link->ifindex);
    if (!present) return std::unexpected(present.error());
    for (const auto& address : *present) {
        if (std::ranges::find(wanted, address) != wanted.end()) continue;
        if (auto removed = netlink_.remove_address(link->ifindex, address); !removed) return removed;
    }
    const auto add = [&](IpFamily family) -> os::Result<void> {
        for (const auto& address : wanted) {
            if (address.address.family() != family) continue;
            if (auto added = netlink_.add_address(link->ifindex, address); !added) return added;
        }
        return {};
    };
    if (auto added = add(IpFamily::kIpv4); !added) return added;
    if (auto up = netlink_.set_up(link->ifindex, true); !up) return up;
    if (auto added = add(IpFamily::kIpv6); !added) return added;

    if (auto set = set_default_route(link->ifindex, index, IpFamily::kIpv4, interface.gateway); !set) return set;
    if (!interface.address6) return {};  // its TAP has no IPv6
    return set_default_route(link->ifindex, index, IpFamily::kIpv6, interface.gateway6);
}

os::Result<void> TapSet::set_default_route(std::uint32_t ifindex, std::size_t index, IpFamily family,
                                           const std::optional<IpAddress>& gateway) {
    const auto metric = kFirstMetric + static_cast<std::uint32_t>(index);
    if (gateway) {
        auto set = netlink_.replace_route(
            {.destination = default_route(family), .ifindex = ifindex, .gateway = gateway, .metric = metric});
        if (!set) return set;
    }
    // What an earlier configuration has left on a TAP that was taken over.
    for (std::uint32_t other = kFirstMetric; other < kFirstMetric + os::kMaxPassedFds; ++other) {
        if (gateway && other == metric) continue;
        auto removed = netlink_.remove_route(
            {.destination = default_route(family), .ifindex = ifindex, .gateway = {}, .metric = other});
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
