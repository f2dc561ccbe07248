#include "platform/rpc/listener.h"

#include <utility>

namespace sallyport::rpc {

os::Result<std::unique_ptr<Listener>> Listener::make(os::EventLoop& loop, const std::string& path,
                                                     const os::UnixListenOptions& options, std::size_t max_connections,
                                                     ConnectionLimits limits, Handlers handlers) {
    auto fd = os::listen_unix(path, os::UnixType::kStream, options);
    if (!fd) return std::unexpected(fd.error());
    return std::unique_ptr<Listener>(
        new Listener(loop, std::move(*fd), os::SocketFile(path), max_connections, limits, std::move(handlers)));
}

Listener::Listener(os::EventLoop& loop, os::UniqueFd fd, os::SocketFile file, std::size_t max_connections,
                   ConnectionLimits limits, Handlers handlers)
    : loop_(loop),
      fd_(std::move(fd)),
      file_(std::move(file)),
      max_connections_(max_connections),
      limits_(limits),
      handlers_(std::move(handlers)) {
    loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

Listener::~Listener() {
    loop_.remove(fd_.get());
    for (auto& [key, connection] : std::exchange(connections_, {})) connection->close();
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
        if (!peer || connections_.size() >= max_connections_) {
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
                                                    const auto keep = it->second;
                                                    handlers_.on_call(keep, who, std::move(call));
                                                },
                                            .on_closed = [this, self](const std::string&) { forget(*self); }},
                                           limits_);
        *self = connection.get();
        connections_.emplace(connection.get(), std::move(connection));
    }
}

void Listener::forget(const Connection* connection) {
    const auto it = connections_.find(connection);
    if (it == connections_.end()) return;
    const auto keep = std::move(it->second);
    connections_.erase(it);
    if (handlers_.on_closed) handlers_.on_closed(connection);
}

void Listener::drop(const Connection* connection) {
    const auto it = connections_.find(connection);
    if (it == connections_.end()) return;
    it->second->close();
    forget(connection);
}

}  // namespace sallyport::rpc
