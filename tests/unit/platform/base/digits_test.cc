#include "platform/base/digits.h"

#include <cstdint>
#include <limits>
#include <string>

#include <CppUTest/TestHarness.h>

using sallyport::Digits;

TEST_GROUP(Digits) {};

TEST(Digits, are_those_of_the_number) {
    CHECK_TRUE(Digits(0U) == "0");
    CHECK_TRUE(Digits(std::uint8_t{255}) == "255");
    CHECK_TRUE(std::string("18446744073709551615") == Digits(std::numeric_limits<std::uint64_t>::max()));
    CHECK_FALSE(Digits(12U) == "1");
}
