#include "platform/os/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

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

}  // namespace sallyport::os
