// Shared memory of a hostile process: the ring's cursors and slots, the header of a segment, the counters page. The
// first byte of the input chooses which.
//
// Oracles: nothing outside of the ring's own geometry is touched (address sanitizer); a cursor that cannot be breaks
// the ring for good; with an honest peer records come out in order, each once; what was attached can be read to its
// end.

#include <memory>
#include <vector>

#include "platform/wire/counters_page.h"
#include "platform/wire/segment.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::wire {
namespace {

struct Record {
    std::uint64_t number = 0;
    std::uint64_t inverse = 0;
};

struct Shared {
    static constexpr std::uint32_t kSlots = 8;
    RingCursors cursors{};
    std::byte slots[kSlots * sizeof(Record)] = {};
    RingPlace<Record> place() { return {&cursors, slots, kSlots}; }
};

// Each step is a byte, some with an argument. `hostile`: somebody else writes to the memory, too.
void ring(fuzz::Input in, bool hostile) {
    const auto shared = std::make_unique<Shared>();
    RingProducer<Record> producer(shared->place());
    RingConsumer<Record> consumer(shared->place());
    std::uint64_t pushed = 0;
    std::uint64_t popped = 0;
    bool producer_broke = false;
    bool consumer_broke = false;
    while (!in.empty()) {
        const auto step = in.byte();
        Record record{pushed, ~pushed};
        switch (step % 8) {
            case 0:
            case 1: {
                const auto room = producer.free();
                FUZZ_CHECK(room <= Shared::kSlots);
                const bool done = producer.push(record);
                FUZZ_CHECK(!done || (room > 0 && !producer.broken()));
                FUZZ_CHECK(hostile || done == (pushed - popped < Shared::kSlots));
                pushed += done ? 1 : 0;
                break;
            }
            case 2:
            case 3: {
                const auto waiting = consumer.waiting();
                FUZZ_CHECK(waiting <= Shared::kSlots);
                const bool done = consumer.pop(record);
                FUZZ_CHECK(done == (waiting > 0 && !consumer.broken()));
                if (!hostile) FUZZ_CHECK(done == (pushed > popped));
                if (!hostile && done) FUZZ_CHECK(record.number == popped && record.inverse == ~popped);
                popped += done ? 1 : 0;
                break;
            }
            case 4:
                if (hostile) shared->cursors.head.store(in.take<std::uint64_t>(), std::memory_order_relaxed);
                break;
            case 5:
                if (hostile) shared->cursors.tail.store(in.take<std::uint64_t>(), std::memory_order_relaxed);
                break;
            case 6:  // near what is right, where the mistakes are
                if (hostile)
                    shared->cursors.head.store(pushed + static_cast<std::uint64_t>(in.take<std::int8_t>()),
                                               std::memory_order_relaxed);
                break;
            case 7:
                if (hostile)
                    shared->cursors.tail.store(popped + static_cast<std::uint64_t>(in.take<std::int8_t>()),
                                               std::memory_order_relaxed);
                break;
            default: break;
        }
        FUZZ_CHECK(!producer_broke || (producer.broken() && producer.free() == 0));
        FUZZ_CHECK(!consumer_broke || (consumer.broken() && consumer.waiting() == 0));
        producer_broke = producer.broken();
        consumer_broke = consumer.broken();
        FUZZ_CHECK(hostile || (!producer_broke && !consumer_broke));
    }
}

void segment(fuzz::Input in) {
    // Large, and only its header is looked at: kept.
    static const auto memory = std::make_unique<std::byte[]>(kSegmentBytes + 1);
    make_segment({memory.get(), kSegmentBytes}, 7);
    const auto edits = in.byte() % 8;
    for (int i = 0; i < edits; ++i) {
        const auto at = in.byte() % sizeof(SegmentHeader);
        memory[at] = static_cast<std::byte>(in.byte());
    }
    const auto size = kSegmentBytes - 1 + (in.byte() ^ 1U) % 3;
    SegmentHeader header;
    std::memcpy(&header, memory.get(), sizeof header);
    const SegmentHeader ours;
    const bool fits = size == kSegmentBytes && std::memcmp(&header, &ours, offsetof(SegmentHeader, session)) == 0;
    const auto places = attach_segment({memory.get(), size});
    FUZZ_CHECK(places.has_value() == fits);
    if (!places) {
        FUZZ_CHECK(!places.error().empty() && !places.error().contains('\n'));
        return;
    }
    FUZZ_CHECK(places->commands.slots == kCommandSlots && places->events.slots == kEventSlots);
    FUZZ_CHECK(places->events.slots_begin + kEventSlots * sizeof(FlowEvent) <= memory.get() + kSegmentBytes);
}

void counters(fuzz::Input in) {
    CountersHeader header;
    header.ports = in.byte() % 4;
    header.port_bytes = sizeof(PortCounters);
    header.flow_slots = in.byte() % 8;
    header.flow_bytes = sizeof(FlowSlot);
    std::size_t size = CountersGeometry{header.ports, header.flow_slots}.bytes();
    const auto edits = in.byte() % 4;
    for (int i = 0; i < edits; ++i) {
        const auto at = in.byte() % sizeof header;
        const auto value = in.byte();
        std::memcpy(reinterpret_cast<std::byte*>(&header) + at, &value, 1);
    }
    size -= std::min<std::size_t>(size, in.byte() % 2 == 0 ? 0 : in.take<std::uint16_t>());
    // Of the size that is claimed, and of a cache line's alignment as a mapping has it.
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::vector<Line> memory((size + 63) / 64);
    auto* begin = reinterpret_cast<std::byte*>(memory.data());
    if (size > 0) std::memcpy(begin, &header, std::min(size, sizeof header));
    const auto rest = in.rest();
    if (size > kCountersHeaderBytes && !rest.empty())
        std::memcpy(begin + kCountersHeaderBytes, rest.data(), std::min(rest.size(), size - kCountersHeaderBytes));
    const auto reader = CountersReader::attach({begin, size});
    if (!reader) {
        FUZZ_CHECK(!reader.error().empty() && !reader.error().contains('\n'));
        return;
    }
    for (std::size_t i = 0; i < kDropReasons; ++i) (void)reader->drops(static_cast<DropReason>(i));
    for (std::uint32_t i = 0; i <= reader->ports(); ++i) {
        const auto port = reader->port(i);
        FUZZ_CHECK(port.has_value() == (i < reader->ports()));
        if (port) FUZZ_CHECK(std::strlen(port->name) < sizeof port->name);
    }
    FUZZ_CHECK(!reader->port(UINT32_MAX) && !reader->flow(UINT32_MAX) && !reader->flow(reader->flow_slots()));
    for (std::uint32_t i = 0; i < reader->flow_slots(); ++i)
        if (const auto flow = reader->flow(i)) FUZZ_CHECK(flow->generation != 0);
}

// What our own writer has written is what a reader gets.
void written(fuzz::Input in) {
    const CountersGeometry geometry{in.byte() % 3U + 1, in.byte() % 5U + 1};
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::vector<Line> memory((geometry.bytes() + 63) / 64);
    const std::span<std::byte> page(reinterpret_cast<std::byte*>(memory.data()), geometry.bytes());
    CountersWriter writer(page, geometry);
    const auto reader = CountersReader::attach(page);
    FUZZ_CHECK(reader && reader->ports() == geometry.ports && reader->flow_slots() == geometry.flow_slots);
    for (int steps = 0; steps < 16 && !in.empty(); ++steps) {
        const std::uint32_t at = in.byte() % 8;
        if (const auto reason = in.byte(); reason < kDropReasons) {
            writer.set_drops(static_cast<DropReason>(reason), at);
            FUZZ_CHECK(reader->drops(static_cast<DropReason>(reason)) == at);
        }
        const auto port = in.take<PortCounters>();
        writer.set_port(at, port);
        const auto port_read = reader->port(at);
        FUZZ_CHECK(port_read.has_value() == (at < geometry.ports));
        if (port_read) FUZZ_CHECK(port_read->rx_bytes == port.rx_bytes && port_read->from_kernel == port.from_kernel);
        auto flow = in.take<FlowReading>();
        flow.reserved = 0;
        writer.set_flow(at, flow);
        const auto flow_read = reader->flow(at);
        FUZZ_CHECK(flow_read.has_value() == (at < geometry.flow_slots && flow.generation != 0));
        if (flow_read) FUZZ_CHECK(std::memcmp(&*flow_read, &flow, sizeof flow) == 0);
        if ((at & 1) != 0) writer.clear_flow(at);
        if ((at & 1) != 0) FUZZ_CHECK(!reader->flow(at));
    }
}

}  // namespace
}  // namespace sallyport::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::wire;
    sallyport::fuzz::Input in(data, size);
    switch (in.byte() % 5) {
        case 0: ring(in, true); break;
        case 1: ring(in, false); break;
        case 2: segment(in); break;
        case 3: counters(in); break;
        case 4: written(in); break;
        default: break;
    }
    return 0;
}
