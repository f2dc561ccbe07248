#include "controlplane/store/call_store.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <semaphore>
#include <string>

#include "platform/os/log.h"
#include "tests/unit/controlplane/store/temporary_folder.h"

#include <CppUTest/TestHarness.h>

using sallyport::store::CallStore;
using sallyport::store::CallTable;
using sallyport::testing::read_all;
using sallyport::testing::TemporaryFolder;
using sallyport::testing::write_all;

namespace {

// The log makes its sink at its first line, and keeps it: that is no leak of the test that comes first.
const bool kLogIsMade = [] {
    sallyport::log::start("store-test");
    return true;
}();

}  // namespace

TEST_GROUP(CallStore) {
    TemporaryFolder folder;
    std::string table_path = folder / "calls.state";
    std::string records_path = folder / "records/calls.jsonl";
    std::counting_semaphore<> written{0};

    std::unique_ptr<CallStore> open(std::uint32_t max_calls = 8) {
        CHECK(kLogIsMade);
        auto store = CallStore::open({.table_path = table_path, .records_path = records_path, .max_calls = max_calls},
                                     [this] { written.release(); });
        CHECK_TEXT(store.has_value(), store ? "" : store.error().c_str());
        return std::move(*store);
    }
    static std::span<const std::byte> bytes(const std::string& text) {
        return std::as_bytes(std::span(text.data(), text.size()));
    }
    static std::uint64_t counter(const CallStore& store, std::string_view name) {
        for (const auto& c : store.counters())
            if (c.name == name) return c.value;
        FAIL("no such counter");
        return 0;
    }
    // Until the writer has written `count` records in all.
    void wait_for(CallStore& store, std::uint64_t count) {
        while (counter(store, "records-written") < count) written.acquire();
        store.poll();
    }
    // A record that the last process put into the table, and did not come to write.
    void leave_pending(std::uint64_t call, const std::string& line) {
        std::string notes;
        auto table = CallTable::open(table_path, 16, notes).value();
        CHECK(table.save_record(call, line));
    }
};

TEST(CallStore, a_record_is_a_line_in_the_file_and_its_slot_is_free) {
    auto store = open();
    store->save(1, bytes("state"));
    store->record(1, "{\"id\":1}");
    wait_for(*store, 1);
    STRCMP_EQUAL("{\"id\":1}\n", read_all(records_path).c_str());
    LONGS_EQUAL(0, counter(*store, "store-slots-used"));
}

TEST(CallStore, gives_the_states_that_the_last_process_left) {
    {
        auto store = open();
        store->save(1, bytes("one"));
        store->save(2, bytes("two"));
    }
    auto store = open();
    auto left = store->take_left();
    LONGS_EQUAL(2, left.size());
    for (const auto& l : left) LONGS_EQUAL(3, l.exported.size());
    LONGS_EQUAL(2, counter(*store, "store-slots-used"));
    store->give_up(left[0].call);
    LONGS_EQUAL(1, counter(*store, "store-slots-used"));
    store.reset();
    LONGS_EQUAL(1, open()->take_left().size());
}

TEST(CallStore, a_pending_record_of_the_last_process_is_written) {
    leave_pending(5, "{\"id\":5}");
    auto store = open();
    LONGS_EQUAL(0, store->take_left().size());
    wait_for(*store, 1);
    STRCMP_EQUAL("{\"id\":5}\n", read_all(records_path).c_str());
    LONGS_EQUAL(1, counter(*store, "records-replayed"));
    LONGS_EQUAL(0, counter(*store, "store-slots-used"));
}

TEST(CallStore, a_pending_record_that_is_in_the_file_already_is_not_written_twice) {
    std::filesystem::create_directories(folder / "records");
    write_all(records_path, "{\"id\":4}\n{\"id\":5}\n");
    leave_pending(5, "{\"id\":5}");
    leave_pending(6, "{\"id\":6}");
    auto store = open();
    wait_for(*store, 1);
    STRCMP_EQUAL("{\"id\":4}\n{\"id\":5}\n{\"id\":6}\n", read_all(records_path).c_str());
    LONGS_EQUAL(0, counter(*store, "store-slots-used"));
}

TEST(CallStore, a_pending_record_whose_line_was_cut_is_written_whole) {
    std::filesystem::create_directories(folder / "records");
    write_all(records_path, "{\"id\":4}\n{\"i");
    leave_pending(5, "{\"id\":5}");
    auto store = open();
    wait_for(*store, 1);
    STRCMP_EQUAL("{\"id\":4}\n{\"id\":5}\n", read_all(records_path).c_str());
}

TEST(CallStore, records_queued_at_the_end_of_the_process_are_written_once) {
    {
        auto store = open(64);
        for (int i = 0; i < 50; ++i) store->record(static_cast<std::uint64_t>(i), "{\"id\":" + std::to_string(i) + "}");
    }
    {
        auto store = open(64);
    }  // finds the slots unfreed, and the lines written
    std::string expected;
    for (int i = 0; i < 50; ++i) expected += "{\"id\":" + std::to_string(i) + "}\n";
    STRCMP_EQUAL(expected.c_str(), read_all(records_path).c_str());
}

TEST(CallStore, a_record_without_a_slot_is_still_written) {
    auto store = open(1);  // two slots
    for (std::uint64_t i = 1; i <= 2; ++i) store->save(i, bytes("x"));
    store->record(3, "{\"id\":3}");
    wait_for(*store, 1);
    STRCMP_EQUAL("{\"id\":3}\n", read_all(records_path).c_str());
    LONGS_EQUAL(1, counter(*store, "store-table-full"));
    LONGS_EQUAL(0, counter(*store, "records-lost"));
}

// A file size limit stands for a full disk: write gives EFBIG, after a part of the line.
TEST(CallStore, a_full_disk_loses_no_record_and_leaves_no_cut_line) {
    auto store = open();
    store->record(1, "{\"id\":1}");
    wait_for(*store, 1);
    // The table's own file is larger than the limit, but a limit is on writes; it is mapped and reserved already.
    for (std::uint64_t i = 2; i <= 3; ++i) store->save(i, bytes("x"));
    for (std::uint64_t i = 2; i <= 3; ++i) store->save(i, bytes("y"));
    const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{12, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    store->record(2, "{\"id\":2}");
    while (counter(*store, "records-write-failures") == 0) ::usleep(1000);
    STRCMP_EQUAL("{\"id\":1}\n", read_all(records_path).c_str());
    store->poll();
    LONGS_EQUAL(2, counter(*store, "store-slots-used"));
    LONGS_EQUAL(1, counter(*store, "records-queued"));
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, old_handler);
    wait_for(*store, 2);
    STRCMP_EQUAL("{\"id\":1}\n{\"id\":2}\n", read_all(records_path).c_str());
    LONGS_EQUAL(0, counter(*store, "records-queued"));
}
