#include "dataplane/port/port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cerrno>
#include <regex>
#include <utility>

namespace sallyport::port {
namespace {

std::string device_name(const std::string& device) { return device.substr(0, device.find(',')); }

std::string error_text(int error) { return rte_strerror(error < 0 ? -error : error); }

}  // namespace

bool is_pci_address(const std::string& device) {
    static const std::regex pattern("[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?");
    return std::regex_match(device, pattern);
}

std::expected<Port, std::string> Port::start(const std::string& device, const std::string& user, std::uint16_t queues,
                                             rte_mempool* pool) {
    const auto failed = [&](const std::string& why) {
        return std::unexpected("port '" + device + "' of interface '" + user + "' did not start: " + why);
    };
    Port port(device);
    // A PCI device was probed by the EAL; a virtual one is made here, so that its failure has a name.
    if (!is_pci_address(device))
        if (const int error = rte_dev_probe(device.c_str()); error != 0)
            // Drivers say -1 for any reason.
            return failed((error == -EPERM ? "its driver refused it" : error_text(error)) +
                          "; check that the device it names exists in this network namespace and is not in use (the "
                          "lines before this one say more)");
    if (rte_eth_dev_get_port_by_name(device_name(device).c_str(), &port.id_) != 0) {
        port.id_ = kNone;
        return failed(
            "there is no such device, or no driver took it; check the address and that it is bound to vfio-pci");
    }
    if (auto configured = port.configure(queues, pool); !configured) return failed(configured.error());
    return port;
}

std::expected<void, std::string> Port::configure(std::uint16_t queues, rte_mempool* pool) {
    const auto failed = [](const char* what, int error) {
        return std::unexpected(std::string(what) + ": " + error_text(error));
    };
    rte_eth_dev_info device{};
    if (const int error = rte_eth_dev_info_get(id_, &device); error != 0) return failed("no information", error);
    if (queues > device.max_rx_queues || queues > device.max_tx_queues)
        return std::unexpected("it has " + std::to_string(std::min(device.max_rx_queues, device.max_tx_queues)) +
                               " queues, but system.worker-cores asks for " + std::to_string(queues) +
                               "; name fewer cores");
    rte_eth_conf config{};
    checks_ipv4_ = (device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
    if (checks_ipv4_) config.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
    if (queues > 1 && device.flow_type_rss_offloads != 0) {
        // By addresses and ports, so that a stream stays with one worker.
        config.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        config.rx_adv_conf.rss_conf.rss_hf = device.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
    }
    if (const int error = rte_eth_dev_configure(id_, queues, queues, &config); error != 0)
        return failed("its queues could not be configured", error);
    std::uint16_t rx = 1024;
    std::uint16_t tx = 1024;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
    const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id_)));
    for (std::uint16_t q = 0; q < queues; ++q) {
        if (const int error = rte_eth_rx_queue_setup(id_, q, rx, socket, nullptr, pool); error != 0)
            return failed("receive queue", error);
        if (const int error = rte_eth_tx_queue_setup(id_, q, tx, socket, nullptr); error != 0)
            return failed("transmit queue", error);
    }
    if (const int error = rte_eth_dev_start(id_); error != 0) return failed("start", error);
    started_ = true;
    queues_ = queues;
    rte_ether_addr address{};
    if (const int error = rte_eth_macaddr_get(id_, &address); error != 0) return failed("its MAC address", error);
    std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), mac_.begin());
    rte_eth_dev_get_mtu(id_, &mtu_);
    return {};
}

Port::Port(Port&& other) noexcept
    : device_(std::move(other.device_)),
      id_(std::exchange(other.id_, kNone)),
      mac_(other.mac_),
      mtu_(other.mtu_),
      queues_(other.queues_),
      checks_ipv4_(other.checks_ipv4_),
      started_(std::exchange(other.started_, false)) {}

Port::~Port() {
    if (id_ == kNone) return;
    if (started_) rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
}

bool Port::hear_multicast() { return rte_eth_allmulticast_enable(id_) == 0 || rte_eth_promiscuous_enable(id_) == 0; }

DeviceStatus Port::status() const {
    DeviceStatus out;
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(id_, &link) == 0) {
        out.link_up = link.link_status == RTE_ETH_LINK_UP;
        if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) out.speed_mbps = link.link_speed;
    }
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id_, &stats) == 0) {
        out.rx_missed = stats.imissed;
        out.rx_errors = stats.ierrors + stats.rx_nombuf;
        out.tx_errors = stats.oerrors;
    }
    return out;
}

}  // namespace sallyport::port
