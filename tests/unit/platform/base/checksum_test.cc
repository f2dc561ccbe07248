#include "platform/base/checksum.h"

#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(Checksum) {};

// Files of an earlier version are read with it: the algorithm is part of their format.
TEST(Checksum, is_xxh3_of_64_bits) {
    CHECK(checksum64({}) == 0x2d06800538d394c2U);  // of the library's own table of test vectors, seed 0
}

TEST(Checksum, each_byte_the_length_and_the_seed_count) {
    std::vector<std::byte> data(1000);
    const auto sum = checksum64(data);
    for (auto& b : data) {
        b = std::byte{1};
        CHECK(checksum64(data) != sum);
        b = {};
    }
    CHECK(checksum64(data) == sum);
    CHECK(checksum64(std::span(data).first(999)) != sum);
    CHECK(checksum64(data, 1) != sum);
}
