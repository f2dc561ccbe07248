#include "platform/regex/regex.h"

#include <chrono>

#include "tests/support/regex_statics.h"

#include <CppUTest/TestHarness.h>

using sallyport::GroupTemplate;
using sallyport::Regex;

namespace {

std::string filled(std::string_view pattern, std::string_view text, std::string_view value) {
    const auto regex = Regex::compile(pattern);
    const auto pieces = GroupTemplate::parse(value);
    Regex::Groups groups;
    std::string out;
    if (regex && pieces && regex->search(text, &groups)) pieces->append_to(out, groups);
    return out;
}

}  // namespace

TEST_GROUP(Regex) {};

TEST(Regex, matches_anywhere_unless_it_says_otherwise) {
    const auto regex = Regex::compile("b+").value();
    CHECK(regex.search("abbc"));
    CHECK(!regex.matches_all("abbc"));
    CHECK(regex.matches_all("bb"));
    CHECK(!Regex::compile("^b").value().search("ab"));
    CHECK(Regex::compile("").value().search(""));
}

TEST(Regex, groups_are_views_and_those_that_took_no_part_are_empty) {
    STRCMP_EQUAL("[b][a][]\\", filled("(?:(a)(b))|(q)", "xab", "[\\2][\\1][\\3]\\\\").c_str());
    STRCMP_EQUAL("<ab>", filled("a.", "zabz", "<\\0>").c_str());
}

TEST(Regex, what_is_wrong_is_said_in_one_line) {
    const auto refused = Regex::compile("(a\n\x1b\x7f");
    CHECK(!refused);
    STRCMP_EQUAL("is no regular expression: missing ): (a???", refused.error().c_str());
}

TEST(Regex, bytes_that_are_no_utf8_hide_nothing) {
    CHECK(Regex::compile("^a.*secret$").value().search("a\xff\xfe\x80secret"));
    CHECK(Regex::compile("a.b").value().search(std::string_view("a\0b", 3)));
    CHECK(Regex::compile("a.b").value().search("a\nb"));
    CHECK(Regex::compile("\xC3\xBC")
              .value()
              .search("gr\xC3\xBC"
                      "n"));
}

TEST(Regex, what_cannot_be_compiled_says_why) {
    CHECK(Regex::compile("a(").error().contains("missing )"));
    CHECK(Regex::compile(std::string(513, 'a')).error().contains("512"));
    CHECK(Regex::compile("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)").error().contains("10 groups"));
    CHECK(Regex::compile("(?:(?:[a-z]{30}){30}){30}")
              .error()
              .contains("no regular expression"));                              // its program is too large
    CHECK(Regex::compile("(a)\\1").error().contains("no regular expression"));  // needs more than linear time
    CHECK(!GroupTemplate::parse("a\\x").has_value());
    CHECK(!GroupTemplate::parse("a\\").has_value());
    LONGS_EQUAL(7, GroupTemplate::parse("\\1\\7\\2").value().highest());
}

// Expressions that take others for ever. 10 s are for a machine under sanitizers that does other things as well: a
// backtracking engine needs 2^64 steps.
TEST(Regex, time_is_linear_in_the_text) {
    const std::string text(64 * 1024, 'a');
    const auto before = std::chrono::steady_clock::now();
    for (const auto* pattern : {"(a*)*b", "(a|a)*b", "(a|aa)+$b", "(.*)*,(.*)*;", "^(([a-z])+.)+[A-Z]([a-z])+$"}) {
        Regex::Groups groups;
        CHECK(!Regex::compile(pattern).value().search(text, &groups));
    }
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
}
