#include "platform/rpc/listener.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sallyport::rpc {

os::Result<std::unique_ptr<Listener>> Listener::make(os::EventLoop& loop, const std::string& path,
                                                     const os::UnixListenOptions& options, Bounds bounds,
                                                     ConnectionLimits limits, Handlers handlers) {
    auto fd = os::listen_unix(path, os::UnixType::kStream, options);
    if (!fd) return std::unexpected(fd.error());
    return std::unique_ptr<Listener>(
        new Listener(loop, std::move(*fd), os::SocketFile(path), bounds, limits, std::move(handlers)));
}

Listener::Listener(os::EventLoop& loop, os::UniqueFd fd, os::SocketFile file, Bounds bounds, ConnectionLimits limits,
                   Handlers handlers)
    : loop_(loop),
      fd_(std::move(fd)),
      file_(std::move(file)),
      bounds_(bounds),
      limits_(limits),
      handlers_(std::move(handlers)) {
    loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

Listener::~Listener() {
    loop_.remove(fd_.get());
    for (auto& [key, connection] : std::exchange(connections_, {})) connection.connection->close();
}

bool Listener::room_for(const os::PeerCredentials& peer) const {
    if (connections_.size() >= bounds_.connections) return false;
    const auto same = [&](const auto& c) { return c.second.user == peer.uid; };
    return peer.uid == 0 || static_cast<std::size_t>(std::ranges::count_if(connections_, same)) < bounds_.per_user;
}

void Listener::accept() {
    for (;;) {
        auto fd = os::accept_unix(fd_.get());
        if (!fd) {
            log::limited(log_limit_, loop_.now().instant, log::Level::kError, "{}", fd.error());
            return;
        }
        if (!*fd) return;
        const auto peer = os::peer_credentials(fd->get());
        if (!peer || !room_for(*peer)) {
            ++refused_;
            continue;
        }
        ++accepted_;
        // The connection lives in the table; what its handlers need of it is looked up there.
        auto self = std::make_shared<const Connection*>(nullptr);
        auto connection = Connection::make(loop_, std::move(*fd),
                                           {.on_call =
                                                [this, self, who = *peer](Call call) {
                                                    const auto it = connections_.find(*self);
                                                    if (it == connections_.end()) return;
                                                    const auto keep = it->second.connection;
                                                    handlers_.on_call(keep, who, std::move(call));
                                                },
                                            .on_closed = [this, self](const std::string&) { forget(*self); }},
                                           limits_);
        *self = connection.get();
        const auto now = loop_.now().instant;
        connections_.emplace(*self, Accepted{std::move(connection), peer->uid, now});
        if (handlers_.may_stay && !late_timer_.armed())
            loop_.timers().arm<&Listener::drop_late>(late_timer_, now + bounds_.first_call, this);
    }
}

void Listener::forget(const Connection* connection) {
    const auto it = connections_.find(connection);
    if (it == connections_.end()) return;
    const auto keep = std::move(it->second.connection);
    connections_.erase(it);
    if (handlers_.on_closed) handlers_.on_closed(connection);
}

void Listener::drop_late(Instant now) {
    std::vector<std::shared_ptr<Connection>> late;
    auto next = kNever;
    for (const auto& [key, accepted] : connections_) {
        if (handlers_.may_stay(key)) continue;
        const auto due = accepted.since + bounds_.first_call;
        if (due <= now)
            late.push_back(accepted.connection);
        else
            next = std::min(next, due);
    }
    for (const auto& connection : late) {
        ++dropped_;
        connection->end("it was not used");
    }
    if (next != kNever) loop_.timers().arm<&Listener::drop_late>(late_timer_, next, this);
}

}  // namespace sallyport::rpc
