#pragma once
// Accepts the connections of one unix socket, a bounded number at a time: one too many is closed at once and
// counted. The socket file goes with the listener.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "platform/os/event_loop.h"
#include "platform/os/log.h"
#include "platform/os/result.h"
#include "platform/os/unix_socket.h"
#include "platform/rpc/connection.h"

namespace sallyport::rpc {

class Listener {
public:
    struct Handlers {
        // A call on one of the connections. `connection` may be kept.
        std::function<void(const std::shared_ptr<Connection>& connection, const os::PeerCredentials& peer, Call call)>
            on_call;
        std::function<void(const Connection* connection)> on_closed;  // may be empty
    };

    static os::Result<std::unique_ptr<Listener>> make(os::EventLoop& loop, const std::string& path,
                                                      const os::UnixListenOptions& options, std::size_t max_connections,
                                                      ConnectionLimits limits, Handlers handlers);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t refused() const { return refused_; }
    // For one that owes us a first call and does not make it.
    void drop(const Connection* connection);

private:
    Listener(os::EventLoop& loop, os::UniqueFd fd, os::SocketFile file, std::size_t max_connections,
             ConnectionLimits limits, Handlers handlers);
    void accept();
    void forget(const Connection* connection);

    os::EventLoop& loop_;
    os::UniqueFd fd_;
    os::SocketFile file_;
    std::size_t max_connections_;
    ConnectionLimits limits_;
    Handlers handlers_;
    std::unordered_map<const Connection*, std::shared_ptr<Connection>> connections_;
    std::uint64_t accepted_ = 0;
    std::uint64_t refused_ = 0;
    log::LogLimit log_limit_{1};
};

}  // namespace sallyport::rpc
