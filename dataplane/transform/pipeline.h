#pragma once
// The way of a burst: parse -> classify -> flow -> source -> rewrite -> next hop. Each stage runs over the
// whole burst and prefetches for the next one. One Pipeline per worker; nothing here waits, allocates,
// logs, or calls the system. The common packet (plain frame, RTP of a flow that forwards it, a neighbour on the link)
// has a way of its own, inlined into run(); all others take the same steps out of line: docs/performance.md has the
// cycles.
//
// What comes out has new Ethernet, IPv4 and UDP headers from us, and the payload as it came. The IPv4 header
// is written anew: TTL 64 and no options, as an endpoint sends it; identification 0 with "don't fragment"
// (RFC 6864 §4.1), so that the other side cannot count the datagrams of this one. The UDP checksum is
// brought forward by RFC 1624, so that an error on the way in is still an error on the way out; it is
// verified only where a packet would teach us an address.
//
// Classification: a media port (address and port of a pool) belongs to the flows alone. With no flow there
// the packet is dropped, never given to the kernel. Everything else is the kernel's, within packet rates
// (transform/kernel_gate.h).

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/flow/next_hops.h"
#include "dataplane/flow/table.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/interfaces.h"
#include "dataplane/packet/packet.h"
#include "dataplane/transform/kernel_gate.h"
#include "platform/base/relaxed.h"

namespace sallyport::transform {

// Of one worker, who alone writes.
struct alignas(64) DropCounters {
    std::array<Relaxed<std::uint64_t>, wire::kDropReasons> values;
    void count(wire::DropReason reason) { values[static_cast<std::size_t>(reason)].add(1); }
    std::uint64_t get(wire::DropReason reason) const { return values[static_cast<std::size_t>(reason)].get(); }
};

class Pipeline {
public:
    static constexpr std::size_t kBurst = 32;

    Pipeline(flow::FlowTable& table, const packet::Interfaces& interfaces, const flow::PublishedNextHops& next_hops,
             std::uint32_t worker, const KernelRates& kernel_rates = {});

    // Sets the verdict of each packet; counts what it drops. At most kBurst packets. `now_ns` is monotonic.
    void run(std::span<packet::Packet> burst, std::uint64_t now_ns);

    DropCounters& drops() { return drops_; }
    const DropCounters& drops() const { return drops_; }

private:
    // A packet of a media port, and what is known of it. Nothing is written before it is known: hence no initial
    // values.
    struct Work {
        packet::Packet* packet;
        // Its UDP header. Right before it are the addresses that it came with, IPv4 options or none.
        std::byte* udp;
        std::uint32_t payload_bytes;
        flow::FlowCell* cell;
        const flow::FlowRule* rule;  // maybe the first one, which is none
        flow::FlowStats* stats;
        const flow::FlowCell* reverse;  // of the other direction
    };
    // What plain frames of a port are compared with.
    struct Station {
        std::uint16_t interface = packet::Interfaces::kNone;
        packet::MacWord mac{};
        flow::MediaPorts::Pools pools{};  // none: no frame is plain
    };

    const Station& station_of(std::uint16_t port) const;
    std::size_t classify(std::span<packet::Packet> burst, Work* works, std::uint64_t now_ns);
    // False: no work for the later stages.
    bool classify_plain(packet::Packet& p, const Station& station, Work& w);
    bool classify_any(packet::Packet& p, Work& w, std::uint64_t now_ns);
    void to_kernel(packet::Packet& p, const packet::Headers& h, std::uint64_t now_ns);
    void find_rule(Work& w);
    void find_stream(Work& w, const flow::NextHops& hops);
    // Of the burst in hand.
    struct Turn {
        const flow::NextHops& hops;
        std::uint64_t now_ns;
        std::uint64_t now_us;
    };
    void relay(const Work& w, const Turn& turn);
    void relay_any(const Work& w, const Turn& turn);
    template <bool kCommon>
    void relay_as(const Work& w, const Turn& turn, bool is_rtp);
    bool source_ok(const Work& w, bool valid);
    bool learn(const Work& w, std::uint64_t before);
    static std::uint64_t destination_of(const Work& w);
    struct Hop {
        packet::MacWord mac;
        packet::Verdict verdict;
    };
    Hop find_hop(const Work& w, const flow::NextHops& hops, std::uint32_t destination);
    void rewrite(const Work& w, const flow::NextHops& hops);
    void drop(packet::Packet& p, wire::DropReason reason);
    // Of a flow: before it counts as received, and after.
    void refuse(const Work& w, wire::DropReason reason);
    void keep(const Work& w, wire::DropReason reason);

    const flow::MediaPorts& ports_;
    FixedView<const flow::FlowRule> rules_;
    FixedView<flow::FlowCell> cells_;
    const flow::FlowCell no_cell_;
    FixedView<flow::FlowStats> stats_;  // of this worker
    const packet::Interfaces& interfaces_;
    FixedView<const packet::Egress> egress_;  // by interface
    const flow::PublishedNextHops& next_hops_;
    const flow::NextHops no_next_hops_{{}, {}};  // while none are published
    FixedArray<Station> stations_;               // by port
    const Station no_station_;
    KernelGate kernel_gate_;
    DropCounters drops_;
};

}  // namespace sallyport::transform
