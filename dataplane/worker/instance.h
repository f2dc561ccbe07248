#pragma once
// The running dataplane: EAL, ports, workers, flow table and slow path, built from the manager's view. Its
// parts die in the reverse order of their making, the EAL last.

#include <sys/types.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/port/eal.h"
#include "dataplane/port/port.h"
#include "dataplane/slowpath/slow_path.h"
#include "dataplane/worker/plan.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"

namespace sallyport::worker {

class Instance final : public slowpath::Panel {
public:
    struct Options {
        std::string runtime_dir;
        uid_t control_uid = 0;
        std::span<const os::KeptCapability> privileges;
        std::string_view user_reason;
    };

    // Starts the ports and the slow path; nothing is forwarded before forward().
    static os::Result<std::unique_ptr<Instance>> start(os::EventLoop& loop, config::DataplaneView view,
                                                       std::vector<os::UniqueFd> taps, const Options& options);
    ~Instance() override;
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    // The workers run on their cores, and wait: what the process may still do can be cut in every thread.
    os::Result<void> launch();
    void forward();
    bool launched() const { return launched_; }
    slowpath::SlowPath& slow_path() { return *slow_path_; }
    // {"ports": [{"interface", "mac"}]}, for the manager.
    json::Value ports_ready() const;

    std::vector<slowpath::PortStatus> ports() override;
    std::vector<slowpath::WorkerStatus> workers() override;
    slowpath::MemoryStatus memory() override;
    std::uint64_t drops(wire::DropReason reason) override;

private:
    Instance(config::DataplaneView view, Plan plan) : view_(std::move(view)), plan_(std::move(plan)) {}
    os::Result<void> build(os::EventLoop& loop, std::vector<os::UniqueFd> taps, const Options& options);

    config::DataplaneView view_;
    Plan plan_;
    std::optional<port::Eal> eal_;
    rte_mempool* pool_ = nullptr;
    std::vector<port::Port> ports_;
    std::optional<packet::Interfaces> interfaces_;
    std::unique_ptr<Rings> rings_;
    std::optional<flow::Epochs> epochs_;
    std::optional<flow::FlowTable> table_;
    flow::PublishedNextHops next_hops_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<slowpath::SlowPath> slow_path_;
    bool launched_ = false;
};

}  // namespace sallyport::worker
