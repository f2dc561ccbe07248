#include "dataplane/flow/command_service.h"

namespace sallyport::flow {

bool CommandService::handle(const wire::FlowCommand& command, std::uint64_t now_ns, EventSink& events) {
    switch (command.type) {
        case wire::CommandType::kInstall:
        case wire::CommandType::kUpdate:
        case wire::CommandType::kRemove: stage(command); return true;
        case wire::CommandType::kCommit: return commit(command.transaction, now_ns, events);
        case wire::CommandType::kAbort: abort(command.transaction); return true;
        case wire::CommandType::kList:
            if (listing_) return false;
            listing_ = true;
            list_transaction_ = command.transaction;
            list_next_ = 0;
            return true;
        case wire::CommandType::kQuery:
            if (events.room() == 0) return false;
            query(command, events);
            return true;
        case wire::CommandType::kNone: break;
    }
    if (events.room() == 0) return false;
    reject(command.transaction, wire::RejectReason::kBadRecord, command.spec.key, events);
    return true;
}

void CommandService::stage(const wire::FlowCommand& command) {
    auto found = transactions_.find(command.transaction);
    if (found == transactions_.end()) {
        if (transactions_.size() == kMaxTransactions || refusing_all_ || refused_.contains(command.transaction))
            return refuse(command.transaction);
        found = transactions_.emplace(command.transaction, Transaction{}).first;
    }
    auto& transaction = found->second;
    if (staged_ == kMaxStaged) {
        refused_count_ += transaction.overflowed ? 0 : 1;
        transaction.overflowed = true;
        return;
    }
    transaction.commands.push_back(command);
    ++staged_;
    table_.prefetch(command.spec.key);
}

// Its commit finds nothing: kStagingFull.
void CommandService::refuse(std::uint32_t transaction) {
    if (refused_.contains(transaction)) return;
    ++refused_count_;
    if (refused_.size() < kMaxRefused)
        refused_.insert(transaction);
    else
        refusing_all_ = true;
}

bool CommandService::commit(std::uint32_t number, std::uint64_t now_ns, EventSink& events) {
    const auto found = transactions_.find(number);
    if (found == transactions_.end() || found->second.overflowed) {
        if (events.room() == 0) return false;
        reject(number, wire::RejectReason::kStagingFull, {}, events);
        abort(number);
        return true;
    }
    const auto& commands = found->second.commands;
    if (events.room() < commands.size() + 1 || !table_.can_apply(commands.size())) return false;
    if (const auto checked = table_.check(commands); !checked) {
        reject(number, checked.error().reason, checked.error().key, events);
    } else {
        table_.apply(commands, now_ns, events);
        wire::FlowEvent committed;
        committed.type = wire::EventType::kCommitted;
        committed.transaction = number;
        events.push(committed);
    }
    abort(number);
    return true;
}

void CommandService::abort(std::uint32_t number) {
    refused_.erase(number);
    const auto found = transactions_.find(number);
    if (found == transactions_.end()) return;
    staged_ -= static_cast<std::uint32_t>(found->second.commands.size());
    transactions_.erase(found);
}

void CommandService::query(const wire::FlowCommand& command, EventSink& events) {
    if (const auto flow = table_.find(command.spec.key))
        events.push(table_.describe(*flow, wire::EventType::kCounters, command.transaction));
    else
        reject(command.transaction, wire::RejectReason::kNoSuchFlow, command.spec.key, events);
}

void CommandService::turn(EventSink& events) {
    if (!listing_) return;
    std::uint32_t listed = 0;
    for (; list_next_ < table_.flows_end(); ++list_next_) {
        if (!table_.info(list_next_).installed) continue;
        if (listed == kListedPerTurn || events.room() == 0) return;
        events.push(table_.describe(list_next_, wire::EventType::kListed, list_transaction_));
        ++listed;
    }
    if (events.room() == 0) return;
    wire::FlowEvent end;
    end.type = wire::EventType::kListEnd;
    end.transaction = list_transaction_;
    events.push(end);
    listing_ = false;
    // What was told before may have been told to another, or to nobody.
    for (std::uint32_t flow = 0; flow < table_.flows_end(); ++flow) table_.info(flow).idle_reported = false;
}

void CommandService::reset() {
    transactions_.clear();
    refused_.clear();
    refusing_all_ = false;
    staged_ = 0;
    listing_ = false;
    table_.forget_announcements();
}

void CommandService::reject(std::uint32_t number, wire::RejectReason reason, const wire::FlowKey& key,
                            EventSink& events) {
    ++rejected_[static_cast<std::size_t>(reason)];
    wire::FlowEvent event;
    event.type = wire::EventType::kRejected;
    event.reason = reason;
    event.transaction = number;
    event.spec.key = key;
    events.push(event);
}

}  // namespace sallyport::flow
