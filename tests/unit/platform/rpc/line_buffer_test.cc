#include "platform/rpc/line_buffer.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(LineBuffer) {
    rpc::LineBuffer lines{10};
    void put(const std::string& text) { lines.append(std::as_bytes(std::span(text))); }
    std::string next() {
        const auto line = lines.next();
        return line ? "[" + std::string(*line) + "]" : "none";
    }
};

TEST(LineBuffer, LinesComeOutWholeHoweverTheBytesArrive) {
    put("ab");
    STRCMP_EQUAL("none", next().c_str());
    put("c\n\nde");
    STRCMP_EQUAL("[abc]", next().c_str());
    STRCMP_EQUAL("[]", next().c_str());
    STRCMP_EQUAL("none", next().c_str());
    put("f\n");
    STRCMP_EQUAL("[def]", next().c_str());
    CHECK_EQUAL(0U, lines.waiting());
}

TEST(LineBuffer, ManyLinesByteByByte) {
    int count = 0;
    for (int i = 0; i < 1000; ++i) {
        for (const char c : std::string("line") + std::to_string(i % 10) + "\n") {
            put(std::string(1, c));
            while (const auto line = lines.next()) {
                CHECK_EQUAL(5U, line->size());
                ++count;
            }
        }
    }
    CHECK_EQUAL(1000, count);
}

TEST(LineBuffer, TheBoundCountsTheNewline) {
    put("123456789\n");
    STRCMP_EQUAL("[123456789]", next().c_str());
    CHECK(!lines.overlong());
    put("1234567890\n");
    STRCMP_EQUAL("none", next().c_str());
    CHECK(lines.overlong());
}

TEST(LineBuffer, AnUnfinishedLineBeyondTheBoundIsOverlongBeforeItsEnd) {
    put("123456789");
    STRCMP_EQUAL("none", next().c_str());
    CHECK(!lines.overlong());
    put("0");
    STRCMP_EQUAL("none", next().c_str());
    CHECK(lines.overlong());
}
