#include "platform/base/line_break.h"

#include <string>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(LineBreak){};

TEST(LineBreak, as_a_plain_search_finds_it) {
    // Bytes that borrow in the word's arithmetic stand beside those that are sought.
    const std::string near = {'\r', '\n', '\x0c', '\x0e', '\x0b', '\x00', '\x8d', '\x8a', '\xff', 'a'};
    std::uint32_t state = 1;
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        state = state * 1664525U + 1013904223U;
        for (std::uint32_t i = 0, size = state >> 27; i < size; ++i) {
            state = state * 1664525U + 1013904223U;
            // CR and LF rarely, so that long stretches without one are searched, too.
            text += near[(state >> 24) % 32 == 0 ? (state >> 16) % 2 : 2 + (state >> 16) % 8];
        }
        for (std::size_t from = 0; from <= text.size(); ++from)
            UNSIGNED_LONGS_EQUAL(text.find_first_of("\r\n", from), find_line_break(text, from));
    }
}

}  // namespace sallyport
