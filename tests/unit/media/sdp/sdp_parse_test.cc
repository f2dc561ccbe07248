#include "media/sdp/sdp_parse.h"

#include <string>

#include "media/sdp/sdp_write.h"
#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sdp;

namespace {

constexpr const char* kBasic =
    "v=0\r\n"
    "o=alice 2890844526 2890844527 IN IP4 host.atlanta.example.com\r\n"
    "s=call\r\n"
    "i=secret\r\n"
    "u=http://pbx.inner.example/\r\n"
    "e=alice@inner.example\r\n"
    "p=+1 617 555\r\n"
    "c=IN IP4 192.0.2.10\r\n"
    "b=AS:64\r\n"
    "t=0 0\r\n"
    "k=prompt\r\n"
    "a=sendonly\r\n"
    "a=tool:pbx 1.0\r\n"
    "m=audio 49170 RTP/AVP 8 0 101\r\n"
    "i=more\r\n"
    "c=IN IP4 192.0.2.11\r\n"
    "b=TIAS:64000\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\n"
    "a=ptime:20\r\n"
    "a=maxptime:60\r\n"
    "a=rtcp:53020 IN IP4 192.0.2.12\r\n"
    "a=silenceSupp:off - - - -\r\n"
    "a=inactive\r\n"
    "m=video 0 RTP/AVP 31\r\n";

Session parsed(std::string_view text) {
    auto s = parse(text);
    CHECK_TRUE_TEXT(s.has_value(), s ? "" : s.error().text().c_str());
    return *s;
}

void refused(const std::string& text, const char* error) {
    const auto s = parse(text);
    CHECK_FALSE(s.has_value());
    STRCMP_EQUAL(error, s.error().text().c_str());
}

std::string with_audio(const std::string& lines) {
    return "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" + lines;
}

}  // namespace

TEST_GROUP(SdpParse) {};

TEST(SdpParse, takes_apart_what_a_relay_needs) {
    const auto s = parsed(kBasic);
    STRCMP_EQUAL("alice", s.origin.username.c_str());
    STRCMP_EQUAL("2890844526", s.origin.session_id.c_str());
    STRCMP_EQUAL("2890844527", s.origin.version.c_str());
    STRCMP_EQUAL("host.atlanta.example.com", s.origin.address.c_str());
    STRCMP_EQUAL("call", s.name.c_str());
    CHECK_TRUE(s.connection && s.connection->ip == *IpAddress::parse("192.0.2.10"));
    CHECK_TRUE(s.direction == Direction::kSendOnly);
    LONGS_EQUAL(1, s.attributes.size());
    LONGS_EQUAL(2, s.media.size());
    const auto& m = s.media[0];
    STRCMP_EQUAL("audio", m.type.c_str());
    LONGS_EQUAL(49170, m.port);
    STRCMP_EQUAL("RTP/AVP", m.protocol.c_str());
    LONGS_EQUAL(3, m.formats.size());
    CHECK_TRUE(m.connection && m.connection->ip == *IpAddress::parse("192.0.2.11"));
    CHECK_TRUE(m.bandwidths.at(0).type == "TIAS" && m.bandwidths.at(0).value == 64000);
    CHECK_TRUE(m.rtpmap(8) != nullptr && m.rtpmap(8)->encoding == "PCMA" && m.rtpmap(8)->clock_rate == 8000);
    CHECK_TRUE(m.rtpmap(0) == nullptr);
    CHECK_TRUE(m.fmtp("101") != nullptr && m.fmtp("101")->parameters == "0-15");
    CHECK_TRUE(m.ptime_ms == 20U && m.maxptime_ms == 60U);
    CHECK_TRUE(m.rtcp && m.rtcp->port == 53020 && m.rtcp->connection->ip == *IpAddress::parse("192.0.2.12"));
    CHECK_TRUE(m.direction == Direction::kInactive);
    LONGS_EQUAL(1, m.attributes.size());
    STRCMP_EQUAL("silenceSupp", m.attributes[0].name.c_str());
    LONGS_EQUAL(0, s.media[1].port);
}

TEST(SdpParse, what_a_description_of_ours_never_carries_is_not_kept) {
    const auto text = write(parsed(kBasic));
    for (const char* inner : {"secret", "inner.example", "617", "prompt", "more"}) {
        CHECK_TRUE_TEXT(text.find(inner) == std::string::npos, inner);
    }
}

TEST(SdpParse, lines_may_end_in_lf_or_cr_or_not_at_all) {
    std::string lf;
    std::string cr;
    for (const char c : std::string_view(kBasic)) {
        if (c != '\r') lf += c;
        if (c != '\n') cr += c;
    }
    CHECK_TRUE(parsed(lf) == parsed(kBasic));
    CHECK_TRUE(parsed(cr) == parsed(kBasic));
    lf.pop_back();
    CHECK_TRUE(parsed(lf) == parsed(kBasic));
    CHECK_TRUE(parsed(std::string(kBasic) + "\r\n\r\n") == parsed(kBasic));
}

TEST(SdpParse, a_user_name_with_spaces_does_not_shift_the_origin) {
    const auto s = parsed("v=0\r\no=My PBX 7 8 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n");
    STRCMP_EQUAL("7", s.origin.session_id.c_str());
    STRCMP_EQUAL("8", s.origin.version.c_str());
}

TEST(SdpParse, ids_beyond_64_bits_are_kept) {
    const auto s =
        parsed("v=0\r\no=- 99999999999999999999999 99999999999999999999999 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n");
    STRCMP_EQUAL("99999999999999999999999", s.origin.version.c_str());
}

TEST(SdpParse, missing_s_and_t_and_several_spaces_are_tolerated) {
    const auto s = parsed("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN  IP4  192.0.2.1\nm=audio  4000  RTP/AVP  0  8 \n");
    LONGS_EQUAL(2, s.media.at(0).formats.size());
}

TEST(SdpParse, a_host_name_in_c_is_kept_without_an_address) {
    const auto s = parsed("v=0\r\no=- 1 1 IN IP4 x\r\nc=IN IP4 media.example\r\nm=audio 4000 RTP/AVP 0\r\n");
    STRCMP_EQUAL("media.example", s.connection->address.c_str());
    CHECK_TRUE(s.connection->ip.empty());
}

// Written, it would be the end of the line and be lost: c= is refused, and a=rtcp stays a text.
TEST(SdpParse, an_address_has_no_white_space_or_control_characters) {
    for (const char* address : {"9::\t//x", "host\t/127", "a\x01z", "a\x7fz"}) {
        CHECK_FALSE(
            parse(with_audio(std::string("c=IN IP4 ") + address + "\r\nm=audio 4000 RTP/AVP 0\r\n")).has_value());
        const auto s =
            parsed(with_audio(std::string("m=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 ") + address + "\r\n"));
        CHECK_FALSE(s.media[0].rtcp.has_value());
        CHECK_TRUE(parsed(write(s)) == s);
    }
}

TEST(SdpParse, multicast_ttl_and_several_ports_are_read) {
    const auto s = parsed("v=0\r\no=- 1 1 IN IP4 x\r\nc=IN IP4 224.2.1.1/127/3\r\nm=audio 4000/2 RTP/AVP 0\r\n");
    CHECK_TRUE(s.connection->ip.is_multicast());
    LONGS_EQUAL(2, s.media.at(0).port_count);
}

TEST(SdpParse, errors_name_line_and_cause) {
    refused("", "empty");
    refused("o=- 1 1 IN IP4 x\r\n", "line 1: v=0 does not come first");
    refused("v=1\r\n", "line 1: v= is not 0");
    refused("v=0\r\nv=0\r\n", "line 2: a second v= line");
    refused("v=0\r\ns=-\r\n", "no o= line");
    refused("v=0\r\no=- 1 IN IP4 x\r\n", "line 2: o= has less than six words");
    refused("v=0\r\no=- a 1 IN IP4 x\r\n", "line 2: o= session id is not a number");
    refused("v=0\r\no=- 1 -1 IN IP4 x\r\n", "line 2: o= session version is not a number");
    refused(with_audio("m=audio 70000 RTP/AVP 0\r\n"), "line 6: m= port is not a number from 0 to 65535");
    refused(with_audio("m=audio -1 RTP/AVP 0\r\n"), "line 6: m= port is not a number from 0 to 65535");
    refused(with_audio("m=audio 4000 RTP/AVP\r\n"), "line 6: m= has no format");
    refused(with_audio("m=audio 4000 RTP/ 0\r\n"), "line 6: m= has no transport");
    refused(with_audio("m=audio 4000/0 RTP/AVP 0\r\n"), "line 6: m= count of ports is not a number");
    refused(with_audio("b=AS:lots\r\n"), "line 6: b= is not a number");
    refused(with_audio("t=now then\r\n"), "line 6: t= is not two numbers");
    refused(with_audio("c=IN IP4\r\n"), "line 6: c= is not IN IP4 or IP6 and an address");
    refused(with_audio("c=IN IP6 192.0.2.1\r\n"), "line 6: c= is not IN IP4 or IP6 and an address");
    refused(with_audio("hello\r\n"), "line 6: not <letter>=<value>");
    refused(with_audio("\r\nm=audio 4000 RTP/AVP 0\r\n"), "line 6: empty line");
    refused("v=0\r\no=- 1 1 IN IP4 x\r\nm=audio 4000 RTP/AVP 0\r\n", "an m= line without c=");
}

TEST(SdpParse, a_rejected_line_needs_no_address) {
    LONGS_EQUAL(1, parsed("v=0\r\no=- 1 1 IN IP4 x\r\nm=audio 0 RTP/AVP 0\r\n").media.size());
}

TEST(SdpParse, everything_is_bounded) {
    std::string many = with_audio("");
    for (std::size_t i = 0; i < kMaxMedia; ++i) many += "m=audio 4000 RTP/AVP 0\r\n";
    LONGS_EQUAL(kMaxMedia, parsed(many).media.size());
    refused(many + "m=audio 4000 RTP/AVP 0\r\n", "line 22: too many m= lines");

    std::string formats = with_audio("m=audio 4000 RTP/AVP");
    for (std::size_t i = 0; i < kMaxFormats; ++i) formats += " 0";
    CHECK_TRUE(parse(formats + "\r\n").has_value());
    refused(formats + " 0\r\n", "line 6: m= has too many formats");

    std::string attributes = with_audio("");
    for (int i = 0; i < 257; ++i) attributes += "a=x:1\r\n";
    refused(attributes, "line 262: too many a= lines");

    std::string lines = with_audio("");
    for (std::size_t i = 5; i <= kMaxLines; ++i) lines += "z=0\r\n";
    refused(lines, "line 1025: too many lines");
    refused(std::string(kMaxBytes + 1, 'v'), "longer than 32 KiB");
    refused(with_audio(std::string("a=x:\0y\r\n", 9)), "line 6: a zero byte");
}

TEST(SdpParse, a_malformed_attribute_does_not_end_the_call) {
    const auto s =
        parsed(with_audio("m=audio 4000 RTP/AVP 0\r\na=rtpmap:zero PCMU\r\na=ptime:soon\r\na=rtcp:none\r\n"));
    CHECK_TRUE(s.media[0].rtpmaps.empty());
    CHECK_FALSE(s.media[0].ptime_ms.has_value());
    CHECK_FALSE(s.media[0].rtcp.has_value());
}

TEST(SdpParse, writing_and_parsing_again_changes_nothing) {
    const auto once = parsed(kBasic);
    const auto text = write(once);
    CHECK_TRUE(parsed(text) == once);
    STRCMP_EQUAL(text.c_str(), write(parsed(text)).c_str());
}

// Random damage: whatever comes in, the answer is a Session that can be written, or an error with a text.
TEST(SdpParse, survives_random_mutations) {
    constexpr std::uint64_t kSeed = 20261121;
    test::FakeRandom random(kSeed);
    std::size_t good = 0;
    std::size_t bad = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = kBasic;
        const auto changes = 1 + random.below(6);
        for (std::uint32_t i = 0; i < changes && !text.empty(); ++i) {
            const auto at = random.below(static_cast<std::uint32_t>(text.size()));
            switch (random.below(5)) {
                case 0: text[at] = static_cast<char>(random.below(256)); break;
                case 1: text.erase(at, 1 + random.below(20)); break;
                case 2: text.insert(at, text.substr(random.below(static_cast<std::uint32_t>(text.size())), 30)); break;
                case 3: text.insert(at, 1, "\r\n/: =0%"[random.below(8)]); break;
                default: text.resize(at); break;
            }
        }
        const auto s = parse(text);
        if (!s) {
            CHECK_FALSE(s.error().text().empty());
            ++bad;
            continue;
        }
        ++good;
        const auto written = write(*s);
        const auto again = parse(written);
        CHECK_TRUE_TEXT(again.has_value(), written.c_str());
        STRCMP_EQUAL(written.c_str(), write(*again).c_str());
    }
    CHECK_TRUE(good > 1000);
    CHECK_TRUE(bad > 1000);
}
