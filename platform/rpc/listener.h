#pragma once
// Accepts the connections of one unix socket, a bounded number at a time: one too many is closed at once and
// counted. No user but root may take more than a share of them, and a connection that has not become what the
// listener is there for is dropped in time: else one user keeps all others out. The socket file goes
// with the listener.

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
    struct Bounds {
        std::size_t connections = 16;
        std::size_t per_user = 4;                       // other than root
        Duration first_call = std::chrono::seconds(2);  // see Handlers::may_stay
    };
    struct Handlers {
        // A call on one of the connections. `connection` may be kept.
        std::function<void(const std::shared_ptr<Connection>& connection, const os::PeerCredentials& peer, Call call)>
            on_call;
        std::function<void(const Connection* connection)> on_closed;  // may be empty
        // Asked after Bounds::first_call; empty: every connection may.
        std::function<bool(const Connection* connection)> may_stay;
    };

    static os::Result<std::unique_ptr<Listener>> make(os::EventLoop& loop, const std::string& path,
                                                      const os::UnixListenOptions& options, Bounds bounds,
                                                      ConnectionLimits limits, Handlers handlers);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t refused() const { return refused_; }
    std::uint64_t dropped() const { return dropped_; }

private:
    struct Accepted {
        std::shared_ptr<Connection> connection;
        uid_t user = 0;
        Instant since{};
    };

    Listener(os::EventLoop& loop, os::UniqueFd fd, os::SocketFile file, Bounds bounds, ConnectionLimits limits,
             Handlers handlers);
    void accept();
    bool room_for(const os::PeerCredentials& peer) const;
    void drop_late(Instant now);
    void forget(const Connection* connection);

    os::EventLoop& loop_;
    os::UniqueFd fd_;
    os::SocketFile file_;
    Bounds bounds_;
    ConnectionLimits limits_;
    Handlers handlers_;
    std::unordered_map<const Connection*, Accepted> connections_;
    Timer late_timer_;
    std::uint64_t accepted_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t dropped_ = 0;
    log::LogLimit log_limit_{1};
};

}  // namespace sallyport::rpc
