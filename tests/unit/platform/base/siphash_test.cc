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

// As OpenSSL's SIPHASH with c-rounds:1, d-rounds:3 has them.
TEST(SipHash, has_the_values_that_another_implementation_has) {
    const SipHashKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    CHECK_TRUE(siphash13(key, "") == 0xABAC0158050FC4DCU);
    CHECK_TRUE(siphash13_128(key, "") == (Hash128{0xBEA58827B2BC7EE7U, 0x013030DD6ADB62FDU}));
    CHECK_TRUE(siphash13(key, "INVITE") == 0x7AE1F04884D91FBCU);
    CHECK_TRUE(siphash13_128(key, "INVITE") == (Hash128{0xEEDA5536DAA49AD2U, 0xA3E8CCCEAE17D2CEU}));
    CHECK_TRUE(siphash13(key, "12345678") == 0x11A8EBB5CD0DA9CEU);
    CHECK_TRUE(siphash13_128(key, "12345678") == (Hash128{0x7594545E124D2A15U, 0x2978627A76DB99FDU}));
    CHECK_TRUE(siphash13(key, "z9hG4bKabcdef0123456789") == 0xB9E41D80E06E3A9BU);
    CHECK_TRUE(siphash13_128(key, "z9hG4bKabcdef0123456789") == (Hash128{0xCB5538AF6EC05EBDU, 0x60FE52B13B713314U}));
}
