#include "controlplane/sip/message.h"

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/controlplane/sip/sip_text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;
using namespace sallyport::sip::test;

namespace {

std::string text(std::string_view s) { return std::string(s); }

}  // namespace

TEST_GROUP(Message) {
    std::unique_ptr<Message> m = std::make_unique<Message>();
    std::string datagram;

    bool parse(std::string bytes) {
        datagram = std::move(bytes);
        const auto r = m->parse(datagram);
        error = r ? ParseError{0, "", false} : r.error();
        return r.has_value();
    }
    void check_refused(std::string bytes, std::string_view reason, unsigned status = 400) {
        CHECK_FALSE(parse(std::move(bytes)));
        STRCMP_EQUAL(text(reason).c_str(), text(error.reason).c_str());
        UNSIGNED_LONGS_EQUAL(status, error.status);
    }
    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(text(expected).c_str(), text(actual).c_str());
    }
    std::vector<std::string> values(HeaderId id) {
        std::vector<std::string> out;
        for (const auto v : m->values(id)) out.emplace_back(v);
        return out;
    }
    ParseError error;
};

TEST(Message, ReadsWhatATransactionNeeds) {
    CHECK(parse(crlf(kInvite)));
    CHECK(m->is_request());
    CHECK(m->method() == Method::kInvite);
    equal("sip:bob@192.0.2.1", m->request_uri());
    equal("bob", m->uri().user);
    equal("z9hG4bK776asdhds", m->top_via().branch);
    CHECK(m->top_via().has_rport);
    equal("1928301774", m->from_tag());
    equal("", m->to_tag());
    equal("a84b4c76e66710@192.0.2.10", m->call_id());
    UNSIGNED_LONGS_EQUAL(314159, m->cseq().number);
    UNSIGNED_LONGS_EQUAL(70, *m->max_forwards());
    equal("", m->body());
    UNSIGNED_LONGS_EQUAL(8, m->fields().size());
}

TEST(Message, ReadsAResponse) {
    CHECK(
        parse(crlf("SIP/2.0 183 Session Progress\n"
                   "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n"
                   "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 7 INVITE\n\n")));
    CHECK(m->is_response());
    UNSIGNED_LONGS_EQUAL(183, m->status());
    equal("Session Progress", m->reason());
    CHECK(m->method() == Method::kInvite);
    equal("2", m->to_tag());
}

TEST(Message, MethodsAreCaseSensitive) {
    CHECK(parse(crlf(replaced(replaced(kInvite, "INVITE sip", "Invite sip"), "314159 INVITE", "314159 Invite"))));
    CHECK(m->method() == Method::kOther);
    equal("Invite", m->method_text());
}

TEST(Message, HeaderNamesAreNotCaseSensitiveAndHaveCompactForms) {
    CHECK(
        parse(crlf("BYE sip:bob@192.0.2.1 SIP/2.0\n"
                   "v: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\n"
                   "F: <sip:a@b>;tag=1\nt: <sip:c@d>;tag=2\ni: x\ncSEQ: 7 BYE\n"
                   "m: <sip:a@b>\nk: timer\ns: lunch\nc: text/plain\nL: 2\ne: gzip\n\nhi")));
    equal("x", m->call_id());
    equal("<sip:a@b>", m->value(HeaderId::kContact));
    equal("timer", m->value(HeaderId::kSupported));
    equal("lunch", m->value(HeaderId::kSubject));
    equal("text/plain", m->value(HeaderId::kContentType));
    equal("gzip", m->value(HeaderId::kContentEncoding));
    equal("hi", m->body());
    equal("F", m->find(HeaderId::kFrom)->name());
}

TEST(Message, KeepsEachFieldAsItCame) {
    CHECK(parse(invite_with("Contact:", "X-Odd :  a,\n \t b  \nContact:")));
    const auto* odd = m->find("x-odd");
    CHECK(odd != nullptr);
    equal("X-Odd :  a,\r\n \t b  ", odd->line);
    equal("X-Odd", odd->name());
    equal("a,\r\n \t b", odd->value);
    CHECK(odd->id == HeaderId::kOther);
}

TEST(Message, RepeatedFieldsAndListsAreOneSequence) {
    CHECK(parse(invite_with("Contact:",
                            "Route: <sip:a;lr>, <sip:b;lr>\n"
                            "Supported: 100rel\n"
                            "Route: <sip:c?x=1,2>,\n \"q,\\\"q\" <sip:d>\n"
                            "Route:\n"
                            "Contact:")));
    const auto routes = values(HeaderId::kRoute);
    UNSIGNED_LONGS_EQUAL(4, routes.size());
    equal("<sip:a;lr>", routes[0]);
    equal("<sip:b;lr>", routes[1]);
    equal("<sip:c?x=1,2>", routes[2]);
    equal("\"q,\\\"q\" <sip:d>", routes[3]);
    CHECK(m->values(HeaderId::kRecordRoute).empty());
}

TEST(Message, TokenListsAreSearchedByTheirOwnCaseRules) {
    CHECK(parse(invite_with("Contact:", "Allow: INVITE,BYE\nRequire: 100rel , Timer\nContact:")));
    CHECK(m->lists(HeaderId::kRequire, "timer"));
    CHECK(m->lists(HeaderId::kRequire, "100REL"));
    CHECK_FALSE(m->lists(HeaderId::kRequire, "path"));
    CHECK(m->lists(HeaderId::kAllow, "BYE"));
    CHECK_FALSE(m->lists(HeaderId::kAllow, "bye"));
}

TEST(Message, SaysWhichMandatoryHeaderIsMissing) {
    check_refused(invite_with("To: <sip:bob@192.0.2.1>\n", ""), "Missing To header");
    CHECK(error.answerable);
    check_refused(invite_with("From: \"Alice\" <sip:alice@192.0.2.10>;tag=1928301774\n", ""), "Missing From header");
    check_refused(invite_with("Call-ID: a84b4c76e66710@192.0.2.10\n", ""), "Missing Call-ID header");
    check_refused(invite_with("CSeq: 314159 INVITE\n", ""), "Missing CSeq header");
    CHECK(error.answerable);
    check_refused(invite_with("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport\n", ""),
                  "Missing Via header");
    CHECK_FALSE(error.answerable);
}

// Found by fuzzing: an answer to it carried a tag of ours behind the empty one, which its reader did not find.
TEST(Message, RefusesATagWithoutAValue) {
    for (const auto tag : {";tag", ";tag=", ";x;TAG ;tag=1"}) {
        check_refused(invite_with("To: <sip:bob@192.0.2.1>", "To: <sip:bob@192.0.2.1>" + std::string(tag)),
                      "Malformed To header");
        CHECK(error.answerable);
    }
    check_refused(invite_with(";tag=1928301774", ";tag"), "Malformed From header");
}

TEST(Message, RefusesASecondOfWhatStandsOnce) {
    check_refused(invite_with("CSeq:", "CSeq: 1 INVITE\nCSeq:"), "Duplicate CSeq header");
    check_refused(invite_with("To:", "To: <sip:x@y>\nTo:"), "Duplicate To header");
    check_refused(invite_with("To:", "f: <sip:x@y>\nTo:"), "Duplicate From header");
    check_refused(invite_with("To:", "i: other\nTo:"), "Duplicate Call-ID header");
    check_refused(invite_with("Max", "Max-Forwards: 1\nMax"), "Duplicate Max-Forwards header");
    check_refused(invite_with("Contact", "l: 0\nContact"), "Duplicate Content-Length header");
    check_refused(invite_with("Contact", "c: a/b\nContent-Type: a/b\nContact"), "Duplicate Content-Type header");
    CHECK(error.answerable);
}

TEST(Message, ContentLengthDecidesTheBody) {
    CHECK(parse(invite_with("Content-Length: 0\n\n", "Content-Length: 3\n\nabcdef")));
    equal("abc", m->body());  // surplus ignored
    CHECK(parse(invite_with("Content-Length: 0\n\n", "\nabcdef")));
    equal("abcdef", m->body());  // none: to the end of the datagram
    check_refused(invite_with("Content-Length: 0\n\n", "Content-Length: 7\n\nabcdef"),
                  "Content-Length larger than body");
    CHECK(error.answerable);
    check_refused(invite_with("Content-Length: 0", "Content-Length: -1"), "Malformed Content-Length header");
    check_refused(invite_with("Content-Length: 0", "Content-Length: "), "Malformed Content-Length header");
    check_refused(invite_with("Content-Length: 0", "Content-Length: 99999999999999999999"),
                  "Malformed Content-Length header");
}

TEST(Message, MaxForwardsIsOneByte) {
    CHECK(parse(invite_with("Max-Forwards: 70", "Max-Forwards: 0")));
    UNSIGNED_LONGS_EQUAL(0, *m->max_forwards());
    CHECK(parse(invite_with("Max-Forwards: 70\n", "")));
    CHECK_FALSE(m->max_forwards().has_value());
    check_refused(invite_with("Max-Forwards: 70", "Max-Forwards: 256"), "Malformed Max-Forwards header");
    check_refused(invite_with("Max-Forwards: 70", "Max-Forwards: -1"), "Malformed Max-Forwards header");
    check_refused(invite_with("Max-Forwards: 70", "Max-Forwards: seventy"), "Malformed Max-Forwards header");
}

TEST(Message, AnotherVersionIs505) {
    check_refused(invite_with("SIP/2.0\n", "SIP/3.0\n"), "Version Not Supported", 505);
    CHECK(error.answerable);
    CHECK(parse(invite_with("SIP/2.0\n", "sip/2.0\n")));  // RFC 3261 §7.1: case-insensitive
}

TEST(Message, AnotherProtocolIsNotAnswered) {
    check_refused("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "Malformed request line");
    CHECK_FALSE(error.answerable);
    check_refused("\r\n\r\n", "Empty message");
    CHECK_FALSE(error.answerable);
    check_refused("", "Empty message");
    check_refused("hello", "Start line does not end");
    CHECK_FALSE(error.answerable);
}

TEST(Message, EmptyLinesBeforeTheStartLineAreSkipped) { CHECK(parse("\r\n\r\n" + crlf(kInvite))); }

TEST(Message, AMalformedAckIsNotAnswered) {
    auto ack = replaced(replaced(kInvite, "INVITE sip", "ACK sip"), "314159 INVITE", "314159 ACK");
    CHECK(parse(crlf(ack)));
    check_refused(crlf(replaced(ack, "To: <sip:bob@192.0.2.1>\n", "")), "Missing To header");
    CHECK_FALSE(error.answerable);
}

TEST(Message, AMalformedResponseIsNotAnswered) {
    check_refused(crlf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n\n"), "Missing From header");
    CHECK_FALSE(error.answerable);
}

TEST(Message, BareLineEndsAreRefused) {
    // What we would pass on as one field, a lenient reader takes for two.
    auto bytes = crlf(kInvite);
    const auto at = bytes.find("70\r\n") + 2;
    check_refused(std::string(bytes).replace(at, 2, "\nX-Injected: 1\r\n"), "Bare CR or LF in header section");
    CHECK_FALSE(error.answerable);
    check_refused(invite_with("Contact:", "Subject: a\rX-Injected: b\nContact:"), "Bare CR or LF in header section");
    auto lf = crlf(replaced(kInvite, "Contact:", "Subject: a@X-Injected: b\nContact:"));
    lf[lf.find("a@X") + 1] = '\n';
    check_refused(lf, "Bare CR or LF in header section");
    CHECK_FALSE(error.answerable);
}

TEST(Message, ALineWithoutColonOrNameIsRefused) {
    check_refused(invite_with("Contact:", "garbage\nContact:"), "Malformed header field");
    CHECK(error.answerable);
    check_refused(invite_with("Contact:", ": no name\nContact:"), "Malformed header field");
    check_refused(invite_with("Contact:", "Two Words: x\nContact:"), "Malformed header field");
}

TEST(Message, HeadersThatDoNotEndAreRefused) {
    const auto bytes = crlf(kInvite);
    check_refused(bytes.substr(0, bytes.size() - 2), "Header section does not end");
    CHECK(error.answerable);
}

TEST(Message, ParsesAgainAfterFailureWithoutRemains) {
    check_refused(invite_with("Contact:", "Subject: x\nCSeq: 1 INVITE\nContact:"), "Duplicate CSeq header");
    CHECK(parse(crlf(kInvite)));
    CHECK_FALSE(m->has(HeaderId::kSubject));
    UNSIGNED_LONGS_EQUAL(8, m->fields().size());
}

TEST(Message, HoldsAsManyFieldsAsItSaysAndNotOneMore) {
    const auto fields = [](std::size_t n) {
        std::string extra;
        for (std::size_t i = 0; i < n; ++i) extra += "X-" + std::to_string(i) + ": y\n";
        return invite_with("Contact:", extra + "Contact:");
    };
    CHECK(parse(fields(Message::kMaxFields - 8)));
    UNSIGNED_LONGS_EQUAL(Message::kMaxFields, m->fields().size());
    check_refused(fields(Message::kMaxFields - 7), "Too many header fields");
}

TEST(Message, EveryTruncationIsRefusedOrReadWithinItsBounds) {
    // Each prefix in a buffer of its own size, so that the address sanitizer sees a read past its end.
    const auto whole = invite_with("Content-Length: 0\n\n", "Content-Type: a/b\nContent-Length: 5\n\nhello");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK_FALSE(m->parse({exact.data(), exact.size()}).has_value());
    }
    CHECK(parse(whole));
}

TEST(Message, EveryFlippedByteIsSurvived) {
    const auto whole = invite_with("Content-Length: 0\n\n", "Content-Type: a/b\nContent-Length: 5\n\nhello");
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const unsigned char with : {0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3b, 0x3c, 0x3e, 0x5c, 0x80, 0xff}) {
            auto bytes = whole;
            bytes[i] = static_cast<char>(with);
            if (m->parse(bytes)) ++accepted;
            for (const auto& field : m->fields())
                for (const auto v : m->values(field.id)) CHECK(v.data() >= bytes.data());
        }
    }
    CHECK(accepted > 0);
}
