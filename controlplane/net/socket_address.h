#pragma once
// Endpoints as the kernel writes them, and the steps that sockets of each transport have in common.

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "platform/base/ip_address.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);

    SocketAddress() = default;
    explicit SocketAddress(const Endpoint& endpoint);
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    // Empty when it is of neither family.
    Endpoint endpoint() const;
};

os::Result<void> set_option(int fd, int level, int name, int value, const char* what);

// An address need not be there yet to be bound to.
os::Result<void> set_free_bind(int fd, bool v6);

// `device` may be empty. False, with errno: the kernel did not do it.
bool bind_to_device(int fd, const std::string& device);

// Where it is bound; empty when the kernel does not say.
Endpoint bound_to(int fd);

// Who it is where connections are counted by source. Of IPv6 a site has a network, and each host in it as many
// addresses as it likes (RFC 6177).
IpAddress counted_as(const IpAddress& address);

}  // namespace sallyport::net
