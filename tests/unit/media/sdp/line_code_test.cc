#include "media/sdp/line_code.h"

#include <string>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using sdp::decode_lines;
using sdp::encode_lines;

namespace {

const std::string kOffer =
    "v=0\r\no=- 5 5 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 8 97 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    "a=ptime:20\r\na=sendrecv\r\n";

void check_back(const std::string& text, const sdp::LineContext& context) {
    const auto code = encode_lines(text, context);
    const auto back = decode_lines(code, context);
    CHECK_TRUE(back.has_value());
    CHECK_TRUE(*back == text);
    CHECK_TRUE(code.size() <= text.size() + 1);
}

}  // namespace

TEST_GROUP(LineCode) {};

TEST(LineCode, description_takes_a_third_and_one_like_it_less) {
    CHECK_TRUE(encode_lines(kOffer, {}).size() < kOffer.size() / 2);
    auto answer = kOffer;
    answer.replace(answer.find("10000"), 5, "20000");
    CHECK_TRUE(encode_lines(answer, {.reference = kOffer, .origin = "o=- 5 5 IN IP4 "}).size() < kOffer.size() / 4);
}

TEST(LineCode, every_text_comes_back) {
    for (const std::string& text :
         {std::string(), std::string("\r\n"), std::string("\r\n\r\n"), std::string("v=0"), std::string("v=0\n"),
          std::string("a\nb\r\n"), std::string("a\r\r\n"), std::string("\x01\r\n"), std::string("0\r\n"),
          std::string("\x80\r\n"), std::string("?\r\n"), std::string("\0\r\n", 3), std::string("v=0\r\n\0", 6),
          std::string("m=audio \r\n"), kOffer}) {
        check_back(text, {});
        check_back(text, {.reference = kOffer, .origin = "o=- 5 5 IN IP4 "});
        check_back(text, {.reference = text, .origin = "v"});
    }
}

TEST(LineCode, every_text_of_pieces_comes_back) {
    test::FakeRandom random(11);
    const std::string pieces[] = {"\r\n", "\r", "\n",   "v=0",  "s=-",  "a=rtpmap:", "8 PCMA/8000", "m=audio ",
                                  "\x01", "?",  "\xff", "\x30", "o=- ", "x",         "c=IN IP4 "};
    const auto draw = [&] {
        std::string out;
        for (auto n = random.below(12); n > 0; --n) out += pieces[random.below(std::size(pieces))];
        return out;
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto reference = draw();
        check_back(draw(), {.reference = reference, .origin = i % 2 == 0 ? "o=- " : ""});
    }
}

TEST(LineCode, what_is_no_code_is_refused_or_harmless) {
    CHECK_FALSE(decode_lines("v=0", {}).has_value());
    CHECK_FALSE(decode_lines("\x80", {}).has_value());
    CHECK_FALSE(decode_lines("\x3f"
                             "1\n",
                             {})
                    .has_value());
    CHECK_FALSE(decode_lines("\x3e\n", {}).has_value());
    // A long line named often must not grow without bound.
    const auto line = std::string(1000, 'a') + "\r\n";
    CHECK_FALSE(decode_lines(std::string(1000, '\x80'), {.reference = line, .origin = {}}).has_value());
    test::FakeRandom random(12);
    for (int i = 0; i < 20'000; ++i) {
        std::string code;
        for (auto n = random.below(20); n > 0; --n) code += static_cast<char>(random.below(256));
        if (const auto text = decode_lines(code, {.reference = kOffer, .origin = "o="})) check_back(*text, {});
    }
}
