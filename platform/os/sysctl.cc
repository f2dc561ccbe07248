#include "platform/os/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "platform/os/unique_fd.h"

namespace sallyport::os {

Result<void> set_sysctl(const std::string& name, std::string_view value) {
    const auto path = "/proc/sys/" + name;
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || ::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
        return std::unexpected(system_error(path + " = " + std::string(value)));
    }
    return {};
}

Result<std::string> sysctl(const std::string& name) {
    const auto path = "/proc/sys/" + name;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 256> text{};
    const auto size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
    if (size < 0) return std::unexpected(system_error(path));
    const std::string_view read(text.data(), static_cast<std::size_t>(size));
    return std::string(read.substr(0, read.find('\n')));
}

}  // namespace sallyport::os
