#include "controlplane/store/call_table.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>

#include "tests/unit/controlplane/store/temporary_folder.h"

#include <CppUTest/TestHarness.h>

using sallyport::store::CallTable;
using sallyport::testing::TemporaryFolder;

TEST_GROUP(CallTable) {
    TemporaryFolder folder;
    std::string path = folder / "calls.state";
    std::optional<CallTable> table;
    std::string notes;

    void open(std::uint32_t slots = 4) {
        table.reset();
        auto opened = CallTable::open(path, slots, notes);
        CHECK_TEXT(opened.has_value(), opened ? "" : opened.error().c_str());
        table.emplace(std::move(*opened));
    }
    static std::span<const std::byte> bytes(const std::string& text) {
        return std::as_bytes(std::span(text.data(), text.size()));
    }
    bool save(std::uint64_t call, const std::string& text) { return table->save(call, bytes(text)); }
    std::map<std::uint64_t, std::string> live() const {
        std::map<std::uint64_t, std::string> out;
        table->visit_live([&](std::uint64_t call, std::span<const std::byte> b) {
            out.emplace(call, std::string(reinterpret_cast<const char*>(b.data()), b.size()));
        });
        return out;
    }
    std::map<std::uint64_t, std::string> pending() const {
        std::map<std::uint64_t, std::string> out;
        table->visit_pending([&](std::uint64_t call, std::string_view line) { out.emplace(call, line); });
        return out;
    }
    // Where `text` stands in the file.
    std::size_t place_of(const std::string& text) const {
        const std::string all = sallyport::testing::read_all(path);
        const auto at = all.find(text);
        CHECK(at != std::string::npos);
        CHECK(all.find(text, at + 1) == std::string::npos);
        return at;
    }
    // The header of the cell in which `text` stands, with its place.
    std::pair<std::size_t, std::string> header_of(const std::string& text) const {
        const auto at = place_of(text) - CallTable::kCellHeaderBytes;
        return {at, sallyport::testing::read_all(path).substr(at, CallTable::kCellHeaderBytes)};
    }
    void write_back(const std::pair<std::size_t, std::string>& header) const {
        const int fd = ::open(path.c_str(), O_RDWR);
        LONGS_EQUAL(header.second.size(),
                    ::pwrite(fd, header.second.data(), header.second.size(), static_cast<off_t>(header.first)));
        ::close(fd);
    }
    void damage(std::size_t at) const {
        const int fd = ::open(path.c_str(), O_RDWR);
        char c = 0;
        LONGS_EQUAL(1, ::pread(fd, &c, 1, static_cast<off_t>(at)));
        c = static_cast<char>(~c);
        LONGS_EQUAL(1, ::pwrite(fd, &c, 1, static_cast<off_t>(at)));
        ::close(fd);
    }
};

TEST(CallTable, what_was_saved_last_is_there_after_opening_anew) {
    open();
    CHECK(save(7, "first"));
    CHECK(save(9, "other"));
    CHECK(save(7, "second, and longer"));
    open();
    LONGS_EQUAL(2, live().size());
    STRCMP_EQUAL("second, and longer", live()[7].c_str());
    STRCMP_EQUAL("other", live()[9].c_str());
}

TEST(CallTable, a_released_call_is_gone_after_opening_anew) {
    open();
    save(7, "x");
    table->release(7);
    open();
    LONGS_EQUAL(0, live().size());
    LONGS_EQUAL(0, table->used());
}

TEST(CallTable, a_record_takes_the_place_of_the_state) {
    open();
    save(7, "state");
    CHECK(table->save_record(7, "{\"line\":1}"));
    LONGS_EQUAL(1, table->used());
    open();
    LONGS_EQUAL(0, live().size());
    STRCMP_EQUAL("{\"line\":1}", pending()[7].c_str());
    STRCMP_EQUAL("{\"line\":1}", std::string(table->pending(7)).c_str());
}

// A write that a crash cut: the cell of the state before was not yet cleared.
TEST(CallTable, a_write_torn_in_its_payload_leaves_the_state_before) {
    open();
    save(7, "the state before");
    const auto before = header_of("the state before");
    save(7, "the state after");
    write_back(before);
    damage(place_of("the state after") + 3);
    open();
    STRCMP_EQUAL("the state before", live()[7].c_str());
    LONGS_EQUAL(1, table->counters().torn);
    LONGS_EQUAL(0, table->counters().unreadable);
}

TEST(CallTable, a_write_torn_in_its_header_leaves_the_state_before) {
    // Every byte of the header in turn: checksum, generation, call, state, length.
    for (std::size_t i = 0; i < CallTable::kCellHeaderBytes; ++i) {
        ::unlink(path.c_str());
        open();
        save(7, "the state before");
        const auto before = header_of("the state before");
        save(7, "the state after");
        write_back(before);
        damage(place_of("the state after") - CallTable::kCellHeaderBytes + i);
        open();
        LONGS_EQUAL(1, live().size());
        STRCMP_EQUAL("the state before", live()[7].c_str());
    }
}

TEST(CallTable, of_two_whole_states_the_newer_counts_and_the_other_is_cleared) {
    open();
    save(7, "the state before");
    const auto before = header_of("the state before");
    save(7, "the state after");
    write_back(before);
    open();
    STRCMP_EQUAL("the state after", live()[7].c_str());
    LONGS_EQUAL(0, table->counters().torn);
    table->release(7);
    open();
    LONGS_EQUAL(0, live().size());
}

// One that does not fit the cells of the state before moves, and leaves their room to others.
TEST(CallTable, states_of_every_length_have_room_again_and_again) {
    open(2);
    std::size_t length = 1;
    for (int round = 0; round < 3000; ++round) {
        length = (length * 7 + 13) % (CallTable::kMaxPayload + 1);
        const std::uint64_t call = 1 + round % 2;
        const std::string text(length, static_cast<char>('a' + round % 26));
        CHECK(save(call, text));
        CHECK(live()[call] == text);
        if (round % 5 == 0) table->release(call);
    }
    LONGS_EQUAL(0, table->counters().full);
    const auto had = live();
    open(2);
    CHECK(had == live());
}

TEST(CallTable, a_slot_that_is_all_damaged_is_free_again_and_counted) {
    open(1);
    save(7, "only state");
    damage(place_of("only state"));
    open(1);
    LONGS_EQUAL(0, live().size());
    LONGS_EQUAL(1, table->counters().unreadable);
    CHECK(save(8, "new"));
    open(1);
    STRCMP_EQUAL("new", live()[8].c_str());
}

TEST(CallTable, a_full_table_refuses_and_counts_and_takes_again_after_a_release) {
    open(2);
    CHECK(save(1, "a"));
    CHECK(save(2, "b"));
    CHECK_FALSE(save(3, "c"));
    LONGS_EQUAL(1, table->counters().full);
    CHECK(save(1, "changed"));
    table->release(2);
    CHECK(save(3, "c"));
}

TEST(CallTable, an_export_too_long_for_a_slot_leaves_no_stale_state) {
    open();
    save(7, "old");
    CHECK_FALSE(save(7, std::string(CallTable::kMaxPayload + 1, 'x')));
    LONGS_EQUAL(1, table->counters().too_big);
    open();
    LONGS_EQUAL(0, live().size());
    CHECK(save(7, std::string(CallTable::kMaxPayload, 'x')));
}

TEST(CallTable, a_long_call_gives_its_memory_back_when_it_has_ended) {
    const auto kib = [this] {
        struct stat s{};
        LONGS_EQUAL(0, ::stat(path.c_str(), &s));
        return s.st_blocks / 2;
    };
    open();
    for (int i = 0; i < 2; ++i) CHECK(save(7, std::string(100 * 1024, static_cast<char>('a' + i))));
    CHECK(kib() >= 200);
    table->release(7);
    CHECK(kib() < 20);
    CHECK(save(8, std::string(100 * 1024, 'c')));  // in the same place
    open();
    LONGS_EQUAL(1, live().size());
    STRCMP_EQUAL(std::string(100 * 1024, 'c').c_str(), live()[8].c_str());
    table->release(8);
    open();
    CHECK(live().empty());
    LONGS_EQUAL(0, table->counters().torn);
    LONGS_EQUAL(0, table->counters().unreadable);
}

TEST(CallTable, more_slots_keep_what_is_there_and_fewer_do_too) {
    open(2);
    save(1, "a");
    save(2, "b");
    open(5);
    LONGS_EQUAL(5, table->slots());
    LONGS_EQUAL(2, live().size());
    open(1);
    LONGS_EQUAL(5, table->slots());
    LONGS_EQUAL(2, live().size());
}

TEST(CallTable, a_file_of_something_else_is_begun_anew_with_a_note) {
    sallyport::testing::write_all(path, std::string(10000, 'z'));
    open();
    CHECK(notes.find("begun anew") != std::string::npos);
    CHECK(save(1, "a"));
    open();
    STRCMP_EQUAL("", notes.c_str());
    STRCMP_EQUAL("a", live()[1].c_str());
}

TEST(CallTable, two_processes_cannot_have_it_at_once) {
    open();
    std::string other_notes;
    const auto second = CallTable::open(path, 4, other_notes);
    CHECK_FALSE(second.has_value());
    CHECK(second.error().find("in use") != std::string::npos);
}

// A process is killed with SIGKILL in the middle of its writes, many times over; the states count up, and no
// call may be lost, go back by more than the write that was cut, or be mixed.
TEST(CallTable, kill_9_at_any_moment_loses_no_call_and_mixes_none) {
    constexpr std::uint64_t kCalls = 3;
    const auto state_text = [](std::uint64_t call, std::uint32_t n) {
        return std::to_string(call) + ":" + std::to_string(n) + ":" +
               std::string(40000 + n % 1000, static_cast<char>('a' + n % 26));
    };
    open(kCalls);
    for (std::uint64_t c = 0; c < kCalls; ++c) save(c, state_text(c, 0));
    for (int round = 0; round < 20; ++round) {
        table.reset();
        int pipe_fds[2];
        LONGS_EQUAL(0, ::pipe(pipe_fds));
        const pid_t child = ::fork();
        if (child == 0) {
            std::string child_notes;
            auto mine = CallTable::open(path, kCalls, child_notes);
            if (!mine) ::_exit(1);
            for (std::uint32_t n = 1;; ++n) {
                for (std::uint64_t c = 0; c < kCalls; ++c) {
                    const std::string text = state_text(c, n);
                    mine->save(c, bytes(text));
                }
                if (n == 1 && ::write(pipe_fds[1], "x", 1) != 1) ::_exit(1);
            }
        }
        char started = 0;
        LONGS_EQUAL(1, ::read(pipe_fds[0], &started, 1));
        ::usleep(static_cast<useconds_t>(300 + round * 137));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        ::close(pipe_fds[0]);
        ::close(pipe_fds[1]);
        open(kCalls);
        const auto found = live();
        LONGS_EQUAL(kCalls, found.size());
        for (const auto& [call, text] : found) {
            const auto colon = text.find(':');
            const auto n = static_cast<std::uint32_t>(std::stoul(text.substr(colon + 1)));
            CHECK(n >= 1);
            CHECK(text == state_text(call, n));
        }
        for (std::uint64_t c = 0; c < kCalls; ++c) save(c, state_text(c, 0));
    }
}
