#pragma once
// The counters page: a memfd of its own that the dataplane writes and everybody else maps read-only.
//
//   0                  CountersHeader, padded to kCountersHeaderBytes
//   drops_at()         one 64-bit counter per DropReason, kDropSlots of them
//   ports_at()         PortCounters, one per DPDK port, in the order of first mention in the interfaces
//   flows_at()         FlowSlot, one per flow index (FlowEvent::flow_index)
//
// Counters of drops and ports are single 64-bit words. A flow's slot is a seqlock: the sequence is odd
// while the dataplane writes; a reader copies, looks at the sequence again, and tries at most kReadTries
// times. The dataplane brings every slot up to date about four times a second. The page belongs to the
// dataplane's process, not to a session: the same one is handed to each control plane. The reader takes
// the geometry from the header once, checks it against the size of its own mapping, and keeps it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/wire/drop_reason.h"
#include "platform/wire/flow_records.h"

namespace sallyport::wire {

inline constexpr std::uint64_t kCountersMagic = 0x53414c4c59433031;  // "SALLYC01"
inline constexpr std::size_t kCountersHeaderBytes = 4096;
inline constexpr std::uint32_t kDropSlots = 64;
inline constexpr std::uint32_t kMaxPorts = 64;
inline constexpr std::uint32_t kMaxFlowSlots = 1U << 20;
static_assert(kDropReasons <= kDropSlots);

struct CountersHeader {
    std::uint64_t magic = kCountersMagic;
    std::uint32_t version = kVersion;
    std::uint32_t header_bytes = kCountersHeaderBytes;
    std::uint32_t drop_slots = kDropSlots;
    std::uint32_t ports = 0;
    std::uint32_t port_bytes = 0;
    std::uint32_t flow_slots = 0;
    std::uint32_t flow_bytes = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(CountersHeader) == 40);

struct PortCounters {
    char name[64] = {};  // as configured, cut; always ends with a zero
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;   // from Ethernet header to the end of the frame, no FCS
    std::uint64_t rx_missed = 0;  // what the device dropped for want of room
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_unsent = 0;  // also counted as DropReason::kTransmitFull
    std::uint64_t to_kernel = 0;  // frames given to the exception TAPs of this port
    std::uint64_t from_kernel = 0;
    std::uint64_t link_up = 0;  // 1 or 0
    std::uint64_t reserved[6] = {};
};
static_assert(sizeof(PortCounters) == 192);

// What a reader gets of one flow. `generation` 0 means: no flow has this index.
struct FlowReading {
    std::uint64_t key = 0;   // as pack_key() makes it
    std::uint64_t call = 0;  // of the flow's cookie
    FlowCounters counters;
    std::uint32_t generation = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(FlowReading) == 128 && offsetof(FlowReading, generation) == 120);
static_assert(std::is_trivially_copyable_v<FlowReading>);

inline constexpr std::size_t kFlowWords = offsetof(FlowReading, generation) / sizeof(std::uint64_t);

struct alignas(64) FlowSlot {
    std::atomic<std::uint32_t> sequence;
    std::atomic<std::uint32_t> generation;
    std::atomic<std::uint64_t> words[kFlowWords];
};
static_assert(sizeof(FlowSlot) == 128);

struct CountersGeometry {
    std::uint32_t ports = 0;
    std::uint32_t flow_slots = 0;

    std::size_t drops_at() const { return kCountersHeaderBytes; }
    std::size_t ports_at() const { return drops_at() + kDropSlots * sizeof(std::uint64_t); }
    std::size_t flows_at() const { return ports_at() + std::size_t{ports} * sizeof(PortCounters); }
    std::size_t bytes() const { return (flows_at() + std::size_t{flow_slots} * sizeof(FlowSlot) + 4095) / 4096 * 4096; }
};

// One writer, the dataplane's slow-path thread.
class CountersWriter {
public:
    // `memory` is fresh and zeroed, geometry.bytes() long, and outlives the writer.
    CountersWriter(std::span<std::byte> memory, CountersGeometry geometry);

    void set_drops(DropReason reason, std::uint64_t value);
    void set_port(std::uint32_t port, const PortCounters& counters);
    void set_flow(std::uint32_t index, const FlowReading& reading);
    void clear_flow(std::uint32_t index) { set_flow(index, FlowReading{}); }
    const CountersGeometry& geometry() const { return geometry_; }

private:
    std::byte* at_;
    CountersGeometry geometry_;
};

class CountersReader {
public:
    static constexpr int kReadTries = 64;

    // The error is a whole sentence: what differs, ours and theirs. `memory` outlives the reader.
    static std::expected<CountersReader, std::string> attach(std::span<const std::byte> memory);

    std::uint32_t ports() const { return geometry_.ports; }
    std::uint32_t flow_slots() const { return geometry_.flow_slots; }
    std::uint64_t drops(DropReason reason) const;
    // nullopt: no such port.
    std::optional<PortCounters> port(std::uint32_t index) const;
    // nullopt: index out of range, no flow there, or the writer was always faster. Compare key and
    // generation with what is expected: an index is used again after its flow was removed.
    std::optional<FlowReading> flow(std::uint32_t index) const;

private:
    CountersReader(const std::byte* at, CountersGeometry geometry) : at_(at), geometry_(geometry) {}
    const std::byte* at_;
    CountersGeometry geometry_;
};

}  // namespace sallyport::wire
