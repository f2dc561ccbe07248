#include "platform/wire/counters_page.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sallyport::wire {
namespace {

using Word = std::atomic<std::uint64_t>;
constexpr std::size_t kPortWords = sizeof(PortCounters) / sizeof(std::uint64_t);

Word* words_at(std::byte* base, std::size_t at) { return reinterpret_cast<Word*>(base + at); }
const Word* words_at(const std::byte* base, std::size_t at) { return reinterpret_cast<const Word*>(base + at); }

}  // namespace

CountersWriter::CountersWriter(std::span<std::byte> memory, CountersGeometry geometry)
    : at_(memory.data()), geometry_(geometry) {
    CountersHeader header;
    header.ports = geometry.ports;
    header.port_bytes = sizeof(PortCounters);
    header.flow_slots = geometry.flow_slots;
    header.flow_bytes = sizeof(FlowSlot);
    std::memcpy(at_, &header, sizeof header);
}

void CountersWriter::set_drops(DropReason reason, std::uint64_t value) {
    words_at(at_, geometry_.drops_at())[static_cast<std::size_t>(reason)].store(value, std::memory_order_relaxed);
}

void CountersWriter::set_port(std::uint32_t port, const PortCounters& counters) {
    if (port >= geometry_.ports) return;
    std::array<std::uint64_t, kPortWords> source;
    std::memcpy(source.data(), &counters, sizeof counters);
    auto* to = words_at(at_, geometry_.ports_at() + port * sizeof(PortCounters));
    for (std::size_t i = 0; i < kPortWords; ++i) to[i].store(source[i], std::memory_order_relaxed);
}

void CountersWriter::set_flow(std::uint32_t index, const FlowReading& reading) {
    if (index >= geometry_.flow_slots) return;
    std::array<std::uint64_t, kFlowWords> source;
    std::memcpy(source.data(), &reading, sizeof source);
    auto& slot = *reinterpret_cast<FlowSlot*>(at_ + geometry_.flows_at() + index * sizeof(FlowSlot));
    const auto sequence = slot.sequence.load(std::memory_order_relaxed);
    slot.sequence.store(sequence + 1, std::memory_order_relaxed);
    // Release on each word: who sees a new word also sees the odd sequence (plain moves on x86).
    slot.generation.store(reading.generation, std::memory_order_release);
    for (std::size_t i = 0; i < kFlowWords; ++i) slot.words[i].store(source[i], std::memory_order_release);
    slot.sequence.store(sequence + 2, std::memory_order_release);
}

std::expected<CountersReader, std::string> CountersReader::attach(std::span<const std::byte> memory) {
    const auto differs = [](const char* what, std::uint64_t ours, std::uint64_t theirs) {
        return std::unexpected("counters page of the dataplane does not fit: " + std::string(what) + " is " +
                               std::to_string(theirs) + ", expected " + std::to_string(ours) +
                               "; run dataplane and control plane of one build");
    };
    if (memory.size() < kCountersHeaderBytes) return differs("size", kCountersHeaderBytes, memory.size());
    CountersHeader theirs;
    std::memcpy(&theirs, memory.data(), sizeof theirs);
    if (theirs.magic != kCountersMagic) return differs("magic", kCountersMagic, theirs.magic);
    if (theirs.version != kVersion) return differs("version", kVersion, theirs.version);
    if (theirs.header_bytes != kCountersHeaderBytes)
        return differs("header size", kCountersHeaderBytes, theirs.header_bytes);
    if (theirs.drop_slots != kDropSlots) return differs("drop counters", kDropSlots, theirs.drop_slots);
    if (theirs.port_bytes != sizeof(PortCounters))
        return differs("port record size", sizeof(PortCounters), theirs.port_bytes);
    if (theirs.flow_bytes != sizeof(FlowSlot)) return differs("flow record size", sizeof(FlowSlot), theirs.flow_bytes);
    if (theirs.ports > kMaxPorts) return differs("number of ports", kMaxPorts, theirs.ports);
    if (theirs.flow_slots > kMaxFlowSlots) return differs("number of flows", kMaxFlowSlots, theirs.flow_slots);
    const CountersGeometry geometry{theirs.ports, theirs.flow_slots};
    if (memory.size() != geometry.bytes()) return differs("size", geometry.bytes(), memory.size());
    return CountersReader(memory.data(), geometry);
}

std::uint64_t CountersReader::drops(DropReason reason) const {
    return words_at(at_, geometry_.drops_at())[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
}

std::optional<PortCounters> CountersReader::port(std::uint32_t index) const {
    if (index >= geometry_.ports) return std::nullopt;
    const auto* from = words_at(at_, geometry_.ports_at() + index * sizeof(PortCounters));
    std::array<std::uint64_t, kPortWords> copy;
    for (std::size_t i = 0; i < kPortWords; ++i) copy[i] = from[i].load(std::memory_order_relaxed);
    PortCounters out;
    std::memcpy(static_cast<void*>(&out), copy.data(), sizeof out);
    out.name[sizeof out.name - 1] = '\0';
    return out;
}

std::optional<FlowReading> CountersReader::flow(std::uint32_t index) const {
    if (index >= geometry_.flow_slots) return std::nullopt;
    const auto& slot = *reinterpret_cast<const FlowSlot*>(at_ + geometry_.flows_at() + index * sizeof(FlowSlot));
    std::array<std::uint64_t, kFlowWords> copy;
    for (int i = 0; i < kReadTries; ++i) {
        const auto before = slot.sequence.load(std::memory_order_acquire);
        if (before & 1) continue;
        // Acquire: the second look at the sequence cannot come before these loads.
        const auto generation = slot.generation.load(std::memory_order_acquire);
        for (std::size_t w = 0; w < kFlowWords; ++w) copy[w] = slot.words[w].load(std::memory_order_acquire);
        if (slot.sequence.load(std::memory_order_relaxed) != before) continue;
        if (generation == 0) return std::nullopt;
        FlowReading out;
        std::memcpy(static_cast<void*>(&out), copy.data(), sizeof copy);
        out.generation = generation;
        return out;
    }
    return std::nullopt;
}

}  // namespace sallyport::wire
