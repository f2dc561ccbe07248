#include "platform/base/siphash.h"

#include <bit>
#include <string>
#include <unordered_set>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(SipHash) {};

TEST(SipHash, EveryLengthAndEveryBitCounts) {
    const SipHashKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    std::unordered_set<std::uint64_t> seen;
    std::string text;
    for (int i = 0; i < 64; ++i) {
        CHECK_TRUE(seen.insert(siphash13(key, text)).second);
        text.push_back('\0');
    }
    const auto plain = siphash13(key, text);
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        auto changed = text;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        const auto distance = std::popcount(plain ^ siphash13(key, changed));
        CHECK_TRUE(distance > 8 && distance < 56);
    }
}

TEST(SipHash, TheKeyDecides) {
    CHECK_TRUE(siphash13({1, 2}, "call-id") != siphash13({1, 3}, "call-id"));
    CHECK_TRUE(siphash13({1, 2}, "call-id") != siphash13({2, 2}, "call-id"));
    CHECK_TRUE(siphash13({1, 2}, "call-id") == siphash13({1, 2}, "call-id"));
}
