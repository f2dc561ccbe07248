#pragma once
// Where an agent's datagrams go and come from: a socket (udp_port.h), or memory in a benchmark of the engine alone.

#include <netinet/in.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "platform/base/ip_address.h"

namespace sallyport::load {

class Port {
public:
    struct Datagram {
        sockaddr_in source;
        std::string_view bytes;  // until the next receive()
    };

    virtual ~Port() = default;
    virtual const Endpoint& local() const = 0;
    // What has come, at most a batch; empty when there is nothing.
    virtual std::span<const Datagram> receive() = 0;
    // Queued until flush().
    virtual void send(const sockaddr_in& to, std::string_view bytes) = 0;
    // Returns how many were refused: they are lost.
    virtual std::size_t flush() = 0;
};

}  // namespace sallyport::load
