#include "controlplane/sip/message_writer.h"

#include <memory>
#include <string>

#include "tests/unit/controlplane/sip/sip_text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;
using namespace sallyport::sip::test;

TEST_GROUP(MessageWriter) {
    MessageWriter w;
    std::unique_ptr<Message> m = std::make_unique<Message>();
    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), std::string(actual).c_str());
    }
};

TEST(MessageWriter, WritesARequest) {
    w.request("BYE", "sip:a@192.0.2.1");
    w.header("Via", {"SIP/2.0/UDP ", "192.0.2.1", ";branch=", "z9hG4bKx"});
    w.header(HeaderId::kCallId, "c@d");
    w.number("Max-Forwards", 70);
    equal(crlf("BYE sip:a@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\nCall-ID: c@d\n"
               "Max-Forwards: 70\nContent-Length: 0\n\n"),
          w.finish());
}

TEST(MessageWriter, WritesAResponseWithItsBody) {
    w.response(200, "OK");
    equal(crlf("SIP/2.0 200 OK\nContent-Type: application/sdp\nContent-Length: 5\n\nv=0\n"),
          w.finish("application/sdp", "v=0\r\n"));
}

TEST(MessageWriter, IsUsedAgainWithoutRemains) {
    w.request("BAD METHOD", "sip:a");
    w.header("X", "1");
    equal("", w.finish());
    w.response(180, "Ringing");
    CHECK_FALSE(w.failed());
    equal(crlf("SIP/2.0 180 Ringing\nContent-Length: 0\n\n"), w.finish());
}

TEST(MessageWriter, CopiesFieldsByteByByte) {
    const auto bytes = invite_with("Contact:", "x-ODD :\ta;  b,\n\t c \nX-odd: d\nContact:");
    CHECK(m->parse(bytes).has_value());
    w.response(200, "OK");
    w.copy(*m->find("X-Odd"));
    w.copy_all(*m, HeaderId::kVia);
    equal(crlf("SIP/2.0 200 OK\nx-ODD :\ta;  b,\n\t c \n"
               "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport\nContent-Length: 0\n\n"),
          w.finish());
}

TEST(MessageWriter, NoValueCanEndItsLine) {
    for (const auto evil : {"a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX: 1", "a\r\n", "\n", "\r\n\r\nbody",
                            "a\r\n \r\nX: 1", "a\n b", " \n b"}) {
        w.request("BYE", "sip:a@b");
        w.header("Subject", evil);
        CHECK_TEXT(w.failed(), evil);
        equal("", w.finish());
        w.response(200, evil);
        equal("", w.finish());
        w.response(200, "OK");
        w.header("Subject", {"x", evil});
        equal("", w.finish());
        w.response(200, "OK");
        w.header(HeaderId::kServer, {"x", evil, "y"});
        equal("", w.finish());
        w.response(200, "OK");
        equal("", w.finish(evil, "body"));
        w.request("BYE", evil);
        equal("", w.finish());
        w.request(evil, "sip:a");
        equal("", w.finish());
        w.response(200, "OK");
        w.header(evil, "x");
        equal("", w.finish());
        w.response(200, "OK");
        w.copy_lines(evil);
        w.copy_line("To: x", {evil});
        equal("", w.finish());
    }
}

TEST(MessageWriter, AFoldInAValueBecomesOneSpace) {
    w.response(200, "OK");
    w.header("Subject", "a\r\n  b");
    equal(crlf("SIP/2.0 200 OK\nSubject: a b\nContent-Length: 0\n\n"), w.finish());
    w.response(200, "OK");
    w.header("Subject", {"x ", "a\r\n  b", " y"});
    equal(crlf("SIP/2.0 200 OK\nSubject: x a b y\nContent-Length: 0\n\n"), w.finish());
    w.response(200, "OK");
    w.header("Subject", {"a\r\n", " b"});  // no part folds by itself
    equal("", w.finish());
}

TEST(MessageWriter, RefusesWhatNoDatagramCarries) {
    w.response(200, "OK");
    equal("", w.finish("text/plain", std::string(MessageWriter::kMaxSize, 'x')));
    w.response(200, "OK");
    CHECK_FALSE(w.finish("text/plain", std::string(60000, 'x')).empty());
}

TEST(MessageWriter, RefusesANameThatIsNoToken) {
    w.response(200, "OK");
    w.header(HeaderId::kOther, "x");
    equal("", w.finish());
    w.response(200, "OK");
    w.header(HeaderId::kOther, "x");
    equal("", w.finish());
}

TEST(MessageWriter, WhatItWritesTheParserReads) {
    w.request("INVITE", "sip:bob@198.51.100.10");
    w.header("Via", "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKx;rport");
    w.header("From", "<sip:a@b>;tag=1");
    w.header("To", "<sip:c@d>");
    w.header("Call-ID", "z");
    w.header("CSeq", "1 INVITE");
    const auto bytes = w.finish("application/sdp", "v=0\r\n");
    CHECK(m->parse(bytes).has_value());
    equal("v=0\r\n", m->body());
    equal("application/sdp", m->value(HeaderId::kContentType));
}

TEST(MessageWriter, ReasonPhrases) {
    equal("Trying", default_reason(100));
    equal("Precondition Failure", default_reason(580));
    equal("Decline", default_reason(603));
    equal("", default_reason(299));
}
