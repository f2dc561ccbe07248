#include "controlplane/net/socket_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "platform/base/ip_ranges.h"

namespace sallyport::net {

SocketAddress::SocketAddress(const Endpoint& endpoint) {
    if (endpoint.address.is_v6()) {
        sockaddr_in6 out{};
        out.sin6_family = AF_INET6;
        out.sin6_port = htons(endpoint.port);
        std::memcpy(&out.sin6_addr, endpoint.address.bytes().data(), sizeof out.sin6_addr);
        std::memcpy(&storage, &out, sizeof out);
        length = sizeof out;
        return;
    }
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(endpoint.address.v4_host_order());
    out.sin_port = htons(endpoint.port);
    std::memcpy(&storage, &out, sizeof out);
    length = sizeof out;
}

Endpoint SocketAddress::endpoint() const {
    if (storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &storage, sizeof in);
        return {IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
    }
    if (storage.ss_family != AF_INET6) return {};
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return {IpAddress::v6(bytes), ntohs(in.sin6_port)};
}

os::Result<void> set_option(int fd, int level, int name, int value, const char* what) {
    if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) return std::unexpected(os::system_error(what));
    return {};
}

os::Result<void> set_free_bind(int fd, bool v6) {
    return v6 ? set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "set IPV6_FREEBIND")
              : set_option(fd, IPPROTO_IP, IP_FREEBIND, 1, "set IP_FREEBIND");
}

bool bind_to_device(int fd, const std::string& device) {
    return device.empty() ||
           ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.data(), static_cast<socklen_t>(device.size())) == 0;
}

Endpoint bound_to(int fd) {
    SocketAddress address;
    if (::getsockname(fd, address.get(), &address.length) != 0) return {};
    return address.endpoint();
}

IpAddress counted_as(const IpAddress& address) { return address.is_v6() ? network_of({address, 64}) : address; }

}  // namespace sallyport::net
