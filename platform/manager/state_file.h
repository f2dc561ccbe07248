#pragma once
// What a new manager needs to take over from one that was killed: which TAPs were made and which processes run.
// RUNTIME/manager.json, written anew at each change, removed at a clean stop.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/os/result.h"

namespace sallyport::manager {

struct RunningProcess {
    pid_t pid = 0;
    std::uint64_t start_time = 0;  // with the pid it names the process beyond the reuse of numbers
    friend bool operator==(const RunningProcess&, const RunningProcess&) = default;
};

struct SavedState {
    std::vector<std::string> taps;
    std::map<std::string, RunningProcess> processes;  // by role
    friend bool operator==(const SavedState&, const SavedState&) = default;
};

std::string write_state(const SavedState& state);
os::Result<SavedState> parse_state(std::string_view text);

}  // namespace sallyport::manager
