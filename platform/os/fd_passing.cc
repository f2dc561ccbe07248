#include "platform/os/fd_passing.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sallyport::os {
namespace {

// The kernel passes at most 253 in one message (SCM_MAX_FD). Room for all of them, so that none is cut off
// unseen: what came is either all ours to close, or refused.
constexpr std::size_t kControlBytes = CMSG_SPACE(253 * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

void take_descriptors(msghdr& message, std::vector<UniqueFd>& out) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            out.emplace_back(fd);
        }
    }
}

}  // namespace

Result<std::size_t> send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
    if (fds.size() > kMaxPassedFds) return std::unexpected(std::string("too many descriptors for one message"));
    if (bytes.empty()) return std::unexpected(std::string("a message needs at least one byte"));
    iovec vector{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};  // NOLINT
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxPassedFds * sizeof(int))> control{};
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    for (;;) {
        const auto n = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return std::size_t{0};
        return std::unexpected(system_error("send"));
    }
}

Result<Received> receive_with_fds(int socket, std::span<std::byte> buffer, std::size_t max_fds) {
    iovec vector{.iov_base = buffer.data(), .iov_len = buffer.size()};
    alignas(cmsghdr) std::array<char, kControlBytes> control;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t n = 0;
    do {
        n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    Received out;
    if (n < 0) {
        if (errno != EAGAIN) return std::unexpected(system_error("receive"));
        out.would_block = true;
        return out;
    }
    take_descriptors(message, out.fds);
    out.bytes = static_cast<std::size_t>(n);
    out.closed = n == 0;
    if ((message.msg_flags & MSG_CTRUNC) != 0 || out.fds.size() > max_fds) {
        return std::unexpected("a message with more than " + std::to_string(max_fds) + " descriptors came: refused");
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
        return std::unexpected("a datagram of more than " + std::to_string(buffer.size()) + " bytes came: refused");
    }
    return out;
}

}  // namespace sallyport::os
