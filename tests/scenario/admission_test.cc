// What does not become a call: strangers, malformed and unsupported requests, no room; and OPTIONS.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Admission, WorldTest) {
    // The status that `request` gets, 0 for silence.
    int status_of(Ua& from, const SipText& request) {
        const auto before = from.wire.size();
        from.strays_expected = true;
        from.send_raw(request.write());
        world.run_for(300ms);
        int status = 0;
        for (auto i = before; i < from.wire.size(); ++i) {
            const auto m = SipText::parse(from.wire[i]);
            if (m && !m->is_request()) status = m->status();
        }
        return status;
    }
    SipText invite(Ua& from) {
        auto r = from.bare_request("INVITE", "100");
        r.add("Content-Type", "application/sdp");
        r.body = from.sdp({});
        return r;
    }
    void replace(SipText& m, const std::string& name, const std::string& value) {
        m.remove(name);
        m.add(name, value);
    }
};

TEST(Admission, a_stranger_gets_silence) {
    world.start();
    auto& stranger = world.access("evil.example", "192.0.2.66");
    LONGS_EQUAL(0, status_of(stranger, invite(stranger)));
    LONGS_EQUAL(0, status_of(stranger, stranger.bare_request("OPTIONS", "x")));
    stranger.send_raw("INVITE garbage\r\n\r\n");
    world.run_for(100ms);
    LONGS_EQUAL(0, stranger.wire.size());
    LONGS_EQUAL(3, world.counter("sources-dropped"));
    LONGS_EQUAL(0, world.records.size());
    check_clean();
}

TEST(Admission, a_stranger_gets_403_by_setting) {
    world.view.realms[0].unknown_source = config::UnknownSource::kForbid;
    world.start();
    auto& stranger = world.access("evil.example", "192.0.2.66");
    LONGS_EQUAL(403, status_of(stranger, invite(stranger)));
    LONGS_EQUAL(1, world.counter("sources-forbidden"));
    LONGS_EQUAL(0, world.counter("live-server-transactions"));
    check_clean();
}

TEST(Admission, an_open_realm_takes_anybody) {
    world.view.realms[0].open = true;
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    world.start();
    auto& phone = world.access("phone.example", "192.0.2.50");
    const auto call = connect(world, phone, carrier());
    CHECK(call.callee != nullptr && call.callee->acked);
    carrier().bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    STRCMP_EQUAL("", world.records.at(0).caller.trunk.c_str());
    check_clean();
}

TEST(Admission, max_forwards_zero_gets_483) {
    world.start();
    auto& call = pbx().invite("100", pbx().sdp({}), 0);
    world.run_for(1s);
    LONGS_EQUAL(483, call.initial_status);
    LONGS_EQUAL(483, world.records.at(0).code);
    STRCMP_EQUAL("access-pbx", world.records.at(0).caller.trunk.c_str());
    check_clean();
}

TEST(Admission, max_forwards_is_one_less_on_the_other_side) {
    world.start();
    carrier();
    pbx().invite("100", pbx().sdp({}), 17);
    world.run_for(100ms);
    STRCMP_EQUAL("16", carrier().received.at(0).get("Max-Forwards").c_str());
}

TEST(Admission, an_unknown_extension_gets_420_that_names_it) {
    world.start();
    auto r = invite(pbx());
    r.add("Require", "100rel, frobnicate");
    LONGS_EQUAL(420, status_of(pbx(), r));
    const auto answer = SipText::parse(pbx().wire.back());
    CHECK(answer->get("Unsupported").contains("frobnicate"));
    check_clean();
}

TEST(Admission, no_route_gets_404) {
    world.view.routes.erase(world.view.routes.begin());
    world.start();
    auto& call = pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(404, call.initial_status);
    LONGS_EQUAL(1, world.counter("no-route"));
    check_clean();
}

TEST(Admission, a_body_that_is_no_sdp_gets_415) {
    world.start();
    auto r = invite(pbx());
    replace(r, "Content-Type", "text/plain");
    LONGS_EQUAL(415, status_of(pbx(), r));
    const auto answer = SipText::parse(pbx().wire.back());
    STRCMP_EQUAL("application/sdp", answer->get("Accept").c_str());
    check_clean();
}

TEST(Admission, malformed_sdp_gets_400_that_says_where) {
    world.start();
    auto r = invite(pbx());
    r.body = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\nm=audio x RTP/AVP 0\r\n";
    LONGS_EQUAL(400, status_of(pbx(), r));
    CHECK(pbx().wire.back().contains("line 5"));
    check_clean();
}

TEST(Admission, an_offer_of_nothing_that_we_relay_gets_488) {
    world.start();
    auto r = invite(pbx());
    r.body = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n";
    LONGS_EQUAL(488, status_of(pbx(), r));
    check_clean();
}

TEST(Admission, a_missing_contact_gets_400) {
    world.start();
    auto r = invite(pbx());
    r.remove("Contact");
    LONGS_EQUAL(400, status_of(pbx(), r));
    CHECK(pbx().wire.back().contains("Contact"));
    check_clean();
}

TEST(Admission, a_missing_call_id_gets_400) {
    world.start();
    auto r = invite(pbx());
    r.remove("Call-ID");
    LONGS_EQUAL(400, status_of(pbx(), r));
    CHECK(pbx().wire.back().contains("Call-ID"));
    check_clean();
}

TEST(Admission, a_full_table_gets_503_with_retry_after) {
    world.view.system.max_calls = 2;
    world.start();
    carrier();
    connect(world, pbx(), carrier());
    connect(world, pbx(), carrier());
    auto& third = pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(503, third.initial_status);
    CHECK(!pbx().last(503)->get("Retry-After").empty());
    LONGS_EQUAL(1, world.counter("calls-table-full"));
    for (auto& call : pbx().calls) pbx().bye(*call);
    world.run_for(1s);
    const auto again = connect(world, pbx(), carrier());
    CHECK(again.caller->state == UaCall::State::kUp);
    pbx().bye(*again.caller);
    check_clean();
}

TEST(Admission, exhausted_ports_get_503) {
    world.view.realms[1].media.media_ports = {20000, 20001};
    world.start();
    carrier();
    const auto first = connect(world, pbx(), carrier());
    auto& second = pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(503, second.initial_status);
    LONGS_EQUAL(1, world.counter("calls-no-ports"));
    pbx().bye(*first.caller);
    check_clean();
}

TEST(Admission, without_a_dataplane_new_calls_get_503_and_old_ones_go_on) {
    world.start();
    const auto old = connect(world, pbx(), carrier());
    world.dataplane_session(false);
    auto& call = pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(503, call.initial_status);
    CHECK(old.caller->state == UaCall::State::kUp);
    pbx().reinvite(*old.caller, pbx().sdp({.port = 9000, .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, old.caller->final_status);
    world.dataplane_session(true);
    bool moved = false;
    for (const auto& [key, flow] : world.dataplane().flows()) moved |= flow.spec.remote.port == 9000;
    CHECK(moved);
    pbx().bye(*old.caller);
    check_clean();
}

TEST(Admission, a_dataplane_that_was_started_anew_gets_its_flows_back) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    const auto before = world.dataplane().flows();
    world.dataplane_session(false);
    world.dataplane().restart();
    world.dataplane_session(true);
    LONGS_EQUAL(before.size(), world.dataplane().flows().size());
    for (const auto& [key, flow] : before) CHECK(world.dataplane().flows().contains(key));
    CHECK(call.caller->state == UaCall::State::kUp);
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Admission, figures_that_a_dataplane_took_with_it_are_missed_in_the_record) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(50);
    world.dataplane_session(false);
    world.dataplane().restart();
    world.dataplane_session(true);
    world.dataplane().carry(7);
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK_FALSE(world.records[0].quality_complete);
    LONGS_EQUAL(7, world.records[0].streams.at(0).from_caller.packets);
    check_clean();
}

TEST(Admission, a_session_that_was_only_interrupted_takes_no_figures) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(50);
    world.dataplane_session(false);
    world.dataplane_session(true);
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].quality_complete);
    LONGS_EQUAL(50, world.records[0].streams.at(0).from_caller.packets);
    check_clean();
}

TEST(Admission, a_call_that_ended_while_the_dataplane_was_lost_has_an_incomplete_record) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(50);
    world.dataplane_session(false);
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(0, world.records.size());
    world.dataplane().restart();
    world.dataplane_session(true);
    LONGS_EQUAL(1, world.records.size());
    CHECK_FALSE(world.records[0].quality_complete);
    check_clean();
}

TEST(Admission, an_escaped_number_takes_the_route_of_the_number) {
    auto barred = world.view.routes[0];
    barred.name = "barred";
    barred.called_prefix = "00";
    barred.to_trunk = 0;
    world.view.routes.insert(world.view.routes.begin(), barred);
    world.start();
    pbx().script.reject = 403;  // the barred route goes back to the PBX
    auto& call = pbx().invite("%30%30123");
    world.run_for(2s);
    LONGS_EQUAL(403, call.initial_status);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].route == "barred");
    world.run_for(70s);
    STRCMP_EQUAL("", world.problems().c_str());
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Admission, options_gets_200_with_what_we_can) {
    world.start();
    auto r = pbx().bare_request("OPTIONS", "ping");
    r.start = "OPTIONS sip:192.0.2.1 SIP/2.0";
    LONGS_EQUAL(200, status_of(pbx(), r));
    const auto answer = SipText::parse(pbx().wire.back());
    CHECK(answer->get("Allow").contains("INVITE"));
    STRCMP_EQUAL("application/sdp", answer->get("Accept").c_str());
    check_clean();
}

TEST(Admission, other_methods_get_405_and_unknown_ones_501) {
    world.start();
    for (const auto* method : {"REGISTER", "UPDATE", "REFER", "PRACK"}) {
        LONGS_EQUAL(405, status_of(pbx(), pbx().bare_request(method, "100")));
        CHECK(SipText::parse(pbx().wire.back())->get("Allow").contains("INVITE"));
    }
    LONGS_EQUAL(501, status_of(pbx(), pbx().bare_request("FROBNICATE", "100")));
    check_clean();
}

TEST(Admission, what_is_of_a_dialog_only_gets_481_without_one_and_a_stray_ack_nothing) {
    world.start();
    for (const auto* method : {"BYE", "INFO", "NOTIFY"})
        LONGS_EQUAL(481, status_of(pbx(), pbx().bare_request(method, "100")));
    auto tagged = pbx().bare_request("BYE", "100");
    replace(tagged, "To", "<sip:100@192.0.2.1>;tag=unknown");
    LONGS_EQUAL(481, status_of(pbx(), tagged));
    LONGS_EQUAL(0, status_of(pbx(), pbx().bare_request("ACK", "100")));
    check_clean();
}

}  // namespace sallyport::scenario
