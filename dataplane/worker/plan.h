#pragma once
// From the manager's view to what is started: cores, ports, memory, all checked before DPDK is touched.
// Knows nothing of DPDK.

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "platform/config/views.h"

namespace sallyport::worker {

struct Plan {
    std::vector<int> worker_cores;
    std::vector<int> main_cores;
    std::vector<std::string> devices;              // distinct, in the order of first mention
    std::vector<std::string> device_users;         // the interface that mentions it first
    std::vector<std::uint16_t> port_of_interface;  // index into devices
    std::uint32_t mbufs = 0;
    std::uint32_t memory_mb = 0;  // for the EAL
    bool huge_pages = false;
};

struct Machine {
    std::vector<int> allowed_cores;
    std::uint64_t free_huge_mb = 0;
};

// The error is one line for the operator: which setting, what is wrong, what would be right.
std::expected<Plan, std::string> make_plan(const config::DataplaneView& view, const Machine& machine);

// Unique per instance on one machine, and found again by whoever knows the runtime folder.
std::string file_prefix(const std::string& runtime_dir);

}  // namespace sallyport::worker
