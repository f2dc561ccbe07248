#pragma once
// One DPDK port: probed, configured with one receive and one transmit queue per worker, started; stopped and
// closed with the object.

#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/packet/packet.h"

struct rte_mempool;

namespace sallyport::port {

// "0000:03:00.0", as opposed to a vdev string.
bool is_pci_address(const std::string& device);

// Buffers that one port's rings can hold at a time, per queue.
inline constexpr std::uint32_t kMbufsPerQueue = 4'096 + 2 * 1'024;

struct DeviceStatus {
    bool link_up = false;
    std::uint32_t speed_mbps = 0;
    std::uint64_t rx_missed = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_errors = 0;
};

class Port {
public:
    // `device`: PCI address, or vdev string such as "net_af_xdp0,iface=eth1,start_queue=0,queue_count=1".
    // `user`: the interface that names it, for the error, which is one line for the operator.
    static std::expected<Port, std::string> start(const std::string& device, const std::string& user,
                                                  std::uint16_t queues, rte_mempool* pool);
    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;
    ~Port();

    std::uint16_t id() const { return id_; }
    const std::string& device() const { return device_; }
    const packet::Mac& mac() const { return mac_; }
    std::uint16_t mtu() const { return mtu_; }
    std::uint16_t queues() const { return queues_; }
    bool checks_ipv4() const { return checks_ipv4_; }  // its receive flags say whether the header checksum is right
    // Asks for all multicast frames, and where the driver does not know of that for all frames. False: it knows
    // neither, and brings what it likes. Broadcast needs nothing of it.
    bool hear_multicast();
    DeviceStatus status() const;

private:
    explicit Port(std::string device) : device_(std::move(device)) {}
    std::expected<void, std::string> configure(std::uint16_t queues, rte_mempool* pool);

    static constexpr std::uint16_t kNone = 0xffff;
    std::string device_;
    std::uint16_t id_ = kNone;
    packet::Mac mac_{};
    std::uint16_t mtu_ = 1500;
    std::uint16_t queues_ = 0;
    bool checks_ipv4_ = false;
    bool started_ = false;
};

}  // namespace sallyport::port
