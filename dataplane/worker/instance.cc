#include "dataplane/worker/instance.h"

#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <array>
#include <bit>

#include "dataplane/port/memory.h"
#include "platform/os/affinity.h"
#include "platform/os/log.h"
#include "platform/os/mac_address.h"

namespace sallyport::worker {

static_assert(config::kMaxDevices <= RTE_MAX_ETHPORTS);

os::Result<std::unique_ptr<Instance>> Instance::start(os::EventLoop& loop, config::DataplaneView view,
                                                      std::vector<os::UniqueFd> taps, const Options& options) {
    auto plan = make_plan(view, {os::allowed_cores(), port::free_huge_memory_mb()});
    if (!plan) return std::unexpected(plan.error());
    std::unique_ptr<Instance> out(new Instance(std::move(view), std::move(*plan)));
    if (auto built = out->build(loop, std::move(taps), options); !built) return std::unexpected(built.error());
    return out;
}

os::Result<void> Instance::build(os::EventLoop& loop, std::vector<os::UniqueFd> taps, const Options& options) {
    port::EalOptions eal;
    eal.file_prefix = file_prefix(options.runtime_dir);
    for (const auto& device : plan_.devices)
        if (port::is_pci_address(device)) eal.pci.push_back(device);
    eal.main_cores = plan_.main_cores;
    eal.worker_cores = plan_.worker_cores;
    eal.huge_pages = plan_.huge_pages;
    eal.memory_mb = plan_.memory_mb;
    auto started = port::Eal::start(eal);
    if (!started) return std::unexpected(started.error());
    eal_.emplace(std::move(*started));
    auto pool = port::make_pool({.mbufs = plan_.mbufs, .huge_pages = plan_.huge_pages, .pci = !eal.pci.empty()});
    if (!pool) return std::unexpected(pool.error());
    pool_ = *pool;

    const auto queues = static_cast<std::uint16_t>(plan_.worker_cores.size());
    for (std::size_t i = 0; i < plan_.devices.size(); ++i) {
        auto port = port::Port::start(plan_.devices[i], plan_.device_users[i], queues, pool_);
        if (!port) return std::unexpected(port.error());
        ports_.push_back(std::move(*port));
    }
    // Neighbour discovery of IPv6 is multicast (RFC 4861 §7.2).
    for (std::size_t i = 0; i < view_.interfaces.size(); ++i)
        if (auto& port = ports_[plan_.port_of_interface[i]]; view_.interfaces[i].address6 && !port.hear_multicast())
            log::warning(
                "interface {}: the driver of port {} takes no request for multicast; so neighbours may not find {}",
                view_.interfaces[i].name, port.device(), view_.interfaces[i].address6->address.text());
    std::vector<packet::Interface> interfaces;
    for (std::size_t i = 0; i < view_.interfaces.size(); ++i) {
        const auto port = plan_.port_of_interface[i];
        packet::Interface interface{
            .port = port, .vlan = view_.interfaces[i].vlan, .mtu = ports_[port].mtu(), .mac = ports_[port].mac()};
        for (const auto& at : view_.interfaces[i].signalling) {
            if (at.address.is_v4())
                interface.signalling.push_back({at.address.v4_host_order(), at.port});
            else
                interface.signalling6.push_back(
                    {std::bit_cast<std::array<std::byte, 16>>(at.address.bytes()), at.port});
        }
        interfaces.push_back(std::move(interface));
    }
    interfaces_.emplace(std::move(interfaces));

    auto rings = Rings::make(pool_, [&loop] { loop.wake(); });
    if (!rings) return std::unexpected(rings.error());
    rings_ = std::move(*rings);
    epochs_.emplace(queues);
    table_.emplace(slowpath::flow_config(view_, queues), *epochs_);
    for (std::uint16_t w = 0; w < queues; ++w)
        workers_.push_back(std::make_unique<Worker>(
            Worker::Setup{.number = w, .core = plan_.worker_cores[w], .lcore = w + 1U, .doze = view_.system.doze},
            ports_, *interfaces_, *table_, *epochs_, next_hops_, *rings_));
    slow_path_ =
        std::make_unique<slowpath::SlowPath>(loop,
                                             slowpath::SlowPath::Setup{.view = view_,
                                                                       .interfaces = *interfaces_,
                                                                       .port_of_interface = plan_.port_of_interface,
                                                                       .runtime_dir = options.runtime_dir,
                                                                       .control_uid = options.control_uid,
                                                                       .privileges = options.privileges,
                                                                       .user_reason = options.user_reason},
                                             *table_, *epochs_, next_hops_, *rings_, *this);
    return slow_path_->start(std::move(taps));
}

Instance::~Instance() {
    for (auto& worker : workers_) worker->stop();
    if (launched_) {
        rte_eal_mp_wait_lcore();
        for (auto& worker : workers_)
            while (!worker->ended() && rte_eal_get_lcore_state(worker->status().lcore) == RUNNING) rte_pause();
    }
    slow_path_.reset();
    workers_.clear();
    rings_.reset();
}

os::Result<void> Instance::launch() {
    for (auto& worker : workers_) {
        const auto run = [](void* w) {
            os::name_this_thread("worker");
            static_cast<Worker*>(w)->run();
            return 0;
        };
        if (rte_eal_remote_launch(run, worker.get(), worker->status().lcore) != 0)
            return std::unexpected("worker on core " + std::to_string(worker->status().core) + " did not start");
        launched_ = true;
    }
    return {};
}

void Instance::forward() {
    for (auto& worker : workers_) worker->forward();
    log::info("forwarding on {} ports with {} workers, {} packet buffers in {} memory", ports_.size(), workers_.size(),
              plan_.mbufs, plan_.huge_pages ? "huge-page" : "ordinary");
}

json::Value Instance::ports_ready() const {
    json::Value out;
    auto& list = out["ports"] = json::Value(Json::arrayValue);
    for (std::size_t i = 0; i < view_.interfaces.size(); ++i) {
        json::Value entry;
        entry["interface"] = view_.interfaces[i].name;
        entry["mac"] = os::MacAddress{ports_[plan_.port_of_interface[i]].mac()}.text();
        list.append(std::move(entry));
    }
    return out;
}

std::vector<slowpath::PortStatus> Instance::ports() {
    std::vector<slowpath::PortStatus> out;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const auto device = ports_[i].status();
        slowpath::PortStatus p;
        p.name = ports_[i].device();
        p.mac = ports_[i].mac();
        p.link_up = device.link_up;
        p.speed_mbps = device.speed_mbps;
        p.queues = ports_[i].queues();
        p.rx_missed = device.rx_missed;
        p.rx_errors = device.rx_errors;
        p.tx_errors = device.tx_errors;
        for (const auto& worker : workers_) {
            const auto& traffic = worker->traffic(i);
            p.rx_packets += traffic.rx_packets.get();
            p.rx_bytes += traffic.rx_bytes.get();
            p.tx_packets += traffic.tx_packets.get();
            p.tx_bytes += traffic.tx_bytes.get();
            p.tx_unsent += traffic.tx_unsent.get();
        }
        out.push_back(std::move(p));
    }
    return out;
}

std::vector<slowpath::WorkerStatus> Instance::workers() {
    std::vector<slowpath::WorkerStatus> out;
    out.reserve(workers_.size());
    for (const auto& worker : workers_) out.push_back(worker->status());
    return out;
}

slowpath::MemoryStatus Instance::memory() {
    return {.mbufs = plan_.mbufs, .mbufs_free = rte_mempool_avail_count(pool_), .huge_pages = plan_.huge_pages};
}

std::uint64_t Instance::drops(wire::DropReason reason) {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->drops(reason);
    return sum;
}

}  // namespace sallyport::worker
