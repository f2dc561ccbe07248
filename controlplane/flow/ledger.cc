#include "controlplane/flow/ledger.h"

#include <algorithm>
#include <string_view>

namespace sallyport::flow {

namespace {

using wire::CommandType;
using wire::EventType;
using wire::FlowSpec;
using wire::PackedFlow;
using wire::RejectReason;

constexpr std::size_t kStrangersPerTransaction = 64;

// Our picture of the dataplane was wrong, or it was busy; our wish was not wrong: a list sets it right.
bool repairable(RejectReason reason) {
    return reason == RejectReason::kAlreadyInstalled || reason == RejectReason::kNoSuchFlow ||
           reason == RejectReason::kStaleGeneration || reason == RejectReason::kStagingFull;
}

wire::FlowCommand command(CommandType type, std::uint32_t transaction, const FlowSpec& spec) {
    wire::FlowCommand c;
    c.type = type;
    c.transaction = transaction;
    c.spec = spec;
    return c;
}

FlowSpec spec_of(const PackedFlow& flow, std::uint32_t generation) {
    auto spec = flow.unpack();
    spec.generation = generation;
    return spec;
}

FlowReport report_of(FlowReport::Kind kind, std::uint64_t call) {
    FlowReport r;
    r.kind = kind;
    r.call = call;
    return r;
}

}  // namespace

std::size_t Ledger::KeyHash::operator()(std::uint64_t packed) const {
    return siphash13(key, {reinterpret_cast<const char*>(&packed), sizeof packed});
}

void Ledger::Entry::drop_present() {
    views.reset(FlowViews::kPresent);
    views.reset(FlowViews::kApplied);
    flow_index = kNoIndex;
    latched = {};
    removing = false;
    counting = false;
}

Ledger::Ledger(std::size_t max_flows, std::uint32_t first_generation, SipHashKey key)
    : max_flows_(max_flows),
      generation_(std::max(first_generation, 1U)),
      entries_(0, KeyHash{key}, {}, NodeAllocator<EntryNode>(entry_nodes_)) {}

bool Ledger::in_force(const Entry& entry) {
    return entry.wanted() != nullptr && entry.applied() != nullptr && !entry.removing &&
           entry.wanted()->same_as(*entry.applied());
}

std::uint32_t Ledger::next_transaction() {
    if (next_transaction_ == 0) next_transaction_ = 1;
    return next_transaction_++;
}

bool Ledger::want(std::uint64_t call, std::span<const FlowSpec> flows, Commands& out) {
    std::size_t fresh = 0;
    for (const auto& spec : flows) {
        const auto it = PackedFlow::fits(spec) ? entries_.find(*wire::pack_key(spec.key)) : entries_.end();
        if (it == entries_.end()) {
            ++fresh;
        } else if (it->second.wanted() != nullptr && it->second.wanted()->call() != call) {
            ++stats_.refused_full;
            return false;
        }
    }
    if (entries_.size() + fresh > max_flows_ || !std::ranges::all_of(flows, PackedFlow::fits)) {
        ++stats_.refused_full;
        return false;
    }
    auto& state = calls_[call];
    state.failed = false;
    state.repaired = false;
    for (auto* flow : state.flows) {
        if (flow->second.wanted_by(call)) flow->second.views.reset(FlowViews::kWanted);
    }
    state.flows.reserve(std::max(state.flows.size(), flows.size()));
    for (const auto& spec : flows) {
        PackedFlow flow(spec);
        flow.set_generation(0);
        auto& slot = *entries_.try_emplace(flow.key()).first;
        slot.second.views.set(FlowViews::kWanted, flow);
        if (std::ranges::find(state.flows, &slot) == state.flows.end()) state.flows.push_back(&slot);
    }
    reconcile(call, out);
    return true;
}

// One key of one call. Appends at most one command; true when it did.
bool Ledger::reconcile_entry(std::uint64_t call, Entry& entry, std::uint32_t transaction, Commands& out) {
    if (entry.removing) return false;  // kRemoved brings us back here
    const bool wanted = entry.wanted_by(call);
    const bool ours = entry.present_of(call);
    if (wanted && ours && entry.present()->same_as(*entry.wanted())) return false;
    if (!wanted && !ours) return false;  // another call's matter
    entry.transaction = transaction;
    if (entry.present() != nullptr && !(wanted && ours)) {
        // Ours that is over, or a stranger where we want to be.
        out.push_back(command(CommandType::kRemove, transaction, spec_of(*entry.present(), entry.present_generation)));
        entry.removing = true;
        return true;
    }
    // The peer has announced another address: what was latched belongs to the old one.
    const bool moved = ours && entry.present()->remote() != entry.wanted()->remote();
    if (!ours) entry.present_generation = ++generation_;
    entry.views.copy(FlowViews::kWanted, FlowViews::kPresent);
    out.push_back(command(ours ? CommandType::kUpdate : CommandType::kInstall, transaction,
                          spec_of(*entry.present(), entry.present_generation)));
    if (moved) out.back().spec.flags |= wire::kFlowRelatch;
    return true;
}

// Everything that separates `call` from its wishes, as one transaction. Forgets keys that are of no further
// use. True when commands were appended.
bool Ledger::reconcile(std::uint64_t call, Commands& out) {
    const auto it = calls_.find(call);
    if (it == calls_.end()) return false;
    auto& state = it->second;
    bool any = false;
    if (session_ && !listing_ && !state.failed) {
        const auto transaction = next_transaction();
        for (auto* flow : state.flows) any |= reconcile_entry(call, flow->second, transaction, out);
        if (any) commit(transaction, call, out);
    }
    std::erase_if(state.flows, [&](const Entries::value_type* flow) {
        const auto& [key, entry] = *flow;
        if (entry.wanted_by(call) || entry.present_of(call)) return false;
        if (entry.wanted() == nullptr && entry.present() == nullptr) entries_.erase(entries_.find(key));
        return true;
    });
    if (state.flows.empty()) calls_.erase(it);
    return any;
}

void Ledger::commit(std::uint32_t transaction, std::uint64_t call, Commands& out) {
    out.push_back(command(CommandType::kCommit, transaction, {}));
    outstanding_.push_back({transaction, call});
    ++stats_.transactions;
    if (const auto it = calls_.find(call); it != calls_.end()) ++it->second.outstanding;
}

void Ledger::inherit(std::uint64_t call) {
    const auto it = calls_.find(call);
    if (it == calls_.end()) return;
    for (auto* flow : it->second.flows) {
        auto& entry = flow->second;
        if (entry.present() != nullptr || entry.wanted() == nullptr) continue;
        entry.views.copy(FlowViews::kWanted, FlowViews::kPresent);
        entry.present_generation = 0;  // which no flow has: that of the list takes its place
        entry.counting = true;
    }
}

void Ledger::query(std::uint64_t call, Commands& out) {
    const auto it = calls_.find(call);
    if (it == calls_.end() || !session_) return;
    for (const auto* flow : it->second.flows) {
        const auto& entry = flow->second;
        if (entry.applied() != nullptr)
            out.push_back(command(CommandType::kQuery, 0, spec_of(*entry.applied(), entry.applied_generation)));
    }
}

void Ledger::start_list(Commands& out) {
    listing_ = true;
    strangers_.clear();
    for (auto& [key, entry] : entries_) entry.listed = false;
    out.push_back(command(CommandType::kList, next_transaction(), {}));
}

void Ledger::session_started(Commands& out) {
    session_ended();
    session_ = true;
    start_list(out);
}

// What was staged is forgotten over there, what was installed stays: only the next list will tell.
void Ledger::session_ended() {
    session_ = false;
    listing_ = false;
    outstanding_.clear();
    for (auto& [call, state] : calls_) {
        state.outstanding = 0;
        state.failed = false;
        state.repaired = false;
    }
    for (auto& [key, entry] : entries_) {
        entry.views.reset(FlowViews::kApplied);
        entry.flow_index = kNoIndex;
    }
}

Ledger::Entries::iterator Ledger::find_key(const wire::FlowKey& key) {
    const auto packed = wire::pack_key(key);
    return packed ? entries_.find(*packed) : entries_.end();
}

Ledger::Entry* Ledger::find(const wire::FlowEvent& event) {
    const auto it = find_key(event.spec.key);
    if (it == entries_.end() || !it->second.present_of(event.spec.cookie.call)) return nullptr;
    return it->second.present_generation == event.spec.generation ? &it->second : nullptr;
}

void Ledger::on_event(const wire::FlowEvent& event, Commands& out, Reports& reports) {
    if (!session_) {
        ++stats_.unexpected_events;
        return;
    }
    switch (event.type) {
        case EventType::kCommitted: return on_committed(event, reports);
        case EventType::kRejected: return on_rejected(event, out, reports);
        case EventType::kRemoved: return on_removed(event, out, reports);
        case EventType::kListed: return on_listed(event);
        case EventType::kListEnd: return on_list_end(out, reports);
        case EventType::kNone: break;
        case EventType::kInstalled:
        case EventType::kLatched:
        case EventType::kIdle:
        case EventType::kActive:
        case EventType::kCounters: return on_flow(event, reports);
    }
    ++stats_.unexpected_events;
}

// What a flow tells about itself.
void Ledger::on_flow(const wire::FlowEvent& event, Reports& reports) {
    Entry* entry = find(event);
    if (entry == nullptr) {
        ++stats_.unexpected_events;  // of a flow that was taken out while the event was on its way
        return;
    }
    entry->flow_index = event.flow_index;
    auto report = report_of(FlowReport::Kind::kCounters, entry->present()->call());
    report.cookie = entry->present()->cookie();
    report.counters = event.counters;
    report.source = event.source;
    switch (event.type) {
        case EventType::kLatched:
            entry->latched = wire::PackedEndpoint::pack(event.source);
            report.kind = FlowReport::Kind::kLatched;
            break;
        case EventType::kIdle:
            entry->idle = true;
            report.kind = FlowReport::Kind::kIdle;
            break;
        case EventType::kActive:
            entry->idle = false;
            report.kind = FlowReport::Kind::kActive;
            break;
        case EventType::kCounters: break;
        default: return;  // kInstalled: the transaction's kCommitted follows
    }
    reports.push_back(report);
}

std::optional<Ledger::Transaction> Ledger::answered(const wire::FlowEvent& event) {
    // Answers come in the order of the commits: it is the first one, or the picture is wrong.
    const auto it = std::ranges::find(outstanding_, event.transaction, &Transaction::id);
    if (it == outstanding_.end()) {
        ++stats_.unexpected_events;
        return std::nullopt;
    }
    const auto out = *it;
    outstanding_.erase(it);
    if (const auto call = calls_.find(out.call); call != calls_.end() && call->second.outstanding > 0) {
        --call->second.outstanding;
    }
    return out;
}

void Ledger::report_if_in_force(std::uint64_t call, Reports& reports) const {
    const auto it = calls_.find(call);
    if (it == calls_.end() || it->second.outstanding > 0 || it->second.failed) return;
    bool any = false;
    for (const auto* flow : it->second.flows) {
        const auto& entry = flow->second;
        if (!entry.wanted_by(call)) continue;
        if (!in_force(entry)) return;
        any = true;
    }
    if (any) reports.push_back(report_of(FlowReport::Kind::kInForce, call));
}

void Ledger::on_committed(const wire::FlowEvent& event, Reports& reports) {
    const auto transaction = answered(event);
    if (!transaction) return;
    const auto it = calls_.find(transaction->call);
    if (it == calls_.end()) return;
    for (auto* flow : it->second.flows) {
        auto& entry = flow->second;
        if (entry.transaction != transaction->id || entry.removing) continue;
        entry.views.copy(FlowViews::kPresent, FlowViews::kApplied);
        entry.applied_generation = entry.present_generation;
        entry.counting = true;
    }
    report_if_in_force(transaction->call, reports);
}

void Ledger::on_rejected(const wire::FlowEvent& event, Commands& out, Reports& reports) {
    const auto transaction = answered(event);
    if (!transaction) return;
    ++stats_.rejected;
    const auto it = calls_.find(transaction->call);
    if (it == calls_.end()) return;
    auto& state = it->second;
    for (auto* flow : state.flows) {
        auto& entry = flow->second;
        if (entry.transaction != transaction->id) continue;
        entry.views.copy(FlowViews::kApplied, FlowViews::kPresent);
        entry.present_generation = entry.applied_generation;
        entry.removing = false;
    }
    if (repairable(event.reason) && !state.repaired) {
        state.repaired = true;
        if (!listing_) {
            ++stats_.repairs;
            start_list(out);
        }
    } else {
        state.failed = true;
        auto report = report_of(FlowReport::Kind::kFailed, transaction->call);
        report.reason = event.reason;
        reports.push_back(report);
    }
    finish_if_gone(transaction->call, out, reports);
}

void Ledger::on_removed(const wire::FlowEvent& event, Commands& out, Reports& reports) {
    // Strangers too: their last counters belong into the record of an interrupted call.
    const auto cookie = event.spec.cookie;
    auto report = report_of(FlowReport::Kind::kCounters, cookie.call);
    report.final = true;
    report.cookie = cookie;
    report.counters = event.counters;
    report.source = event.source;
    reports.push_back(report);
    Entry* entry = find(event);
    if (entry == nullptr) {
        const auto other = find_key(event.spec.key);  // the very flow, but not this call's: it stays
        if (other != entries_.end() && other->second.present_generation == event.spec.generation)
            ++stats_.unexpected_events;
        return;
    }
    entry->drop_present();
    entry->idle = false;
    if (entry->wanted() != nullptr) {
        reconcile(entry->wanted()->call(), out);
    } else if (!calls_.contains(cookie.call)) {
        entries_.erase(find_key(event.spec.key));  // of a stranger in whose place a call wanted to be
        return;
    }
    finish_if_gone(cookie.call, out, reports);
}

// Reports kRemoved when nothing of `call` is left.
void Ledger::finish_if_gone(std::uint64_t call, Commands& out, Reports& reports) {
    if (!calls_.contains(call)) return;
    reconcile(call, out);
    if (!calls_.contains(call)) reports.push_back(report_of(FlowReport::Kind::kRemoved, call));
}

void Ledger::on_listed(const wire::FlowEvent& event) {
    if (!listing_) {
        ++stats_.unexpected_events;
        return;
    }
    generation_ = std::max(generation_, event.spec.generation);
    const auto it = find_key(event.spec.key);
    if (it == entries_.end()) {
        // Bounded by the dataplane's table, which is no larger than all our port pools.
        strangers_.push_back(event.spec);
        return;
    }
    auto& entry = it->second;
    if (!entry.present_of(event.spec.cookie.call)) {
        if (entry.wanted() == nullptr) {
            strangers_.push_back(event.spec);
            return;
        }
        // Not there any more for whoever had it.
        if (entry.present() != nullptr && !entry.wanted_by(entry.present()->call())) {
            if (const auto call = calls_.find(entry.present()->call()); call != calls_.end())
                std::erase(call->second.flows, &*it);
        }
    }
    const bool fresh = entry.present() == nullptr || entry.present_generation == 0;
    PackedFlow flow(event.spec);
    flow.set_generation(0);
    if (fresh && entry.wanted() != nullptr && entry.wanted()->cookie() == flow.cookie()) ++stats_.adopted;
    entry.views.set(FlowViews::kPresent, flow);
    entry.views.copy(FlowViews::kPresent, FlowViews::kApplied);
    entry.present_generation = entry.applied_generation = event.spec.generation;
    entry.flow_index = event.flow_index;
    entry.latched = wire::PackedEndpoint::pack(event.source);
    entry.removing = false;
    entry.counting = true;
    entry.listed = true;
}

void Ledger::on_list_end(Commands& out, Reports& reports) {
    if (!listing_) {
        ++stats_.unexpected_events;
        return;
    }
    listing_ = false;
    std::vector<std::uint64_t> lost;
    for (auto it = entries_.begin(); it != entries_.end();) {
        auto& entry = it->second;
        const auto* present = entry.present();
        const bool held = entry.wanted() != nullptr || (present != nullptr && calls_.contains(present->call()));
        if (entry.listed) {
            // A stranger in whose place a call wanted to be that is over by now.
            if (!held && present != nullptr) strangers_.push_back(spec_of(*present, entry.present_generation));
        } else {
            if (entry.counting && present != nullptr) lost.push_back(present->call());
            entry.drop_present();
        }
        it = held ? std::next(it) : entries_.erase(it);
    }
    for (std::size_t i = 0; i < strangers_.size(); i += kStrangersPerTransaction) {
        const auto transaction = next_transaction();
        const auto end = std::min(i + kStrangersPerTransaction, strangers_.size());
        for (auto k = i; k < end; ++k) out.push_back(command(CommandType::kRemove, transaction, strangers_[k]));
        commit(transaction, 0, out);
    }
    stats_.strangers_removed += strangers_.size();
    strangers_.clear();
    std::ranges::sort(lost);
    for (const auto call : std::ranges::subrange(lost.begin(), std::ranges::unique(lost).begin())) {
        reports.push_back(report_of(FlowReport::Kind::kLost, call));
    }
    std::vector<std::uint64_t> calls;
    calls.reserve(calls_.size());
    for (const auto& [call, state] : calls_) calls.push_back(call);
    std::ranges::sort(calls);  // the order does not depend on the hash
    for (const auto call : calls) {
        if (!reconcile(call, out)) report_if_in_force(call, reports);
        if (!calls_.contains(call)) reports.push_back(report_of(FlowReport::Kind::kRemoved, call));
    }
}

void Ledger::visit(std::uint64_t call, const std::function<void(const FlowState&)>& visit) const {
    const auto it = calls_.find(call);
    if (it == calls_.end()) return;
    for (const auto* flow : it->second.flows) {
        const auto& entry = flow->second;
        const bool wanted = entry.wanted_by(call);
        if (!wanted && entry.present() == nullptr) continue;  // refused, and about to be forgotten
        visit({.spec = wanted ? entry.wanted()->unpack() : spec_of(*entry.present(), entry.present_generation),
               .wanted = wanted,
               .confirmed = in_force(entry),
               .idle = entry.idle,
               .flow_index = entry.flow_index == kNoIndex ? std::nullopt : std::optional(entry.flow_index),
               .latched = entry.latched.unpack()});
    }
}

std::size_t Ledger::present_flows(std::uint64_t call) const {
    const auto it = calls_.find(call);
    if (it == calls_.end()) return 0;
    return static_cast<std::size_t>(
        std::ranges::count_if(it->second.flows, [&](const auto* flow) { return flow->second.present_of(call); }));
}

LedgerStats Ledger::stats() const {
    auto out = stats_;
    out.entries = entries_.size();
    out.under_way = outstanding_.size() + (listing_ ? 1U : 0U);
    for (const auto& [key, entry] : entries_) {
        out.flows_wanted += entry.wanted() != nullptr ? 1 : 0;
        out.flows_present += entry.applied() != nullptr ? 1 : 0;
    }
    return out;
}

}  // namespace sallyport::flow
