#include "platform/base/inline_text.h"

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(InlineText) {};

TEST(InlineText, holds_what_was_appended_up_to_its_bound) {
    InlineText<8> text;
    CHECK(text.view().empty());
    text.append("abc").append("");
    text += 'd';
    CHECK(text == "abcd");
    text.append("efgh");
    CHECK(text == InlineText<8>("abcdefgh"));
    const auto copy = text;
    CHECK(copy.view() == "abcdefgh" && copy.view().data() != text.view().data());
    CHECK(!(copy == InlineText<8>("abcdefg")));
}

}  // namespace sallyport
