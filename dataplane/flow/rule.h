#pragma once
// What the workers read of a flow.
//
// A cell is the place of one media port; it exists as long as the process, whether a flow is there or not,
// and neighbours in memory are neighbour ports. It names the rule in force (0: none), and holds the address
// that was learned there. A rule never changes after its publication, but for the time kept by its rate limit: an
// update publishes another one with the same flow index. Where a flow sends is found at the cell of its reverse: what
// was learned there comes before the signalled address (symmetric RTP, RFC 4961).
//
// A latch is one 64-bit word, so that it is learned by one compare-and-swap: address, port, and a tag that
// the slow-path thread changes when it empties the latch. A worker that still holds an older rule cannot
// fill the latch of a newer one. The word is laid out as destination address and ports are in a packet, with the tag in
// the place of the source port: it is compared and written as it is.
//
// A rule is made once and read by every packet: what can be worked out beforehand is. "Raw" is network order as the
// machine holds it (packet/checksum.h).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/packet/checksum.h"
#include "media/rtp/reception.h"
#include "platform/base/relaxed.h"
#include "platform/wire/flow_records.h"

namespace sallyport::flow {

inline constexpr std::uint32_t kNoCell = 0xffffffff;

struct Latch {
    std::uint32_t address = 0;  // 0: nothing learned
    std::uint16_t port = 0;
    std::uint16_t tag = 0;

    static constexpr std::uint64_t kTag = packet::at_byte(std::uint16_t{0xffff}, 4);
    static constexpr std::uint64_t pack_raw(std::uint32_t address, std::uint16_t port) {
        return packet::at_byte(address, 0) | packet::at_byte(port, 6);
    }
    static constexpr std::uint32_t raw_address(std::uint64_t word) { return packet::raw32_at(word, 0); }
    static constexpr std::uint16_t raw_port(std::uint64_t word) { return packet::raw16_at(word, 6); }

    static constexpr Latch unpack(std::uint64_t word) {
        return {packet::swap32(raw_address(word)), packet::swap16(raw_port(word)), packet::raw16_at(word, 4)};
    }
    constexpr std::uint64_t pack() const {
        return pack_raw(packet::swap32(address), packet::swap16(port)) | packet::at_byte(tag, 4);
    }
};

struct FlowCell {
    std::atomic<std::uint32_t> rule{0};
    std::uint32_t reserved = 0;
    std::atomic<std::uint64_t> latch{0};
};
static_assert(sizeof(FlowCell) == 16);

// A token bucket without tokens: the virtual time of GCRA (ITU-T I.371). Shared by the workers, so that the
// limit is the flow's and not the worker's. Starts full. A flow's packets come from one address and port, so by RSS to
// one worker; if two take at the same moment, one of the packets goes uncounted, which no locked instruction in the
// way of every packet is worth.
class RateLimit {
public:
    static constexpr std::uint64_t kBurstNs = 1'000'000'000;  // one second's worth

    bool take(std::uint64_t now_ns, std::uint32_t interval_ns) {
        const auto due = due_.get();
        if (due > now_ns + kBurstNs - interval_ns) return false;
        due_.set((due > now_ns ? due : now_ns) + interval_ns);
        return true;
    }
    RateLimit() = default;
    RateLimit(const RateLimit& other) : due_(other.due_.get()) {}
    RateLimit& operator=(const RateLimit& other) {  // NOLINT(bugprone-unhandled-self-assignment): changes nothing
        due_.set(other.due_.get());
        return *this;
    }
    void reset() { due_.set(0); }

private:
    Relaxed<std::uint64_t> due_;
};

struct alignas(64) FlowRule {
    std::uint64_t remote = 0;       // signalled address and port of the peer, as a latch without tag
    std::uint64_t remote_mask = 0;  // a source may differ from it where the mask is 0
    std::uint64_t to = 0;  // signalled address and port of the other side, as a latch; the port to send from as tag
    std::uint64_t ip_middle = 0;  // raw, of the header to send: time to live, protocol, a checksum of 0, source
    mutable RateLimit rate;       // a limit only with an interval
    std::uint32_t packet_interval_ns = 0;  // of the token bucket; 0: no limit
    std::uint32_t flow_index = 0;
    std::uint32_t reverse_cell = kNoCell;
    std::uint16_t ip_first = 0;    // raw, version, header length and DSCP
    std::uint16_t ip_sum = 0;      // raw, of the header to send without length and destination
    std::uint16_t source_sum = 0;  // raw, of address and port to send from
    std::uint16_t out_interface = 0;
    std::uint16_t latch_tag = 0;
    std::uint8_t clock_khz = 0;  // 0: by payload type
    std::uint8_t flags = 0;
    static constexpr std::uint8_t kExact = 1;  // only the signalled address and port may send
    static constexpr std::uint8_t kForward = 2;
    static constexpr std::uint8_t kRtcp = 4;
    bool is(std::uint8_t flag) const { return (flags & flag) != 0; }

    // Identification 0 with "don't fragment": RFC 6864 §4.1.
    static constexpr std::uint64_t kDontFragment = packet::at_byte(packet::swap16(0x4000), 6);

    // Where to send, and from where. `tos`: DSCP << 2.
    void set_out(Latch source, Latch destination, std::uint8_t tos);
};
static_assert(sizeof(FlowRule) == 64);

// Of one flow at one worker, who alone writes. Sums over the workers make up FlowCounters: a stream stays
// with one worker as long as its addresses do (RSS), so that loss and jitter are right there.
struct alignas(64) FlowStats {
    // The common packet needs one cache line: these and the first part of `reception`.
    Relaxed<std::uint64_t> packets_in;
    Relaxed<std::uint64_t> bytes_in;
    Relaxed<std::uint64_t> last_ns;
    rtp::Reception reception;
    // What counts as received and was not forwarded: rare, so that the common packet has two counters fewer to write.
    Relaxed<std::uint64_t> packets_kept;
    Relaxed<std::uint64_t> bytes_kept;
    Relaxed<std::uint64_t> packets_dropped;
    Relaxed<std::uint64_t> first_ns;

    void reset();
    void add_to(wire::FlowCounters& sum) const;
};
static_assert(sizeof(FlowStats) == 128 && offsetof(FlowStats, reception) + rtp::Reception::kHotBytes == 64);

}  // namespace sallyport::flow
