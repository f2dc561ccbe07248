#include "controlplane/sip/headers.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;

TEST_GROUP(Headers) {
    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), std::string(actual).c_str());
    }
    Via via(std::string_view text) {
        const auto v = parse_via(text);
        CHECK_TEXT(v.has_value(), std::string(text).c_str());
        return *v;
    }
    NameAddr name_addr(std::string_view text) {
        const auto n = parse_name_addr(text);
        CHECK_TEXT(n.has_value(), std::string(text).c_str());
        return *n;
    }
    void refuse_name_addr(std::string_view text, std::string_view why) {
        const auto n = parse_name_addr(text);
        CHECK_FALSE_TEXT(n.has_value(), std::string(text).c_str());
        equal(why, n.error());
    }
};

TEST(Headers, ViaParameters) {
    const auto v = via("SIP/2.0/UDP Host.example.com:5070 ;branch=z9hG4bK1;received=192.0.2.9;rport=1234;ttl=1");
    equal("UDP", v.transport);
    equal("Host.example.com", v.sent_by.host);
    UNSIGNED_LONGS_EQUAL(5070, v.sent_by.port);
    equal("z9hG4bK1", v.branch);
    equal("192.0.2.9", v.received);
    CHECK(v.has_rport);
    UNSIGNED_LONGS_EQUAL(1234, v.rport);
    equal("1", v.params.value("ttl"));
}

// RFC 4475 §3.1.2.1: what is malformed behind sent-by does not keep a 400 from finding its way.
TEST(Headers, ViaThatIsMalformedIsReadAsFarAsItGoes) {
    for (const auto text :
         {"SIP/2.0/UDP h:5070;rport;branch=z9hG4bK1;;", "SIP/2.0/UDP h:5070;b@d=1;rport;branch=z9hG4bK1",
          "SIP/2.0/UDP h:5070;;x=a b;rport;branch=z9hG4bK1"}) {
        Via v;
        CHECK_FALSE_TEXT(read_via(text, v), text);
        CHECK_FALSE(parse_via(text).has_value());
        equal("h", v.sent_by.host);
        UNSIGNED_LONGS_EQUAL(5070, v.sent_by.port);
        equal("z9hG4bK1", v.branch);
        CHECK(v.has_rport);
    }
    for (const auto text :
         {"SIP/2.0/UDP h;x=\"y;branch=z9hG4bK1", "SIP/2.0/UDP h;rport=<;x(y;branch=1", "SIP/2.0 h;branch=z9hG4bK1",
          "SIP/2.0/UDP h:x;branch=1", "SIP/2.0/UDP ;branch=z9hG4bK1", "SIP/3.0/UDP h"}) {
        Via v;
        CHECK_FALSE_TEXT(read_via(text, v), text);
        CHECK_TEXT(v.sent_by.host.empty(), text);
    }
}

TEST(Headers, ViaOddButValid) {
    CHECK(via("SIP/2.0/UDP h;rport").has_rport);
    UNSIGNED_LONGS_EQUAL(0, via("SIP/2.0/UDP h;rport").rport);
    equal("2001:db8::1", via("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1").sent_by.host);
    UNSIGNED_LONGS_EQUAL(5061, via("SIP / 2.0 / UDP h : 5061 ; branch = x").sent_by.port);
    equal("z", via("SIP/2.0/UDP h;branch=z (a ; comment, really)").branch);
    equal("h", via("SIP/2.0/UDP h (bare)").sent_by.host);
    equal("x", via("SIP/2.0/UDP h;branch=x;").branch);
}

TEST(Headers, ViaMalformed) {
    for (const auto text : {"", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 h", "SIP/2.0/UDPh", "HTTP/2.0/UDP h",
                            "SIP/3.0/UDP h", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h x;branch=a",
                            "SIP/2.0/UDP [::1;branch=a", "SIP/2.0/UDP h;b r=a", "SIP/2.0/UDP h;;branch=a",
                            "SIP/2.0/UDP ;branch=a", "SIP/2.0/UDP h;branch=z\"a", "SIP/2.0/UDP h;x=\"a"})
        CHECK_FALSE_TEXT(parse_via(text).has_value(), text);
}

TEST(Headers, NameAddrForms) {
    auto n = name_addr("\"A \\\"<x>\\\" B\" <sip:a@b;p=1>;tag=77;q=0.5");
    equal("\"A \\\"<x>\\\" B\"", n.display);
    equal("A \"<x>\" B", unquoted(n.display));
    equal("sip:a@b;p=1", n.uri);
    equal("77", n.tag());
    equal("0.5", n.params.value("Q"));
    CHECK(n.bracketed);

    n = name_addr(" sip:a@b ; tag = 5 ");
    equal("sip:a@b", n.uri);
    equal("5", n.tag());
    CHECK_FALSE(n.bracketed);

    n = name_addr("Anonymous User <sip:anonymous@anonymous.invalid>");
    equal("Anonymous User", n.display);
    CHECK(n.params.empty());

    n = name_addr("<tel:+1201>;reason=\"a;b=c\";counter=1");
    equal("\"a;b=c\"", n.params.value("reason"));
    equal("1", n.params.value("counter"));

    n = name_addr("<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1");
    equal("\"<urn:uuid:1>\"", n.params.value("+sip.instance"));
}

TEST(Headers, NameAddrMalformed) {
    refuse_name_addr("", "Missing URI");
    refuse_name_addr("<>", "Missing URI");
    refuse_name_addr("\"open <sip:a@b>", "Unbalanced quotes");
    refuse_name_addr("<sip:a@b", "Missing closing angle bracket");
    refuse_name_addr("<sip:a@b> x", "Text after angle bracket");
    refuse_name_addr("\"a\" b <sip:a@b>", "Malformed display name");
    refuse_name_addr("a, b <sip:a@b>", "Malformed display name");
    refuse_name_addr("< sip:a@b>", "Malformed URI");
    refuse_name_addr("sip:a@b c", "Malformed URI");
    refuse_name_addr("sip:a@b?x=y", "URI with ? needs angle brackets");
    refuse_name_addr("<sip:a@b>;ta g=1", "Malformed header parameter");
    refuse_name_addr("<sip:a@b>;x=\"open", "Malformed header parameter");
    refuse_name_addr("<sip:a@b>;tag=a b", "Malformed header parameter");
    refuse_name_addr("<sip:a@b>;tag=<a>", "Malformed header parameter");
    refuse_name_addr("<sip:a@b>;x=mid\"open", "Malformed header parameter");
    refuse_name_addr("<sip:a@b>;x=\"a\"b", "Malformed header parameter");
}

TEST(Headers, CSeq) {
    const auto c = parse_cseq("0009\r\n  INVITE");
    UNSIGNED_LONGS_EQUAL(9, c->number);
    CHECK(c->method == Method::kInvite);
    UNSIGNED_LONGS_EQUAL(4294967295U, parse_cseq("4294967295 X")->number);
    for (const auto text : {"", "1", "INVITE", "1INVITE", "4294967296 INVITE", "-1 INVITE", "1 IN VITE", "1 "})
        CHECK_FALSE_TEXT(parse_cseq(text).has_value(), text);
}

TEST(Headers, MediaType) {
    const auto t = parse_media_type("multipart / mixed ; boundary=\"a b;c\"");
    CHECK(t->is("MULTIPART", "mixed"));
    equal("\"a b;c\"", t->params.value("boundary"));
    for (const auto text : {"", "application", "application/", "/sdp", "application/sdp x"})
        CHECK_FALSE_TEXT(parse_media_type(text).has_value(), text);
}

TEST(Headers, ReasonHeader) {
    const auto r = parse_reason("Q.850 ;cause=16 ;text=\"Normal, clearing\"");
    equal("Q.850", r->protocol);
    UNSIGNED_LONGS_EQUAL(16, *r->cause);
    equal("Normal, clearing", unquoted(r->text));
    CHECK_FALSE(parse_reason("SIP;cause=x")->cause.has_value());
    equal("Normal call clearing", parse_reason("Q.850;cause=16;text=Normal call clearing")->text);
    CHECK_FALSE(parse_reason("").has_value());
}

TEST(Headers, RAck) {
    const auto r = parse_rack("776656 1 INVITE");
    UNSIGNED_LONGS_EQUAL(776656, r->rseq);
    UNSIGNED_LONGS_EQUAL(1, r->cseq.number);
    CHECK_FALSE(parse_rack("776656 INVITE").has_value());
    CHECK_FALSE(parse_rack("x 1 INVITE").has_value());
}

TEST(Headers, DeltaSeconds) {
    UNSIGNED_LONGS_EQUAL(120, *parse_delta_seconds("120 (I'm in a meeting)"));
    UNSIGNED_LONGS_EQUAL(18000, *parse_delta_seconds("18000;duration=3600"));
    UNSIGNED_LONGS_EQUAL(0, *parse_delta_seconds("0"));
    for (const auto text : {"", "x", "-1", "1 2", "4294967296"})
        CHECK_FALSE_TEXT(parse_delta_seconds(text).has_value(), text);
}
