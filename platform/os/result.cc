#include "platform/os/result.h"

#include <cerrno>
#include <system_error>

namespace sallyport::os {

std::string system_error(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

std::string system_error(std::string_view what) { return system_error(what, errno); }

}  // namespace sallyport::os
