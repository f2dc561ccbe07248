#include "platform/rpc/client.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "platform/os/clock.h"
#include "platform/os/fd_passing.h"
#include "platform/os/unix_socket.h"
#include "platform/rpc/line_buffer.h"

namespace sallyport::rpc {
namespace {

std::unexpected<Error> fault(int code, std::string message) {
    return std::unexpected(Error{.code = code, .message = std::move(message), .data = {}});
}

// False when the deadline came first.
bool wait_for(int fd, short events, Instant deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - os::monotonic_now());
        if (left.count() <= 0) return false;
        pollfd p{.fd = fd, .events = events, .revents = 0};
        const int ready = ::poll(&p, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

}  // namespace

std::expected<Client, Error> Client::connect(const std::string& path) {
    auto fd = os::connect_unix(path, os::UnixType::kStream);
    if (fd) return Client(std::move(*fd));
    const int error = errno;
    const auto why = " (" + fd.error() + ")";
    if (error == ENOENT || error == ECONNREFUSED) return fault(kNotRunning, "the manager is not running here" + why);
    if (error == EACCES || error == EPERM) return fault(kRefused, "may not connect to the manager; run as root" + why);
    return fault(kOverloaded, "cannot connect to the manager now; try again" + why);
}

std::expected<json::Value, Error> Client::call(const std::string& method, const json::Value& params, Duration timeout) {
    const auto deadline = os::monotonic_now() + timeout;
    const auto id = next_id_++;
    const auto line = write_request({.id = id, .notification = false, .method = method, .params = params}) + "\n";
    for (auto rest = std::as_bytes(std::span(line)); !rest.empty();) {
        const auto sent = os::send_with_fds(fd_.get(), rest, {});
        if (!sent) return fault(kDisconnected, sent.error());
        rest = rest.subspan(*sent);
        if (*sent == 0 && !wait_for(fd_.get(), POLLOUT, deadline)) return fault(kTimeout, "the manager does not read");
    }
    LineBuffer lines(kMaxLine);
    std::array<std::byte, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        while (const auto next = lines.next()) {
            auto message = parse_message(*next);
            if (!message) return fault(kParseError, "the answer could not be read: " + message.error().error.message);
            auto* response = std::get_if<Response>(&*message);
            if (response != nullptr && !response->for_unknown && response->id == id)
                return std::move(response->outcome);
        }
        if (lines.overlong()) return fault(kOverloaded, "the answer is longer than a message may be");
        if (!wait_for(fd_.get(), POLLIN, deadline)) return fault(kTimeout, "no answer came in time");
        const auto received = os::receive_with_fds(fd_.get(), buffer, 0);
        if (!received) return fault(kDisconnected, received.error());
        if (received->closed) return fault(kDisconnected, "the connection ended before the answer came");
        lines.append(std::span(buffer).first(received->bytes));
    }
}

}  // namespace sallyport::rpc
