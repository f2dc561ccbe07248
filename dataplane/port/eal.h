#pragma once
// DPDK's environment layer: started once per process, from plain values. No multi-process, no telemetry;
// what it leaves under /run/dpdk goes with the object.

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace sallyport::port {

struct EalOptions {
    std::string file_prefix;        // unique on this machine
    std::vector<std::string> pci;   // addresses of the devices that we take; no other one is touched
    std::vector<int> main_cores;    // where the slow-path thread may run
    std::vector<int> worker_cores;  // one lcore each: lcore n+1 is bound to worker_cores[n]
    bool huge_pages = false;
    std::uint32_t memory_mb = 0;
};

// The command line for rte_eal_init, without the program's name.
std::vector<std::string> eal_arguments(const EalOptions& options);

// Memory in free huge pages now.
std::uint64_t free_huge_memory_mb();

class Eal {
public:
    // The calling thread becomes the main lcore's. The error is one line for the operator.
    static std::expected<Eal, std::string> start(const EalOptions& options);
    Eal(Eal&& other) noexcept;
    Eal& operator=(Eal&&) = delete;
    ~Eal();

private:
    explicit Eal(std::string runtime_dir) : runtime_dir_(std::move(runtime_dir)) {}
    std::string runtime_dir_;  // empty: moved from
};

}  // namespace sallyport::port
