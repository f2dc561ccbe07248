#include "platform/os/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sallyport::os {
namespace {

Result<UniqueFd> attach(const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ) {
        return std::unexpected("TAP " + name + ": the name must have 1 to 15 characters");
    }
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::unexpected(system_error("/dev/net/tun (is the tun module there?)"));
    ifreq request{};
    std::memcpy(request.ifr_name, name.data(), name.size());
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
        const int error = errno;
        if (error == EBUSY) return std::unexpected("TAP " + name + ": another process holds it");
        if (error == EINVAL)
            return std::unexpected(
                "TAP " + name + ": a device of that name exists and is no TAP; choose another name for the interface");
        return std::unexpected(system_error("TAP " + name, error));
    }
    return fd;
}

}  // namespace

Result<UniqueFd> open_tap(const std::string& name) {
    auto fd = attach(name);
    if (fd && ::ioctl(fd->get(), TUNSETPERSIST, 1) != 0) return std::unexpected(system_error("keep TAP " + name));
    return fd;
}

Result<void> remove_tap(const std::string& name) {
    if (::if_nametoindex(name.c_str()) == 0) return {};
    const auto fd = attach(name);
    if (!fd) return std::unexpected(fd.error());
    if (::ioctl(fd->get(), TUNSETPERSIST, 0) != 0) return std::unexpected(system_error("remove TAP " + name));
    return {};  // it goes with the descriptor
}

std::string tap_name(int fd) {
    ifreq request{};
    if (::ioctl(fd, TUNGETIFF, &request) != 0) return {};
    return {request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name)};
}

void drain_tap(int fd) {
    std::array<char, 65536> frame;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    // Bounded: the kernel's queue holds some hundred, and more may come while we read.
    for (int i = 0; i < 4096 && ::read(fd, frame.data(), frame.size()) > 0; ++i) {
    }
}

}  // namespace sallyport::os
