#pragma once
// The signalling core of one shard: SIP messages, flow events and time go in, an Outbox comes out.
//
// Sans-IO: no clock, socket, thread or file. The caller gives inputs, calls flush() at the end of the turn,
// drains the outbox, and goes on. `now` never goes back. Between turns the caller sleeps until
// next_deadline() at most, and then calls advance(). Nothing here throws or aborts on what a peer sends.
//
// A call is a back-to-back user agent (controlplane/call/call.h): the leg on which the INVITE came and the
// leg on which it went on, each with its own Call-ID, tags, CSeq, Via, Contact and route set.
//
// Start after a crash: import_call() for each record of the table of live calls, then
// on_dataplane_session(up), then messages. A stable call goes on as if nothing had happened and adopts its
// flows; any other becomes a record "interrupted", and its flows go. Flows that no call owns are removed.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/call/call_record.h"
#include "controlplane/call/outbox.h"
#include "controlplane/sip/message.h"
#include "controlplane/transaction/path.h"
#include "platform/base/ip_address.h"
#include "platform/base/random.h"
#include "platform/base/time.h"
#include "platform/base/transport.h"
#include "platform/config/views.h"
#include "platform/wire/flow_records.h"

namespace sallyport::call {

// --- what the operator sees: copies, valid for as long as the caller keeps them ---------------------------
struct FlowView {
    wire::FlowKey key;      // where packets arrive
    wire::FlowKey out;      // from where they leave
    Endpoint remote;        // signalled address of the sender
    Endpoint latched;       // learned source; empty: none yet
    std::uint16_t leg = 0;  // on which it arrives: 0 caller, 1 callee
    std::uint16_t stream = 0;
    std::uint16_t component = 0;   // 0 RTP, 1 RTCP
    bool confirmed = false;        // by the dataplane
    std::uint32_t flow_index = 0;  // in the counters page; only when `confirmed`
    bool idle = false;             // reported silent
};

struct LegView {
    std::string call_id;
    std::string local_tag;
    std::string remote_tag;
    std::string trunk;  // empty: a source of an open realm
    std::string realm;
    std::string sip_interface;
    Endpoint peer;
    Transport transport = Transport::kUdp;
};

struct CallView {
    std::uint64_t number = 0;
    std::string id;
    std::string_view state;  // calling, ringing, answered, up, silent, changing, cancelling, releasing, ended
    std::string from_user;
    std::string to_user;
    std::string route;
    WallTime invite{};
    std::optional<WallTime> ringing;
    std::optional<WallTime> answer;
    LegView caller;
    LegView callee;
    std::vector<std::string> codecs;
    std::vector<FlowView> flows;
};

// Calls refused because of limits, in one direction of a trunk.
struct LimitedView {
    std::uint64_t calls = 0;  // its max-calls
    std::uint64_t rate = 0;   // its calls-per-second
    std::uint64_t realm = 0;  // either of its realm
};

struct TrunkView {
    std::string name;
    std::string sip_interface;
    std::vector<Endpoint> peers;
    std::uint64_t calls_in = 0;       // live now, from this trunk
    std::uint64_t calls_out = 0;      // live now, to this trunk
    std::uint64_t unanswered_in = 0;  // of these, without an answer yet
    std::uint64_t unanswered_out = 0;
    std::uint64_t attempts_in = 0;
    std::uint64_t attempts_out = 0;
    std::uint64_t answered_in = 0;
    std::uint64_t answered_out = 0;
    std::uint64_t shed_in = 0;  // INVITEs refused because of overload; not among the attempts
    LimitedView limited_in;     // these are
    LimitedView limited_out;
    std::uint64_t requests_in = 0;  // routed, from this trunk: those that are no call
    std::uint64_t requests_out = 0;
};

struct CounterView {
    std::string_view name;  // kebab-case; static
    std::uint64_t value = 0;
    std::string_view help;  // what it counts, for people; static
};

// Why a call of the last process was not taken over.
struct ImportRefusal {
    std::string why;        // a sentence
    bool recorded = false;  // its record is in the outbox, or comes with the call that is here already
};

class EngineCore;

class Engine {
public:
    static constexpr std::uint8_t kMaxShards = 16;

    // All references outlive the engine. `shard` < kMaxShards is in the tags, branches and Call-IDs made here.
    Engine(const config::ControlView& view, RandomSource& random, std::uint8_t shard, Outbox& out, Now now);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // --- inputs -----------------------------------------------------------------------------------------
    // A datagram, or one message of a stream. The bytes are not kept.
    void on_message(Now now, const transaction::Path& from, std::span<const std::byte> bytes);
    // The head of a message whose end is in doubt (sip::Frame::kLast): a request gets `why`; nothing else comes of it.
    void on_unframed(Now now, const transaction::Path& from, std::span<const std::byte> head,
                     const sip::ParseError& why);
    // The same of an INVITE that is one too many (controlplane/call/intake.h): 503 with Retry-After without a
    // transaction, a call or a record, counted for its trunk. A retransmission, and what turns out to be no new call,
    // is dealt with as ever; a stranger is what it always is.
    void on_surplus_invite(Now now, const transaction::Path& from, std::span<const std::byte> bytes);
    // This message of Outbox::sends could not go out: what waits for its answer fails as RFC 3261 §17.1.4
    // says, without waiting for Timer B or F.
    void on_send_error(Now now, const transaction::SendQueue::Entry& entry);
    // ICMP said later that nobody is there, or the stream is gone.
    void on_unreachable(Now now, const transaction::Path& to);
    // The stream that this message of Outbox::sends went on, when its path named none.
    void on_stream(const transaction::SendQueue::Entry& entry, std::uint32_t connection);
    // Whether anything from there can be more than a stranger's (Router::identify): a stream is not taken from others.
    bool admits(const transaction::Path& from);
    // Whose peer is there, by the index of the trunk in the view.
    std::optional<std::uint16_t> trunk_at(const transaction::Path& path) const;
    void on_flow_event(Now now, const wire::FlowEvent& event);
    // A session with the dataplane has begun or ended. Begun: flows are listed, compared with what the calls
    // want, and set right. While there is none, new calls get 503 and existing ones live on.
    void on_dataplane_session(Now now, bool up);
    // Fires the timers that are due.
    void advance(Now now);
    // The end of a turn: one save for each call that has changed goes to the outbox. Must be called before it
    // is drained.
    void flush(Now now);

    // A time before which advance() has nothing to do, or kNever.
    Instant next_deadline() const;

    // --- export and import ------------------------------------------------------------------------------
    // The record of one call as Outbox::saves carries it. Empty: no such call.
    std::vector<std::byte> export_call(std::uint64_t number, Now now) const;
    // Takes over a call. True for a call that goes on, false for one that becomes a record now or when its
    // flows are gone. Refused: what was exported is truncated, corrupt, of another version, or does not fit the
    // configuration; the flows that it had are removed as nobody's. When at least its head can be read, its call
    // record goes to the outbox all the same ("Interrupted", unless it had ended before).
    std::expected<bool, ImportRefusal> import_call(Now now, std::span<const std::byte> exported);

    // --- inspection -------------------------------------------------------------------------------------
    std::size_t call_count() const;
    // Oldest first, until `visit` says false: a view costs time of the SIP thread.
    void visit_calls(const std::function<bool(const CallView&)>& visit) const;
    std::optional<CallView> find_call(std::string_view id) const;
    std::vector<TrunkView> trunks() const;
    // Totals since the start, and gauges of what lives now (`live-*`), which return to zero.
    std::vector<CounterView> counters() const;

private:
    std::unique_ptr<EngineCore> core_;
};

}  // namespace sallyport::call
