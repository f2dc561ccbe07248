#pragma once
// Desired and confirmed state of every flow. The engine says which flows a call wants; the ledger makes the
// commands that lead there from what the dataplane has, and follows the events.
//
// Per key there is `wanted` (what a call asks for) and `present` (what the dataplane has once all that was
// sent has been applied: the command ring is FIFO, so that commands need not wait for each other). A session
// starts with a list: flows that are wanted are adopted with the generation they have, whatever else is
// there is removed, whatever is missing is installed. The same repair follows a rejection that shows that
// our picture is wrong (no such flow, installed already, stale generation). Until the list is complete
// only wishes are recorded. Without a session the same: calls go on, media keeps running.
//
// One transaction a call and change: a change of a call is in force as a whole, or not at all.
// Bounds: kMaxFlows entries; want() beyond that is refused and counted.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/flow/flow_views.h"
#include "platform/base/node_pool.h"
#include "platform/base/siphash.h"
#include "platform/wire/flow_records.h"

namespace sallyport::flow {

// What the engine has to know.
struct FlowReport {
    enum class Kind : std::uint8_t {
        kInForce,   // everything that `call` wanted so far is installed
        kFailed,    // refused for `reason`: the call's last change is not in force
        kCounters,  // `counters` of the flow `cookie`; `final` when it was removed
        kRemoved,   // the last flow of `call` is gone; all final counters that exist have been reported
        kLost,      // a flow of `call` is gone without them, with a dataplane that ended
        kLatched,   // `source` was learned
        kIdle,
        kActive,
    };
    Kind kind = Kind::kInForce;
    bool final = false;
    wire::RejectReason reason = wire::RejectReason::kNone;
    std::uint64_t call = 0;
    wire::FlowCookie cookie;
    wire::FlowCounters counters;
    Endpoint source;
};

struct LedgerStats {
    std::size_t flows_wanted = 0;
    std::size_t flows_present = 0;  // confirmed ones
    std::size_t entries = 0;        // known flows: wanted, present, or on their way out
    std::size_t under_way = 0;      // transactions and lists without their answer
    std::uint64_t transactions = 0;
    std::uint64_t rejected = 0;
    std::uint64_t adopted = 0;
    std::uint64_t strangers_removed = 0;
    std::uint64_t repairs = 0;  // lists because of a rejection
    std::uint64_t refused_full = 0;
    std::uint64_t unexpected_events = 0;
};

class Ledger {
public:
    using Commands = std::vector<wire::FlowCommand>;
    using Reports = std::vector<FlowReport>;

    // `first_generation`: higher than what earlier processes used is safest (seconds of the wall clock).
    Ledger(std::size_t max_flows, std::uint32_t first_generation, SipHashKey key);

    // `call` is not 0. `flows` are all that it wants from now on (MediaPlan::flows); none: the call is over. Appends
    // commands, which the caller sends in order. False: the bound is reached, or a flow is wanted by another
    // call; nothing has changed. When a call that is over has no flows (has_flows) no kRemoved will come.
    bool want(std::uint64_t call, std::span<const wire::FlowSpec> flows, Commands& out);
    // The flows that `call` wants were installed by the process before us: one that the next list does not show
    // is kLost. Before the first session, after want().
    void inherit(std::uint64_t call);
    // Asks for the counters of a call's flows: one kCounters report each.
    void query(std::uint64_t call, Commands& out);

    // The dataplane is attached anew: appends the list command. The flows of imported calls are wanted before.
    void session_started(Commands& out);
    void session_ended();
    bool session() const { return session_; }
    bool listing() const { return listing_; }

    void on_event(const wire::FlowEvent& event, Commands& out, Reports& reports);

    // What is known of each flow of `call` that is wanted or present.
    struct FlowState {
        wire::FlowSpec spec;
        bool wanted = false;
        bool confirmed = false;
        bool idle = false;
        std::optional<std::uint32_t> flow_index;  // in the counters page; as soon as an event has said it
        Endpoint latched;                         // learned source; empty: none yet
    };
    void visit(std::uint64_t call, const std::function<void(const FlowState&)>& visit) const;

    // The flows of `call` that are, or may be, in the dataplane: each has final counters to bring.
    std::size_t present_flows(std::uint64_t call) const;
    bool has_flows(std::uint64_t call) const { return present_flows(call) > 0; }
    LedgerStats stats() const;

private:
    struct KeyHash {
        SipHashKey key;
        std::size_t operator()(std::uint64_t packed) const;
    };
    // One per media port in use, for as long as the call: `wanted`, `present` and `applied` in one record.
    struct Entry {
        [[no_unique_address]] FlowViews views;
        // In the padding of the above.
        bool removing = false;  // a remove of `present` is on its way
        bool listed = false;    // seen in the list that is going on
        bool idle = false;
        bool counting = false;  // the dataplane had it once: what it has counted goes with it
        std::uint32_t present_generation = 0;
        std::uint32_t applied_generation = 0;
        std::uint32_t transaction = 0;  // the last one that touches it
        std::uint32_t flow_index = kNoIndex;
        wire::PackedEndpoint latched;

        const wire::PackedFlow* wanted() const { return views.get(FlowViews::kWanted); }
        // Once all that was sent has been applied.
        const wire::PackedFlow* present() const { return views.get(FlowViews::kPresent); }
        // As the dataplane has confirmed it.
        const wire::PackedFlow* applied() const { return views.get(FlowViews::kApplied); }
        bool wanted_by(std::uint64_t call) const { return wanted() != nullptr && wanted()->call() == call; }
        bool present_of(std::uint64_t call) const { return present() != nullptr && present()->call() == call; }
        void drop_present();  // and what the dataplane has confirmed
    };
    static_assert(sizeof(Entry) == 104);
    static constexpr std::uint32_t kNoIndex = 0xffffffff;
    using EntryNode = std::pair<const std::uint64_t, Entry>;
    using Entries = std::unordered_map<std::uint64_t, Entry, KeyHash, std::equal_to<>, NodeAllocator<EntryNode>>;
    struct Call {
        // Wanted or present, without repetition. They do not move, and an entry ends when no call has it here.
        std::vector<Entries::value_type*> flows;
        std::uint32_t outstanding = 0;  // transactions without answer
        bool repaired = false;          // a repair was tried since the last want()
        bool failed = false;            // reported; no further attempt until the next want()
    };
    struct Transaction {
        std::uint32_t id = 0;
        std::uint64_t call = 0;  // 0: strangers
    };

    static bool in_force(const Entry& entry);
    std::uint32_t next_transaction();
    bool reconcile(std::uint64_t call, Commands& out);
    void commit(std::uint32_t transaction, std::uint64_t call, Commands& out);
    bool reconcile_entry(std::uint64_t call, Entry& entry, std::uint32_t transaction, Commands& out);
    void finish_if_gone(std::uint64_t call, Commands& out, Reports& reports);
    void start_list(Commands& out);
    void report_if_in_force(std::uint64_t call, Reports& reports) const;
    Entries::iterator find_key(const wire::FlowKey& key);
    Entry* find(const wire::FlowEvent& event);
    std::optional<Transaction> answered(const wire::FlowEvent& event);

    void on_flow(const wire::FlowEvent& event, Reports& reports);
    void on_committed(const wire::FlowEvent& event, Reports& reports);
    void on_rejected(const wire::FlowEvent& event, Commands& out, Reports& reports);
    void on_removed(const wire::FlowEvent& event, Commands& out, Reports& reports);
    void on_listed(const wire::FlowEvent& event);
    void on_list_end(Commands& out, Reports& reports);

    std::size_t max_flows_;
    std::uint32_t generation_;
    std::uint32_t next_transaction_ = 1;
    bool session_ = false;
    bool listing_ = false;
    static constexpr std::size_t kMostNodes = 1024;  // kept for the next
    NodePool entry_nodes_{kMostNodes};
    Entries entries_;
    using CallNode = std::pair<const std::uint64_t, Call>;
    NodePool call_nodes_{kMostNodes};
    std::unordered_map<std::uint64_t, Call, std::hash<std::uint64_t>, std::equal_to<>, NodeAllocator<CallNode>> calls_{
        NodeAllocator<CallNode>(call_nodes_)};
    std::deque<Transaction> outstanding_;
    std::vector<wire::FlowSpec> strangers_;  // of the list that is going on
    LedgerStats stats_;
};

}  // namespace sallyport::flow
