#include "platform/base/shared.h"

#include <string>
#include <utility>

#include <CppUTest/TestHarness.h>

using sallyport::Shared;

TEST_GROUP(Shared) {};

TEST(Shared, copies_are_the_same_value_and_moves_leave_nothing) {
    Shared<std::string> a(std::string("one"));
    auto b = a;
    CHECK_TRUE(b && b.get() == a.get() && *b == "one");
    const auto c = std::move(a);
    CHECK_TRUE(c.get() == b.get());
    CHECK_FALSE(static_cast<bool>(a));  // NOLINT: what a moved-from one is, is its contract
    b.reset();
    CHECK_TRUE(b.get() == nullptr);
    LONGS_EQUAL(3, c->size());
}
