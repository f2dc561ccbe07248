#include "controlplane/sip/response_template.h"

#include <memory>
#include <string>

#include "tests/unit/controlplane/sip/sip_text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;
using namespace sallyport::sip::test;

TEST_GROUP(ResponseTemplate) {
    MessageWriter w;
    ResponseTemplate t;
    std::unique_ptr<Message> m = std::make_unique<Message>();
    Endpoint source = *Endpoint::parse("192.0.2.77:40000");

    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), std::string(actual).c_str());
    }
    std::string via_for(std::string_view value, std::string_view from) {
        std::string out;
        append_via_received(out, *parse_via(value), *Endpoint::parse(from));
        return out;
    }
    std::string target_for(std::string_view value, std::string_view from) {
        return response_target(*parse_via(value), *Endpoint::parse(from)).text();
    }
};

TEST(ResponseTemplate, OutlivesItsRequest) {
    auto bytes = invite_with("Max-Forwards:",
                             "Record-Route: <sip:p1;lr>\nRecord-Route:\n <sip:p2;lr>\nTimestamp: 54\n"
                             "v: SIP/2.0/UDP p2;branch=z9hG4bK2\nMax-Forwards:");
    CHECK(m->parse(bytes).has_value());
    t.assign(*m, source);
    bytes.assign(bytes.size(), 'x');

    t.begin(w, 180, "Ringing", "abc");
    equal(crlf("SIP/2.0 180 Ringing\n"
               "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;received=192.0.2.77;rport=40000\n"
               "v: SIP/2.0/UDP p2;branch=z9hG4bK2\n"
               "From: \"Alice\" <sip:alice@192.0.2.10>;tag=1928301774\n"
               "To: <sip:bob@192.0.2.1>;tag=abc\n"
               "Call-ID: a84b4c76e66710@192.0.2.10\nCSeq: 314159 INVITE\n"
               "Record-Route: <sip:p1;lr>\nRecord-Route:\n <sip:p2;lr>\n"
               "Content-Length: 0\n\n"),
          w.finish());

    t.begin(w, 100, "Trying", "");
    const std::string trying(w.finish());
    CHECK(trying.find("Timestamp: 54\r\n") != std::string::npos);
    CHECK(trying.find("To: <sip:bob@192.0.2.1>\r\n") != std::string::npos);
    CHECK(trying.find("Record-Route") == std::string::npos);

    t.begin(w, 486, "Busy Here", "abc");
    const std::string busy(w.finish());
    CHECK(busy.find("Record-Route") == std::string::npos);
    CHECK(busy.find("Timestamp") == std::string::npos);
}

TEST(ResponseTemplate, AToTagThatIsThereStays) {
    const auto bytes = invite_with("To: <sip:bob@192.0.2.1>", "t: <sip:bob@192.0.2.1> ; tag=theirs");
    CHECK(m->parse(bytes).has_value());
    t.assign(*m, source);
    CHECK(t.has_to_tag());
    t.begin(w, 200, "OK", "ours");
    const std::string out(w.finish());
    CHECK(out.find("t: <sip:bob@192.0.2.1> ; tag=theirs\r\n") != std::string::npos);
    CHECK(out.find("ours") == std::string::npos);
}

TEST(ResponseTemplate, LeavesOutWhatAMalformedRequestLacks) {
    const auto bytes = crlf(
        "INVITE sip:user@example.com SIP/2.0\nCSeq: 193942 INVITE\n"
        "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\nl: 0\n\n");
    const auto r = m->parse(bytes);
    CHECK_FALSE(r.has_value());
    t.assign(*m, *Endpoint::parse("192.0.2.95:5060"));
    t.begin(w, r.error().status, r.error().reason, "x");
    equal(crlf("SIP/2.0 400 Missing From header\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\n"
               "CSeq: 193942 INVITE\nContent-Length: 0\n\n"),
          w.finish());
}

TEST(ResponseTemplate, OnlyTheTopViaIsCompleted) {
    const auto bytes = invite_with("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport",
                                   "Via: SIP/2.0/UDP a ;branch=z9hG4bK1 , SIP/2.0/UDP b;rport;branch=z9hG4bK2");
    CHECK(m->parse(bytes).has_value());
    t.assign(*m, source);
    t.begin(w, 100, "Trying", "");
    CHECK(
        std::string(w.finish())
            .find("Via: SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.77 , SIP/2.0/UDP b;rport;branch=z9hG4bK2\r\n") !=
        std::string::npos);
}

TEST(ResponseTemplate, AnEmptyViaFieldBeforeTheTopOneIsLeftOut) {
    const auto bytes = invite_with("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport",
                                   "Via: \nv: ,\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nVia: SIP/2.0/UDP b");
    CHECK(m->parse(bytes).has_value());
    t.assign(*m, source);
    t.begin(w, 100, "Trying", "");
    CHECK(
        w.finish().starts_with(crlf("SIP/2.0 100 Trying\nVia: SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.77\n"
                                    "Via: SIP/2.0/UDP b\nFrom:")));
}

TEST(ResponseTemplate, ReceivedAndRportSayTheTruth) {
    // RFC 3261 §18.2.1
    equal("SIP/2.0/UDP 192.0.2.1:5060;branch=x", via_for("SIP/2.0/UDP 192.0.2.1:5060;branch=x", "192.0.2.1:9"));
    equal("SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.2",
          via_for("SIP/2.0/UDP 192.0.2.1;branch=x", "192.0.2.2:9"));
    equal("SIP/2.0/UDP host;branch=x;received=192.0.2.2", via_for("SIP/2.0/UDP host;branch=x", "192.0.2.2:9"));
    // RFC 3581 §4
    equal("SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.1;rport=9",
          via_for("SIP/2.0/UDP 192.0.2.1;rport;branch=x", "192.0.2.1:9"));
    // Made up by the sender
    equal("SIP/2.0/UDP h;branch=x;received=192.0.2.2;rport=9",
          via_for("SIP/2.0/UDP h;received=203.0.113.1;rport=53;branch=x", "192.0.2.2:9"));
    equal("SIP/2.0/UDP h;received=192.0.2.2", via_for("SIP/2.0/UDP h", "192.0.2.2:9"));
    equal("SIP/2.0/UDP [2001:db8::1];received=2001:db8::2", via_for("SIP/2.0/UDP [2001:db8::1]", "[2001:db8::2]:9"));
    equal("SIP/2.0/UDP [2001:DB8:0::1]", via_for("SIP/2.0/UDP [2001:DB8:0::1]", "[2001:db8::1]:9"));
}

TEST(ResponseTemplate, ResponsesGoToTheSource) {
    equal("192.0.2.2:9", target_for("SIP/2.0/UDP 10.0.0.1:5070;rport", "192.0.2.2:9"));
    equal("192.0.2.2:5070", target_for("SIP/2.0/UDP 10.0.0.1:5070", "192.0.2.2:9"));
    equal("192.0.2.2:5060", target_for("SIP/2.0/UDP example.com", "192.0.2.2:9"));
    equal("192.0.2.2:5060", target_for("SIP/2.0/UDP example.com;maddr=203.0.113.7", "192.0.2.2:9"));
}
