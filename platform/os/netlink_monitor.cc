#include "platform/os/netlink_monitor.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sallyport::os {
namespace {

constexpr std::array<std::uint16_t, 4> kDumps = {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH};
constexpr int kReceiveBuffer = 4 << 20;
constexpr std::uint32_t kProbeSequence = 0xFFFFFFFF;  // errors of probes are told from those of dumps by it
constexpr int kReadsPerCall = 64;
constexpr std::uint16_t kResolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

template <std::size_t N>
using Attributes = std::array<const nlattr*, N>;

template <std::size_t N>
int collect(const nlattr* attribute, void* into) {
    auto& table = *static_cast<Attributes<N>*>(into);
    if (const auto type = mnl_attr_get_type(attribute); type < N) table[type] = attribute;
    return MNL_CB_OK;
}
template <std::size_t N>
Attributes<N> attributes_of(const nlmsghdr* message, std::size_t header_bytes) {
    Attributes<N> out{};
    mnl_attr_parse(message, static_cast<unsigned>(header_bytes), collect<N>, &out);
    return out;
}
template <typename Header>
const Header* header_of(const nlmsghdr* message) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return nullptr;
    return static_cast<const Header*>(mnl_nlmsg_get_payload(message));
}

std::optional<IpAddress> to_address(const void* payload, std::size_t bytes, std::uint8_t family) {
    const auto* b = static_cast<const std::uint8_t*>(payload);
    if (family == AF_INET && bytes == 4) {
        return IpAddress::v4(static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
                             static_cast<std::uint32_t>(b[2]) << 8 | b[3]);
    }
    if (family != AF_INET6 || bytes != 16) return std::nullopt;
    std::array<std::uint8_t, 16> v6{};
    std::copy_n(b, v6.size(), v6.begin());
    return IpAddress::v6(v6);
}
std::optional<IpAddress> to_address(const nlattr* attribute, std::uint8_t family) {
    if (attribute == nullptr) return std::nullopt;
    return to_address(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), family);
}
std::uint32_t to_u32(const nlattr* attribute) {
    return attribute != nullptr && mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute) : 0;
}
MacAddress to_mac(const nlattr* attribute) {
    MacAddress out;
    if (attribute != nullptr && mnl_attr_get_payload_len(attribute) == out.bytes.size()) {
        std::copy_n(static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), out.bytes.size(),
                    out.bytes.begin());
    }
    return out;
}

void deliver_link(const nlmsghdr* message, const NetlinkMonitor::Handler& handler) {
    const auto* link = header_of<ifinfomsg>(message);
    if (link == nullptr || link->ifi_family == AF_BRIDGE) return;
    const auto a = attributes_of<IFLA_MTU + 1>(message, sizeof *link);
    LinkChange change;
    change.removed = message->nlmsg_type == RTM_DELLINK;
    change.ifindex = static_cast<std::uint32_t>(link->ifi_index);
    if (a[IFLA_IFNAME] != nullptr && mnl_attr_validate(a[IFLA_IFNAME], MNL_TYPE_NUL_STRING) >= 0) {
        change.name = mnl_attr_get_str(a[IFLA_IFNAME]);
    }
    change.mac = to_mac(a[IFLA_ADDRESS]);
    change.up = (link->ifi_flags & IFF_UP) != 0;
    change.mtu = to_u32(a[IFLA_MTU]);
    handler(change);
}

void deliver_address(const nlmsghdr* message, const NetlinkMonitor::Handler& handler) {
    const auto* header = header_of<ifaddrmsg>(message);
    if (header == nullptr) return;
    const auto a = attributes_of<IFA_MAX + 1>(message, sizeof *header);
    auto address = to_address(a[IFA_LOCAL], header->ifa_family);
    if (!address) address = to_address(a[IFA_ADDRESS], header->ifa_family);
    if (!address) return;
    handler(AddressChange{.removed = message->nlmsg_type == RTM_DELADDR,
                          .ifindex = header->ifa_index,
                          .address = {*address, header->ifa_prefixlen}});
}

// RTA_MULTIPATH holds rtnexthop structures, each followed by its own attributes.
void deliver_multipath(const nlattr* multipath, std::uint8_t family, RouteChange change,
                       const NetlinkMonitor::Handler& handler) {
    const auto* at = static_cast<const char*>(mnl_attr_get_payload(multipath));
    std::size_t left = mnl_attr_get_payload_len(multipath);
    while (left >= sizeof(rtnexthop)) {
        const auto* hop = reinterpret_cast<const rtnexthop*>(at);
        if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > left) return;
        change.ifindex = static_cast<std::uint32_t>(hop->rtnh_ifindex);
        change.gateway.reset();
        Attributes<RTA_MAX + 1> a{};
        mnl_attr_parse_payload(at + sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop), collect<RTA_MAX + 1>, &a);
        change.gateway = to_address(a[RTA_GATEWAY], family);
        handler(change);
        change.replaces = false;  // the hops of one route do not replace each other
        const std::size_t step = RTNH_ALIGN(hop->rtnh_len);
        if (step >= left) return;
        at += step;
        left -= step;
    }
}

void deliver_route(const nlmsghdr* message, const NetlinkMonitor::Handler& handler) {
    const auto* route = header_of<rtmsg>(message);
    if (route == nullptr || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6)) return;
    if ((route->rtm_flags & RTM_F_CLONED) != 0) return;
    const auto a = attributes_of<RTA_MAX + 1>(message, sizeof *route);
    const auto table = a[RTA_TABLE] != nullptr ? to_u32(a[RTA_TABLE]) : route->rtm_table;
    if (table != RT_TABLE_MAIN) return;
    const bool dead_end =
        route->rtm_type == RTN_BLACKHOLE || route->rtm_type == RTN_UNREACHABLE || route->rtm_type == RTN_PROHIBIT;
    if (route->rtm_type != RTN_UNICAST && !dead_end) return;
    RouteChange change;
    change.removed = message->nlmsg_type == RTM_DELROUTE;
    change.replaces = !change.removed && (message->nlmsg_flags & NLM_F_REPLACE) != 0;
    const auto destination = to_address(a[RTA_DST], route->rtm_family);
    change.destination.address =
        destination.value_or(route->rtm_family == AF_INET ? IpAddress::v4(0) : IpAddress::v6({}));
    change.destination.length = route->rtm_dst_len;
    change.metric = to_u32(a[RTA_PRIORITY]);
    if (a[RTA_MULTIPATH] != nullptr) {
        deliver_multipath(a[RTA_MULTIPATH], route->rtm_family, change, handler);
        return;
    }
    change.ifindex = dead_end ? 0 : to_u32(a[RTA_OIF]);
    change.gateway = to_address(a[RTA_GATEWAY], route->rtm_family);
    if (change.ifindex == 0 && !dead_end) return;
    handler(change);
}

void deliver_neighbour(const nlmsghdr* message, const NetlinkMonitor::Handler& handler) {
    const auto* header = header_of<ndmsg>(message);
    if (header == nullptr || (header->ndm_flags & NTF_PROXY) != 0) return;
    const auto a = attributes_of<NDA_MAX + 1>(message, sizeof *header);
    const auto address = to_address(a[NDA_DST], header->ndm_family);
    if (!address) return;
    NeighbourChange change;
    change.ifindex = static_cast<std::uint32_t>(header->ndm_ifindex);
    change.address = *address;
    change.mac = to_mac(a[NDA_LLADDR]);
    change.state = header->ndm_state;
    change.removed = message->nlmsg_type == RTM_DELNEIGH || (header->ndm_state & NUD_FAILED) != 0;
    change.resolved = !change.removed && (header->ndm_state & kResolved) != 0 && a[NDA_LLADDR] != nullptr;
    change.reachable = change.resolved && (header->ndm_state & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) != 0;
    handler(change);
}

}  // namespace

Result<NetlinkMonitor> NetlinkMonitor::open(Handler handler) {
    mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket == nullptr) return std::unexpected(system_error("netlink socket"));
    NetlinkMonitor out(socket, std::move(handler));
    const int fd = mnl_socket_get_fd(socket);
    // Beyond the system's limit with CAP_NET_ADMIN, else as large as it is allowed.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
    }
    constexpr unsigned kGroups =
        RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_NEIGH;
    if (mnl_socket_bind(socket, kGroups, MNL_SOCKET_AUTOPID) < 0) {
        return std::unexpected(system_error("netlink subscription"));
    }
    out.start_sync();
    return out;
}

NetlinkMonitor::NetlinkMonitor(mnl_socket* socket, Handler handler) : socket_(socket), handler_(std::move(handler)) {}

NetlinkMonitor::NetlinkMonitor(NetlinkMonitor&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)),
      handler_(std::move(other.handler_)),
      dump_(other.dump_),
      syncing_(other.syncing_),
      resync_wanted_(other.resync_wanted_),
      draining_(other.draining_),
      dump_sequence_(other.dump_sequence_),
      sequence_(other.sequence_),
      overflows_(other.overflows_),
      failed_probes_(other.failed_probes_) {}

NetlinkMonitor::~NetlinkMonitor() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
}

int NetlinkMonitor::fd() const { return mnl_socket_get_fd(socket_); }

void NetlinkMonitor::start_sync() {
    handler_(MonitorMark::kResync);
    syncing_ = true;
    resync_wanted_ = false;
    dump_ = 0;
    request_dump();
}

// One at a time: the kernel runs one dump a socket.
void NetlinkMonitor::request_dump() {
    std::array<char, 256> buffer{};
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = kDumps[dump_];
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    sequence_ = sequence_ % 0x7FFFFFFF + 1;
    message->nlmsg_seq = dump_sequence_ = sequence_;
    // Large enough for each of the four headers; all zero means: every family.
    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) dump_sequence_ = 0;  // retry() comes
}

// `error`: 0 or an errno.
void NetlinkMonitor::finish_dump(int error) {
    // A kind that this kernel does not dump (no IPv6, say): go on without.
    const bool absent = error == EOPNOTSUPP || error == EAFNOSUPPORT;
    if (error != 0 && !absent) {
        // What came is not all: with kSynced the receiver would forget the rest.
        dump_sequence_ = 0;
    } else if (resync_wanted_) {
        resync_wanted_ = syncing_ = false;
        draining_ = true;
    } else if (++dump_ < kDumps.size()) {
        request_dump();
    } else {
        syncing_ = false;
        handler_(MonitorMark::kSynced);
    }
}

Result<bool> NetlinkMonitor::resync() {
    (syncing_ ? resync_wanted_ : draining_) = true;
    return read();
}

Result<bool> NetlinkMonitor::retry() {
    if (!syncing_ || dump_sequence_ != 0) return true;
    syncing_ = false;
    draining_ = true;
    return read();
}

Result<bool> NetlinkMonitor::read() {
    alignas(nlmsghdr) std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (int i = 0; i < kReadsPerCall; ++i) {
        const auto n = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) {
                if (!draining_) return true;
                draining_ = false;
                start_sync();
                continue;
            }
            if (errno != ENOBUFS && errno != ENOSPC) return std::unexpected(system_error("netlink"));
            // Changes were lost; dumps never are: the kernel waits for room with them. What is still in the queue is
            // older than the loss and would leave entries that are gone: it is thrown away before all is asked anew.
            ++overflows_;
            if (syncing_) {
                resync_wanted_ = true;
            } else {
                draining_ = true;
            }
            continue;
        }
        int left = static_cast<int>(n);
        for (const auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); !draining_ && mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            deliver(m);
        }
    }
    return false;
}

void NetlinkMonitor::deliver(const nlmsghdr* message) {
    const bool of_dump =
        syncing_ && message->nlmsg_seq == dump_sequence_ && message->nlmsg_pid == mnl_socket_get_portid(socket_);
    if (of_dump && (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) resync_wanted_ = true;
    switch (message->nlmsg_type) {
        case NLMSG_DONE:
            // A dump that fails on its way says so here: a negative errno.
            if (of_dump) {
                const auto* result = header_of<int>(message);
                finish_dump(result != nullptr ? -*result : 0);
            }
            break;
        case NLMSG_ERROR:
            if (message->nlmsg_seq == kProbeSequence) {
                ++failed_probes_;
            } else if (of_dump) {
                const auto* refusal = header_of<nlmsgerr>(message);
                finish_dump(refusal != nullptr ? -refusal->error : EIO);
            }
            break;
        case RTM_NEWLINK:
        case RTM_DELLINK: deliver_link(message, handler_); break;
        case RTM_NEWADDR:
        case RTM_DELADDR: deliver_address(message, handler_); break;
        case RTM_NEWROUTE:
        case RTM_DELROUTE: deliver_route(message, handler_); break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH: deliver_neighbour(message, handler_); break;
        default: break;
    }
}

void NetlinkMonitor::probe_neighbour(std::uint32_t ifindex, const IpAddress& address) {
    std::array<char, 256> buffer{};
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_NEWNEIGH;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
    message->nlmsg_seq = kProbeSequence;
    auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
    header->ndm_family = address.is_v6() ? AF_INET6 : AF_INET;
    header->ndm_ifindex = static_cast<int>(ifindex);
    header->ndm_flags = NTF_USE;
    header->ndm_state = NUD_NONE;  // with NTF_USE the kernel starts resolution itself (neigh_event_send)
    mnl_attr_put(message, NDA_DST, address.is_v6() ? 16 : 4, address.bytes().data());
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) ++failed_probes_;
}

}  // namespace sallyport::os
