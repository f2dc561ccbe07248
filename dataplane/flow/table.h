#pragma once
// The flow table. The slow-path thread alone writes; workers read cells, rules and statistics by index.
//
// A change takes a fresh rule from the pool, fills it, and publishes its index in the cell with a release
// store. What was there before is stamped (flow/epoch.h), and its rule and index return to the pools when
// every worker has passed; only then are the counters of a removed flow final and its kRemoved event sent.
// So one key can have a new flow while the old one is still being let go.

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/flow/epoch.h"
#include "dataplane/flow/media_ports.h"
#include "dataplane/flow/rule.h"
#include "platform/base/sparse_array.h"
#include "platform/wire/flow_records.h"
#include "platform/wire/packed_flow.h"

namespace sallyport::flow {

// Where events go: the ring of the session, or nowhere without one.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual std::uint32_t room() = 0;
    virtual void push(const wire::FlowEvent& event) = 0;  // only with room
};

struct Rejection {
    wire::RejectReason reason = wire::RejectReason::kNone;
    wire::FlowKey key;
};

// What the slow-path thread knows of a flow.
struct FlowInfo {
    wire::PackedFlow spec;
    std::uint32_t rule = 0;
    std::uint32_t cell = 0;
    bool installed = false;
    bool idle_reported = false;
    bool announce_removal = false;
    std::uint64_t latch_reported = 0;
    std::uint64_t installed_ns = 0;
};

// Numbers below a limit: those that came back first, so that what they index stays as short as it can.
class FreeIndices {
public:
    FreeIndices(std::uint32_t first, std::uint32_t end) : next_(first), end_(end) {}
    std::size_t size() const { return end_ - next_ + back_.size(); }
    // size() is above 0.
    std::uint32_t take() {
        if (back_.empty()) return next_++;
        const auto index = back_.back();
        back_.pop_back();
        return index;
    }
    void give_back(std::uint32_t index) { back_.push_back(index); }

private:
    std::uint32_t next_;
    std::uint32_t end_;
    std::vector<std::uint32_t> back_;
};

// Its tables are as long as `max_flows` says, and take memory as flows come: nothing of a flow is read or written
// before its installation, which writes all of it.
class FlowTable {
public:
    static constexpr std::uint32_t kMaxTransaction = 4096;

    FlowTable(const FlowConfig& config, Epochs& epochs);

    // --- workers
    const MediaPorts& ports() const { return ports_; }
    FlowCell& cell(std::uint32_t index) { return ports_.cell(index); }
    const FlowRule& rule(std::uint32_t index) const { return rules_[index]; }
    FlowStats& stats(std::uint32_t worker, std::uint32_t flow) { return stats_[worker][flow]; }
    // All of them by index, without a way through the table. They stay where they are.
    FixedView<FlowCell> cells() { return ports_.all_cells(); }
    FixedView<const FlowRule> rules() const { return rules_.view(); }
    FixedView<FlowStats> stats_of(std::uint32_t worker) { return stats_[worker].view(); }  // by flow

    // --- slow-path thread
    // All or nothing: the first command that cannot be applied after the ones before it.
    std::expected<void, Rejection> check(std::span<const wire::FlowCommand> commands) const;
    // A command for this key, any bytes, is about to be checked: media ports are drawn at random, and no cache has its
    // cell.
    void prefetch(const wire::FlowKey& key) const;
    // Rules for so many changes are free now; else call again after reclaim() has found some.
    bool can_apply(std::size_t commands) const { return free_rules_.size() >= commands; }
    // After check() and can_apply(). Pushes one kInstalled per install: the sink has room for all.
    void apply(std::span<const wire::FlowCommand> commands, std::uint64_t now_ns, EventSink& events);
    // Frees what every worker has let go of, and pushes the kRemoved events, as far as there is room.
    void reclaim(EventSink& events);
    // The session has ended: nobody waits for kRemoved any more.
    void forget_announcements();

    std::optional<std::uint32_t> find(const wire::FlowKey& key) const;  // any bytes: checked here
    const FlowInfo& info(std::uint32_t flow) const { return infos_[flow]; }
    FlowInfo& info(std::uint32_t flow) { return infos_[flow]; }
    wire::FlowCounters counters(std::uint32_t flow) const;
    Latch latch(std::uint32_t flow) const;
    Endpoint source(std::uint32_t flow) const;  // latched; empty if none
    wire::FlowEvent describe(std::uint32_t flow, wire::EventType type, std::uint32_t transaction = 0) const;
    std::uint32_t max_flows() const { return max_flows_; }
    // No flow has ever had this index or a higher one: where to stop looking.
    std::uint32_t flows_end() const { return flows_end_; }
    std::uint32_t installed() const { return installed_; }
    std::uint32_t free_flows() const { return static_cast<std::uint32_t>(free_flows_.size()); }
    // What was taken out and waits until every worker has passed.
    std::size_t retired_flows() const { return retired_flows_.size(); }
    std::size_t retired_rules() const { return retired_rules_.size(); }

private:
    bool owned(const wire::FlowKey& key) const;
    void install(const wire::FlowSpec& spec, std::uint64_t now_ns, EventSink& events);
    void update(const wire::FlowSpec& spec);
    void remove(const wire::FlowKey& key);
    std::uint32_t make_rule(const wire::FlowSpec& spec, std::uint32_t flow, std::uint16_t tag);
    void retire_rule(std::uint32_t rule);
    // Empties the latch under a new tag, which it returns.
    std::uint16_t empty_latch(std::uint32_t cell);

    struct Retired {
        std::uint64_t stamp;
        std::uint32_t index;
    };

    Epochs& epochs_;
    MediaPorts ports_;
    std::uint32_t max_flows_;
    std::uint32_t installed_ = 0;
    std::uint32_t flows_end_ = 0;
    SparseArray<FlowRule> rules_;                // 0 is none: it forwards nothing
    std::vector<SparseArray<FlowStats>> stats_;  // by worker, then flow
    SparseArray<FlowInfo> infos_;
    FreeIndices free_rules_;
    FreeIndices free_flows_;
    std::deque<Retired> retired_rules_;
    std::deque<Retired> retired_flows_;
};

}  // namespace sallyport::flow
