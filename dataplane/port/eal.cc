#include "dataplane/port/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace sallyport::port {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRuntimeRoot = "/run/dpdk";

std::string core_set(const std::vector<int>& cores) {
    std::string out = "(";
    for (const auto core : cores) out += (out.size() > 1 ? "," : "") + std::to_string(core);
    return out + ")";
}

void remove_runtime_dir(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
    fs::remove(kRuntimeRoot, ignored);  // fails, as it shall, while another instance has its folder there
}

}  // namespace

std::vector<std::string> eal_arguments(const EalOptions& options) {
    std::string lcores = "0@" + core_set(options.main_cores);
    for (std::size_t i = 0; i < options.worker_cores.size(); ++i)
        lcores += "," + std::to_string(i + 1) + "@" + std::to_string(options.worker_cores[i]);
    std::vector<std::string> out{"--file-prefix",
                                 options.file_prefix,
                                 "--lcores",
                                 lcores,
                                 "--main-lcore",
                                 "0",
                                 "--no-telemetry",
                                 "--log-level=warning",
                                 "-m",
                                 std::to_string(options.memory_mb)};
    if (options.huge_pages)
        out.emplace_back("--in-memory");
    else
        out.insert(out.end(), {"--no-huge", "--no-shconf"});
    if (options.pci.empty()) out.emplace_back("--no-pci");
    for (const auto& address : options.pci) out.insert(out.end(), {"-a", address});
    return out;
}

std::uint64_t free_huge_memory_mb() {
    std::uint64_t kb = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const auto name = entry.path().filename().string();  // "hugepages-2048kB"
        std::ifstream file(entry.path() / "free_hugepages");
        std::uint64_t free = 0;
        if (const auto dash = name.find('-'); dash != std::string::npos && file >> free)
            kb += free * std::strtoull(name.c_str() + dash + 1, nullptr, 10);
    }
    return kb / 1024;
}

std::expected<Eal, std::string> Eal::start(const EalOptions& options) {
    const auto runtime_dir = std::string(kRuntimeRoot) + "/" + options.file_prefix;
    remove_runtime_dir(runtime_dir);  // what a killed instance of us has left
    // libxdp would pin its dispatcher in /sys/fs/bpf, where a killed process leaves it. Our ports share with nobody.
    setenv("LIBXDP_SKIP_DISPATCHER", "1", 0);
    auto arguments = eal_arguments(options);
    arguments.insert(arguments.begin(), "sallyport-dataplane");
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
        const std::string why = rte_strerror(rte_errno);
        remove_runtime_dir(runtime_dir);
        return std::unexpected("DPDK did not start with " + std::to_string(options.memory_mb) + " MB of " +
                               (options.huge_pages ? "huge pages" : "ordinary memory") + ": " + why +
                               "; the lines before this one say more");
    }
    return Eal(runtime_dir);
}

Eal::Eal(Eal&& other) noexcept : runtime_dir_(std::exchange(other.runtime_dir_, {})) {}

Eal::~Eal() {
    if (runtime_dir_.empty()) return;
    rte_eal_cleanup();
    remove_runtime_dir(runtime_dir_);
}

}  // namespace sallyport::port
