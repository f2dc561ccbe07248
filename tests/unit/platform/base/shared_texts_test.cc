#include "platform/base/shared_texts.h"

#include <string>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(SharedTexts) {};

TEST(SharedTexts, are_empty_until_they_are_set) {
    SharedTexts<3> texts;
    CHECK(texts[0].empty() && texts[2].empty());
    texts.assign({"a", "", "ccc"});
    CHECK(texts[0] == "a" && texts[1].empty() && texts[2] == "ccc");
    texts.set(1, "bb");
    CHECK(texts[0] == "a" && texts[1] == "bb" && texts[2] == "ccc");
    texts.assign({});
    CHECK(texts == SharedTexts<3>());
}

TEST(SharedTexts, of_copies_are_the_same_until_one_changes) {
    SharedTexts<2> texts;
    texts.assign({"first", "second"});
    auto copy = texts;
    CHECK(copy[0].data() == texts[0].data());
    copy.set(1, "second");  // says so already
    CHECK(copy[0].data() == texts[0].data());
    const auto before = texts[1];
    texts.set(1, texts[0]);
    CHECK(texts[1] == "first" && copy[1] == "second" && before == "second");
    CHECK(!(copy == texts));
    texts = copy;
    CHECK(copy == texts);
    auto moved = std::move(copy);
    texts = SharedTexts<2>();
    CHECK(moved[0] == "first" && moved[1] == "second");
    auto& same = moved;
    moved = same;
    CHECK(moved[0] == "first");
}

}  // namespace sallyport
