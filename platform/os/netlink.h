#pragma once
// Changes to links, addresses and routes over rtnetlink: with netlink_monitor.h the one wrapper of libmnl.
// Each call is one request and its acknowledgement; an error says what was asked for and what the kernel said.
// For start-up and slow threads: a call waits for the kernel (not for the network).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/os/mac_address.h"
#include "platform/os/result.h"

struct mnl_socket;
struct nlmsghdr;

namespace sallyport::os {

struct RouteSpec {
    IpPrefix destination;  // 0.0.0.0/0: the default route
    std::uint32_t ifindex = 0;
    std::optional<IpAddress> gateway = std::nullopt;  // without: on the link
    std::uint32_t metric = 0;  // two default routes of different interfaces need different metrics
};

struct LinkState {
    std::uint32_t ifindex = 0;
    MacAddress mac;
    bool up = false;  // administratively
};

class Netlink {
public:
    static Result<Netlink> open();
    Netlink(Netlink&& other) noexcept;
    Netlink& operator=(Netlink&&) = delete;
    ~Netlink();

    Result<LinkState> link(const std::string& name);
    Result<void> set_up(std::uint32_t ifindex, bool up);
    Result<void> set_mac(std::uint32_t ifindex, const MacAddress& mac);
    Result<void> set_mtu(std::uint32_t ifindex, std::uint32_t mtu);
    // Adding what is there already, and removing what is not, is success. An IPv6 address is usable at once: it is not
    // looked for at others first (RFC 4862 §5.4), who may not be there yet. The link must be up for it.
    Result<void> add_address(std::uint32_t ifindex, const IpPrefix& address);
    Result<void> remove_address(std::uint32_t ifindex, const IpPrefix& address);
    Result<std::vector<IpPrefix>> addresses(std::uint32_t ifindex);  // IPv4 and IPv6 of global scope
    Result<void> replace_route(const RouteSpec& route);
    Result<void> remove_route(const RouteSpec& route);

private:
    explicit Netlink(mnl_socket* socket) : socket_(socket) {}
    Result<void> transact(nlmsghdr* message, const std::string& what, std::span<const int> accepted_errors);
    mnl_socket* socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::os
