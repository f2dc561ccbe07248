#pragma once
// Settings below /proc/sys, of the network namespace of the caller where they are per namespace.

#include <string>
#include <string_view>

#include "platform/os/result.h"

namespace sallyport::os {

// `name` as a path: "net/ipv4/conf/access/rp_filter".
Result<void> set_sysctl(const std::string& name, std::string_view value);
Result<std::string> sysctl(const std::string& name);  // without the line's end

}  // namespace sallyport::os
