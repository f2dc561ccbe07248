#include "controlplane/sip/glance.h"

#include <string>

#include "tests/unit/controlplane/sip/sip_text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using sip::Glance;
using sip::test::crlf;

namespace {

Glance of(const std::string& first_line, const std::string& to, const std::string& body = "") {
    return sip::glance(crlf(first_line + "\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa\nTimestamp: 1\n" + to +
                            "\nFrom: <sip:a@b>;tag=f\n\n") +
                       body);
}

}  // namespace

TEST_GROUP(Glance) {};

TEST(Glance, an_invite_without_a_to_tag_is_a_new_one) {
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kNewInvite);
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "t:sip:1@192.0.2.1;x=y") == Glance::kNewInvite);
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "To: \";tag=no\" <sip:1@192.0.2.1;tag=no>;x") == Glance::kNewInvite);
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "X: y", "To: <sip:1@a>;tag=in-the-body\r\n") == Glance::kNewInvite);
    CHECK(of("\n\nINVITE sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kNewInvite);
    CHECK(sip::glance("INVITE ") == Glance::kNewInvite);
    CHECK(sip::glance("INVITE sip:1@a SIP/2.0\r\n") == Glance::kNewInvite);
}

TEST(Glance, an_invite_with_a_to_tag_belongs_to_a_call) {
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>;tag=ours") == Glance::kOther);
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "TO \t: <sip:1@192.0.2.1> ;x=y; TAG=ours") == Glance::kOther);
    CHECK(of("INVITE sip:1@192.0.2.1 SIP/2.0", "t: sip:1@192.0.2.1;tag=ours") == Glance::kOther);
}

TEST(Glance, requests_that_are_no_call_are_told_from_those_of_a_dialog) {
    for (const auto* method : {"MESSAGE", "OPTIONS", "PUBLISH", "SUBSCRIBE"}) {
        const auto line = std::string(method) + " sip:1@192.0.2.1 SIP/2.0";
        CHECK(of(line, "To: <sip:1@192.0.2.1>") == Glance::kNewRequest);
        CHECK(of(line, "To: <sip:1@192.0.2.1>;tag=ours") == Glance::kOther);
    }
    CHECK(of("INFO sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kOther);
}

TEST(Glance, other_messages_and_emergency_calls_wait_for_nobody) {
    CHECK(of("CANCEL sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kCancel);
    CHECK(of("BYE sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kOther);
    CHECK(of("invite sip:1@192.0.2.1 SIP/2.0", "To: <sip:1@192.0.2.1>") == Glance::kOther);
    CHECK(of("SIP/2.0 200 OK", "To: <sip:1@192.0.2.1>") == Glance::kOther);
    CHECK(of("INVITE urn:service:sos SIP/2.0", "To: <urn:service:sos>") == Glance::kOther);
    CHECK(of("INVITE URN:Service:SOS.police SIP/2.0", "To: <urn:service:sos>") == Glance::kOther);
    CHECK(sip::glance("") == Glance::kOther);
    CHECK(sip::glance("\r\n\r\n") == Glance::kOther);
}
