#pragma once
// The records between control plane and dataplane. Fixed width, trivially copyable, no pointers; sizes
// and offsets asserted. Any byte pattern may arrive: `check` functions of the receiver come first.
//
// A flow is one direction of one component of one stream: what arrives at `local` in `realm`. The two
// directions of a stream are two flows that name each other by their keys: what flow F receives at
// F.local leaves from F.out_local, and the flow whose local is F.out_local is F's reverse. When F latches
// a source, its reverse sends there (symmetric RTP, RFC 4961).

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "platform/base/ip_address.h"
#include "platform/wire/reject_reason.h"

namespace sallyport::wire {

// Changed whenever a record or the segment layout changes.
inline constexpr std::uint32_t kVersion = 4;

// Chosen by the control plane, given back unread in every event.
struct FlowCookie {
    std::uint64_t call = 0;
    std::uint16_t leg = 0;
    std::uint16_t stream = 0;
    std::uint16_t component = 0;  // 0 RTP, 1 RTCP
    std::uint16_t reserved = 0;
    friend constexpr bool operator==(const FlowCookie&, const FlowCookie&) = default;
};
static_assert(sizeof(FlowCookie) == 16);

struct FlowKey {
    Endpoint local;           // an address that we own, a port from its pool
    std::uint16_t realm = 0;  // index in the dataplane's view of the configuration
    std::uint16_t reserved = 0;
    friend constexpr bool operator==(const FlowKey&, const FlowKey&) = default;
};
static_assert(sizeof(FlowKey) == 24);

// Where packets may come from.
enum class SourceRule : std::uint8_t {
    kExact = 0,    // `remote` address and port only
    kAddress = 1,  // `remote` address, any port: the first packet latches the port
    kPrefix = 2,   // any address in remote/prefix_length: the first packet latches
};

enum FlowFlags : std::uint16_t {
    kFlowForward = 1 << 0,  // relay what arrives; without it, packets are counted and dropped (hold)
    kFlowRtcp = 1 << 1,     // an RTCP component: no sequence statistics
    kFlowReportIdle = 1 << 2,
    kFlowRelatch = 1 << 3,  // with kFlowUpdate: forget the latched source (the peer has moved)
};

struct FlowSpec {
    FlowKey key;
    FlowCookie cookie;
    std::uint32_t generation = 0;  // >= 1; update and remove name that of the installed flow
    std::uint16_t flags = 0;
    SourceRule source_rule = SourceRule::kExact;
    std::uint8_t prefix_length = 0;
    Endpoint remote;             // signalled address of the peer of `key`: the source to expect
    std::uint32_t idle_ms = 0;   // silence that is reported; 0: never
    FlowKey out;                 // our address and port towards the other side: the key of the reverse flow
    Endpoint out_remote;         // signalled address there; what the reverse flow has latched comes first;
                                 // may be empty without kFlowForward
    std::uint8_t dscp = 0;       // 0-63
    std::uint8_t clock_khz = 0;  // RTP clock of the stream's codec, for the jitter; 0: by static payload type, else 8
    std::uint8_t reserved[2] = {};
    std::uint32_t rate_pps = 0;  // packets per second let through, bursts of a second; 0: no limit
};
static_assert(sizeof(FlowSpec) == 128);
static_assert(std::is_trivially_copyable_v<FlowSpec>);

enum class CommandType : std::uint8_t {
    kNone = 0,
    kInstall = 1,  // new flow at `spec.key`
    kUpdate = 2,   // same key and generation, new spec; counters and latch stay (see kFlowRelatch)
    kRemove = 3,   // key and generation; the kRemoved event carries the last counters
    kCommit = 4,   // applies all that was staged under `transaction`, or nothing of it
    kAbort = 5,    // forgets what was staged
    kList = 6,     // one kListed event a flow, then kListEnd
    kQuery = 7,    // one kCounters event for spec.key
};

struct FlowCommand {
    CommandType type = CommandType::kNone;
    std::uint8_t reserved[3] = {};
    std::uint32_t transaction = 0;  // install, update and remove are staged until its commit
    std::uint64_t reserved2 = 0;
    FlowSpec spec;
};
static_assert(sizeof(FlowCommand) == 144);
static_assert(std::is_trivially_copyable_v<FlowCommand>);

// What a flow has counted. Fractions of RFC 3550 are in the units it names.
struct FlowCounters {
    std::uint64_t packets_in = 0;
    std::uint64_t bytes_in = 0;           // UDP payload
    std::uint64_t packets_forwarded = 0;  // handed to transmit; what a full port drops is in its own counter
    std::uint64_t bytes_forwarded = 0;
    std::uint64_t packets_dropped = 0;
    std::uint64_t packets_lost = 0;  // expected minus received, RFC 3550 A.3; never negative here
    std::uint64_t packets_out_of_order = 0;
    std::uint64_t packets_duplicate = 0;
    std::uint32_t jitter_us = 0;  // RFC 3550 A.8, in microseconds of arrival time
    std::uint32_t jitter_max_us = 0;
    std::uint32_t ssrc = 0;  // the last seen
    std::uint32_t ssrc_changes = 0;
    std::uint64_t first_packet_ns = 0;  // CLOCK_MONOTONIC; 0: none yet
    std::uint64_t last_packet_ns = 0;
    std::uint8_t payload_type = 0;
    std::uint8_t reserved[7] = {};
};
static_assert(sizeof(FlowCounters) == 104);

enum class EventType : std::uint8_t {
    kNone = 0,
    kCommitted = 1,  // `transaction` is in force
    kRejected = 2,   // nothing of `transaction` was applied; `reason` and the first offender's key say why
    kRemoved = 3,    // counters are final
    kLatched = 4,    // `source` is the learned source
    kIdle = 5,       // silent for idle_ms; once per silence, and again after each kListEnd
    kActive = 6,     // heard again
    kListed = 7,     // spec and counters as they are
    kListEnd = 8,
    kCounters = 9,    // answer to kQuery
    kInstalled = 10,  // one per new flow of a transaction, before its kCommitted; names flow_index
};

struct FlowEvent {
    EventType type = EventType::kNone;
    RejectReason reason = RejectReason::kNone;
    std::uint16_t reserved = 0;
    std::uint32_t transaction = 0;
    FlowSpec spec;                 // in kCommitted and kListEnd all zero
    Endpoint source;               // latched source, empty if none
    std::uint32_t flow_index = 0;  // the flow's slot in the counters page (platform/wire/counters_page.h)
    FlowCounters counters;
};
static_assert(sizeof(FlowEvent) == 264);
static_assert(std::is_trivially_copyable_v<FlowEvent>);

}  // namespace sallyport::wire
