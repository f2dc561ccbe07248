#include "platform/os/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace sallyport::os {

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::unexpected(system_error(path));
    std::string out;
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const auto n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::unexpected(system_error(path));
        if (n == 0) return out;
        out.append(buffer.data(), static_cast<std::size_t>(n));
        if (out.size() > max_bytes) {
            return std::unexpected(path + ": is longer than " + std::to_string(max_bytes) + " bytes");
        }
    }
}

Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode) {
    const auto temporary = path + ".new";
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) return std::unexpected(system_error(temporary));
    for (auto rest = text; !rest.empty();) {
        const auto n = ::write(fd.get(), rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::unexpected(system_error(temporary));
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) return std::unexpected(system_error(path));
    return {};
}

Result<void> make_folder(const std::string& path, const FolderOptions& options) {
    if (path.empty() || path.front() != '/') return std::unexpected(path + ": a folder must begin with /");
    for (auto at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        const auto parent = path.substr(0, at);
        if (::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) return std::unexpected(system_error(parent));
    }
    if (::mkdir(path.c_str(), options.mode) != 0 && errno != EEXIST) return std::unexpected(system_error(path));
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return std::unexpected(system_error(path));
    const auto owner = options.owner.value_or(static_cast<uid_t>(-1));
    const auto group = options.group.value_or(static_cast<gid_t>(-1));
    if (::fchown(fd.get(), owner, group) != 0 || ::fchmod(fd.get(), options.mode) != 0) {
        return std::unexpected(system_error("owner and mode of " + path));
    }
    return {};
}

std::size_t raise_descriptor_limit(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < wanted) {
        const auto before = limit.rlim_cur;
        limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
    }
    return limit.rlim_cur;
}

Result<UniqueFd> lock_file(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return std::unexpected(system_error(path));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        return std::unexpected(errno == EWOULDBLOCK ? path + ": another process holds this lock" : system_error(path));
    }
    return fd;
}

}  // namespace sallyport::os
