#include "platform/os/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "platform/base/ip_ranges.h"

namespace sallyport::os {
namespace {

using Buffer = std::array<char, 8192>;

std::uint8_t family_of(const IpAddress& a) { return a.is_v6() ? AF_INET6 : AF_INET; }
std::size_t size_of(const IpAddress& a) { return a.is_v6() ? 16 : 4; }

void put_address(nlmsghdr* message, std::uint16_t type, const IpAddress& a) {
    mnl_attr_put(message, type, size_of(a), a.bytes().data());
}

nlmsghdr* link_message(Buffer& buffer, std::uint32_t ifindex, std::uint32_t flags, std::uint32_t change) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_NEWLINK;
    auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = static_cast<int>(ifindex);
    link->ifi_flags = flags;
    link->ifi_change = change;
    return message;
}

nlmsghdr* address_message(Buffer& buffer, std::uint16_t type, std::uint32_t ifindex, const IpPrefix& prefix) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = type;
    auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
    header->ifa_family = family_of(prefix.address);
    header->ifa_prefixlen = prefix.length;
    header->ifa_scope = RT_SCOPE_UNIVERSE;
    header->ifa_index = ifindex;
    put_address(message, IFA_LOCAL, prefix.address);
    put_address(message, IFA_ADDRESS, prefix.address);
    return message;
}

nlmsghdr* route_message(Buffer& buffer, std::uint16_t type, const RouteSpec& route) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = type;
    auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
    const IpPrefix destination{network_of(route.destination), route.destination.length};
    header->rtm_family = family_of(destination.address);
    header->rtm_dst_len = destination.length;
    header->rtm_table = RT_TABLE_MAIN;
    header->rtm_protocol = RTPROT_STATIC;
    // NOWHERE matches every scope when a route is removed.
    header->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    header->rtm_type = RTN_UNICAST;
    if (destination.length > 0) put_address(message, RTA_DST, destination.address);
    if (route.gateway) put_address(message, RTA_GATEWAY, *route.gateway);
    mnl_attr_put_u32(message, RTA_OIF, route.ifindex);
    if (route.metric != 0) mnl_attr_put_u32(message, RTA_PRIORITY, route.metric);
    return message;
}

int collect_attribute(const nlattr* attribute, void* into) {
    auto& table = *static_cast<std::array<const nlattr*, IFA_MAX + 1>*>(into);
    if (const auto type = mnl_attr_get_type(attribute); type <= IFA_MAX) table[type] = attribute;
    return MNL_CB_OK;
}

std::optional<IpAddress> read_address(const nlattr* attribute) {
    if (attribute == nullptr) return std::nullopt;
    const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
    if (mnl_attr_get_payload_len(attribute) == 4) {
        return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
                             static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
    }
    if (mnl_attr_get_payload_len(attribute) != 16) return std::nullopt;
    std::array<std::uint8_t, 16> v6{};
    std::copy_n(bytes, v6.size(), v6.begin());
    return IpAddress::v6(v6);
}

struct AddressDump {
    std::uint32_t ifindex;
    std::vector<IpPrefix> found;
};

int collect_address(const nlmsghdr* message, void* into) {
    auto& dump = *static_cast<AddressDump*>(into);
    if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(ifaddrmsg)) return MNL_CB_OK;
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    if (header->ifa_index != dump.ifindex || header->ifa_scope != RT_SCOPE_UNIVERSE) return MNL_CB_OK;
    std::array<const nlattr*, IFA_MAX + 1> attributes{};
    mnl_attr_parse(message, sizeof(ifaddrmsg), collect_attribute, &attributes);
    auto address = read_address(attributes[IFA_LOCAL]);
    if (!address) address = read_address(attributes[IFA_ADDRESS]);
    if (address) dump.found.push_back({*address, header->ifa_prefixlen});
    return MNL_CB_OK;
}

int take_link(const nlmsghdr* message, void* into) {
    if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(ifinfomsg)) return MNL_CB_OK;
    auto& state = *static_cast<LinkState*>(into);
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    state.ifindex = static_cast<std::uint32_t>(header->ifi_index);
    state.up = (header->ifi_flags & IFF_UP) != 0;
    const auto take_mac = [](const nlattr* attribute, void* mac) {
        auto& bytes = static_cast<MacAddress*>(mac)->bytes;
        if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == bytes.size()) {
            std::copy_n(static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), bytes.size(), bytes.begin());
        }
        return MNL_CB_OK;
    };
    mnl_attr_parse(message, sizeof *header, take_mac, &state.mac);
    return MNL_CB_OK;
}

}  // namespace

Result<Netlink> Netlink::open() {
    mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == nullptr) return std::unexpected(system_error("netlink socket"));
    Netlink out(socket);
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return std::unexpected(system_error("netlink bind"));
    return out;
}

Netlink::Netlink(Netlink&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)), sequence_(other.sequence_) {}

Netlink::~Netlink() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
}

Result<void> Netlink::transact(nlmsghdr* message, const std::string& what, std::span<const int> accepted_errors) {
    message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return std::unexpected(system_error(what));
    Buffer buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const auto n = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::unexpected(system_error(what));
        const int more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), sequence_,
                                    mnl_socket_get_portid(socket_), nullptr, nullptr);
        if (more > 0) continue;
        if (more == 0) return {};
        const int error = errno;
        if (std::ranges::find(accepted_errors, error) != accepted_errors.end()) return {};
        return std::unexpected(system_error(what, error));
    }
}

Result<LinkState> Netlink::link(const std::string& name) {
    Buffer buffer{};
    nlmsghdr* message = link_message(buffer, 0, 0, 0);
    message->nlmsg_type = RTM_GETLINK;
    message->nlmsg_flags = NLM_F_REQUEST;
    message->nlmsg_seq = ++sequence_;
    mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
    const auto what = "link " + name;
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return std::unexpected(system_error(what));
    std::array<char, 32768> answer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const auto n = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    if (n < 0) return std::unexpected(system_error(what));
    LinkState found;
    if (mnl_cb_run(answer.data(), static_cast<std::size_t>(n), sequence_, mnl_socket_get_portid(socket_), take_link,
                   &found) < 0) {
        return std::unexpected(system_error(what));
    }
    if (found.ifindex == 0) return std::unexpected(system_error(what, ENODEV));
    return found;
}

Result<void> Netlink::set_up(std::uint32_t ifindex, bool up) {
    Buffer buffer{};
    return transact(link_message(buffer, ifindex, up ? IFF_UP : 0, IFF_UP),
                    "set link " + std::to_string(ifindex) + (up ? " up" : " down"), {});
}

Result<void> Netlink::set_mac(std::uint32_t ifindex, const MacAddress& mac) {
    Buffer buffer{};
    nlmsghdr* message = link_message(buffer, ifindex, 0, 0);
    mnl_attr_put(message, IFLA_ADDRESS, mac.bytes.size(), mac.bytes.data());
    return transact(message, "set MAC " + mac.text() + " of link " + std::to_string(ifindex), {});
}

Result<void> Netlink::set_mtu(std::uint32_t ifindex, std::uint32_t mtu) {
    Buffer buffer{};
    nlmsghdr* message = link_message(buffer, ifindex, 0, 0);
    mnl_attr_put_u32(message, IFLA_MTU, mtu);
    return transact(message, "set MTU " + std::to_string(mtu) + " of link " + std::to_string(ifindex), {});
}

Result<void> Netlink::add_address(std::uint32_t ifindex, const IpPrefix& address) {
    Buffer buffer{};
    nlmsghdr* message = address_message(buffer, RTM_NEWADDR, ifindex, address);
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    if (address.address.is_v6()) mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
    static constexpr std::array kAccepted = {EEXIST};
    return transact(message, "add address " + address.text() + " to link " + std::to_string(ifindex), kAccepted);
}

Result<void> Netlink::remove_address(std::uint32_t ifindex, const IpPrefix& address) {
    Buffer buffer{};
    static constexpr std::array kAccepted = {EADDRNOTAVAIL};
    return transact(address_message(buffer, RTM_DELADDR, ifindex, address),
                    "remove address " + address.text() + " from link " + std::to_string(ifindex), kAccepted);
}

Result<std::vector<IpPrefix>> Netlink::addresses(std::uint32_t ifindex) {
    Buffer request{};
    nlmsghdr* message = mnl_nlmsg_put_header(request.data());
    message->nlmsg_type = RTM_GETADDR;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = ++sequence_;
    auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
    header->ifa_family = AF_UNSPEC;
    const auto what = "addresses of link " + std::to_string(ifindex);
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) return std::unexpected(system_error(what));
    AddressDump dump{.ifindex = ifindex, .found = {}};
    std::array<char, 32768> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (int more = 1; more > 0;) {
        const auto n = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
        if (n < 0) return std::unexpected(system_error(what));
        more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(n), sequence_, mnl_socket_get_portid(socket_),
                          collect_address, &dump);
        if (more < 0) return std::unexpected(system_error(what));
    }
    return dump.found;
}

Result<void> Netlink::replace_route(const RouteSpec& route) {
    Buffer buffer{};
    nlmsghdr* message = route_message(buffer, RTM_NEWROUTE, route);
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    return transact(
        message, "set route " + route.destination.text() + (route.gateway ? " by " + route.gateway->text() : ""), {});
}

Result<void> Netlink::remove_route(const RouteSpec& route) {
    Buffer buffer{};
    static constexpr std::array kAccepted = {ESRCH};
    return transact(route_message(buffer, RTM_DELROUTE, route), "remove route " + route.destination.text(), kAccepted);
}

}  // namespace sallyport::os
