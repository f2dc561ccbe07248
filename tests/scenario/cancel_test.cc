// CANCEL in every state and race.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Cancel, WorldTest) {
    std::string cancel_reason() {
        for (const auto& m : carrier().received) {
            if (m.is_request() && m.method() == "CANCEL") return m.get("Reason");
        }
        return "no CANCEL";
    }
};

TEST(Cancel, while_ringing) {
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    pbx().cancel(call);
    world.run_for(1s);
    LONGS_EQUAL(487, call.initial_status);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    CHECK(carrier().calls.back()->state == UaCall::State::kEnded);
    CHECK(world.records.at(0).ended_by == call::EndedBy::kCaller);
    LONGS_EQUAL(487, world.records.at(0).code);
    check_clean();
}

TEST(Cancel, before_the_callee_said_anything_waits_for_its_provisional) {
    world.start();
    carrier().script.trying = false;
    carrier().script.ring_after = 400ms;
    carrier().script.answer_after = 10s;
    auto& call = pbx().invite("100");
    world.run_for(50ms);
    pbx().cancel(call);
    world.run_for(200ms);
    LONGS_EQUAL(487, call.initial_status);
    LONGS_EQUAL(0, carrier().count_requests("CANCEL"));
    world.run_for(1s);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    CHECK(carrier().calls.back()->state == UaCall::State::kEnded);
    check_clean();
}

TEST(Cancel, crossed_by_the_callees_200_gives_ack_and_bye) {
    world.start();
    carrier().script.accept_cancel = false;  // it answers though it was cancelled
    carrier().script.answer_after = 1s;
    auto& call = pbx().invite("100");
    world.run_for(990ms);
    pbx().cancel(call);
    world.run_for(1s);
    LONGS_EQUAL(487, call.initial_status);
    auto& callee = *carrier().calls.back();
    CHECK(callee.acked);
    CHECK(callee.ended_by_peer);
    check_clean();
}

TEST(Cancel, after_our_2xx_has_no_effect) {
    world.start();
    world.link.delay = 50ms;
    carrier().script.answer_after = 1s;
    auto& call = pbx().invite("100");
    world.run_for(1160ms);  // the 200 has left the gate, and is not there yet
    CHECK(call.initial_status == 0);
    pbx().cancel(call);
    world.run_for(2s);
    LONGS_EQUAL(200, call.initial_status);
    CHECK(call.state == UaCall::State::kUp);
    CHECK(carrier().calls.back()->state == UaCall::State::kUp);
    pbx().bye(call);
    check_clean();
}

TEST(Cancel, to_a_callee_that_never_gives_a_final_response_ends_too) {
    world.start();
    carrier().script.answer = false;
    carrier().script.accept_cancel = false;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    pbx().cancel(call);
    world.run_for(70s);
    LONGS_EQUAL(487, call.initial_status);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Cancel, of_a_reinvite_is_decided_by_the_other_side) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.link.delay = 200ms;
    pbx().reinvite(*call.caller, pbx().sdp({.direction = "sendonly", .version = 2}));
    world.run_for(410ms);
    pbx().cancel(*call.caller);  // the callee has answered already
    world.run_for(3s);
    LONGS_EQUAL(200, call.caller->final_status);
    CHECK(call.callee->remote_sdp.contains("a=sendonly"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Cancel, tells_every_reason_and_hides_what_must_be) {
    world.start();
    carrier().script.answer = false;
    pbx().script.last_headers = {{"Reason", "SIP;cause=200;text=\"Call completed elsewhere\""},
                                 {"Reason", "Q.850;cause=16;text=\"by pbx.inner.example\""}};
    auto& call = pbx().invite("100");
    world.run_for(1s);
    pbx().cancel(call);
    world.run_for(1s);
    STRCMP_EQUAL("SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=16", cancel_reason().c_str());
    check_clean();
}

TEST(Cancel, of_a_reinvite_tells_its_reason) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    carrier().script.answer_reinvite = false;
    pbx().script.last_headers = {{"Reason", "SIP;cause=480"}};
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    pbx().cancel(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(487, call.caller->final_status);
    STRCMP_EQUAL("SIP;cause=480", cancel_reason().c_str());
    pbx().script.last_headers.clear();
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Cancel, a_bye_in_the_early_dialog_is_as_good) {
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    call.remote_tag = parameter(pbx().last(180)->get("To"), "tag");
    call.remote_target = inside_brackets(pbx().last(180)->get("Contact"));
    pbx().bye(call);
    world.run_for(1s);
    LONGS_EQUAL(487, call.initial_status);
    CHECK(carrier().calls.back()->state == UaCall::State::kEnded);
    check_clean();
}

}  // namespace sallyport::scenario
