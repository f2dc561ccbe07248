#include "controlplane/sip/text.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport::sip;

TEST_GROUP(Text) {
    std::string joined(std::string_view value, Comments comments = Comments::kNone) {
        std::string out;
        for (const auto e : CommaList(value, comments)) out += "[" + std::string(e) + "]";
        return out;
    }
    std::string params(std::string_view text) {
        std::string out;
        for (const auto& p : ParamList(text))
            out += "[" + std::string(p.name) + (p.has_value ? "=" : "") + std::string(p.value) + "]";
        return out;
    }
    void equal(std::string_view expected, const std::string& actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), actual.c_str());
    }
};

TEST(Text, CommaListHeedsQuotesAndBrackets) {
    equal("[a][b]", joined(" a ,, b ,"));
    equal("[\"x,\\\",y\" <sip:a,b>][c]", joined("\"x,\\\",y\" <sip:a,b> , c"));
    equal("", joined(""));
    equal("", joined(" , ,\r\n ,"));
    equal("[\"open, a]", joined("\"open, a"));
    equal("[<open, a]", joined("<open, a"));
    equal("[sip:a(b@h][sip:c@h]", joined("sip:a(b@h,sip:c@h"));
    equal("[a (x, (y,) \\), z)][b]", joined("a (x, (y,) \\), z),b", Comments::kSkip));
}

TEST(Text, ParamListHeedsQuotes) {
    equal("[a=1][b][c=\"x;y=\\\"z\"]", params(";a = 1; b ;c=\"x;y=\\\"z\""));
    equal("[a=]", params("a="));
    equal("[a]", params(";;a;;"));
    equal("[a=\"open;b=1]", params("a=\"open;b=1"));
    CHECK(ParamList(" ; ").empty());
    CHECK(ParamList("A=1;a=2").find("a")->value == "1");
}

TEST(Text, Unfolding) {
    equal("a b", unfolded("a\r\n b"));
    equal("a b", unfolded("a  \r\n\t b"));
    equal("a  b", unfolded("a  b"));
    equal(" b", unfolded("\r\n b"));
}

TEST(Text, Quoting) {
    std::string out;
    append_quoted(out, "a\"b\\c");
    equal("\"a\\\"b\\\\c\"", out);
    equal("a\"b\\c", unquoted(out));
    equal("plain", unquoted("plain"));
    equal("\"", unquoted("\""));
}

TEST(Text, Escapes) {
    equal("a b", unescaped("a%20b"));
    equal("%zz%4", unescaped("%zz%4"));
    equal("A", unescaped("%41"));
}

TEST(Text, Numbers) {
    UNSIGNED_LONGS_EQUAL(68, *parse_number("0068"));
    UNSIGNED_LONGS_EQUAL(4294967295U, *parse_number("4294967295"));
    for (const auto s : {"", " 1", "1 ", "+1", "4294967296", "99999999999999999999999"})
        CHECK_FALSE_TEXT(parse_number(s).has_value(), s);
    CHECK_FALSE(parse_number("256", 255).has_value());
}

TEST(Text, Tokens) {
    CHECK(is_token("INVITE"));
    CHECK(is_token("a-.!%*_+`'~9"));
    CHECK_FALSE(is_token(""));
    CHECK_FALSE(is_token("a b"));
    CHECK_FALSE(is_token("a\x80"));
    CHECK(iequals("CaLL-id", "Call-ID"));
    CHECK_FALSE(iequals("a", "ab"));
}
