#pragma once
// What must survive this process: the live calls and the records of ended ones. The table of calls and the
// writer of records together keep the rule: a record is in its call's slot until it stands in the file.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/call_table.h"
#include "controlplane/store/record_writer.h"
#include "platform/os/result.h"

namespace sallyport::store {

struct StoreCounter {
    std::string_view name;
    std::uint64_t value = 0;
    std::string_view help;
};

class CallStore {
public:
    struct Options {
        std::string table_path;    // RUNTIME/control/calls.state
        std::string records_path;  // STATE/records/calls.jsonl
        std::uint32_t max_calls = 0;
    };
    // `written` is called from another thread when poll() has something to do. Makes the folder of the records.
    // Records that a crash has left in the table are on their way to the file when this returns, unless they are
    // already there.
    static os::Result<std::unique_ptr<CallStore>> open(const Options& options, std::function<void()> written);

    struct Left {
        std::uint64_t call = 0;
        std::vector<std::byte> exported;
    };
    // The exports that the last process left, oldest first. Taken once, before the first save().
    std::vector<Left> take_left() { return std::move(left_); }
    // Nothing can be made of what was left of this call: its slot is free.
    void give_up(std::uint64_t call) { table_.release(call); }

    void save(std::uint64_t call, std::span<const std::byte> exported) { table_.save(call, exported); }
    // The call has ended; its slot is free once the line is in the file.
    void record(std::uint64_t call, std::string line);
    // Frees the slots of what was written, and offers again what the writer has refused.
    void poll();
    void reopen_records() { writer_->reopen(); }

    std::vector<StoreCounter> counters() const;

private:
    CallStore(CallTable table, std::unique_ptr<RecordWriter> writer)
        : table_(std::move(table)), writer_(std::move(writer)) {}

    CallTable table_;
    std::unique_ptr<RecordWriter> writer_;
    std::deque<std::uint64_t> waiting_;  // in the table, refused by the writer; at most one per slot
    std::vector<Left> left_;
    std::uint64_t lost_ = 0;
    std::uint64_t replayed_ = 0;
};

}  // namespace sallyport::store
