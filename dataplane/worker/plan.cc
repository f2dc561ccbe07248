#include "dataplane/worker/plan.h"

#include <algorithm>
#include <cctype>

#include "dataplane/port/memory.h"
#include "dataplane/port/port.h"
#include "dataplane/worker/rings.h"

namespace sallyport::worker {
namespace {

constexpr std::uint32_t kEalMb = 24;          // rings, device data, heap overhead
constexpr std::uint32_t kBytesPerFlow = 768;  // rule, statistics of a worker, what the slow path knows
constexpr std::uint32_t kCacheMbufs = 512;    // per lcore

std::string cores_text(const std::vector<int>& cores) {
    std::string out;
    for (const auto core : cores) out += (out.empty() ? "" : ", ") + std::to_string(core);
    return out;
}

std::uint32_t to_mb(std::uint64_t bytes) { return static_cast<std::uint32_t>((bytes + 1'048'575) / 1'048'576); }

std::expected<void, std::string> choose_cores(const config::DataplaneView& view, const Machine& machine, Plan& plan) {
    for (const auto core : view.system.worker_cores) plan.worker_cores.push_back(core);
    if (plan.worker_cores.empty()) plan.worker_cores = {machine.allowed_cores.back()};
    for (const auto core : plan.worker_cores)
        if (std::ranges::find(machine.allowed_cores, core) == machine.allowed_cores.end())
            return std::unexpected("system.worker-cores names core " + std::to_string(core) +
                                   ", but the dataplane may use only " + cores_text(machine.allowed_cores));
    for (const auto core : machine.allowed_cores)
        if (std::ranges::find(plan.worker_cores, core) == plan.worker_cores.end()) plan.main_cores.push_back(core);
    // All cores work: the slow path shares them.
    if (plan.main_cores.empty()) plan.main_cores = machine.allowed_cores;
    return {};
}

// Sets mbufs and memory_mb for the kind of memory that plan.huge_pages says.
std::expected<void, std::string> size_memory(const config::DataplaneView& view, Plan& plan) {
    const auto workers = static_cast<std::uint32_t>(plan.worker_cores.size());
    const auto ports = static_cast<std::uint32_t>(plan.devices.size());
    const bool pci = std::ranges::any_of(plan.devices, port::is_pci_address);
    const std::uint64_t each = port::bytes_per_mbuf(plan.huge_pages, pci);
    plan.mbufs = ports * workers * port::kMbufsPerQueue + Rings::kMbufs + (workers + 1) * kCacheMbufs;
    const auto needed = to_mb(plan.mbufs * each + std::uint64_t{view.system.max_flows} * kBytesPerFlow) + kEalMb;
    if (view.system.memory_mb != 0) {
        if (view.system.memory_mb < needed)
            return std::unexpected("system.memory-mb is " + std::to_string(view.system.memory_mb) + ", but " +
                                   std::to_string(ports) + " ports, " + std::to_string(workers) + " workers and " +
                                   std::to_string(view.system.max_flows) + " flows need at least " +
                                   std::to_string(needed));
        plan.mbufs += static_cast<std::uint32_t>(std::uint64_t{view.system.memory_mb - needed} * 1'048'576 / each);
    }
    plan.memory_mb = to_mb(plan.mbufs * each) + kEalMb;
    return {};
}

std::expected<void, std::string> choose_memory(const config::DataplaneView& view, const Machine& machine, Plan& plan) {
    plan.huge_pages = view.system.huge_pages != config::HugePages::kOff;
    if (auto sized = size_memory(view, plan); !sized) return sized;
    if (!plan.huge_pages || machine.free_huge_mb >= plan.memory_mb) return {};
    if (view.system.huge_pages == config::HugePages::kOn)
        return std::unexpected("system.huge-pages is on, but " + std::to_string(machine.free_huge_mb) +
                               " MB of huge pages are free and " + std::to_string(plan.memory_mb) +
                               " MB are needed; reserve more (vm.nr_hugepages) or set it to auto");
    plan.huge_pages = false;
    return size_memory(view, plan);
}

}  // namespace

std::expected<Plan, std::string> make_plan(const config::DataplaneView& view, const Machine& machine) {
    Plan plan;
    if (view.interfaces.empty()) return std::unexpected("no interface is configured: there is nothing to forward");
    for (const auto& interface : view.interfaces) {
        const auto known = std::ranges::find(plan.devices, interface.port);
        plan.port_of_interface.push_back(static_cast<std::uint16_t>(known - plan.devices.begin()));
        if (known != plan.devices.end()) continue;
        plan.devices.push_back(interface.port);
        plan.device_users.push_back(interface.name);
    }
    if (auto cores = choose_cores(view, machine, plan); !cores) return std::unexpected(cores.error());
    if (auto memory = choose_memory(view, machine, plan); !memory) return std::unexpected(memory.error());
    return plan;
}

std::string file_prefix(const std::string& runtime_dir) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out = "sallyport-";
    // Each folder has its own: `/run/a-b` is not `/run/a/b`.
    for (const char c : runtime_dir) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '/')
            out += c == '/' ? '-' : c;
        else
            out += {'_', kHex[byte >> 4], kHex[byte & 15]};
    }
    return out;
}

}  // namespace sallyport::worker
