#include "controlplane/sip/multipart.h"

#include <string>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;

namespace {

const std::string kTwo =
    "preamble\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b1 \r\n"
    "content-type: application/isup;\r\n version=itu-t92+\r\nContent-Disposition:signal ;handling=optional\r\n\r\n"
    "\x01\r\n--b1x\r\n\r\n--b1--\r\nepilogue\r\n--b1\r\n\r\nno part\r\n--b1--\r\n";

}  // namespace

TEST_GROUP(Multipart) {};

TEST(Multipart, its_parts_stand_between_the_boundaries) {
    const auto parts = parse_multipart(kTwo, "b1");
    CHECK_TRUE(parts.has_value());
    LONGS_EQUAL(2, parts->size());
    CHECK_TRUE(parts->at(0).type == "application/sdp");
    CHECK_TRUE(parts->at(0).body == "v=0\r\ns=-\r\n");
    CHECK_TRUE(parts->at(0).disposition.empty());
    CHECK_TRUE(parse_media_type(parts->at(1).type)->is("application", "isup"));
    CHECK_TRUE(parse_media_type(parts->at(1).type)->params.value("version") == "itu-t92+");
    CHECK_TRUE(parts->at(1).disposition == "signal ;handling=optional");
    CHECK_TRUE(parts->at(1).body == "\x01\r\n--b1x\r\n");
    CHECK_FALSE(parts->at(1).encoded);
}

TEST(Multipart, a_boundary_may_be_quoted_and_has_70_characters_at_most) {
    const std::string longest(kMaxBoundary, '-');
    CHECK_TRUE(parse_multipart("--" + longest + "\r\n\r\nx\r\n--" + longest + "--", longest).has_value());
    CHECK_TRUE(parse_multipart("--a b\r\n\r\nx\r\n--a b--", "\"a b\"").has_value());
    const auto more = longest + "-";
    CHECK_FALSE(parse_multipart("--" + more + "\r\n\r\nx\r\n--" + more + "--", more).has_value());
    CHECK_FALSE(parse_multipart("--\r\n\r\nx\r\n----", "").has_value());
    CHECK_FALSE(parse_multipart("--\r\n\r\nx\r\n----", "\"\"").has_value());
}

TEST(Multipart, a_part_without_headers_without_body_and_encoded_ones) {
    const auto parts = parse_multipart(
        "--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/plain\r\n--b\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\neA==\r\n"
        "--b\r\nContent-Transfer-Encoding: Binary\r\n\r\nx\r\n--b\nContent-Encoding: gzip\n\nx\n--b--",
        "b");
    CHECK_TRUE(parts.has_value());
    LONGS_EQUAL(5, parts->size());
    CHECK_TRUE(parts->at(0).type.empty() && parts->at(0).body == "plain");
    CHECK_TRUE(parts->at(1).type == "text/plain" && parts->at(1).body.empty());
    CHECK_TRUE(parts->at(2).encoded);
    CHECK_FALSE(parts->at(3).encoded);
    CHECK_TRUE(parts->at(4).encoded && parts->at(4).body == "x");
}

TEST(Multipart, too_many_parts_and_one_that_does_not_end_are_refused) {
    std::string body;
    for (std::size_t i = 0; i < kMaxParts; ++i) body += "--b\r\n\r\nx\r\n";
    CHECK_TRUE(parse_multipart(body + "--b--", "b").has_value());
    CHECK_FALSE(parse_multipart(body + "--b\r\n\r\nx\r\n--b--", "b").has_value());
    CHECK_FALSE(parse_multipart(body, "b").has_value());
    CHECK_FALSE(parse_multipart("", "b").has_value());
    CHECK_FALSE(parse_multipart("--b--\r\n", "b").has_value());
    CHECK_FALSE(parse_multipart("nothing of it", "b").has_value());
}

// Whatever comes, each view lies within the body (the sanitizers look too).
TEST(Multipart, damaged_bodies_do_no_harm) {
    test::FakeRandom random(1);
    for (int i = 0; i < 5000; ++i) {
        auto body = kTwo;
        for (auto n = 1 + random.below(8); n > 0; --n) {
            body[random.below(static_cast<std::uint32_t>(body.size()))] = "\r\n-b1: "[random.below(8)];
        }
        body.resize(random.below(static_cast<std::uint32_t>(body.size() + 1)));
        const auto parts = parse_multipart(body, "b1");
        if (!parts) continue;
        for (const auto& part : *parts) {
            if (part.body.empty()) continue;
            CHECK_TRUE(part.body.data() >= body.data() &&
                       part.body.data() + part.body.size() <= body.data() + body.size());
        }
    }
}
