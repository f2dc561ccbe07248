#include "platform/json/json.h"

#include <string>

#include <CppUTest/TestHarness.h>

using sallyport::json::parse;

TEST_GROUP(Json) {
    static std::string error_of(const std::string& text) {
        const auto v = parse(text);
        return v ? "accepted" : v.error();
    }
};

TEST(Json, writes_on_one_line_what_it_reads) {
    const auto v = parse(" {\"b\": [1, \"x\\u00e4\", true, null], \"a\": {}} ");
    CHECK(v.has_value());
    STRCMP_EQUAL("{\"a\":{},\"b\":[1,\"xä\",true,null]}", sallyport::json::write_line(*v).c_str());
}

TEST(Json, refuses_what_is_not_rfc_8259) {
    for (const char* text : {"", "{\"a\":1,}", "[1,]", "{} // comment", "{} {}", "{'a':1}", "{\"a\":1", "{a:1}"})
        CHECK_TEXT(error_of(text) != "accepted", text);
}

// RFC 8259 §8.1. Found by fuzzing: the schema's validator counts the characters of a string, and read beyond a table of
// its own at more than five continuation bytes.
TEST(Json, refuses_what_is_not_utf8_and_says_where) {
    STRCMP_EQUAL("line 2, column 2: not UTF-8", error_of("[\n\"\x9f\x9f\x9f\x9f\x9f\x9f\x9f\"]").c_str());
    STRCMP_EQUAL("line 1, column 3: not UTF-8", error_of("[\"\xed\xa0\x80\"]").c_str());
    STRCMP_EQUAL("line 1, column 1: not UTF-8", error_of("\xff").c_str());
    STRCMP_EQUAL("accepted", error_of("[\"\xf0\x9f\x93\x9e\"]").c_str());
}

TEST(Json, refuses_a_key_that_stands_twice_and_names_it) {
    const std::string error = error_of("{\"a\": 1,\n \"a\": 2}");
    CHECK_TEXT(error.find("line 2") != std::string::npos, error.c_str());
    CHECK_TEXT(error.find("'a'") != std::string::npos, error.c_str());
}

TEST(Json, an_error_is_one_line_with_the_place) {
    const std::string error = error_of("{\n  \"a\": 1\n  \"b\": 2\n}");
    CHECK_TEXT(error.starts_with("line 3, column "), error.c_str());
    CHECK(error.find('\n') == std::string::npos);
}

TEST(Json, depth_is_bounded) {
    const std::string deep = std::string(60, '[') + std::string(60, ']');
    STRCMP_EQUAL("accepted", error_of(deep).c_str());
    const std::string deeper = std::string(100000, '[');
    CHECK(error_of(deeper) != "accepted");
}

TEST(Json, what_is_written_is_utf_8_whatever_the_strings_hold) {
    const std::string fffd = "\xEF\xBF\xBD";
    const auto written = [](const std::string& text) {
        const std::string line = sallyport::json::write_line(sallyport::json::Value(text));
        return line.substr(1, line.size() - 2);
    };
    const std::string good = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
    STRCMP_EQUAL(good.c_str(), written(good).c_str());
    STRCMP_EQUAL(("x" + fffd + "y").c_str(), written("x\xFFy").c_str());
    STRCMP_EQUAL(("x" + fffd + "y").c_str(), written("x\xC3y").c_str());                     // cut
    STRCMP_EQUAL((fffd + fffd).c_str(), written("\xC0\x80").c_str());                        // overlong
    STRCMP_EQUAL((fffd + fffd + fffd).c_str(), written("\xED\xA0\x80").c_str());             // a surrogate
    STRCMP_EQUAL((fffd + fffd + fffd + fffd).c_str(), written("\xF4\x90\x80\x80").c_str());  // beyond the last
    CHECK(parse("[\"" + written("\xE2\x82") + "\"]").has_value());
}
