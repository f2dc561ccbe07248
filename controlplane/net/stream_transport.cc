#include "controlplane/net/stream_transport.h"

#include <fcntl.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "controlplane/net/socket_address.h"
#include "platform/base/buffer.h"
#include "platform/os/log.h"

namespace sallyport::net {

namespace {

using Entry = transaction::SendQueue::Entry;

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kRead = std::size_t{64} << 10;  // of one connection in a turn: the others get theirs
constexpr std::size_t kKeptCapacity = 4096;

// Options of a socket before it is bound. A device that the kernel does not let us bind to is left out.
os::Result<os::UniqueFd> tcp_socket(const Endpoint& local, const std::string& device, std::string& notes) {
    const bool v6 = local.address.is_v6();
    os::UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(os::system_error("open a TCP socket"));
    if (auto set = set_free_bind(fd.get(), v6); !set) return std::unexpected(set.error());
    if (v6)
        if (auto only = set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "set IPV6_V6ONLY"); !only)
            return std::unexpected(only.error());
    if (!bind_to_device(fd.get(), device)) {
        if (errno != EPERM) return std::unexpected(os::system_error("bind to the device " + device));
        notes = local.text() + " is not bound to its device: the kernel does not permit it";
    }
    return fd;
}

os::Result<os::UniqueFd> listen_on(const Endpoint& local, const std::string& device) {
    const auto where = "TCP " + local.text() + (device.empty() ? "" : " on " + device);
    std::string notes;
    auto fd = tcp_socket(local, device, notes);
    if (!fd) return std::unexpected(where + ": " + fd.error());
    if (!notes.empty()) log::warning("{}", notes);
    if (auto set = set_option(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1, "set SO_REUSEADDR"); !set)
        return std::unexpected(where + ": " + set.error());
    const SocketAddress address(local);
    if (::bind(fd->get(), address.get(), address.length) != 0)
        return std::unexpected(os::system_error("bind " + where));
    if (::listen(fd->get(), kBacklog) != 0) return std::unexpected(os::system_error("listen on " + where));
    return fd;
}

// What fails here only makes a connection slower to answer, or to be found dead.
void tune(int fd, Duration unacknowledged) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(unacknowledged).count();
    [[maybe_unused]] const auto no_delay = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "set TCP_NODELAY");
    [[maybe_unused]] const auto timeout =
        set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms), "set TCP_USER_TIMEOUT");
    [[maybe_unused]] const auto alive = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "set SO_KEEPALIVE");
    [[maybe_unused]] const auto every = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60, "set TCP_KEEPIDLE");
}

}  // namespace

struct StreamTransport::Listener {
    os::UniqueFd fd;
    std::uint16_t sip_interface = 0;
    Transport transport = Transport::kTcp;
};

struct StreamTransport::Connection final : sip::FrameSink {
    struct Waiting {
        std::uint64_t end = 0;  // of all that was ever written: it is gone when so much is
        Entry entry;
    };

    StreamTransport& owner;
    os::UniqueFd fd;
    transaction::Path path;  // with its number
    bool accepted = false;
    bool connecting = false;
    bool shaking = false;  // hands, of TLS
    bool closing = false;  // nothing is read as messages any more; what waits to be written still goes
    bool shut = false;     // and it has gone
    bool had_message = false;
    bool queued_to_write = false;
    bool queued_to_read = false;
    std::uint32_t tls_wants = 0;  // beside the usual: EPOLLOUT
    unsigned crlfs = 0;
    std::uint32_t watched = 0;
    std::unique_ptr<TlsSession> tls;
    sip::StreamFramer framer;
    std::string out;
    std::size_t out_at = 0;
    std::uint64_t written = 0;
    std::vector<Waiting> waiting;
    std::size_t accounted = 0;
    Instant began{};
    Instant message_began = kNever;
    Instant progress{};      // of writing
    Instant last_message{};  // in either direction, or ping
    Timer timer;

    Connection(StreamTransport& of, os::UniqueFd descriptor, const transaction::Path& where, bool was_accepted)
        : owner(of), fd(std::move(descriptor)), path(where), accepted(was_accepted) {}

    std::size_t unwritten() const { return out.size() - out_at; }
    bool on_frame(const sip::Frame& frame) override;
    void on_timer(Instant now) { owner.expire(*this, now); }
    Instant deadline() const;
};

bool StreamTransport::Connection::on_frame(const sip::Frame& frame) {
    auto& counters = owner.counters_;
    const auto now = owner.loop_.now().instant;
    using Kind = sip::Frame::Kind;
    switch (frame.kind) {
        case Kind::kMessage:
            ++counters.received;
            had_message = true;
            crlfs = 0;
            last_message = now;
            owner.handlers_.on_message(path, std::as_bytes(std::span(frame.bytes)));
            break;
        case Kind::kCrlf:
            if (++crlfs < 2) break;
            crlfs = 0;
            if (had_message) last_message = now;  // it is wanted for what may come (RFC 5626 §3.5)
            // RFC 5626 §4.4.1. Whoever does not read them gets no more.
            if (unwritten() != 0) break;
            ++counters.pings;
            out += "\r\n";
            owner.to_write(*this);
            break;
        case Kind::kLast: owner.handlers_.on_unframed(path, frame); break;
        case Kind::kLost:
            ++counters.lost_sync;
            closing = true;
            break;
    }
    return !closing;
}

// The first bound that would strike if nothing happened.
Instant StreamTransport::Connection::deadline() const {
    const auto& limits = owner.limits_;
    if (shut || closing) return progress + limits.last_word;
    if (connecting) return began + limits.connect;
    if (shaking) return began + limits.handshake;
    auto first = last_message + limits.idle;
    if (accepted && !had_message) first = std::min(first, began + limits.first_message);
    if (message_began != kNever) first = std::min(first, message_began + limits.message);
    if (unwritten() != 0) first = std::min(first, progress + limits.write);
    return first;
}

std::size_t StreamTransport::RouteHash::operator()(const Route& r) const {
    return EndpointHash()(r.remote) * 31 + r.sip_interface * kTransports + static_cast<std::size_t>(r.transport);
}

StreamTransport::StreamTransport(os::EventLoop& loop, Handlers handlers, const StreamLimits& limits)
    : loop_(loop), handlers_(std::move(handlers)), limits_(limits), scratch_(kRead) {}

StreamTransport::~StreamTransport() {
    if (started_)
        for (const auto& listener : listeners_) loop_.remove(listener->fd.get());
    for (const auto& [number, connection] : connections_) loop_.remove(connection->fd.get());
}

os::Result<void> StreamTransport::open(const std::vector<config::SipInterface>& interfaces) {
    std::vector<std::unique_ptr<Listener>> listeners;
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        const auto& each = interfaces[i];
        for (const auto transport : {Transport::kTcp, Transport::kTls}) {
            if (!each.has(transport)) continue;
            auto fd = listen_on(each.at(transport), each.device);
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
    auto& from_there = accepted_from_[remote.address];
    if (from_there >= limits_.accepted_from_one_address) {
        ++counters_.too_many_from_one;
        return;
    }
    ++from_there;
    ++counters_.accepted;
    auto& connection = add(std::move(fd), path, true);
    if (path.transport == Transport::kTls) {
        const auto context = tls_of(path.sip_interface);
        if (context) connection.tls = TlsSession::server(context, connection.fd.get());
        if (!connection.tls) {
            ++counters_.handshake_failed;
            return close(connection);
        }
        connection.shaking = true;
    }
    watch(connection);
    rearm(connection);
}

StreamTransport::Connection& StreamTransport::add(os::UniqueFd fd, const transaction::Path& path, bool accepted) {
    // 0 is nobody's, and what a wrapped counter finds taken is not given again.
    while (next_number_ == 0 || connections_.contains(next_number_)) ++next_number_;
    const auto number = next_number_++;
    tune(fd.get(), limits_.write);
    auto made = std::make_unique<Connection>(*this, std::move(fd), path, accepted);
    auto& connection = *made;
    connection.path.connection = number;
    connection.began = connection.progress = connection.last_message = loop_.now().instant;
    connections_.emplace(number, std::move(made));
    routes_.try_emplace(Route(path.sip_interface, path.remote, path.transport), number);
    loop_.add(connection.fd.get(), 0, [this, number](std::uint32_t events) { on_ready(number, events); });
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
    std::string notes;
    auto fd = tcp_socket(ours.local, ours.device, notes);
    const SocketAddress local(Endpoint(ours.local.address, 0));
    const SocketAddress remote(to.remote);
    // The port is chosen with the other end in view: one port serves for many peers.
    if (!fd || !set_option(fd->get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "set IP_BIND_ADDRESS_NO_PORT") ||
        ::bind(fd->get(), local.get(), local.length) != 0 ||
        (::connect(fd->get(), remote.get(), remote.length) != 0 && errno != EINPROGRESS)) {
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

void StreamTransport::set_tls(std::size_t profile, std::shared_ptr<const TlsContext> context) {
    if (tls_.size() <= profile) tls_.resize(profile + 1);
    tls_[profile] = std::move(context);
}

// nullptr: the certificates have not come yet.
std::shared_ptr<const TlsContext> StreamTransport::tls_of(std::uint16_t sip_interface) const {
    const auto& profile = interfaces_.at(sip_interface).tls_profile;
    return profile && *profile < tls_.size() ? tls_[*profile] : nullptr;
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
    if ((events & EPOLLOUT) != 0) {
        write(connection);
        if (!connections_.contains(number)) return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(connection);
}

void StreamTransport::connected(Connection& connection) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(connection.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
        ++counters_.connect_failed;
        return close(connection);
    }
    connection.connecting = false;
    connection.progress = loop_.now().instant;
    if (connection.path.transport != Transport::kTls) return established(connection);
    const auto context = tls_of(connection.path.sip_interface);
    const auto peer = handlers_.tls_peer(connection.path);
    if (context) {
        connection.tls = TlsSession::client(context, connection.fd.get(), peer.name, peer.verify && context->verifies(),
                                            connection.path.remote.text() + ' ' + peer.name);
    }
    if (!connection.tls) {
        ++counters_.handshake_failed;
        return close(connection);
    }
    connection.shaking = true;
    connection.began = loop_.now().instant;
    shake(connection);
}

void StreamTransport::shake(Connection& connection) {
    connection.tls_wants = 0;
    switch (connection.tls->handshake()) {
        case TlsSession::Status::kDone: break;
        case TlsSession::Status::kRead: watch(connection); return rearm(connection);
        case TlsSession::Status::kWrite:
            connection.tls_wants = EPOLLOUT;
            watch(connection);
            return rearm(connection);
        case TlsSession::Status::kClosed:
        case TlsSession::Status::kFailed: {
            ++counters_.handshake_failed;
            // The peer is told why by what OpenSSL has written; the operator by this line.
            log::limited(log_limit_, loop_.now().instant, log::Level::kWarning, "TLS with {}: {}",
                         connection.path.remote.text(), connection.tls->error());
            return close(connection);
        }
    }
    connection.shaking = false;
    ++counters_.handshakes;
    counters_.resumed += connection.tls->resumed() ? 1 : 0;
    const auto peer = handlers_.tls_peer(connection.path);
    const bool known = !connection.accepted || connection.tls->verified();
    if (known && !peer.name.empty() && peer.verify && !connection.tls->peer_is(peer.name, peer.wildcards)) {
        ++counters_.wrong_peer;
        log::limited(log_limit_, loop_.now().instant, log::Level::kWarning, "TLS with {}: its certificate is not {}'s",
                     connection.path.remote.text(), peer.name);
        return close(connection);
    }
    established(connection);
}

void StreamTransport::established(Connection& connection) {
    const auto number = connection.path.connection;
    write(connection);
    // The peer may have written with its last word of the handshake.
    if (const auto it = connections_.find(number); it != connections_.end() && connection.tls) read(connection);
}

void StreamTransport::read(Connection& connection) {
    std::size_t got = 0;
    bool ended = false;
    if (connection.tls) {
        // Records are small: as many as there are, up to what the others can wait for.
        while (got < scratch_.size() && !ended) {
            std::size_t more = 0;
            const auto status = connection.tls->read(std::span(scratch_).subspan(got), more);
            if (status == TlsSession::Status::kDone) {
                got += more;
                continue;
            }
            if (status == TlsSession::Status::kWrite) connection.tls_wants = EPOLLOUT;
            if (status == TlsSession::Status::kRead || status == TlsSession::Status::kWrite) break;
            if (status == TlsSession::Status::kFailed) ++counters_.broken;
            ended = true;
        }
        if (!ended && connection.tls->has_pending() && !std::exchange(connection.queued_to_read, true))
            to_read_.push_back(connection.path.connection);
    } else {
        const auto result = ::recv(connection.fd.get(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
        if (result < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (result < 0) ++counters_.broken;
        ended = result <= 0;
        got = ended ? 0 : static_cast<std::size_t>(result);
    }
    // When it is closing, read so that the kernel sends no reset that would take our last word with it.
    const auto number = connection.path.connection;
    if (got > 0 && !connection.closing) feed(connection, {scratch_.data(), got});
    if (ended && connections_.contains(number)) close(connection);
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
    connection.tls_wants = 0;
    while (connection.unwritten() != 0) {
        const std::string_view rest(connection.out.data() + connection.out_at, connection.unwritten());
        std::size_t sent = 0;
        if (connection.tls) {
            const auto status = connection.tls->write(rest, sent);
            if (status == TlsSession::Status::kRead || status == TlsSession::Status::kWrite) break;
            if (status != TlsSession::Status::kDone) {
                ++counters_.broken;
                return close(connection);
            }
        } else {
            const auto result = ::send(connection.fd.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (result < 0 && errno == EINTR) continue;
            if (result < 0 && errno == EAGAIN) break;
            if (result < 0) {
                ++counters_.broken;
                return close(connection);
            }
            sent = static_cast<std::size_t>(result);
        }
        counters_.sent_bytes += sent;
        connection.out_at += sent;
        connection.written += sent;
        connection.progress = loop_.now().instant;
    }
    const auto waits = [&](const Connection::Waiting& w) { return w.end > connection.written; };
    connection.waiting.erase(connection.waiting.begin(), std::ranges::find_if(connection.waiting, waits));
    if (connection.unwritten() == 0) {
        connection.out_at = 0;
        clear_buffer(connection.out, kKeptCapacity);
        if (connection.closing && !std::exchange(connection.shut, true)) {
            if (connection.tls) connection.tls->close();
            ::shutdown(connection.fd.get(), SHUT_WR);
        }
    }
    account(connection);
    watch(connection);
    rearm(connection);
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
    } else {
        ++counters_.idle;
    }
    close(connection);
}

void StreamTransport::unroute(const Connection& connection) {
    const auto& path = connection.path;
    const auto it = routes_.find(Route(path.sip_interface, path.remote, path.transport));
    if (it != routes_.end() && it->second == path.connection) routes_.erase(it);
}

void StreamTransport::close(Connection& connection) {
    const auto it = connections_.find(connection.path.connection);
    const auto gone = std::move(it->second);
    connections_.erase(it);
    unroute(*gone);
    if (gone->accepted) {
        const auto from = accepted_from_.find(gone->path.remote.address);
        if (--from->second == 0) accepted_from_.erase(from);
    }
    kept_ -= gone->accounted;
    ++counters_.closed;
    loop_.remove(gone->fd.get());
    gone->fd.reset();
    for (const auto& waiting : gone->waiting) losses_.failed.push_back(waiting.entry);
    losses_.gone.push_back(gone->path);
}

void StreamTransport::watch(Connection& connection) {
    const bool writes = !connection.shaking && connection.unwritten() != 0;
    const std::uint32_t events =
        connection.connecting ? EPOLLOUT : EPOLLIN | (writes ? EPOLLOUT : 0U) | connection.tls_wants;
    if (std::exchange(connection.watched, events) != events) loop_.modify(connection.fd.get(), events);
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
