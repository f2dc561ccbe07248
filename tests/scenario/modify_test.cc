// re-INVITE: hold and resume from each side, glare, failure, new address, without SDP; other methods in a dialog.
#include "tests/scenario/world_test.h"

#include <utility>

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Modify, WorldTest) {
    Pair call;
    void up() {
        world.start();
        call = connect(world, pbx(), carrier());
    }
    void check_clean() {
        pbx().bye(*call.caller);
        WorldTest::check_clean();
    }
    unsigned forwarding() {
        unsigned n = 0;
        for (const auto& [key, flow] : world.dataplane().flows()) {
            if (flow.spec.cookie.component == 0 && (flow.spec.flags & wire::kFlowForward) != 0) ++n;
        }
        return n;
    }
    void hold_and_resume(Ua& one, UaCall& mine, Ua& two, UaCall& theirs) {
        const auto answer = [&two](UaCall&, const std::string& offer) {
            return two.sdp({.direction = offer.contains("sendonly") ? "recvonly" : "sendrecv", .version = 2});
        };
        two.answer_sdp = answer;
        one.reinvite(mine, one.sdp({.direction = "sendonly", .version = 2}));
        world.run_for(1s);
        LONGS_EQUAL(200, mine.final_status);
        CHECK(theirs.remote_sdp.contains("a=sendonly"));
        CHECK(mine.remote_sdp.contains("a=recvonly"));
        LONGS_EQUAL(1, forwarding());
        one.reinvite(mine, one.sdp({.version = 3}));
        world.run_for(1s);
        LONGS_EQUAL(200, mine.final_status);
        CHECK(theirs.remote_sdp.contains("a=sendrecv"));
        LONGS_EQUAL(2, forwarding());
        LONGS_EQUAL(0, world.dataplane().removed);
        LONGS_EQUAL(4, world.dataplane().flows().size());
    }
};

TEST(Modify, hold_and_resume_by_the_caller) {
    up();
    hold_and_resume(pbx(), *call.caller, carrier(), *call.callee);
    check_clean();
}

TEST(Modify, hold_and_resume_by_the_callee) {
    up();
    hold_and_resume(carrier(), *call.callee, pbx(), *call.caller);
    check_clean();
}

TEST(Modify, a_new_address_moves_the_flow) {
    up();
    pbx().reinvite(*call.caller, pbx().sdp({.address = "192.0.2.77", .port = 9000, .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    unsigned moved = 0;
    for (const auto& [key, flow] : world.dataplane().flows()) {
        if (flow.spec.remote == Endpoint(*IpAddress::parse("192.0.2.77"), 9000)) ++moved;
    }
    LONGS_EQUAL(1, moved);
    check_clean();
}

TEST(Modify, a_new_codec_comes_into_the_record) {
    up();
    carrier().answer_sdp = [&](UaCall&, const std::string&) { return carrier().sdp({.formats = "0", .version = 2}); };
    pbx().reinvite(*call.caller, pbx().sdp({.formats = "0", .version = 2}));
    world.run_for(1s);
    pbx().bye(*call.caller);
    world.run_for(1s);
    STRCMP_EQUAL("PCMU/8000", world.records.at(0).codecs.at(0).c_str());
    check_clean();
}

TEST(Modify, without_sdp_asks_the_other_side_for_an_offer) {
    up();
    pbx().reinvite(*call.caller, "");
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    CHECK(call.callee->acked);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    check_clean();
}

TEST(Modify, a_repeated_first_2xx_gets_its_own_ack) {
    bool lost = false;
    world.lose = [&lost](const std::string& bytes) {
        return bytes.starts_with("ACK ") && bytes.contains("198.51.100.1:5060;rport;branch") &&
               !std::exchange(lost, true);
    };
    world.start();
    carrier();
    auto& caller = pbx().invite("100");
    world.run_until([&] { return caller.state == UaCall::State::kUp; });
    pbx().reinvite(caller, pbx().sdp({.version = 2}));
    world.run_for(40s);
    CHECK(lost);
    LONGS_EQUAL(200, caller.final_status);
    CHECK(caller.state == UaCall::State::kUp);
    call = {&caller, carrier().calls.back().get()};
    CHECK(call.callee->state == UaCall::State::kUp);
    check_clean();
}

TEST(Modify, one_that_is_never_answered_is_cancelled_and_leaves_the_call) {
    world.view.system.no_answer = 20s;
    up();
    carrier().script.answer_reinvite = false;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(25s);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    LONGS_EQUAL(487, call.caller->final_status);
    carrier().script.answer_reinvite = true;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 3}));
    world.run_for(30s);
    LONGS_EQUAL(200, call.caller->final_status);
    LONGS_EQUAL(1, world.counter("calls-no-answer"));
    check_clean();
}

TEST(Modify, one_whose_sender_cannot_be_told_is_cancelled) {
    up();
    carrier().script.answer_reinvite = false;
    world.refuse = [](const std::string& bytes) { return bytes.starts_with("SIP/2.0 100"); };
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(400ms);
    world.refuse = {};
    world.run_for(1s);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    world.engine().visit_calls([](const call::CallView& c) {
        STRCMP_EQUAL("up", std::string(c.state).c_str());
        return true;
    });
    check_clean();
}

TEST(Modify, one_whose_sender_cannot_be_told_ends_the_call_when_it_was_accepted) {
    up();
    world.refuse = [](const std::string& bytes) { return bytes.starts_with("SIP/2.0 100"); };
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(call.callee->acked);
    CHECK(call.callee->ended_by_peer);
    world.run_for(70s);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Modify, a_reinvite_from_another_port_moves_the_signalling_of_an_open_realm) {
    world.view.realms[0].open = true;
    world.view.trunks.erase(world.view.trunks.begin());
    world.view.routes.pop_back();
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    world.view.routes[0].to_trunk = 0;
    up();
    auto& phone = pbx();
    phone.self.port = 40123;  // a NAT has forgotten the one before
    phone.reinvite(*call.caller, phone.sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    carrier().bye(*call.callee);
    world.run_for(1s);
    LONGS_EQUAL(1, phone.count_requests("BYE"));
    world.run_for(70s);
    STRCMP_EQUAL("", world.problems().c_str());
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Modify, a_request_from_another_address_is_dropped) {
    world.view.realms[0].open = true;
    world.view.trunks.erase(world.view.trunks.begin());
    world.view.routes.pop_back();
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    world.view.routes[0].to_trunk = 0;
    up();
    auto& phone = pbx();
    const auto before = phone.wire.size();
    world.move_access("192.0.2.10", "192.0.2.20");
    phone.bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(before, phone.wire.size());
    CHECK(world.counter("requests-from-elsewhere") > 0);
    CHECK(call.callee->state == UaCall::State::kUp);
    world.move_access("192.0.2.20", "192.0.2.10");
    world.run_for(5s);  // it is repeated
    CHECK(call.callee->state == UaCall::State::kEnded);
    world.run_for(70s);
    STRCMP_EQUAL("", world.problems().c_str());
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Modify, glare_gives_491_to_the_second_and_its_retry_wins) {
    up();
    world.link.delay = 20ms;
    carrier().reinvite(*call.callee, carrier().sdp({.direction = "sendonly", .version = 2}));
    pbx().reinvite(*call.caller, pbx().sdp({.direction = "sendonly", .version = 2}));
    world.run_for(1s);
    // Whoever came to the gate first has it; the other gets 491 and comes again.
    CHECK((call.caller->final_status == 491) != (call.callee->final_status == 491));
    LONGS_EQUAL(1, world.counter("reinvites-glare"));
    auto& loser = call.caller->final_status == 491 ? *call.caller : *call.callee;
    loser.owner->reinvite(loser, loser.owner->sdp({.version = 3}));
    world.run_for(1s);
    LONGS_EQUAL(200, loser.final_status);
    check_clean();
}

TEST(Modify, a_failed_reinvite_leaves_everything_as_it_was) {
    up();
    const auto flows_before = world.dataplane().flows();
    carrier().script.reject_reinvite = 488;
    pbx().reinvite(*call.caller, pbx().sdp({.port = 9000, .direction = "sendonly", .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(488, call.caller->final_status);
    LONGS_EQUAL(flows_before.size(), world.dataplane().flows().size());
    for (const auto& [key, flow] : world.dataplane().flows()) {
        CHECK(flow.spec.remote == flows_before.at(key).spec.remote);
        CHECK(flow.spec.flags == flows_before.at(key).spec.flags);
    }
    // The session goes on, and can be changed again.
    carrier().script.reject_reinvite = 0;
    pbx().reinvite(*call.caller, pbx().sdp({.port = 9000, .version = 3}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    check_clean();
}

TEST(Modify, a_failure_for_an_extension_of_one_leg_becomes_500) {
    up();
    carrier().script.reject_reinvite = 422;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(500, call.caller->final_status);
    CHECK(pbx().last(500)->get("Reason").contains("cause=422"));
    check_clean();
}

TEST(Modify, a_481_to_a_reinvite_ends_the_call) {
    up();
    carrier().script.reject_reinvite = 481;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(call.callee->ended_by_peer);
    check_clean();
}

TEST(Modify, a_second_reinvite_before_the_first_is_answered_gets_500_with_retry_after) {
    up();
    world.link.delay = 100ms;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    pbx().reinvite(*call.caller, pbx().sdp({.version = 3}));
    world.run_for(2s);
    const auto* refusal = pbx().last(500);
    CHECK(refusal != nullptr);
    CHECK(!refusal->get("Retry-After").empty());
    check_clean();
}

TEST(Modify, crossing_byes_end_both) {
    up();
    world.link.delay = 50ms;
    carrier().bye(*call.callee);
    pbx().bye(*call.caller);
    world.run_for(2s);
    LONGS_EQUAL(1, world.records.size());
    check_clean();
}

TEST(Modify, bye_while_a_reinvite_is_under_way) {
    up();
    world.link.delay = 100ms;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(150ms);
    carrier().bye(*call.callee);
    world.run_for(3s);
    CHECK(call.caller->state == UaCall::State::kEnded);
    world.run_for(70s);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Modify, other_methods_in_the_dialog) {
    up();
    int options = 0;
    int info = 0;
    int update = 0;
    std::string allow;
    pbx().request(*call.caller, "OPTIONS", [&](const SipText& r) { options = r.status(); });
    pbx().request(*call.caller, "INFO", [&](const SipText& r) { info = r.status(); });
    pbx().request(*call.caller, "UPDATE", [&](const SipText& r) {
        update = r.status();
        allow = r.get("Allow");
    });
    world.run_for(1s);
    LONGS_EQUAL(200, options);
    LONGS_EQUAL(405, info);
    LONGS_EQUAL(405, update);
    CHECK(allow.contains("INVITE") && allow.contains("BYE") && !allow.contains("UPDATE"));
    check_clean();
}

TEST(Modify, a_request_of_yesterday_gets_500) {
    up();
    int status = 0;
    call.caller->local_cseq = 0;
    pbx().request(*call.caller, "OPTIONS", [&](const SipText& r) { status = r.status(); });
    world.run_for(1s);
    LONGS_EQUAL(500, status);
    check_clean();
}

TEST(Modify, a_request_of_no_dialog_gets_481) {
    up();
    auto stranger = *call.caller;
    stranger.remote_tag = "nobody";
    int status = 0;
    pbx().request(stranger, "BYE", [&](const SipText& r) { status = r.status(); });
    world.run_for(1s);
    LONGS_EQUAL(481, status);
    CHECK(call.callee->state == UaCall::State::kUp);
    check_clean();
}

TEST(Modify, silence_of_all_streams_is_reported_and_ends_nothing) {
    world.view.system.media_timeout = 30s;
    up();
    world.dataplane().idle(true);
    world.run_for(1s);
    LONGS_EQUAL(1, world.counter("calls-media-silent"));
    CHECK(call.caller->state == UaCall::State::kUp);
    check_clean();
}

}  // namespace sallyport::scenario
