#pragma once
// What the slow path can ask of ports and workers, for the counters page and for `show`. Implemented in
// dataplane/worker.

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/packet.h"
#include "platform/wire/drop_reason.h"

namespace sallyport::slowpath {

struct PortStatus {
    std::string name;  // as configured
    packet::Mac mac{};
    bool link_up = false;
    std::uint32_t speed_mbps = 0;  // 0: unknown
    std::uint16_t queues = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t rx_missed = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t tx_unsent = 0;
};

struct WorkerStatus {
    int core = 0;
    unsigned lcore = 0;
    std::uint64_t bursts = 0;  // that held a packet
    std::uint64_t packets = 0;
    std::uint64_t busy_ns = 0;  // from a turn that held a packet to one that held none, all together
    bool dozing = false;
};

struct MemoryStatus {
    std::uint32_t mbufs = 0;
    std::uint32_t mbufs_free = 0;
    bool huge_pages = false;
};

class Panel {
public:
    virtual ~Panel() = default;
    virtual std::vector<PortStatus> ports() = 0;
    virtual std::vector<WorkerStatus> workers() = 0;
    virtual MemoryStatus memory() = 0;
    virtual std::uint64_t drops(wire::DropReason reason) = 0;  // of all workers
};

}  // namespace sallyport::slowpath
