#include "controlplane/store/call_store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "controlplane/call/outbox.h"
#include "platform/os/log.h"

namespace sallyport::store {

namespace {

// As many ended calls may wait for their record to be written as calls may live.
constexpr std::uint32_t kSlotsPerCall = 2;

static_assert(call::kMaxSave <= CallTable::kMaxPayload);

}  // namespace

os::Result<std::unique_ptr<CallStore>> CallStore::open(const Options& options, std::function<void()> written) {
    const auto folder = std::filesystem::path(options.records_path).parent_path();
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return std::unexpected("make the folder " + folder.string() + ": " + error.message());

    std::string notes;
    auto table = CallTable::open(options.table_path, options.max_calls * kSlotsPerCall, notes);
    if (!table) return std::unexpected(table.error());
    if (!notes.empty()) log::warning("{}", notes);
    auto file = RecordFile::open(options.records_path);
    if (!file) return std::unexpected(file.error());

    std::vector<Left> left;
    table->visit_live([&](std::uint64_t call, std::span<const std::byte> bytes) {
        left.push_back({call, {bytes.begin(), bytes.end()}});
    });
    std::ranges::sort(left, {}, &Left::call);  // oldest first

    std::vector<std::pair<std::uint64_t, std::string>> pending;
    std::unordered_set<std::string> missing;
    table->visit_pending([&](std::uint64_t call, std::string_view line) {
        pending.emplace_back(call, line);
        missing.emplace(line);
    });
    if (auto searched = file->forget_written(missing); !searched) return std::unexpected(searched.error());

    auto writer = std::make_unique<RecordWriter>(std::move(*file), std::move(written));
    std::unique_ptr<CallStore> store(new CallStore(std::move(*table), std::move(writer)));
    store->left_ = std::move(left);
    for (auto& [call, line] : pending) {
        if (!missing.contains(line)) {
            store->table_.release(call);
            continue;
        }
        ++store->replayed_;
        if (!store->writer_->offer(call, std::move(line))) store->waiting_.push_back(call);
    }
    return store;
}

void CallStore::record(std::uint64_t call, std::string line) {
    const bool kept = table_.save_record(call, line);
    // Behind those that wait already, so that the file keeps the order in which the calls ended.
    if (waiting_.empty() && writer_->offer(call, std::move(line))) return;
    if (kept)
        waiting_.push_back(call);
    else
        ++lost_;  // neither the table nor the queue has room: the disk has stood still for long
}

void CallStore::poll() {
    for (const std::uint64_t call : writer_->take_written()) table_.release(call);
    while (!waiting_.empty()) {
        const std::string_view line = table_.pending(waiting_.front());
        if (!line.empty() && !writer_->offer(waiting_.front(), std::string(line))) return;
        waiting_.pop_front();
    }
}

std::vector<StoreCounter> CallStore::counters() const {
    const auto& t = table_.counters();
    const auto w = writer_->counters();
    return {
        {"store-slots-used", table_.used(), "calls and unwritten records in the table that survives a crash, now"},
        {"store-slots", table_.slots(), "the table's size"},
        {"store-table-full", t.full, "saves for which there was no room: the call would not survive a crash"},
        {"store-export-too-big", t.too_big, "calls whose state was too long for a slot"},
        {"store-no-memory", t.no_memory, "saves that failed because the runtime folder is full"},
        {"store-torn-found", t.torn, "cut writes found at the start"},
        {"store-slots-unreadable", t.unreadable, "slots without a valid state found at the start"},
        {"records-replayed", replayed_, "records of the last process that were written by this one"},
        {"records-written", w.written, "call records appended"},
        {"records-queued", w.queued, "records given to the writer and not yet in the file, now"},
        {"records-waiting", waiting_.size(), "records kept in the table because the writer's queue is full, now"},
        {"records-refused", w.refused, "times that the writer's queue was full"},
        {"records-write-failures", w.failures, "writes or syncs of the records that failed"},
        {"records-lost", lost_, "records for which there was no room anywhere"},
    };
}

}  // namespace sallyport::store
