#include "tests/load/socket_port.h"

#include <arpa/inet.h>
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

sockaddr_in to_sockaddr(const Endpoint& e) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(e.address.v4_host_order());
    out.sin_port = htons(e.port);
    return out;
}

}  // namespace sallyport::load
