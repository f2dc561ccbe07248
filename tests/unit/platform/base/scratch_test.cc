#include "platform/base/scratch.h"

#include <cstring>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(Scratch) {};

TEST(Scratch, is_within_itself_unless_more_is_asked_for) {
    const auto within = [](Scratch<16>& scratch) {
        const auto* begin = reinterpret_cast<const char*>(&scratch);
        return scratch.data() >= begin && scratch.data() < begin + sizeof scratch;
    };
    Scratch<16> usual(16);
    CHECK(within(usual));
    std::memset(usual.data(), 1, 16);
    Scratch<16> larger(17);
    CHECK(!within(larger));
    std::memset(larger.data(), 1, 17);
}

}  // namespace sallyport
