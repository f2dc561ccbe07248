#include "media/offer_answer/rebuild.h"

#include <string>

#include "media/offer_answer/stream_end.h"
#include "media/sdp/sdp_parse.h"
#include "media/sdp/sdp_write.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sdp;

namespace {

const IpAddress kOurs = *IpAddress::parse("198.51.100.1");

Session parsed(const std::string& text) {
    auto s = parse(text);
    CHECK_TRUE_TEXT(s.has_value(), s ? "" : s.error().text().c_str());
    return *s;
}

std::string frame(const std::string& lines) {
    return "v=0\r\no=pbx 77 78 IN IP4 192.0.2.10\r\ns=pbx.inner.example\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" + lines;
}

LocalMedia local(std::size_t streams, bool pass_unknown = false) {
    LocalMedia out{.address = kOurs, .streams = {}, .pass_unknown_attributes = pass_unknown};
    for (std::size_t i = 0; i < streams; ++i) {
        const auto port = static_cast<std::uint16_t>(20000 + 2 * i);
        out.streams.push_back({kOurs, port, static_cast<std::uint16_t>(port + 1)});
    }
    return out;
}

void holds_nothing_of(const std::string& text, std::initializer_list<const char*> names) {
    for (const char* name : names) CHECK_TRUE_TEXT(text.find(name) == std::string::npos, name);
}

}  // namespace

TEST_GROUP(Rebuild) {};

TEST(Rebuild, an_offer_has_our_frame_and_their_codecs) {
    const auto received =
        parsed(frame("m=audio 4000 RTP/AVP 8 0 101\r\n"
                     "a=rtpmap:8 PCMA/8000\r\n"
                     "a=rtpmap:101 telephone-event/8000\r\n"
                     "a=fmtp:101 0-16\r\n"
                     "a=ptime:20\r\n"));
    auto offer = rebuild_offer(received, local(1), nullptr);
    offer.origin.session_id = "5";
    offer.origin.version = "6";
    STRCMP_EQUAL(
        "v=0\r\n"
        "o=- 5 6 IN IP4 198.51.100.1\r\n"
        "s=-\r\n"
        "c=IN IP4 198.51.100.1\r\n"
        "t=0 0\r\n"
        "m=audio 20000 RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-16\r\n"
        "a=ptime:20\r\n"
        "a=sendrecv\r\n",
        write(offer).c_str());
}

TEST(Rebuild, nothing_of_the_other_side_is_in_the_offer) {
    const std::string all =
        "v=0\r\no=inner-user 4711 4712 IN IP4 192.0.2.10\r\ns=pbx.inner.example\r\ni=inner info\r\n"
        "u=http://www.inner.example\r\ne=me@inner.example\r\np=+49 inner\r\nc=IN IP4 192.0.2.10\r\n"
        "b=X-inner:1\r\nt=3034423619 0\r\nk=clear:inner\r\na=tool:inner-tool 2.0\r\na=group:BUNDLE inner\r\n"
        "a=source-filter: incl IN IP4 * 192.0.2.10\r\na=ice-lite\r\na=x-host:pbx.inner.example\r\n"
        "m=audio 4000 RTP/AVP 8 96 97\r\ni=inner stream\r\nc=IN IP4 192.0.2.10\r\nk=clear:inner\r\n"
        "a=rtpmap:96 pbx.inner.example/8000\r\na=rtpmap:97 AMR/8000\r\n"
        "a=fmtp:97 mode-set=0,2;server=192.0.2.10;octet-align=1;u=http://inner\r\n"
        "a=rtcp:4001 IN IP4 192.0.2.10\r\na=candidate:1 1 UDP 2130706431 192.0.2.10 4000 typ host\r\n"
        "a=ssrc:1 cname:pbx@inner\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:inner\r\na=mid:inner\r\n"
        "a=label:inner\r\na=fingerprint:sha-1 AA\r\na=ice-ufrag:inner\r\na=ice-pwd:inner\r\n"
        "a=remote-candidates:1 192.0.2.10 4000\r\na=alt:1 2 : "
        "inner\r\na=x-inner:secret\r\na=content:main.inner.example\r\n"
        "a=msid:inner inner\r\na=extmap:1 http://inner.example/x\r\na=nortpproxy:inner\r\na=rtcp-mux\r\n"
        "m=192.0.2.10 4000 pbx.inner.example inner.example\r\n";
    auto text = write(rebuild_offer(parsed(all), local(2), nullptr));
    holds_nothing_of(text, {"inner", "192.0.2.10", "4000", "4001", "4711", "4712", "3034423619", "candidate", "crypto",
                            "mux", "ssrc", "http", "cname"});
    CHECK_TRUE(text.find("mode-set=0,2;octet-align=1\r\n") != std::string::npos);
    CHECK_TRUE(text.find("RTP/AVP 8 97\r\n") != std::string::npos);
    // Nor with everything that the setting lets pass: what is unknown and holds no address.
    text = write(rebuild_offer(parsed(all), local(2, true), nullptr));
    holds_nothing_of(text, {"pbx.inner.example", "192.0.2.10", "candidate", "crypto"});
    CHECK_TRUE(text.find("a=x-inner:secret\r\n") != std::string::npos);
}

TEST(Rebuild, no_space_is_left_at_the_ends_when_a_parameter_is_left_out) {
    const auto fmtp_of = [](const std::string& parameters) {
        const auto lines = "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 " + parameters + "\r\n";
        const auto offer = rebuild_offer(parsed(frame(lines)), local(1), nullptr);
        return offer.media[0].fmtps.empty() ? "none" : offer.media[0].fmtps[0].parameters;
    };
    STRCMP_EQUAL("mode-set=0,2", fmtp_of("mode-set=0,2 ; server=192.0.2.10").c_str());
    STRCMP_EQUAL("octet-align=1", fmtp_of("server=192.0.2.10; octet-align=1").c_str());
    STRCMP_EQUAL("mode-set=0; octet-align=1", fmtp_of("mode-set=0; octet-align=1").c_str());
    STRCMP_EQUAL("none", fmtp_of("server=192.0.2.10; \t").c_str());
}

TEST(Rebuild, harmless_attributes_pass) {
    const auto text = write(rebuild_offer(
        parsed(frame("m=audio 4000 RTP/AVP 8\r\na=silenceSupp:off - - - -\r\na=maxptime:40\r\nb=AS:80\r\n")), local(1),
        nullptr));
    CHECK_TRUE(text.find("a=silenceSupp:off - - - -\r\n") != std::string::npos);
    CHECK_TRUE(text.find("a=maxptime:40\r\n") != std::string::npos);
    CHECK_TRUE(text.find("b=AS:80\r\n") != std::string::npos);
}

TEST(Rebuild, lines_that_are_not_relayed_are_offered_with_port_0_in_their_place) {
    const auto offer = rebuild_offer(parsed(frame("m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8\r\n"
                                                  "m=audio 4002 RTP/SAVP 8\r\nm=image 4004 udptl t38\r\n"
                                                  "m=application 4006 TCP/MSRP *\r\nm=audio 0 RTP/AVP 0\r\n")),
                                     local(6), nullptr);
    LONGS_EQUAL(6, offer.media.size());
    LONGS_EQUAL(0, offer.media[0].port);
    LONGS_EQUAL(20002, offer.media[1].port);
    for (std::size_t i = 2; i < 6; ++i) LONGS_EQUAL(0, offer.media[i].port);
    STRCMP_EQUAL("udptl", offer.media[3].protocol.c_str());
    STRCMP_EQUAL("t38", offer.media[3].formats[0].c_str());
}

TEST(Rebuild, unusable_addresses_are_not_relayed) {
    for (const char* address : {"224.1.1.1", "127.0.0.1", "media.example", "255.255.255.255"}) {
        const auto text = "v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 " + std::string(address) +
                          "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
        const auto received = parsed(text);
        LONGS_EQUAL_TEXT(0, relayed_streams(received), address);
        LONGS_EQUAL_TEXT(0, rebuild_offer(received, local(1), nullptr).media.at(0).port, address);
    }
}

TEST(Rebuild, the_count_of_lines_never_shrinks) {
    const auto before =
        rebuild_offer(parsed(frame("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 0\r\n")), local(2), nullptr);
    const auto after = rebuild_offer(parsed(frame("m=audio 4000 RTP/AVP 8\r\n")), local(2), &before);
    LONGS_EQUAL(2, after.media.size());
    LONGS_EQUAL(20000, after.media[0].port);
    LONGS_EQUAL(0, after.media[1].port);
}

// RFC 4317 §2.1, the audio of it with addresses: three codecs offered, one chosen, video refused here.
TEST(Rebuild, an_answer_with_fewer_formats_passes_and_video_keeps_its_place) {
    const auto offer =
        parsed(frame("m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
                     "a=rtpmap:97 iLBC/8000\r\nm=video 51372 RTP/AVP 31 32\r\n"
                     "a=rtpmap:31 H261/90000\r\na=rtpmap:32 MPV/90000\r\n"));
    const auto received = parsed(
        "v=0\r\no=bob 2808844564 2808844564 IN IP4 198.51.100.10\r\ns=\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n"
        "m=audio 49174 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 0 RTP/AVP 32\r\n");
    const auto answer = rebuild_answer(offer, received, local(1));
    LONGS_EQUAL(2, answer.media.size());
    LONGS_EQUAL(20000, answer.media[0].port);
    LONGS_EQUAL(1, answer.media[0].formats.size());
    STRCMP_EQUAL("0", answer.media[0].formats[0].c_str());
    LONGS_EQUAL(0, answer.media[1].port);
    STRCMP_EQUAL("video", answer.media[1].type.c_str());
    STRCMP_EQUAL("31", answer.media[1].formats[0].c_str());
    const auto codec = codec_summary(answer, 0);
    STRCMP_EQUAL("PCMU", codec.name.c_str());
    LONGS_EQUAL(8000, codec.clock_rate);
}

TEST(Rebuild, a_stream_that_the_other_side_refused_is_refused) {
    const auto offer = parsed(frame("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 0\r\n"));
    const auto answer =
        rebuild_answer(offer, parsed(frame("m=audio 6000 RTP/AVP 8\r\nm=audio 0 RTP/AVP 0\r\n")), local(2));
    LONGS_EQUAL(20000, answer.media[0].port);
    LONGS_EQUAL(0, answer.media[1].port);
}

// RFC 4317 §3.1: hold and resume.
TEST(Rebuild, sendonly_is_answered_recvonly_even_when_the_other_side_says_sendrecv) {
    const auto hold = parsed(frame("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\na=sendonly\r\n"));
    CHECK_TRUE(is_hold(hold));
    CHECK_TRUE(rebuild_offer(hold, local(1), nullptr).media[0].direction == Direction::kSendOnly);
    const auto polite = parsed(frame("m=audio 6000 RTP/AVP 97\r\na=recvonly\r\n"));
    const auto sloppy = parsed(frame("m=audio 6000 RTP/AVP 97\r\n"));
    CHECK_TRUE(rebuild_answer(hold, polite, local(1)).media[0].direction == Direction::kRecvOnly);
    CHECK_TRUE(rebuild_answer(hold, sloppy, local(1)).media[0].direction == Direction::kRecvOnly);
}

TEST(Rebuild, the_hold_of_old_phones_is_passed_on_in_its_modern_form) {
    const auto old =
        parsed("v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n");
    CHECK_TRUE(is_hold(old));
    LONGS_EQUAL(1, relayed_streams(old));
    auto offer = rebuild_offer(old, local(1), nullptr);
    CHECK_TRUE(offer.media[0].direction == Direction::kSendOnly);
    LONGS_EQUAL(20000, offer.media[0].port);
    CHECK_TRUE(write(offer).find("0.0.0.0") == std::string::npos);
    const auto old_recvonly =
        parsed("v=0\r\no=- 1 1 IN IP4 x\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\na=recvonly\r\n");
    CHECK_TRUE(rebuild_offer(old_recvonly, local(1), nullptr).media[0].direction == Direction::kInactive);
}

TEST(Rebuild, direction_of_the_session_holds_for_streams_without_one) {
    const auto received =
        parsed(frame("a=inactive\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\na=sendrecv\r\n"));
    CHECK_TRUE(stream_end(received, 0).direction == Direction::kInactive);
    CHECK_TRUE(stream_end(received, 1).direction == Direction::kSendRecv);
    CHECK_FALSE(is_hold(received));
}

TEST(Rebuild, rtcp_attribute_says_where_rtcp_goes) {
    const auto s =
        parsed(frame("m=audio 4000 RTP/AVP 8\r\na=rtcp:9001 IN IP4 192.0.2.99\r\n"
                     "m=audio 4002 RTP/AVP 8\r\na=rtcp:9003\r\nm=audio 4004 RTP/AVP 8\r\n"
                     "m=audio 65535 RTP/AVP 8\r\n"));
    CHECK_TRUE(stream_end(s, 0).rtcp == *Endpoint::parse("192.0.2.99:9001"));
    CHECK_TRUE(stream_end(s, 1).rtcp == *Endpoint::parse("192.0.2.10:9003"));
    CHECK_TRUE(stream_end(s, 2).rtcp == *Endpoint::parse("192.0.2.10:4005"));
    LONGS_EQUAL(0, stream_end(s, 3).rtcp.port);
}

TEST(Rebuild, a_media_address_of_its_own_gets_a_line_of_its_own) {
    auto ours = local(2);
    ours.streams[1].address = *IpAddress::parse("198.51.100.2");
    const auto offer =
        rebuild_offer(parsed(frame("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n")), ours, nullptr);
    CHECK_FALSE(offer.media[0].connection.has_value());
    STRCMP_EQUAL("198.51.100.2", offer.media[1].connection->address.c_str());
}

TEST(Rebuild, codec_summary_skips_companions_and_knows_static_types) {
    const auto s =
        parsed(frame("m=audio 4000 RTP/AVP 101 13 9 8\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n"
                     "m=audio 4002 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\nm=audio 0 RTP/AVP 8\r\n"));
    const auto first = codec_summary(s, 0);
    STRCMP_EQUAL("G722", first.name.c_str());
    LONGS_EQUAL(9, first.payload_type);
    LONGS_EQUAL(30, first.ptime_ms);
    STRCMP_EQUAL("opus/2", codec_summary(s, 1).name.c_str());
    LONGS_EQUAL(48000, codec_summary(s, 1).clock_rate);
    CHECK_TRUE(codec_summary(s, 2).name.empty());
    CHECK_TRUE(codec_summary(s, 9).name.empty());
    STRCMP_EQUAL("PCMA/8000 (8)", codec_names(s, 0).at(3).c_str());
}
