#pragma once
// SIP over TCP or TLS in a network namespace: listens at the local address, and connects from it. What is sent to an
// address goes by the connection with it, whoever made it; when there is none, one is made. Messages are cut at their
// Content-Length, by no code of the product.

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"
#include "tests/load/socket_port.h"
#include "tests/load/tls_end.h"

namespace sallyport::load {

class StreamPort final : public SocketPort {
public:
    // tls: none for TCP; outlives the port.
    static os::Result<std::unique_ptr<StreamPort>> open(const std::string& network, const Endpoint& local, TlsEnd* tls);
    ~StreamPort() override;

    int fd() const override { return epoll_.get(); }
    const Endpoint& local() const override { return local_; }
    std::span<const Datagram> receive() override;
    void send(const sockaddr_in& to, std::string_view bytes) override;
    // What could not be sent because its connection was lost.
    std::size_t flush() override;
    void leave(const sockaddr_in& to, std::chrono::milliseconds linger) override;

    // Makes a connection only for its TLS session, which those to come resume. False when none has come within that
    // time.
    bool fetch_session(const sockaddr_in& to, std::chrono::milliseconds patience);

    struct Counts {
        std::uint64_t made = 0;
        std::uint64_t accepted = 0;
        std::uint64_t resumed = 0;  // TLS sessions, of both directions
        std::uint64_t ended = 0;    // by the other side, or an error
    };
    const Counts& counts() const { return counts_; }

private:
    struct Connection;
    using Clock = std::chrono::steady_clock;
    struct Leaving {
        Clock::time_point at;
        int fd;
        std::uint64_t number;
    };
    static constexpr std::size_t kLargestMessage = 65536;

    StreamPort(std::string network, const Endpoint& local, TlsEnd* tls, os::UniqueFd listener, os::UniqueFd epoll);
    Connection* connect(const sockaddr_in& to);
    void take();
    Connection& add(os::UniqueFd fd, const sockaddr_in& remote, bool accepted);
    bool handshake(Connection& connection);
    void read(Connection& connection);
    bool write(Connection& connection);
    void cut(Connection& connection);
    void watch(Connection& connection);
    void end(Connection& connection);

    std::string network_;
    Endpoint local_;
    TlsEnd* tls_;
    os::UniqueFd listener_;
    os::UniqueFd epoll_;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::unordered_map<std::uint64_t, int>
        by_remote_;  // address, port and number -> the connection that is used for it
    std::deque<Leaving> leaving_;
    std::vector<int> dirty_;  // something was queued there
    std::deque<std::string> messages_;
    std::vector<Datagram> datagrams_;
    std::uint64_t numbers_ = 0;
    std::size_t lost_ = 0;
    Counts counts_;
};

}  // namespace sallyport::load
