#include "tests/load/stream_port.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace sallyport::load {

namespace {

std::uint64_t key_of(const sockaddr_in& a) {
    return std::uint64_t{a.sin_addr.s_addr} << 32 | std::uint64_t{a.sin_port} << 16 | stream_of(a);
}

// The length of the first message; 0: not all of its head has come; npos: none will be found.
std::size_t length_of(std::string_view bytes, std::size_t largest) {
    const auto head = bytes.find("\r\n\r\n");
    if (head == std::string_view::npos) return bytes.size() > largest ? std::string_view::npos : 0;
    for (std::size_t at = 0; at < head;) {
        const auto line = bytes.substr(at, bytes.find("\r\n", at) - at);
        const auto colon = line.find(':');
        if (colon != std::string_view::npos &&
            ((colon == 14 && ::strncasecmp(line.data(), "Content-Length", 14) == 0) ||
             (colon == 1 && (line[0] == 'l' || line[0] == 'L')))) {
            std::size_t length = 0;
            const auto value = line.substr(std::min(line.find_first_not_of(' ', colon + 1), line.size()));
            if (std::from_chars(value.data(), value.data() + value.size(), length).ec != std::errc{} ||
                length > largest)
                return std::string_view::npos;
            return head + 4 + length;
        }
        at += line.size() + 2;
    }
    return head + 4;
}

}  // namespace

struct StreamPort::Connection {
    os::UniqueFd fd;
    sockaddr_in remote{};
    std::uint64_t number = 0;
    TlsEnd::Connection ssl;
    bool connecting = false;
    bool shaken = true;  // no handshake is under way
    bool wants_write = false;
    bool watched_write = false;
    bool dirty = false;
    bool over = false;
    std::string in;
    std::string out;
    std::size_t written = 0;
};

StreamPort::StreamPort(std::string network, const Endpoint& local, TlsEnd* tls, os::UniqueFd listener,
                       os::UniqueFd epoll)
    : network_(std::move(network)),
      local_(local),
      tls_(tls),
      listener_(std::move(listener)),
      epoll_(std::move(epoll)) {}

StreamPort::~StreamPort() = default;

os::Result<std::unique_ptr<StreamPort>> StreamPort::open(const std::string& network, const Endpoint& local,
                                                         TlsEnd* tls) {
    const InNamespace inside(network);
    if (inside.failed()) return std::unexpected(os::system_error("enter the namespace " + network));
    os::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(os::system_error("open a TCP socket"));
    constexpr int kOn = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof(kOn));
    const auto address = to_sockaddr(local);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return std::unexpected(os::system_error("bind " + local.text()));
    if (::listen(fd.get(), 4096) != 0) return std::unexpected(os::system_error("listen at " + local.text()));
    os::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd.get()}};
    if (!epoll || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
        return std::unexpected(os::system_error("make an epoll set"));
    return std::unique_ptr<StreamPort>(new StreamPort(network, local, tls, std::move(fd), std::move(epoll)));
}

StreamPort::Connection& StreamPort::add(os::UniqueFd fd, const sockaddr_in& remote, bool accepted) {
    constexpr int kOn = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof(kOn));
    auto made = std::make_unique<Connection>();
    auto& c = *made;
    c.fd = std::move(fd);
    c.remote = remote;
    c.number = ++numbers_;
    c.connecting = !accepted;
    if (tls_ != nullptr) {
        c.ssl = accepted ? tls_->server(c.fd.get()) : tls_->client(c.fd.get());
        c.shaken = false;
    }
    c.watched_write = !accepted;
    epoll_event event{.events = EPOLLIN | (accepted ? 0U : EPOLLOUT), .data = {.fd = c.fd.get()}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c.fd.get(), &event);
    by_remote_[key_of(remote)] = c.fd.get();
    ++(accepted ? counts_.accepted : counts_.made);
    return *(connections_[c.fd.get()] = std::move(made));
}

StreamPort::Connection* StreamPort::connect(const sockaddr_in& to) {
    const InNamespace inside(network_);
    os::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || inside.failed()) return nullptr;
    auto from = to_sockaddr(local_);
    from.sin_port = 0;
    constexpr int kOn = 1;
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof(kOn));
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0) return nullptr;
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0 && errno != EINPROGRESS)
        return nullptr;
    return &add(std::move(fd), to, false);
}

void StreamPort::take() {
    for (;;) {
        sockaddr_in remote{};
        socklen_t size = sizeof(remote);
        os::UniqueFd fd(
            ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&remote), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return;
        add(std::move(fd), remote, true);
    }
}

// True when it is done.
bool StreamPort::handshake(Connection& c) {
    ::ERR_clear_error();
    const int done = ::SSL_do_handshake(c.ssl.get());
    c.wants_write = false;
    if (done == 1) {
        c.shaken = true;
        counts_.resumed += ::SSL_session_reused(c.ssl.get()) == 1 ? 1 : 0;
        return true;
    }
    const int why = ::SSL_get_error(c.ssl.get(), done);
    c.wants_write = why == SSL_ERROR_WANT_WRITE;
    c.over = why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ;
    return false;
}

void StreamPort::read(Connection& c) {
    std::array<char, 16384> buffer;
    for (;;) {
        std::ptrdiff_t n = 0;
        if (c.ssl) {
            ::ERR_clear_error();
            const int got = ::SSL_read(c.ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
            const int why = got > 0 ? SSL_ERROR_NONE : ::SSL_get_error(c.ssl.get(), got);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
            n = got;
        } else {
            n = ::recv(c.fd.get(), buffer.data(), buffer.size(), 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        }
        if (n <= 0) {
            c.over = true;
            return;
        }
        c.in.append(buffer.data(), static_cast<std::size_t>(n));
        cut(c);
    }
}

void StreamPort::cut(Connection& c) {
    std::size_t at = 0;
    for (;;) {
        at = std::min(c.in.find_first_not_of("\r\n", at), c.in.size());
        const auto length = length_of(std::string_view(c.in).substr(at), kLargestMessage);
        if (length == std::string_view::npos) c.over = true;
        if (length == 0 || length > c.in.size() - at) break;
        messages_.emplace_back(c.in, at, length);
        datagrams_.push_back({c.remote, messages_.back()});
        at += length;
    }
    c.in.erase(0, at);
}

// False when it is lost.
bool StreamPort::write(Connection& c) {
    if (c.connecting || c.over) return !c.over;
    if (!c.shaken && !handshake(c)) return !c.over;
    while (c.written < c.out.size()) {
        const auto* from = c.out.data() + c.written;
        const auto left = c.out.size() - c.written;
        std::ptrdiff_t n = 0;
        if (c.ssl) {
            ::ERR_clear_error();
            const int put = ::SSL_write(c.ssl.get(), from, static_cast<int>(left));
            const int why = put > 0 ? SSL_ERROR_NONE : ::SSL_get_error(c.ssl.get(), put);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) break;
            n = put;
        } else {
            n = ::send(c.fd.get(), from, left, MSG_NOSIGNAL);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
        }
        if (n <= 0) {
            c.over = true;
            return false;
        }
        c.written += static_cast<std::size_t>(n);
    }
    if (c.written == c.out.size()) {
        c.out.clear();
        c.written = 0;
    }
    return true;
}

void StreamPort::watch(Connection& c) {
    const bool wanted = c.connecting || c.wants_write || !c.out.empty();
    if (wanted == c.watched_write) return;
    c.watched_write = wanted;
    epoll_event event{.events = EPOLLIN | (wanted ? EPOLLOUT : 0U), .data = {.fd = c.fd.get()}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event);
}

void StreamPort::end(Connection& c) {
    const auto used = by_remote_.find(key_of(c.remote));
    if (used != by_remote_.end() && used->second == c.fd.get()) by_remote_.erase(used);
    if (!c.out.empty()) ++lost_;
    // Without close_notify OpenSSL takes the session for broken, and does not resume it.
    if (c.ssl && c.shaken && !c.over)
        ::SSL_shutdown(c.ssl.get());
    else if (c.ssl)
        ::SSL_set_shutdown(c.ssl.get(), SSL_SENT_SHUTDOWN);
    connections_.erase(c.fd.get());
}

std::span<const Port::Datagram> StreamPort::receive() {
    messages_.clear();
    datagrams_.clear();
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_.get()) {
            take();
            continue;
        }
        const auto found = connections_.find(events[i].data.fd);
        if (found == connections_.end()) continue;
        auto& c = *found->second;
        if ((events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) c.connecting = false;
        if (c.connecting) continue;
        if (c.shaken || handshake(c)) read(c);
        write(c);
        if (c.over) {
            ++counts_.ended;
            end(c);
        } else {
            watch(c);
        }
    }
    return datagrams_;
}

bool StreamPort::fetch_session(const sockaddr_in& to, std::chrono::milliseconds patience) {
    if (connect(to) == nullptr) return false;
    const auto give_up = Clock::now() + patience;
    for (pollfd ready{epoll_.get(), POLLIN, 0}; !tls_->has_session() && Clock::now() < give_up;) {
        ::poll(&ready, 1, 1);
        receive();
    }
    leave(to, std::chrono::milliseconds(0));
    flush();
    counts_ = {};
    return tls_->has_session();
}

void StreamPort::send(const sockaddr_in& to, std::string_view bytes) {
    const auto used = by_remote_.find(key_of(to));
    auto* c = used != by_remote_.end() ? connections_.at(used->second).get() : connect(to);
    if (c == nullptr) {
        ++lost_;
        return;
    }
    c->out.append(bytes);
    if (!c->dirty) dirty_.push_back(c->fd.get());
    c->dirty = true;
}

std::size_t StreamPort::flush() {
    for (const int fd : dirty_) {
        const auto found = connections_.find(fd);
        if (found == connections_.end()) continue;
        auto& c = *found->second;
        c.dirty = false;
        if (!write(c)) {
            ++counts_.ended;
            end(c);
        } else {
            watch(c);
        }
    }
    dirty_.clear();
    for (const auto now = Clock::now(); !leaving_.empty() && leaving_.front().at <= now; leaving_.pop_front()) {
        const auto found = connections_.find(leaving_.front().fd);
        if (found != connections_.end() && found->second->number == leaving_.front().number) end(*found->second);
    }
    return std::exchange(lost_, 0);
}

void StreamPort::leave(const sockaddr_in& to, std::chrono::milliseconds linger) {
    const auto used = by_remote_.find(key_of(to));
    if (used == by_remote_.end()) return;
    leaving_.push_back({Clock::now() + linger, used->second, connections_.at(used->second)->number});
    by_remote_.erase(used);
}

}  // namespace sallyport::load
