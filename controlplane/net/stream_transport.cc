#include "controlplane/net/stream_transport.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "controlplane/net/socket_address.h"
#include "controlplane/net/stream_connection.h"
#include "controlplane/net/stream_socket.h"
#include "platform/base/buffer.h"
#include "platform/os/log.h"

namespace sallyport::net {

namespace {

using Entry = transaction::SendQueue::Entry;

constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kRead = std::size_t{64} << 10;  // of one connection in a turn: the others get theirs
constexpr std::size_t kKeptCapacity = 4096;

}  // namespace

struct StreamTransport::Listener {
    os::UniqueFd fd;
    std::uint16_t sip_interface = 0;
    Transport transport = Transport::kTcp;
};

std::size_t StreamTransport::RouteHash::operator()(const Route& r) const {
    return EndpointHash()(r.remote) * 31 + r.sip_interface * kTransports + static_cast<std::size_t>(r.transport);
}

StreamTransport::StreamTransport(os::EventLoop& loop, Handlers handlers, const StreamLimits& limits)
    : loop_(loop), handlers_(std::move(handlers)), limits_(limits), scratch_(kRead) {}

StreamTransport::~StreamTransport() {
    if (started_)
        for (const auto& listener : listeners_) loop_.remove(listener->fd.get());
    for (const auto& [number, connection] : connections_) loop_.remove(connection->socket.fd());
}

os::Result<void> StreamTransport::open(const std::vector<config::SipInterface>& interfaces) {
    std::vector<std::unique_ptr<Listener>> listeners;
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        const auto& each = interfaces[i];
        for (const auto transport : {Transport::kTcp, Transport::kTls}) {
            if (!each.has(transport)) continue;
            auto fd = listen_tcp(each.at(transport), each.device);
            if (!fd) return std::unexpected("sip-interface " + each.name + ": " + fd.error());
            listeners.push_back(std::make_unique<Listener>(std::move(*fd), static_cast<std::uint16_t>(i), transport));
        }
    }
    interfaces_ = interfaces;
    listeners_ = std::move(listeners);
    spare_ = os::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return {};
}

void StreamTransport::start() {
    if (std::exchange(started_, true)) return;
    for (const auto& listener : listeners_)
        loop_.add(listener->fd.get(), EPOLLIN, [this, at = listener.get()](std::uint32_t) { on_accept(*at); });
}

Endpoint StreamTransport::local(std::uint16_t sip_interface, Transport transport) const {
    for (const auto& listener : listeners_)
        if (listener->sip_interface == sip_interface && listener->transport == transport)
            return bound_to(listener->fd.get());
    return {};
}

void StreamTransport::on_accept(Listener& listener) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        SocketAddress address;
        os::UniqueFd fd(::accept4(listener.fd.get(), address.get(), &address.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            accept_one(listener, std::move(fd), address.endpoint());
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EMFILE && errno != ENFILE) return;
        // Out of descriptors: the spare one takes the connection off the queue, where it would keep us busy.
        ++counters_.too_many;
        spare_.reset();
        os::UniqueFd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
        spare_ = os::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
}

void StreamTransport::accept_one(Listener& listener, os::UniqueFd fd, const Endpoint& remote) {
    const transaction::Path path{listener.sip_interface, remote, listener.transport};
    if (!handlers_.admits(path)) {
        ++counters_.strangers;
        return;
    }
    if (connections_.size() >= limits_.connections) {
        ++counters_.too_many;
        return;
    }
    auto& from_there = accepted_from_[counted_as(remote.address)];
    if (from_there >= limits_.accepted_from_one_address) {
        ++counters_.too_many_from_one;
        return;
    }
    ++from_there;
    ++counters_.accepted;
    auto& connection = add(std::move(fd), path, true);
    if (path.transport == Transport::kTls && !begin_handshake(connection)) return;
    watch(connection);
    rearm(connection);
}

StreamTransport::Connection& StreamTransport::add(os::UniqueFd fd, const transaction::Path& path, bool accepted) {
    // 0 is nobody's, and what a wrapped counter finds taken is not given again.
    while (next_number_ == 0 || connections_.contains(next_number_)) ++next_number_;
    const auto number = next_number_++;
    auto made = std::make_unique<Connection>(*this, std::move(fd), path, accepted);
    auto& connection = *made;
    connection.path.connection = number;
    connection.began = connection.progress = connection.last_message = loop_.now().instant;
    connections_.emplace(number, std::move(made));
    // Where one leads that a peer made, only its number knows: see alias().
    if (!accepted) routes_.try_emplace(Route(path.sip_interface, path.remote, path.transport), number);
    loop_.add(connection.socket.fd(), 0, [this, number](std::uint32_t events) { on_ready(number, events); });
    return connection;
}

StreamTransport::Connection* StreamTransport::find(std::uint32_t number) {
    const auto it = connections_.find(number);
    return it == connections_.end() || it->second->shut ? nullptr : it->second.get();
}

StreamTransport::Connection* StreamTransport::find(const transaction::Path& to) {
    if (to.connection != 0)
        if (auto* connection = find(to.connection)) return connection;
    const auto it = routes_.find(Route(to.sip_interface, to.remote, to.transport));
    return it == routes_.end() ? nullptr : find(it->second);
}

StreamTransport::Connection* StreamTransport::make(const transaction::Path& to) {
    if (connections_.size() >= limits_.connections) {
        ++counters_.too_many;
        return nullptr;
    }
    const auto& ours = interfaces_.at(to.sip_interface);
    auto fd = connect_tcp(ours.local.address, ours.device, to.remote);
    if (!fd) {
        ++counters_.connect_failed;
        return nullptr;
    }
    ++counters_.made;
    auto path = to;
    auto& connection = add(std::move(*fd), path, false);
    connection.connecting = true;
    watch(connection);
    rearm(connection);
    return &connection;
}

std::vector<Entry> StreamTransport::send(const transaction::SendQueue& queue) {
    std::vector<Entry> refused;
    for (const auto& entry : queue.entries()) {
        if (!is_stream(entry.path.transport)) continue;
        auto* connection = find(entry.path);
        if (connection == nullptr) connection = make(entry.path);
        if (connection == nullptr || !take(*connection, entry, queue.bytes(entry))) refused.push_back(entry);
    }
    flush();
    return refused;
}

bool StreamTransport::read_more() {
    for (const auto number : std::exchange(to_read_, {})) {
        const auto it = connections_.find(number);
        if (it == connections_.end()) continue;
        it->second->queued_to_read = false;
        read(*it->second);
    }
    return !to_read_.empty();
}

void StreamTransport::flush() {
    for (const auto number : std::exchange(to_write_, {})) {
        const auto it = connections_.find(number);
        if (it == connections_.end()) continue;
        it->second->queued_to_write = false;
        write(*it->second);
    }
}

bool StreamTransport::take(Connection& connection, const Entry& entry, std::string_view bytes) {
    if (bytes.size() > limits_.written_bytes - std::min(limits_.written_bytes, connection.unwritten())) {
        ++counters_.queue_full;
        return false;
    }
    if (kept_ + bytes.size() > limits_.kept_bytes) {
        ++counters_.memory_full;
        return false;
    }
    const auto now = loop_.now().instant;
    if (connection.unwritten() == 0) connection.progress = now;
    connection.last_message = now;
    connection.out += bytes;
    if (entry.owner != 0) {
        connection.waiting.push_back({connection.written + connection.unwritten(), entry});
        if (entry.path.connection != connection.path.connection) handlers_.on_stream(entry, connection.path.connection);
    }
    ++counters_.sent;
    account(connection);
    to_write(connection);
    return true;
}

void StreamTransport::to_write(Connection& connection) {
    if (!std::exchange(connection.queued_to_write, true)) to_write_.push_back(connection.path.connection);
}

void StreamTransport::on_ready(std::uint32_t number, std::uint32_t events) {
    const auto it = connections_.find(number);
    if (it == connections_.end()) return;
    auto& connection = *it->second;
    if (connection.connecting) return connected(connection);
    if (connection.shaking) return shake(connection);
    const bool reads = connection.socket.wants_write();  // TLS had to write before it could read on
    if ((events & EPOLLOUT) != 0) {
        write(connection);
        if (!connections_.contains(number)) return;
    }
    if (reads || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(connection);
}

void StreamTransport::connected(Connection& connection) {
    if (connection.socket.connect_error() != 0) {
        ++counters_.connect_failed;
        return close(connection);
    }
    connection.connecting = false;
    connection.progress = loop_.now().instant;
    if (connection.path.transport != Transport::kTls) return established(connection);
    if (!begin_handshake(connection)) return;
    connection.began = loop_.now().instant;
    shake(connection);
}

void StreamTransport::established(Connection& connection) {
    const auto number = connection.path.connection;
    if (!connection.accepted) {
        connection.keep_alive = handlers_.peer(connection.path).keep_alive;
        connection.plan_ping(loop_.now().instant);
    }
    write(connection);
    // The peer may have written with its last word of the handshake.
    if (const auto it = connections_.find(number); it != connections_.end() && connection.socket.tls() != nullptr)
        read(connection);
}

void StreamTransport::read(Connection& connection) {
    std::size_t got = 0;
    const auto status = connection.socket.read(scratch_, got);
    if (status == StreamSocket::Status::kFailed) ++counters_.broken;
    if (connection.socket.has_pending() && !std::exchange(connection.queued_to_read, true))
        to_read_.push_back(connection.path.connection);
    // When it is closing, read so that the kernel sends no reset that would take our last word with it.
    const auto number = connection.path.connection;
    if (got > 0 && !connection.closing) feed(connection, {scratch_.data(), got});
    if (status != StreamSocket::Status::kOpen && connections_.contains(number)) close(connection);
}

void StreamTransport::feed(Connection& connection, std::string_view bytes) {
    counters_.received_bytes += bytes.size();
    const auto before = counters_.received;
    const bool whole = connection.framer.feed(bytes, connection);
    if (!whole) {
        connection.closing = true;
        connection.progress = loop_.now().instant;
        unroute(connection);
        to_write(connection);  // the answer, if there is one, comes in this turn
    }
    if (!connection.framer.within_message())
        connection.message_began = kNever;
    else if (connection.message_began == kNever || counters_.received != before)
        connection.message_began = loop_.now().instant;
    account(connection);
    if (kept_ > limits_.kept_bytes && connection.framer.within_message()) {
        ++counters_.memory_full;
        return close(connection);
    }
    watch(connection);
    rearm(connection);
}

void StreamTransport::write(Connection& connection) {
    if (connection.connecting || connection.shaking) return;
    const std::string_view rest(connection.out.data() + connection.out_at, connection.unwritten());
    std::size_t sent = 0;
    const auto status = connection.socket.write(rest, sent);
    counters_.sent_bytes += sent;
    connection.out_at += sent;
    connection.written += sent;
    if (sent > 0) connection.progress = loop_.now().instant;
    if (status == StreamSocket::Status::kFailed) {
        ++counters_.broken;
        return close(connection);
    }
    const auto waits = [&](const Connection::Waiting& w) { return w.end > connection.written; };
    connection.waiting.erase(connection.waiting.begin(), std::ranges::find_if(connection.waiting, waits));
    if (connection.unwritten() == 0) {
        connection.out_at = 0;
        clear_buffer(connection.out, kKeptCapacity);
        if (connection.closing && !std::exchange(connection.shut, true)) connection.socket.shut();
    } else if (connection.out_at >= connection.unwritten()) {
        // A peer that is never quite done with reading would make it grow without end.
        connection.out.erase(0, std::exchange(connection.out_at, 0));
    }
    account(connection);
    watch(connection);
    rearm(connection);
}

void StreamTransport::ping(Connection& connection, Instant now) {
    connection.next_ping = kNever;
    connection.pong_due = now + limits_.pong;
    connection.crlfs = 0;
    ++counters_.own_pings;
    if (connection.unwritten() == 0) connection.progress = now;
    connection.out += "\r\n\r\n";
    write(connection);
}

void StreamTransport::expire(Connection& connection, Instant now) {
    if (connection.deadline() > now) return rearm(connection);
    const auto& c = connection;
    if (c.closing) {
        // Its last word had its time.
    } else if (c.connecting) {
        ++counters_.connect_failed;
    } else if (c.shaking) {
        ++counters_.slow_handshake;
    } else if (c.unwritten() != 0 && c.progress + limits_.write <= now) {
        ++counters_.slow_reader;
    } else if (c.accepted && !c.had_message && c.began + limits_.first_message <= now) {
        ++counters_.slow_first;
    } else if (c.message_began != kNever && c.message_began + limits_.message <= now) {
        ++counters_.slow_message;
    } else if (c.pong_due <= now && c.message_began == kNever) {
        ++counters_.no_pong;
    } else if (c.next_ping <= now) {
        return ping(connection, now);
    } else {
        ++counters_.idle;
    }
    close(connection);
}

void StreamTransport::unroute(const Connection& connection) {
    const auto& path = connection.path;
    for (const auto port : {path.remote.port, connection.alias}) {
        const auto it = routes_.find(Route(path.sip_interface, Endpoint(path.remote.address, port), path.transport));
        if (it != routes_.end() && it->second == path.connection) routes_.erase(it);
    }
}

void StreamTransport::close(Connection& connection) {
    const auto it = connections_.find(connection.path.connection);
    const auto gone = std::move(it->second);
    connections_.erase(it);
    unroute(*gone);
    if (gone->accepted) {
        const auto from = accepted_from_.find(counted_as(gone->path.remote.address));
        if (--from->second == 0) accepted_from_.erase(from);
    }
    kept_ -= gone->accounted;
    ++counters_.closed;
    loop_.remove(gone->socket.fd());
    gone->socket.close();
    for (const auto& waiting : gone->waiting) losses_.failed.push_back(waiting.entry);
    losses_.gone.push_back(gone->path);
}

void StreamTransport::watch(Connection& connection) {
    const bool writes = (!connection.shaking && connection.unwritten() != 0) || connection.socket.wants_write();
    const std::uint32_t events = connection.connecting ? EPOLLOUT : EPOLLIN | (writes ? EPOLLOUT : 0U);
    if (std::exchange(connection.watched, events) != events) loop_.modify(connection.socket.fd(), events);
}

void StreamTransport::rearm(Connection& connection) {
    const auto deadline = connection.deadline();
    // A timer that is early looks again: the common case, a later deadline, costs nothing.
    if (connection.timer.armed() && connection.timer.deadline() <= deadline) return;
    loop_.timers().arm<&Connection::on_timer>(connection.timer, deadline, &connection);
}

void StreamTransport::account(Connection& connection) {
    const auto now = connection.framer.kept() + connection.unwritten();
    kept_ += now - connection.accounted;
    connection.accounted = now;
}

}  // namespace sallyport::net
