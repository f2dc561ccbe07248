// Clauses of RFC 3261 and what amends it that implementations get wrong, as the two sides of a call see them.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(SipCore, WorldTest) {
    // The last answer to what is sent, as it was on the wire; "" for silence.
    std::string ask(const std::string& bytes) {
        const auto before = pbx().wire.size();
        pbx().strays_expected = true;
        pbx().send_raw(bytes);
        world.run_for(1s);
        return pbx().wire.size() == before ? std::string() : pbx().wire.back();
    }
    SipText invite(const std::string& user = "100") {
        auto r = pbx().bare_request("INVITE", user);
        r.add("Content-Type", "application/sdp");
        r.body = pbx().sdp({});
        return r;
    }
    static void replace(SipText& m, const std::string& name, const std::string& value) {
        m.remove(name);
        m.add(name, value);
    }
    static SipText first(const std::vector<SipText>& messages, std::string_view method) {
        for (const auto& m : messages)
            if (m.is_request() && m.method() == method) return m;
        return {};
    }
    // As a proxy of the carrier would send our own request on to the PBX, and that one's proxy back to us.
    std::string sent_back(const std::string& user = {}) {
        auto m = first(carrier().received, "INVITE");
        if (!user.empty()) m.start = "INVITE sip:" + user + "@198.51.100.10 SIP/2.0";
        m.headers.insert(m.headers.begin(), {"Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-proxy" + user});
        return ask(m.write());
    }
};

TEST(SipCore, a_body_in_a_content_encoding_gets_415_that_says_what_would_be_taken) {
    world.start();
    auto r = invite();
    r.add("Content-Encoding", "gzip");
    const auto answer = ask(r.write());
    CHECK(answer.starts_with("SIP/2.0 415 "));
    CHECK(answer.contains("\r\nAccept-Encoding: identity\r\n"));
    check_clean();
}

TEST(SipCore, the_identity_encoding_is_none) {
    world.start();
    carrier().script.reject = 486;
    auto r = invite();
    r.add("e", "Identity");
    CHECK(ask(r.write()).starts_with("SIP/2.0 486 "));
}

TEST(SipCore, a_reinvite_in_a_content_encoding_gets_415_and_changes_nothing) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    pbx().script.headers = {{"Content-Encoding", "gzip"}};
    pbx().script.body_type = "application/sdp\r\nContent-Encoding: gzip";
    pbx().reinvite(*call.caller, pbx().sdp({.port = 9000, .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(415, call.caller->final_status);
    CHECK(pbx().last(415)->get("Accept-Encoding") == "identity");
    LONGS_EQUAL(1, carrier().count_requests("INVITE"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(SipCore, a_caller_that_takes_no_sdp_gets_406) {
    world.start();
    carrier().script.reject = 486;
    auto r = invite();
    r.add("Accept", "text/plain, application/pidf+xml");
    CHECK(ask(r.write()).starts_with("SIP/2.0 406 "));
    for (const auto* taken : {"text/plain, application/SDP;q=0.5", "application/*", "*/*"}) {
        auto again = invite();
        again.add("Accept", taken);
        CHECK(ask(again.write()).starts_with("SIP/2.0 486 "));
    }
}

TEST(SipCore, a_call_of_ours_that_comes_back_to_go_the_same_way_gets_482) {
    world.start();
    carrier().script.answer = false;
    pbx().invite("4930123");
    world.run_for(300ms);
    CHECK(sent_back().starts_with("SIP/2.0 482 "));
    LONGS_EQUAL(1, world.counter("loops-refused"));
    LONGS_EQUAL(1, world.engine().call_count());
    LONGS_EQUAL(1, carrier().count_requests("INVITE"));
}

TEST(SipCore, a_call_of_ours_that_comes_back_for_another_number_is_a_spiral_and_goes_on) {
    world.start();
    carrier().script.answer = false;
    pbx().invite("4930123");
    world.run_for(300ms);
    CHECK(sent_back("4930999").starts_with("SIP/2.0 180 "));
    LONGS_EQUAL(0, world.counter("loops-refused"));
    LONGS_EQUAL(2, world.engine().call_count());
    // Round again: its first round is behind the second.
    auto m = carrier().received.back();
    CHECK(m.is_request());
    m.start = "INVITE sip:4930123@198.51.100.10 SIP/2.0";
    m.headers.insert(m.headers.begin(), {"Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-third"});
    CHECK(ask(m.write()).starts_with("SIP/2.0 482 "));
}

TEST(SipCore, a_tag_like_ours_with_another_call_id_is_no_loop) {
    world.start();
    carrier().script.answer = false;
    pbx().invite("4930123");
    world.run_for(300ms);
    auto m = first(carrier().received, "INVITE");
    replace(m, "Call-ID", "somebody-elses");
    m.headers.insert(m.headers.begin(), {"Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-other"});
    CHECK(ask(m.write()).starts_with("SIP/2.0 180 "));
}

TEST(SipCore, max_breadth_is_copied_and_never_made) {
    world.start();
    carrier().script.reject = 486;
    auto r = invite();
    r.add("Max-Breadth", "0");  // nothing is forked here: one branch needs none of it
    CHECK(ask(r.write()).starts_with("SIP/2.0 486 "));
    STRCMP_EQUAL("0", first(carrier().received, "INVITE").get("Max-Breadth").c_str());
    auto odd = invite();
    odd.add("Max-Breadth", "60 and pbx.inner.example");
    CHECK(ask(odd.write()).starts_with("SIP/2.0 486 "));
    CHECK(carrier().received.back().method() == "ACK");
    LONGS_EQUAL(2, carrier().count_requests("INVITE"));
    unsigned said = 0;
    for (const auto& m : carrier().received) said += m.get("Max-Breadth").empty() ? 0 : 1;
    LONGS_EQUAL(1, said);
}

TEST(SipCore, an_absent_max_forwards_becomes_70) {
    world.start();
    carrier().script.reject = 486;
    auto r = invite();
    r.remove("Max-Forwards");
    CHECK(ask(r.write()).starts_with("SIP/2.0 486 "));
    STRCMP_EQUAL("70", first(carrier().received, "INVITE").get("Max-Forwards").c_str());
}

TEST(SipCore, compact_forms_are_read_everywhere) {
    world.start();
    carrier().script.reject = 486;
    const auto r = invite();
    std::string bytes = r.write();
    for (const auto& [name, compact] : {std::pair{"Via", "v"},
                                        {"From", "f"},
                                        {"To", "T"},
                                        {"Call-ID", "i"},
                                        {"Contact", "M"},
                                        {"Content-Type", "c"},
                                        {"Content-Length", "L"}}) {
        const auto at = bytes.find("\r\n" + std::string(name) + ":");
        bytes.replace(at + 2, std::string(name).size(), compact);
    }
    const auto end = bytes.find("\r\n") + 2;
    bytes.insert(end, "k: timer\r\ns: hello\r\nx: 1800\r\n");
    CHECK(ask(bytes).starts_with("SIP/2.0 486 "));
    const auto there = first(carrier().received, "INVITE");
    CHECK(there.get("s") == "hello" || there.get("Subject") == "hello");
    CHECK(there.body.contains("m=audio"));
}

TEST(SipCore, methods_are_compared_by_case_header_names_schemes_and_hosts_are_not) {
    world.start();
    carrier().script.reject = 486;
    auto lower = invite();
    lower.start = "invite sip:100@192.0.2.1 SIP/2.0";
    replace(lower, "CSeq", "1 invite");
    CHECK(ask(lower.write()).starts_with("SIP/2.0 501 "));
    auto upper = invite();
    upper.start = "INVITE SIP:100@GATE.Example sip/2.0";
    CHECK(ask(upper.write()).starts_with("SIP/2.0 486 "));
    CHECK(first(carrier().received, "INVITE").uri().starts_with("sip:100@"));
}

TEST(SipCore, a_tel_uri_is_called_as_a_number) {
    world.start();
    carrier().script.reject = 486;
    auto r = invite();
    r.start = "INVITE tel:+49-30-123;isub=7;phone-context=pbx.inner.example SIP/2.0";
    CHECK(ask(r.write()).starts_with("SIP/2.0 486 "));
    STRCMP_EQUAL("sip:+49-30-123;isub=7@198.51.100.10;user=phone", first(carrier().received, "INVITE").uri().c_str());
}

TEST(SipCore, all_that_is_required_of_us_and_of_proxies_is_named_in_one_420) {
    world.start();
    auto r = invite();
    r.add("Require", "100rel, \r\n frob");
    r.add("Proxy-Require", "nic");
    r.add("Require", "nicate");
    const auto answer = ask(r.write());
    CHECK(answer.starts_with("SIP/2.0 420 "));
    CHECK(answer.contains("\r\nUnsupported: 100rel, frob, nicate, nic\r\n"));
}

TEST(SipCore, cancel_and_the_ack_to_a_failure_carry_the_branch_of_the_invite) {
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("4930123");
    world.run_for(300ms);
    pbx().cancel(call);
    world.run_for(1s);
    const auto sent = first(carrier().received, "INVITE");
    for (const auto* method : {"CANCEL", "ACK"}) {
        const auto m = first(carrier().received, method);
        STRCMP_EQUAL(sent.get("Via").c_str(), m.get("Via").c_str());
        STRCMP_EQUAL(sent.uri().c_str(), m.uri().c_str());
        LONGS_EQUAL(sent.cseq(), m.cseq());
    }
    check_clean();
}

TEST(SipCore, the_ack_to_a_2xx_is_a_transaction_of_its_own) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    const auto sent = first(carrier().received, "INVITE");
    const auto ack = first(carrier().received, "ACK");
    CHECK(sent.branch() != ack.branch());
    LONGS_EQUAL(sent.cseq(), ack.cseq());
    pbx().bye(*call.caller);
    check_clean();
}

TEST(SipCore, a_strict_router_gets_its_own_uri_as_request_uri_and_the_target_last) {
    world.start();
    carrier().script.headers = {{"Record-Route", "<sip:198.51.100.10:5060>"}};
    const auto call = connect(world, pbx(), carrier());
    pbx().bye(*call.caller);
    world.run_for(1s);
    const auto bye = first(carrier().received, "BYE");
    STRCMP_EQUAL("sip:198.51.100.10:5060", bye.uri().c_str());
    CHECK(bye.get("Route").contains("sip:") && bye.get("Route").contains("@198.51.100.10"));
}

TEST(SipCore, a_branch_that_is_the_cookie_alone_names_no_transaction) {
    world.start();
    for (const auto* call : {"first-of-two", "second-of-two"}) {
        auto r = invite();
        r.headers[0].second = "SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK";
        replace(r, "Call-ID", call);
        r.add("Require", "frob");
        const auto answer = ask(r.write());
        CHECK(answer.starts_with("SIP/2.0 420 "));
        CHECK(answer.contains(call));
    }
}

TEST(SipCore, a_stray_response_goes_nowhere) {
    world.start();
    carrier();
    const std::string head =
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnobodys\r\n"
        "Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKtarget\r\nFrom: <sip:a@b.example>;tag=1\r\n"
        "To: <sip:c@d.example>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    CHECK(ask(head).empty());
    LONGS_EQUAL(0, carrier().wire.size());
    LONGS_EQUAL(1, world.counter("sip-stray-responses"));
}

TEST(SipCore, a_request_other_than_invite_gets_no_provisional_response) {
    world.start();
    const auto before = pbx().wire.size();
    carrier();
    ask(pbx().bare_request("MESSAGE", "100").write());
    world.run_for(5s);
    for (auto i = before; i < pbx().wire.size(); ++i) CHECK_FALSE(pbx().wire[i].starts_with("SIP/2.0 1"));
    CHECK(pbx().wire.size() > before);
}

}  // namespace sallyport::scenario
