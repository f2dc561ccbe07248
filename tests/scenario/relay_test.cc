// Requests that are no call, through the gate: each as one of our own on the other side, and its response back.
#include <algorithm>

#include "tests/scenario/world_test.h"

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Relay, WorldTest) {
    std::vector<SipText> answers;  // to what ask() sent

    void ask(Ua& from, const SipText& request) {
        from.ask(request, [this](const SipText& r) { answers.push_back(r); });
    }
    SipText message(Ua& from, const std::string& body = "Hello there") {
        auto r = from.bare_request("MESSAGE", "4711");
        r.remove("Contact");
        r.add("Content-Type", "text/plain;charset=UTF-8");
        r.body = body;
        return r;
    }
    // What the carrier got of that method, the last.
    const SipText& got(Ua& ua, std::string_view method) {
        const auto it = std::ranges::find_if(ua.received.rbegin(), ua.received.rend(),
                                             [&](const SipText& m) { return m.is_request() && m.method() == method; });
        CHECK_TRUE_TEXT(it != ua.received.rend(), std::string(method).c_str());
        return *it;
    }
    int status(std::size_t i = 0) { return answers.size() > i ? answers[i].status() : 0; }
    void answers_ok(Ua& ua) {
        ua.answer_other = [](const SipText&, SipText&) { return true; };
    }
};

TEST(Relay, a_message_goes_on_as_one_of_ours_and_its_response_comes_back) {
    world.start();
    answers_ok(carrier());
    const auto sent = message(pbx());
    ask(pbx(), sent);
    world.run_for(1s);
    LONGS_EQUAL(200, status());
    const auto& there = got(carrier(), "MESSAGE");
    STRCMP_EQUAL("MESSAGE sip:4711@198.51.100.10 SIP/2.0", there.start.c_str());
    STRCMP_EQUAL("Hello there", there.body.c_str());
    STRCMP_EQUAL("text/plain;charset=UTF-8", there.get("Content-Type").c_str());
    STRCMP_EQUAL("69", there.get("Max-Forwards").c_str());
    STRCMP_EQUAL("", there.get("Contact").c_str());  // RFC 3428 §4
    CHECK(there.get("From").contains("<sip:alice@198.51.100.1>"));
    CHECK(there.get("Call-ID") != sent.get("Call-ID"));
    LONGS_EQUAL(1, there.all("Via").size());
    LONGS_EQUAL(1, world.counter("requests-passed"));
    LONGS_EQUAL(1, world.counter("requests-answered"));
    LONGS_EQUAL(0, world.counter("live-requests"));
    LONGS_EQUAL(0, world.records.size());
    check_clean();
}

TEST(Relay, the_other_way_too) {
    world.start();
    answers_ok(pbx());
    ask(carrier(), message(carrier()));
    world.run_for(1s);
    LONGS_EQUAL(200, status());
    STRCMP_EQUAL("MESSAGE sip:4711@192.0.2.10 SIP/2.0", got(pbx(), "MESSAGE").start.c_str());
    LONGS_EQUAL(1, world.engine().trunks().at(1).requests_in);
    LONGS_EQUAL(1, world.engine().trunks().at(0).requests_out);
    LONGS_EQUAL(0, world.engine().trunks().at(1).attempts_in);
    check_clean();
}

TEST(Relay, through_loss_each_arrives_once) {
    world.link.loss_percent = 30;
    world.link.duplicate_percent = 10;
    world.start();
    std::vector<std::string> bodies;
    carrier().answer_other = [&](const SipText& r, SipText&) {
        bodies.push_back(r.body);
        return true;
    };
    for (int i = 0; i < 100; ++i) ask(pbx(), message(pbx(), "number " + std::to_string(i)));
    pbx().strays_expected = true;
    world.run_for(100s);
    std::ranges::sort(bodies);
    CHECK(std::ranges::adjacent_find(bodies) == bodies.end());
    CHECK(bodies.size() >= 99);
    CHECK(answers.size() >= 97);  // in 32 s eleven attempts each way
    CHECK(std::ranges::all_of(answers, [](const SipText& r) { return r.status() == 200; }));
    check_clean();
}

TEST(Relay, when_nobody_answers_nothing_is_sent) {
    world.start();
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    ask(pbx(), message(pbx()));
    world.run_for(70s);
    LONGS_EQUAL(0, pbx().wire.size());  // RFC 4320: no 100, no 408
    CHECK(carrier().count_requests("MESSAGE") > 5);
    LONGS_EQUAL(1, world.counter("requests-unanswered"));
    check_clean();
}

TEST(Relay, a_408_and_what_is_provisional_stay_there) {
    world.start();
    carrier().answer_other = [&](const SipText& r, SipText& response) {
        response.start = r.body == "now" ? "SIP/2.0 183 Wait" : "SIP/2.0 408 Too Late";
        return true;
    };
    ask(pbx(), message(pbx(), "now"));
    ask(pbx(), message(pbx(), "late"));
    world.run_for(70s);
    LONGS_EQUAL(0, pbx().wire.size());
    LONGS_EQUAL(2, world.counter("requests-unanswered"));
    check_clean();
}

TEST(Relay, failures_cross_as_they_do_for_calls) {
    world.start();
    int said = 0;
    carrier().answer_other = [&](const SipText&, SipText& response) {
        response.start = "SIP/2.0 " + std::to_string(said) + " At carrier.secret.example";
        response.add("WWW-Authenticate", "Digest realm=\"carrier.secret.example\", nonce=\"n\"");
        response.add("Contact", "<sip:elsewhere@carrier.secret.example>");
        response.add("Accept", "text/html");
        response.add("Allow", "FROBNICATE");
        return true;
    };
    const std::vector<std::pair<int, int>> cases{{302, 480}, {401, 403}, {407, 403}, {404, 404}, {405, 405},
                                                 {415, 415}, {420, 500}, {423, 500}, {503, 500}, {486, 486}};
    for (const auto& [theirs, ours] : cases) {
        said = theirs;
        answers.clear();
        ask(pbx(), message(pbx()));
        world.run_for(1s);
        LONGS_EQUAL(ours, status());
        if (ours == 415) STRCMP_EQUAL("text/html", answers[0].get("Accept").c_str());
        if (ours == 405) CHECK(answers[0].get("Allow").starts_with("INVITE, "));
        if (theirs == 503) CHECK(answers[0].get("Reason").starts_with("SIP;cause=503"));
    }
    check_clean();
}

TEST(Relay, nothing_of_either_side_is_seen_on_the_other) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    for (auto& realm : world.view.realms) realm.pass_unknown_headers = realm.pass_unknown_methods = true;
    world.start();
    const auto fill = [](SipText& m, const std::string& inner) {
        for (const auto* name : {"Subject",
                                 "Organization",
                                 "Warning",
                                 "X-Inner",
                                 "In-Reply-To",
                                 "Reply-To",
                                 "Event",
                                 "Allow-Events",
                                 "SIP-ETag",
                                 "SIP-If-Match",
                                 "Info-Package",
                                 "Recv-Info",
                                 "Subscription-State",
                                 "Content-Disposition",
                                 "Content-Language",
                                 "Content-ID",
                                 "Accept",
                                 "Accept-Encoding",
                                 "Suppress-If-Match",
                                 "Authorization",
                                 "Record-Route",
                                 "Path",
                                 "Supported",
                                 "Identity",
                                 "Geolocation",
                                 "Date",
                                 "Min-Expires"})
            m.add(name, "node7." + inner);
        m.add("P-Asserted-Identity", "\"" + inner + "\" <sip:boss@" + inner + ">");
        m.add("Call-Info", "<http://" + inner + "/x.png>");
        m.add("Call-Info", "<sip:" + inner + ">");
        m.add("Diversion", "<sip:old@" + inner + ">");
        m.add("Contact", "<sip:me@" + inner + ">");
        m.add("Content-Type", "text/plain");
        m.body = "a text";
    };
    for (auto* ua : {&pbx(), &carrier()}) {
        ua->answer_other = [fill, ua](const SipText& r, SipText& response) {
            if (r.body == "fail") response.start = "SIP/2.0 403 No";
            fill(response, ua->host);
            return true;
        };
    }
    const std::vector<std::string> methods{"MESSAGE", "OPTIONS", "PUBLISH", "FROBNICATE"};
    for (auto* ua : {&pbx(), &carrier()}) {
        for (const auto& method : methods) {
            for (const auto* body : {"", "fail"}) {
                auto r = ua->bare_request(method, "4711");
                fill(r, ua->host);
                r.body = body;
                ask(*ua, r);
            }
        }
    }
    world.run_for(5s);
    LONGS_EQUAL(16, answers.size());
    LONGS_EQUAL(8, pbx().count_requests("MESSAGE") + pbx().count_requests("OPTIONS") + pbx().count_requests("PUBLISH") +
                       pbx().count_requests("FROBNICATE"));
    CHECK(got(carrier(), "PUBLISH").get("P-Asserted-Identity") == "<sip:boss@198.51.100.1>");
    CHECK(world.counter("headers-withheld") > 50);
    check_clean();
}

TEST(Relay, publications_keep_their_entity_tags) {
    world.start();
    carrier().answer_other = [](const SipText& r, SipText& response) {
        response.add("Expires", "1800");
        response.add("SIP-ETag", "dx200.xyz");
        if (r.get("SIP-If-Match") == "gone") response.start = "SIP/2.0 412 Conditional Request Failed";
        if (r.get("Expires") == "1") response.start = "SIP/2.0 423 Interval Too Brief";
        response.add("Min-Expires", "60");
        return true;
    };
    const auto publish = [&](const std::string& match, const std::string& expires) {
        auto r = pbx().bare_request("PUBLISH", "alice");
        r.add("Event", "presence.winfo");
        if (!match.empty()) r.add("SIP-If-Match", match);
        r.add("Expires", expires);
        r.add("Content-Type", "application/pidf+xml");
        r.add("Content-Encoding", "gzip");
        r.body = std::string("\x1f\x8b not text \x01", 14);
        ask(pbx(), r);
        world.run_for(1s);
    };
    publish("", "3600");
    LONGS_EQUAL(200, status());
    STRCMP_EQUAL("dx200.xyz", answers[0].get("SIP-ETag").c_str());
    STRCMP_EQUAL("1800", answers[0].get("Expires").c_str());
    const auto there = got(carrier(), "PUBLISH");
    STRCMP_EQUAL("presence.winfo", there.get("Event").c_str());
    STRCMP_EQUAL("gzip", there.get("Content-Encoding").c_str());
    CHECK(there.body == std::string("\x1f\x8b not text \x01", 14));
    publish("dx200.xyz", "3600");
    STRCMP_EQUAL("dx200.xyz", got(carrier(), "PUBLISH").get("SIP-If-Match").c_str());
    publish("gone", "3600");
    LONGS_EQUAL(412, status(2));
    publish("", "1");
    LONGS_EQUAL(423, status(3));
    STRCMP_EQUAL("60", answers[3].get("Min-Expires").c_str());
    check_clean();
}

TEST(Relay, options_for_somebody_behind_us_are_routed_without_descriptions) {
    world.start();
    carrier().answer_other = [&](const SipText&, SipText& response) {
        response.add("Allow", "INVITE, FROBNICATE");
        response.add("Accept", "application/sdp, text/inner");
        response.add("Allow-Events", "presence");
        response.add("Content-Type", "application/sdp");
        response.body = carrier().sdp({});
        return true;
    };
    ask(pbx(), pbx().bare_request("OPTIONS", "4711"));
    world.run_for(1s);
    LONGS_EQUAL(200, status());
    STRCMP_EQUAL("", answers[0].body.c_str());
    STRCMP_EQUAL("", answers[0].get("Content-Type").c_str());
    STRCMP_EQUAL("INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, PUBLISH, SUBSCRIBE, NOTIFY",
                 answers[0].get("Allow").c_str());
    STRCMP_EQUAL("application/sdp", answers[0].get("Accept").c_str());
    STRCMP_EQUAL("presence", answers[0].get("Allow-Events").c_str());
    LONGS_EQUAL(1, carrier().count_requests("OPTIONS"));
    LONGS_EQUAL(0, world.counter("options-answered"));
    check_clean();
}

TEST(Relay, options_that_may_go_no_further_are_answered_here) {
    world.start();
    auto r = pbx().bare_request("OPTIONS", "4711");
    r.remove("Max-Forwards");
    r.add("Max-Forwards", "0");
    ask(pbx(), r);
    world.run_for(1s);
    LONGS_EQUAL(200, status());  // RFC 3261 §16.3 step 3
    LONGS_EQUAL(1, world.counter("options-answered"));
    check_clean();
}

TEST(Relay, what_a_realm_does_not_let_through_gets_405_and_what_nobody_knows_501) {
    world.view.realms[1].methods = {};
    world.view.realms[1].methods.add(config::PassedMethod::kOptions);
    world.start();
    ask(pbx(), message(pbx()));
    ask(pbx(), pbx().bare_request("PUBLISH", "4711"));
    ask(pbx(), pbx().bare_request("FROBNICATE", "4711"));
    world.run_for(1s);
    LONGS_EQUAL(405, status(0));
    STRCMP_EQUAL("INVITE, ACK, BYE, CANCEL, OPTIONS", answers[0].get("Allow").c_str());
    LONGS_EQUAL(405, status(1));
    LONGS_EQUAL(501, status(2));
    LONGS_EQUAL(3, world.counter("methods-refused"));
    LONGS_EQUAL(3, world.counter("requests-refused"));
    check_clean();
}

TEST(Relay, an_unknown_method_passes_when_both_realms_say_so) {
    world.view.realms[0].pass_unknown_methods = world.view.realms[1].pass_unknown_methods = true;
    world.start();
    answers_ok(carrier());
    ask(pbx(), pbx().bare_request("FROBNICATE", "4711"));
    world.run_for(1s);
    LONGS_EQUAL(200, status());
    STRCMP_EQUAL("<sip:198.51.100.1:5060>", got(carrier(), "FROBNICATE").get("Contact").c_str());
    check_clean();
}

TEST(Relay, it_is_judged_as_an_invite_is) {
    world.view.routes.pop_back();  // nothing from the carrier
    world.start();
    const auto with = [&](auto change) {
        auto r = message(pbx());
        change(r);
        ask(pbx(), r);
        world.run_for(1s);
        return answers.back().status();
    };
    LONGS_EQUAL(483, with([](SipText& r) {
                    r.remove("Max-Forwards");
                    r.add("Max-Forwards", "0");
                }));
    LONGS_EQUAL(420, with([](SipText& r) { r.add("Require", "frobnication"); }));
    STRCMP_EQUAL("frobnication", answers.back().get("Unsupported").c_str());
    LONGS_EQUAL(414,
                with([](SipText& r) { r.start = "MESSAGE sip:" + std::string(1100, '1') + "@192.0.2.1 SIP/2.0"; }));
    LONGS_EQUAL(416, with([](SipText& r) { r.start = "MESSAGE sips:1@192.0.2.1 SIP/2.0"; }));
    LONGS_EQUAL(416, with([](SipText& r) { r.start = "MESSAGE nobody:1 SIP/2.0"; }));
    LONGS_EQUAL(413, with([](SipText& r) { r.body.assign(33000, 'x'); }));
    LONGS_EQUAL(400, with([](SipText& r) { r.remove("Content-Type"); }));
    LONGS_EQUAL(415, with([this](SipText& r) {
                    r.remove("Content-Type");
                    r.add("Content-Type", "application/sdp");
                    r.body = pbx().sdp({});
                }));
    ask(carrier(), message(carrier()));
    world.run_for(1s);
    LONGS_EQUAL(404, answers.back().status());
    LONGS_EQUAL(3, world.counter("bodies-refused"));
    LONGS_EQUAL(0, world.counter("requests-passed"));
    auto& stranger = world.access("evil.example", "192.0.2.66");
    stranger.send_raw(message(stranger).write());
    world.run_for(1s);
    LONGS_EQUAL(0, stranger.wire.size());
    check_clean();
}

TEST(Relay, a_full_table_refuses_with_503_and_is_empty_again) {
    world.start();
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    // An eighth of 40,000 transactions: eight for each of 5,000 calls.
    for (int i = 0; i < 5003; ++i) ask(pbx(), message(pbx()));
    world.run_for(300ms);
    LONGS_EQUAL(5000, world.counter("live-requests"));
    LONGS_EQUAL(3, answers.size());
    LONGS_EQUAL(503, status());
    CHECK(!answers[0].get("Retry-After").empty());
    LONGS_EQUAL(3, world.counter("requests-shed"));
    // A call finds its room all the same.
    const auto call = connect(world, pbx(), carrier());
    CHECK(call.callee != nullptr);
    pbx().bye(*call.caller);
    check_clean();
    LONGS_EQUAL(0, world.counter("live-requests"));
}

TEST(Relay, the_far_side_is_unreachable) {
    world.start();
    world.refuse = [](const std::string& bytes) { return bytes.starts_with("MESSAGE"); };
    ask(pbx(), message(pbx()));
    world.run_for(1s);
    LONGS_EQUAL(500, status());
    CHECK(answers[0].get("Reason").starts_with("SIP;cause=503"));
    check_clean();
}

TEST(Relay, what_belongs_to_the_users_passes_within_a_call_both_ways) {
    world.view.realms[0].pass_unknown_methods = world.view.realms[1].pass_unknown_methods = true;
    world.start();
    answers_ok(pbx());
    answers_ok(carrier());
    const auto call = connect(world, pbx(), carrier());
    for (const auto* method : {"INFO", "MESSAGE", "OPTIONS", "FROBNICATE"}) {
        for (auto* end : {call.caller, call.callee}) {
            auto r = end->owner->next_request(*end, method);
            r.add("Info-Package", "dtmf");
            r.add("Content-Type", "application/dtmf-relay");
            r.body = "Signal=5\r\nDuration=160\r\n";
            ask(*end->owner, r);
            world.run_for(100ms);
            LONGS_EQUAL(200, answers.back().status());
            auto& there = end == call.caller ? carrier() : pbx();
            const auto& got_there = got(there, method);
            CHECK((got_there.body == r.body) == (std::string(method) != "OPTIONS"));
            CHECK((got_there.get("Info-Package") == "dtmf") == (std::string(method) == "INFO"));
        }
    }
    LONGS_EQUAL(0, world.counter("options-answered"));
    LONGS_EQUAL(8, world.counter("requests-answered"));
    // The numbers of CSeq go on from there.
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    carrier().bye(*call.callee);
    check_clean();
}

TEST(Relay, methods_of_no_call_are_refused_within_one) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    for (const auto* method : {"REFER", "NOTIFY", "SUBSCRIBE", "PUBLISH", "UPDATE", "PRACK", "REGISTER"}) {
        ask(pbx(), pbx().next_request(*call.caller, method));
        world.run_for(100ms);
        LONGS_EQUAL(405, answers.back().status());
    }
    ask(pbx(), pbx().next_request(*call.caller, "FROBNICATE"));
    world.run_for(100ms);
    LONGS_EQUAL(501, answers.back().status());
    LONGS_EQUAL(0, world.counter("requests-passed"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Relay, an_info_under_way_does_not_outlive_its_transaction_when_the_call_ends) {
    world.start();
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    const auto call = connect(world, pbx(), carrier());
    ask(pbx(), pbx().next_request(*call.caller, "INFO"));
    world.run_for(1s);
    LONGS_EQUAL(1, world.counter("live-requests"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Relay, an_early_dialog_takes_info_too) {
    world.start();
    answers_ok(carrier());
    carrier().script.answer_after = 5s;
    auto& call = pbx().invite("4711");
    world.run_for(1s);
    CHECK(call.state == UaCall::State::kEarly);
    call.remote_tag = parameter(pbx().last(180)->get("To"), "tag");
    call.remote_target = "sip:192.0.2.1:5060";
    ask(pbx(), pbx().next_request(call, "INFO"));
    world.run_for(1s);
    LONGS_EQUAL(200, status());
    LONGS_EQUAL(1, carrier().count_requests("INFO"));
    world.run_for(5s);
    CHECK(call.state == UaCall::State::kUp);
    pbx().bye(call);
    check_clean();
}

}  // namespace sallyport::scenario
