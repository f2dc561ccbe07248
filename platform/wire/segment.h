#pragma once
// The memfd that the dataplane makes for one control plane session and hands over by a unix socket
// (platform/os/fd_passing.h). A new session gets a new memfd, so that nothing a dead peer left is read.
//
//   0                SegmentHeader, padded to kHeaderBytes
//   kHeaderBytes     command ring: cursors, then slots          (control plane -> dataplane)
//   ...              event ring: cursors, then slots            (dataplane -> control plane)
//
// Sealed against shrinking and growing. The attaching side compares every field of the header with what
// it was built with, and refuses otherwise. Nothing in it is read again after the attach.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "platform/wire/flow_records.h"
#include "platform/wire/ring.h"

namespace sallyport::wire {

inline constexpr std::uint64_t kSegmentMagic = 0x53414c4c59503031;  // "SALLYP01"
inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::uint32_t kCommandSlots = 8192;
inline constexpr std::uint32_t kEventSlots = 8192;

struct SegmentHeader {
    std::uint64_t magic = kSegmentMagic;
    std::uint32_t version = kVersion;
    std::uint32_t header_bytes = kHeaderBytes;
    std::uint32_t command_bytes = sizeof(FlowCommand);
    std::uint32_t command_slots = kCommandSlots;
    std::uint32_t event_bytes = sizeof(FlowEvent);
    std::uint32_t event_slots = kEventSlots;
    std::uint64_t session = 0;  // grows with each attach
};
static_assert(sizeof(SegmentHeader) == 40);

constexpr std::size_t ring_bytes(std::size_t record_bytes, std::uint32_t slots) {
    return (sizeof(RingCursors) + record_bytes * slots + 4095) / 4096 * 4096;
}
inline constexpr std::size_t kCommandRingAt = kHeaderBytes;
inline constexpr std::size_t kEventRingAt = kCommandRingAt + ring_bytes(sizeof(FlowCommand), kCommandSlots);
inline constexpr std::size_t kSegmentBytes = kEventRingAt + ring_bytes(sizeof(FlowEvent), kEventSlots);

struct SegmentPlaces {
    RingPlace<FlowCommand> commands;
    RingPlace<FlowEvent> events;
};

// Writes the header into fresh, zeroed memory of kSegmentBytes.
SegmentPlaces make_segment(std::span<std::byte> memory, std::uint64_t session);

// Checks a mapped segment of the other process. The error is a whole sentence: what differs, ours and theirs.
std::expected<SegmentPlaces, std::string> attach_segment(std::span<std::byte> memory);

}  // namespace sallyport::wire
