#include "platform/os/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sallyport::os {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return std::unexpected("socket path " + path + ": must have 1 to " +
                               std::to_string(sizeof address.sun_path - 1) + " characters; choose a shorter folder");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

Result<UniqueFd> open_socket(UnixType type) {
    const int kind = type == UnixType::kStream ? SOCK_STREAM : SOCK_SEQPACKET;
    UniqueFd fd(::socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return std::unexpected(system_error("unix socket"));
    return fd;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

Result<void> clear_the_way(const std::string& path, UnixType type) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) return std::unexpected(path + ": is in the way and is no socket; remove it");
    if (somebody_listens(path, type)) {
        return std::unexpected(path + ": another process listens there; stop it, or choose another folder");
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(system_error("remove stale " + path));
    return {};
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, UnixType type, const UnixListenOptions& options) {
    const auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    auto fd = open_socket(type);
    if (!fd) return fd;
    if (auto cleared = clear_the_way(path, type); !cleared) return std::unexpected(cleared.error());
    // Nobody may connect before mode and owner are right: the file is born closed, and listen comes last.
    ::fchmod(fd->get(), 0);
    if (::bind(fd->get(), generic(*address), sizeof *address) != 0) {
        return std::unexpected(system_error("bind " + path));
    }
    const auto owner = options.owner.value_or(static_cast<uid_t>(-1));
    const auto group = options.group.value_or(static_cast<gid_t>(-1));
    if (::lchown(path.c_str(), owner, group) != 0 || ::chmod(path.c_str(), options.mode) != 0) {
        return std::unexpected(system_error("owner and mode of " + path));
    }
    if (::listen(fd->get(), options.backlog) != 0) return std::unexpected(system_error("listen on " + path));
    return fd;
}

Result<UniqueFd> connect_unix(const std::string& path, UnixType type) {
    const auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    auto fd = open_socket(type);
    if (!fd) return fd;
    if (::connect(fd->get(), generic(*address), sizeof *address) != 0) {
        const int error = errno;
        fd->reset();
        std::unexpected out(system_error("connect to " + path, error));
        errno = error;
        return out;
    }
    return fd;
}

Result<UniqueFd> accept_unix(int listener) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd || errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return fd;
    return std::unexpected(system_error("accept"));
}

Result<PeerCredentials> peer_credentials(int fd) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        return std::unexpected(system_error("peer credentials"));
    }
    return PeerCredentials{.pid = who.pid, .uid = who.uid, .gid = who.gid};
}

bool somebody_listens(const std::string& path, UnixType type) {
    const auto address = address_of(path);
    if (!address) return false;
    const auto fd = open_socket(type);
    if (!fd) return true;  // not known: rather leave the file alone
    if (::connect(fd->get(), generic(*address), sizeof *address) == 0) return true;
    return errno != ECONNREFUSED && errno != ENOENT;  // EAGAIN: a full backlog; EPROTOTYPE: another type listens
}

std::optional<SocketFile::Identity> SocketFile::identity_of(const std::string& path) {
    struct statx status{};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) != 0)
        return std::nullopt;
    return Identity{.device = static_cast<std::uint64_t>(status.stx_dev_major) << 32 | status.stx_dev_minor,
                    .inode = status.stx_ino,
                    .born_s = status.stx_btime.tv_sec,
                    .born_ns = status.stx_btime.tv_nsec};
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)), identity_(identity_of(path_)) {}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), identity_(other.identity_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(identity_, other.identity_);
    return *this;
}

void SocketFile::remove() {
    if (!path_.empty() && identity_ && identity_of(path_) == identity_) ::unlink(path_.c_str());
    path_.clear();
}

}  // namespace sallyport::os
