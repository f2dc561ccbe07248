#pragma once
// Where an agent's datagrams go and come from: a socket (udp_port.h), or memory in a benchmark of the engine alone.

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
    // What is sent there from now on goes by a new stream; the present one is read for `linger` and then closed.
    virtual void leave(const sockaddr_in&, std::chrono::milliseconds) {}
};

// Of an IPv4 endpoint: agents speak IPv4 alone.
inline sockaddr_in to_sockaddr(const Endpoint& e) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(e.address.v4_host_order());
    out.sin_port = htons(e.port);
    return out;
}

// Streams to one address and port are told apart by a number, in the bytes of sockaddr_in that have no meaning; 0 is
// the one that has none.
inline void set_stream(sockaddr_in& address, std::uint16_t number) {
    std::memcpy(&address.sin_zero, &number, sizeof(number));
}
inline std::uint16_t stream_of(const sockaddr_in& address) {
    std::uint16_t number = 0;
    std::memcpy(&number, &address.sin_zero, sizeof(number));
    return number;
}

}  // namespace sallyport::load
