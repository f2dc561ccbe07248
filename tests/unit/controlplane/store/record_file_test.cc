#include "controlplane/store/record_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/unit/controlplane/store/temporary_folder.h"

#include <CppUTest/TestHarness.h>

using sallyport::store::RecordFile;
using sallyport::testing::read_all;
using sallyport::testing::TemporaryFolder;
using sallyport::testing::write_all;

TEST_GROUP(RecordFile) {
    TemporaryFolder folder;
    std::string path = folder / "calls.jsonl";
};

TEST(RecordFile, appends_behind_what_is_there) {
    write_all(path, "{\"a\":1}\n");
    auto file = RecordFile::open(path).value();
    CHECK(file.append("{\"b\":2}\n{\"c\":3}\n").has_value());
    CHECK(file.sync().has_value());
    STRCMP_EQUAL("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", read_all(path).c_str());
}

TEST(RecordFile, a_cut_last_line_is_removed) {
    write_all(path, "{\"a\":1}\n{\"b\":" + std::string(10000, 'x'));
    auto file = RecordFile::open(path).value();
    STRCMP_EQUAL("{\"a\":1}\n", read_all(path).c_str());
    CHECK(file.append("{\"c\":3}\n").has_value());
    STRCMP_EQUAL("{\"a\":1}\n{\"c\":3}\n", read_all(path).c_str());
}

TEST(RecordFile, a_file_that_is_one_cut_line_becomes_empty) {
    write_all(path, std::string(9000, 'x'));
    RecordFile::open(path).value();
    STRCMP_EQUAL("", read_all(path).c_str());
}

TEST(RecordFile, finds_the_lines_that_are_written_also_across_chunks) {
    // Lines of 70,001 bytes lie across the borders of the search's chunks.
    std::string all;
    std::unordered_set<std::string> wanted = {"not there", "5:"};
    for (int i = 0; i < 40; ++i) {
        const std::string line = std::to_string(i) + ":" + std::string(70000, 'y');
        all += line + "\n";
        if (i % 7 == 0) wanted.insert(line);
    }
    write_all(path, all);
    const auto file = RecordFile::open(path).value();
    CHECK(file.forget_written(wanted).has_value());
    LONGS_EQUAL(2, wanted.size());  // a part of a line is not the line
    CHECK(wanted.contains("not there"));
}

TEST(RecordFile, reopen_makes_a_new_file_after_the_old_was_moved_away) {
    auto file = RecordFile::open(path).value();
    CHECK(file.append("one\n").has_value());
    std::filesystem::rename(path, folder / "calls.jsonl.1");
    CHECK(file.append("two\n").has_value());
    CHECK(file.reopen().has_value());
    CHECK(file.append("three\n").has_value());
    STRCMP_EQUAL("one\ntwo\n", read_all(folder / "calls.jsonl.1").c_str());
    STRCMP_EQUAL("three\n", read_all(path).c_str());
}

// A fifo stands for the old file: it can be written to, and refuses a sync.
TEST(RecordFile, reopen_syncs_the_old_file_and_goes_on_with_the_new_one_whatever_comes_of_it) {
    LONGS_EQUAL(0, ::mkfifo(path.c_str(), 0600));
    auto file = RecordFile::open(path).value();
    CHECK(file.append("one\n").has_value());
    std::filesystem::rename(path, folder / "calls.jsonl.1");
    const auto reopened = file.reopen();
    CHECK_FALSE(reopened.has_value());
    CHECK(reopened.error().find("sync") != std::string::npos);
    CHECK(file.append("two\n").has_value());
    CHECK(file.sync().has_value());
    STRCMP_EQUAL("two\n", read_all(path).c_str());
}

TEST(RecordFile, an_error_names_the_file) {
    const auto file = RecordFile::open(folder / "no-folder/calls.jsonl");
    CHECK_FALSE(file.has_value());
    CHECK(file.error().find("no-folder/calls.jsonl") != std::string::npos);
}
