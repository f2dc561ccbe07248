#include "controlplane/net/stream_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "controlplane/net/socket_address.h"
#include "platform/os/log.h"

namespace sallyport::net {

namespace {

constexpr int kBacklog = 1024;

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

os::Result<os::UniqueFd> open_tcp(const Endpoint& local, const std::string& device, std::string& notes) {
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

os::Result<os::UniqueFd> listen_tcp(const Endpoint& local, const std::string& device) {
    const auto where = "TCP " + local.text() + (device.empty() ? "" : " on " + device);
    std::string notes;
    auto fd = open_tcp(local, device, notes);
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

os::Result<os::UniqueFd> connect_tcp(const IpAddress& local, const std::string& device, const Endpoint& remote) {
    std::string notes;
    const Endpoint from(local, 0);
    auto fd = open_tcp(from, device, notes);
    if (!fd) return fd;
    if (auto set = set_option(fd->get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "set IP_BIND_ADDRESS_NO_PORT"); !set)
        return std::unexpected(set.error());
    const SocketAddress here(from);
    const SocketAddress there(remote);
    if (::bind(fd->get(), here.get(), here.length) != 0) return std::unexpected(os::system_error("bind"));
    if (::connect(fd->get(), there.get(), there.length) != 0 && errno != EINPROGRESS)
        return std::unexpected(os::system_error("connect"));
    return fd;
}

StreamSocket::StreamSocket(os::UniqueFd fd, Duration unacknowledged) : fd_(std::move(fd)) {
    tune(fd_.get(), unacknowledged);
}

StreamSocket::Status StreamSocket::read(std::span<char> into, std::size_t& got) {
    got = 0;
    if (!tls_) {
        const auto result = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
        if (result > 0) got = static_cast<std::size_t>(result);
        if (result < 0 && errno != EAGAIN && errno != EINTR) return Status::kFailed;
        return result == 0 ? Status::kEnded : Status::kOpen;
    }
    pending_ = false;
    // Records are small: as many as there are.
    while (got < into.size()) {
        std::size_t more = 0;
        switch (tls_->read(into.subspan(got), more)) {
            case TlsSession::Status::kDone: got += more; continue;
            case TlsSession::Status::kRead: return Status::kOpen;
            case TlsSession::Status::kWrite: wants_write_ = true; return Status::kOpen;
            case TlsSession::Status::kClosed: return Status::kEnded;
            case TlsSession::Status::kFailed: return Status::kFailed;
        }
    }
    pending_ = tls_->has_pending();
    return Status::kOpen;
}

StreamSocket::Status StreamSocket::write(std::string_view bytes, std::size_t& written) {
    written = 0;
    wants_write_ = false;
    while (written < bytes.size()) {
        const auto rest = bytes.substr(written);
        if (tls_) {
            std::size_t more = 0;
            const auto status = tls_->write(rest, more);
            if (status == TlsSession::Status::kRead || status == TlsSession::Status::kWrite) return Status::kOpen;
            if (status != TlsSession::Status::kDone) return Status::kFailed;
            written += more;
            continue;
        }
        const auto result = ::send(fd_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (result < 0 && errno == EINTR) continue;
        if (result < 0) return errno == EAGAIN ? Status::kOpen : Status::kFailed;
        written += static_cast<std::size_t>(result);
    }
    return Status::kOpen;
}

void StreamSocket::shut() {
    if (tls_) tls_->close();
    ::shutdown(fd_.get(), SHUT_WR);
}

bool StreamSocket::begin_tls(std::unique_ptr<TlsSession> session) {
    tls_ = std::move(session);
    return tls_ != nullptr;
}

TlsSession::Status StreamSocket::handshake() {
    const auto status = tls_->handshake();
    wants_write_ = status == TlsSession::Status::kWrite;
    return status;
}

int StreamSocket::connect_error() const {
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace sallyport::net
