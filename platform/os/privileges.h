#pragma once
// Giving up privileges, for good: raw capset and prctl, verified afterwards.
//
// Capabilities belong to threads, and the kernel's calls change the calling thread alone. drop_privileges()
// therefore makes every thread of the process do it, by a signal (SIGRTMAX - 1) whose handler calls nothing but
// raw system calls; it waits until all have answered, then reads each thread's state back from /proc. Call it
// after DPDK has started its threads and before the first packet is forwarded.

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/os/result.h"

namespace sallyport::os {

struct User {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
};
// By name, or by number ("65534").
Result<User> find_user(std::string_view name);

// Values as in <linux/capability.h>: CAP_NET_RAW, CAP_NET_ADMIN...
struct KeptCapability {
    int capability = 0;
    std::string_view reason;  // one line, shown to the operator
};

struct PrivilegePlan {
    std::optional<User> user = std::nullopt;  // nullopt: the user stays who he is
    std::vector<KeptCapability> keep;
};

// Supplementary groups are emptied, the bounding set, permitted, effective, inheritable and ambient sets cut
// down to `keep`, and no_new_privs set. An error means that the process must end.
Result<void> drop_privileges(const PrivilegePlan& plan);

// "CAP_NET_RAW"; "CAP_63" for one that has no name here.
std::string capability_name(int capability);
// The permitted set of the calling thread as it is now.
Result<std::vector<int>> permitted_capabilities();

// For the child between fork and exec: single-threaded, async-signal-safe, errno on failure (0: success).
// Becomes `user` without any capability, no_new_privs set.
int become_unprivileged(const User& user);

}  // namespace sallyport::os
