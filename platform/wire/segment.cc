#include "platform/wire/segment.h"

#include <cstring>
#include <new>

namespace sallyport::wire {
namespace {

template <typename Record>
RingPlace<Record> place(std::span<std::byte> memory, std::size_t at, std::uint32_t slots) {
    auto* begin = memory.data() + at;
    return {std::launder(reinterpret_cast<RingCursors*>(begin)), begin + sizeof(RingCursors), slots};
}

SegmentPlaces places(std::span<std::byte> memory) {
    return {place<FlowCommand>(memory, kCommandRingAt, kCommandSlots),
            place<FlowEvent>(memory, kEventRingAt, kEventSlots)};
}

}  // namespace

SegmentPlaces make_segment(std::span<std::byte> memory, std::uint64_t session) {
    SegmentHeader header;
    header.session = session;
    std::memcpy(memory.data(), &header, sizeof header);
    new (memory.data() + kCommandRingAt) RingCursors{};
    new (memory.data() + kEventRingAt) RingCursors{};
    return places(memory);
}

std::expected<SegmentPlaces, std::string> attach_segment(std::span<std::byte> memory) {
    const auto differs = [](const char* what, std::uint64_t ours, std::uint64_t theirs) {
        return std::unexpected("shared memory of the dataplane does not fit: " + std::string(what) + " is " +
                               std::to_string(theirs) + ", expected " + std::to_string(ours) +
                               "; run dataplane and control plane of one build");
    };
    if (memory.size() != kSegmentBytes) return differs("size", kSegmentBytes, memory.size());
    SegmentHeader theirs;
    std::memcpy(&theirs, memory.data(), sizeof theirs);
    const SegmentHeader ours;
    if (theirs.magic != ours.magic) return differs("magic", ours.magic, theirs.magic);
    if (theirs.version != ours.version) return differs("version", ours.version, theirs.version);
    if (theirs.header_bytes != ours.header_bytes) return differs("header size", ours.header_bytes, theirs.header_bytes);
    if (theirs.command_bytes != ours.command_bytes)
        return differs("command record size", ours.command_bytes, theirs.command_bytes);
    if (theirs.command_slots != ours.command_slots)
        return differs("command ring length", ours.command_slots, theirs.command_slots);
    if (theirs.event_bytes != ours.event_bytes)
        return differs("event record size", ours.event_bytes, theirs.event_bytes);
    if (theirs.event_slots != ours.event_slots)
        return differs("event ring length", ours.event_slots, theirs.event_slots);
    return places(memory);
}

}  // namespace sallyport::wire
