#include "platform/base/boxed.h"

#include <string>
#include <utility>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(Boxed) {};

TEST(Boxed, copies_are_of_their_own_and_moves_leave_nothing) {
    Boxed<std::string> a(std::string("one"));
    auto b = a;
    *b = "two";
    STRCMP_EQUAL("one", a->c_str());
    CHECK_FALSE(a == b);
    a = b;
    CHECK(a == b);
    a = a;  // NOLINT: on purpose
    STRCMP_EQUAL("two", a->c_str());
    const auto c = std::move(a);
    CHECK_FALSE(a.has_value());  // NOLINT: what a moved-from one is, is its contract
    CHECK(c.has_value() && *c == "two");
    b.reset();
    CHECK_FALSE(static_cast<bool>(b));
    CHECK(b == Boxed<std::string>());
}

}  // namespace sallyport
