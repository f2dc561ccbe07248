#include "tests/load/socket_port.h"

#include <fcntl.h>
#include <sched.h>

#include <cstdlib>

namespace sallyport::load {

InNamespace::InNamespace(const std::string& name) {
    if (name.empty()) return;
    home_ = os::UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const os::UniqueFd there(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    inside_ = there && ::setns(there.get(), CLONE_NEWNET) == 0;
    failed_ = !inside_;
}

InNamespace::~InNamespace() {
    if (inside_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace sallyport::load
