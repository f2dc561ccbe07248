#include "platform/json/line_writer.h"

#include "platform/json/json.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::json {

TEST_GROUP(LineWriter) {};

TEST(LineWriter, nesting_and_commas) {
    LineWriter out(64);
    out.begin_object();
    out.key("a").number(std::uint64_t{18'446'744'073'709'551'615U});
    out.key("b").begin_array();
    out.text("x");
    out.begin_object();
    out.end_object();
    out.null();
    out.end_array();
    out.key("c").boolean(false);
    out.key("d").number(std::int64_t{-1});
    out.end_object();
    STRCMP_EQUAL(R"({"a":18446744073709551615,"b":["x",{},null],"c":false,"d":-1})", out.take().c_str());
}

TEST(LineWriter, every_text_comes_back) {
    std::string bytes;
    for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
    for (const std::string& text :
         {std::string("a\"b\\c\n\r\t\x01\x1f\x7f"), std::string("grüße \xF0\x9F\x98\x80"), bytes}) {
        LineWriter out(16);
        out.text(text);
        const auto line = out.take();
        CHECK(line.find('\n') == std::string::npos);
        const auto back = parse(line);
        CHECK(back.has_value());
        // What jsoncpp would have written of it, read again.
        CHECK(*back == parse(write_line(Value(text))).value());
    }
}

// Texts are looked at eight characters at a time, and one by one at their end.
TEST(LineWriter, what_is_no_plain_character_is_found_wherever_it_stands) {
    for (int c = 0; c < 0x80; ++c) {
        for (std::size_t at = 0; at < 19; ++at) {
            std::string text(19, 'x');
            text[at] = static_cast<char>(c);
            text[18 - at] = '"';
            LineWriter out(1);
            out.text(text);
            CHECK(parse(out.take()) == Value(text));
        }
    }
}

TEST(LineWriter, what_is_no_utf8_is_replaced) {
    LineWriter out(16);
    out.text("a\xC3(\xED\xA0\x80");
    STRCMP_EQUAL("\"a\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", out.take().c_str());
}

}  // namespace sallyport::json
