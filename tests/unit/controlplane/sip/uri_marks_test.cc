#include "controlplane/sip/uri_marks.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport::sip;

TEST_GROUP(UriMarks) {
    static std::ptrdiff_t place(const std::string& text, const char* mark) {
        return mark == nullptr ? -1 : mark - text.data();
    }
};

TEST(UriMarks, WhatStandsBeforeTheAtIsUserinfo) {
    const std::string text = "sip:a;b?c:p:q@host:5060;lr?x=y;z";
    const auto marks = find_uri_marks(text);
    LONGS_EQUAL(3, place(text, marks.scheme_end));
    LONGS_EQUAL(9, place(text, marks.password));
    LONGS_EQUAL(13, place(text, marks.at));
    LONGS_EQUAL(23, place(text, marks.semicolon));
    LONGS_EQUAL(26, place(text, marks.question));
    CHECK_FALSE(marks.forbidden);
}

// Texts of every length around the blocks that are looked at together, with the mark at every place of them.
TEST(UriMarks, EveryPlaceOfEveryLength) {
    for (std::size_t length = 5; length <= 50; ++length) {
        for (std::size_t at = 4; at < length; ++at) {
            std::string text = "sip:" + std::string(length - 4, 'x');
            const auto with = [&](char c) {
                text[at] = c;
                return find_uri_marks(text);
            };
            LONGS_EQUAL(at, place(text, with(';').semicolon));
            LONGS_EQUAL(at, place(text, with('?').question));
            LONGS_EQUAL(at, place(text, with('@').at));
            CHECK_FALSE(with(':').forbidden);
            for (const char c : {' ', '\t', '\0', '\x1f', '\x7f', '<', '>', '"'}) CHECK(with(c).forbidden);
            CHECK(with('%').forbidden);
            CHECK_FALSE(with('\xc3').forbidden);
        }
    }
}

TEST(UriMarks, AnEscapeIsTwoDigitsWithinTheText) {
    for (const std::size_t length : {8U, 16U, 17U, 31U, 32U, 40U}) {
        std::string text = "sip:" + std::string(length, 'b');
        text.replace(text.size() - 3, 3, "%4a");
        CHECK_FALSE(find_uri_marks(text).forbidden);
        CHECK(find_uri_marks(std::string_view(text).substr(0, text.size() - 1)).forbidden);
        text.back() = 'g';
        CHECK(find_uri_marks(text).forbidden);
    }
}
