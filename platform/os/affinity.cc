#include "platform/os/affinity.h"

#include <pthread.h>
#include <sched.h>

#include <string>

namespace sallyport::os {

std::vector<int> allowed_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> out;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return out;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(core, &set)) out.push_back(core);
    }
    return out;
}

Result<void> bind_this_thread(std::span<const int> cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) {
        if (core < 0 || core >= CPU_SETSIZE) return std::unexpected("core " + std::to_string(core) + " does not exist");
        CPU_SET(core, &set);
    }
    if (::sched_setaffinity(0, sizeof set, &set) != 0) return std::unexpected(system_error("bind to cores"));
    return {};
}

void name_this_thread(const char* name) {
    ::pthread_setname_np(::pthread_self(), std::string(name).substr(0, 15).c_str());
}

}  // namespace sallyport::os
