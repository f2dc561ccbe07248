#include "tests/scenario/fake_dataplane.h"

namespace sallyport::scenario {

using wire::CommandType;
using wire::EventType;
using wire::RejectReason;

namespace {

std::pair<std::uint16_t, Endpoint> key_of(const wire::FlowSpec& spec) { return {spec.key.realm, spec.key.local}; }

}  // namespace

void FakeDataplane::tell(EventType type, std::uint32_t transaction, const Flow* flow) {
    wire::FlowEvent e;
    e.type = type;
    e.transaction = transaction;
    if (flow != nullptr) {
        e.spec = flow->spec;
        e.flow_index = flow->index;
        e.counters = flow->counters;
    }
    events.push_back(e);
}

void FakeDataplane::on_command(const wire::FlowCommand& c) {
    switch (c.type) {
        case CommandType::kInstall:
        case CommandType::kUpdate:
        case CommandType::kRemove: staged_[c.transaction].push_back(c); return;
        case CommandType::kCommit: return commit(c.transaction);
        case CommandType::kAbort: staged_.erase(c.transaction); return;
        case CommandType::kList:
            for (const auto& [key, flow] : flows_) tell(EventType::kListed, c.transaction, &flow);
            tell(EventType::kListEnd, c.transaction);
            return;
        case CommandType::kQuery:
            if (const auto it = flows_.find(key_of(c.spec)); it != flows_.end()) {
                tell(EventType::kCounters, c.transaction, &it->second);
            }
            return;
        case CommandType::kNone: break;
    }
    problems.emplace_back("unknown command");
}

RejectReason FakeDataplane::check(const wire::FlowCommand& c) const {
    const auto it = flows_.find(key_of(c.spec));
    if (c.type == CommandType::kInstall) {
        if (it != flows_.end()) return RejectReason::kAlreadyInstalled;
        const auto last = last_generation_.find(key_of(c.spec));
        if (c.spec.generation == 0 || (last != last_generation_.end() && c.spec.generation <= last->second)) {
            return RejectReason::kStaleGeneration;
        }
        if (!c.spec.remote.address.is_v4() || c.spec.remote.port == 0) return RejectReason::kBadRemote;
        return RejectReason::kNone;
    }
    if (it == flows_.end()) return RejectReason::kNoSuchFlow;
    return it->second.spec.generation == c.spec.generation ? RejectReason::kNone : RejectReason::kStaleGeneration;
}

void FakeDataplane::commit(std::uint32_t transaction) {
    const auto commands = staged_[transaction];
    staged_.erase(transaction);
    wire::FlowEvent refusal;
    refusal.type = EventType::kRejected;
    refusal.transaction = transaction;
    refusal.reason = reject != RejectReason::kNone ? reject
                     : commands.empty()            ? RejectReason::kStagingFull
                                                   : RejectReason::kNone;
    for (const auto& c : commands) {
        if (refusal.reason != RejectReason::kNone) break;
        refusal.reason = check(c);
        refusal.spec = c.spec;
    }
    if (refusal.reason != RejectReason::kNone) {
        if (reject == RejectReason::kNone) {
            problems.push_back("transaction refused, reason " + std::to_string(static_cast<int>(refusal.reason)));
        }
        events.push_back(refusal);
        return;
    }
    for (const auto& c : commands) {
        if (c.type != CommandType::kRemove) continue;
        tell(EventType::kRemoved, transaction, &flows_.at(key_of(c.spec)));
        flows_.erase(key_of(c.spec));
        ++removed;
    }
    for (const auto& c : commands) {
        if (c.type == CommandType::kRemove) continue;
        auto& flow = flows_[key_of(c.spec)];
        if (c.type == CommandType::kInstall) {
            flow = {};
            flow.index = next_index_++;
            last_generation_[key_of(c.spec)] = c.spec.generation;
        }
        flow.spec = c.spec;
        if (c.type == CommandType::kInstall) tell(EventType::kInstalled, transaction, &flow);
    }
    tell(EventType::kCommitted, transaction);
}

void FakeDataplane::new_session() {
    staged_.clear();
    events.clear();
    last_generation_.clear();
}

void FakeDataplane::restart() {
    new_session();
    flows_.clear();
}

void FakeDataplane::carry(std::uint64_t packets) {
    for (auto& [key, flow] : flows_) {
        if ((flow.spec.flags & wire::kFlowForward) == 0) continue;
        flow.counters.packets_in += packets;
        flow.counters.bytes_in += 172 * packets;
        flow.counters.packets_forwarded += packets;
        flow.counters.bytes_forwarded += 172 * packets;
        flow.counters.jitter_us = 250;
    }
}

void FakeDataplane::idle(bool silent) {
    for (const auto& [key, flow] : flows_) tell(silent ? EventType::kIdle : EventType::kActive, 0, &flow);
}

}  // namespace sallyport::scenario
