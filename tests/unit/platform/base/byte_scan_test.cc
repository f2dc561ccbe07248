#include "platform/base/byte_scan.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(ByteScan) {};

// In memory of exactly its size, so that a sanitizer sees a byte read beside it; what stands before `at` must not be
// found.
TEST(ByteScan, as_a_plain_search_finds_it) {
    std::uint32_t state = 1;
    for (int round = 0; round < 5'000; ++round) {
        std::vector<char> text;
        state = state * 1664525U + 1013904223U;
        for (std::uint32_t i = 0, size = state >> 26; i < size; ++i) {
            state = state * 1664525U + 1013904223U;
            text.push_back((state >> 24) % 16 == 0 ? ";=\""[(state >> 16) % 3]
                                                   : static_cast<char>(state >> 16 | 0x80U));
        }
        text.shrink_to_fit();
        const char* const floor = text.data();
        const char* const end = floor + text.size();
        for (const char* at = floor; at <= end; ++at) {
            const auto* expected = std::find_if(at, end, [](char c) { return c == ';' || c == '=' || c == '"'; });
            POINTERS_EQUAL(expected, (find_any<';', '=', '"'>(floor, at, end)));
            POINTERS_EQUAL(expected, (find_any<';', '=', '"'>(at, end)));
            POINTERS_EQUAL(std::find(at, end, '='), find_any<'='>(floor, at, end));
        }
    }
}

}  // namespace sallyport
