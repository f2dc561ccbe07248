#pragma once
// The dataplane as a hostile control plane has it: one attach, with the raw memory in place of the rings' own
// checked ends. Nothing here behaves; what it can reach, it uses.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "platform/os/shared_memory.h"
#include "platform/os/unique_fd.h"
#include "platform/wire/segment.h"
#include "tests/support/fake_random.h"

namespace sallyport::hostile {

// What all processes of one attack have done, in memory that they share.
struct Tally {
    std::atomic<std::uint64_t> processes, killed, attached, not_attached, commands, words, jumps, datagrams,
        descriptors, connects, events, rejected, committed, tampered;
    // Attempts that the dataplane or the kernel had to refuse and did not.
    std::atomic<std::uint64_t> breaches;
};

// What the attacker knows of the configuration: where its commands could be right.
struct Target {
    std::string socket;
    std::string in_local, out_local;    // media addresses of realm 0 and realm 1
    std::string spare_local;            // another one of realm 0, to fill the table with
    std::string in_remote, out_remote;  // hosts of their networks
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 0;
};

class Victim {
public:
    // Null when the dataplane did not let us in (too many attaches, or busy with another one).
    static std::unique_ptr<Victim> attach(const Target& target, Tally& tally);

    int socket() const { return socket_.get(); }
    int segment() const { return segment_.get(); }
    int page() const { return page_.get(); }
    std::size_t page_bytes() const { return page_bytes_; }
    std::span<std::byte> memory() { return memory_.writable(); }
    wire::SegmentPlaces& places() { return places_; }
    std::atomic<std::uint64_t>& command_head() { return places_.commands.cursors->head; }
    std::atomic<std::uint64_t>& command_tail() { return places_.commands.cursors->tail; }
    std::atomic<std::uint64_t>& event_head() { return places_.events.cursors->head; }
    std::atomic<std::uint64_t>& event_tail() { return places_.events.cursors->tail; }

    // One record at our own head, whether there is room or not.
    void write_slot(const wire::FlowCommand& command);
    void advance(std::uint64_t by) { command_head().store(head_ += by, std::memory_order_release); }
    void push(const wire::FlowCommand& command);
    // As the ring wants it: waits for room, at most some ms. False: the session is over.
    bool push_politely(const wire::FlowCommand& command);
    void read_events();
    // False: the other side has closed.
    bool ring();
    bool alive();

private:
    Victim(os::UniqueFd socket, os::UniqueFd segment, os::UniqueFd page, std::size_t page_bytes, os::Mapping memory,
           wire::SegmentPlaces places, Tally& tally);

    os::UniqueFd socket_, segment_, page_;
    std::size_t page_bytes_;
    os::Mapping memory_;
    wire::SegmentPlaces places_;
    wire::RingConsumer<wire::FlowEvent> events_;
    std::uint64_t head_ = 0;
    Tally& tally_;
};

// Commands: right ones, nearly right ones, and noise. Generations are from a space of their own, so that a flow of
// somebody else is not hit by chance.
class Forger {
public:
    Forger(const Target& target, test::FakeRandom& random) : target_(target), random_(random) {}

    wire::FlowCommand valid(wire::CommandType type, std::uint32_t transaction);
    wire::FlowCommand any(std::uint32_t transaction);      // right, of any type
    wire::FlowCommand mutated(std::uint32_t transaction);  // right but for some bytes or fields
    wire::FlowCommand noise();

private:
    wire::FlowSpec spec();
    const Target& target_;
    test::FakeRandom& random_;
};

}  // namespace sallyport::hostile
