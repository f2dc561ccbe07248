#include "platform/base/scratch_text.h"

#include <algorithm>
#include <string>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(ScratchText) {};

TEST(ScratchText, is_within_itself_until_it_grows_longer) {
    ScratchText<16> text;
    const auto within = [&] {
        const auto* begin = reinterpret_cast<const char*>(&text);
        return text.view().data() >= begin && text.view().data() < begin + sizeof text;
    };
    CHECK(text.view().empty());
    text.append("0123456789").append("");
    text.extend(6, [](char* at) {
        *at = 'x';
        return std::size_t{1};
    });
    CHECK(within());
    CHECK(text.view() == "0123456789x");
    std::string all(text.view());
    for (int i = 0; i < 100; ++i) {
        text += 'a';
        text.append("bcd");
        all += "abcd";
    }
    CHECK(!within());
    CHECK(text.view() == all);
    LONGS_EQUAL(all.size(), text.size());
    text.truncate(2000);
    CHECK(text.view() == all);
    text.truncate(2);
    CHECK(text.append("x").view() == "01x");
}

}  // namespace sallyport
