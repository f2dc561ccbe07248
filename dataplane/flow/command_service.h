#pragma once
// What is done with the control plane's commands: staging by transaction, commit, list and query.
//
// Bounds: kMaxStaged commands in all and kMaxTransactions at a time; what goes beyond makes its transaction
// fail at its commit: the number is remembered until then, so that none is applied in part. When more than
// kMaxRefused are to be remembered, no transaction begins until the next session. An answer is never lost: a command is
// taken only when the event ring has room for all that it causes, else handle() says "later" and the same command comes
// again.

#include <array>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/flow/table.h"

namespace sallyport::flow {

class CommandService {
public:
    static constexpr std::uint32_t kMaxStaged = FlowTable::kMaxTransaction;
    static constexpr std::size_t kMaxTransactions = 256;
    static constexpr std::size_t kMaxRefused = 1024;
    static constexpr std::uint32_t kListedPerTurn = 256;

    explicit CommandService(FlowTable& table) : table_(table) {}

    // `command` is a private copy. False: nothing was done, come again with it next turn.
    bool handle(const wire::FlowCommand& command, std::uint64_t now_ns, EventSink& events);
    // Goes on with a list, as far as there is room.
    void turn(EventSink& events);
    // A new session begins: what was staged or being listed is forgotten, flows stay.
    void reset();

    std::uint32_t staged() const { return staged_; }
    std::size_t open_transactions() const { return transactions_.size(); }
    bool listing() const { return listing_; }
    // Transactions that found no room.
    std::uint64_t refused() const { return refused_count_; }
    // kRejected events told, by their reason.
    std::uint64_t rejected(wire::RejectReason reason) const { return rejected_[static_cast<std::size_t>(reason)]; }

private:
    struct Transaction {
        std::vector<wire::FlowCommand> commands;
        bool overflowed = false;
    };
    void stage(const wire::FlowCommand& command);
    void refuse(std::uint32_t transaction);
    bool commit(std::uint32_t number, std::uint64_t now_ns, EventSink& events);
    void abort(std::uint32_t number);
    void query(const wire::FlowCommand& command, EventSink& events);
    void reject(std::uint32_t number, wire::RejectReason reason, const wire::FlowKey& key, EventSink& events);

    FlowTable& table_;
    std::unordered_map<std::uint32_t, Transaction> transactions_;
    std::unordered_set<std::uint32_t> refused_;
    bool refusing_all_ = false;
    std::uint32_t staged_ = 0;
    std::uint64_t refused_count_ = 0;
    std::array<std::uint64_t, wire::kRejectReasons> rejected_{};
    bool listing_ = false;
    std::uint32_t list_transaction_ = 0;
    std::uint32_t list_next_ = 0;
};

}  // namespace sallyport::flow
