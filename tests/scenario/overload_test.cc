// INVITEs that are one too many: refused without a trace but a counter, and nothing else is.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Overload, WorldTest) {
    // What the gate says to a datagram that it takes for one too many.
    void surplus(Ua& from, const std::string& bytes) {
        world.engine().on_surplus_invite(world.both(), {0, from.self}, std::as_bytes(std::span(bytes)));
        world.run_for(20ms);
    }
};

TEST(Overload, an_invite_too_many_gets_503_and_leaves_nothing_but_a_count) {
    world.start();
    pbx().strays_expected = true;
    const auto invite = pbx().bare_request("INVITE", "100");
    surplus(pbx(), invite.write());
    const auto* refused = pbx().last(503);
    CHECK(refused != nullptr);
    const auto seconds = refused->get("Retry-After");
    CHECK_TEXT(seconds.size() == 1 && seconds[0] >= '1' && seconds[0] <= '5', seconds.c_str());
    LONGS_EQUAL(0, world.counter("live-server-transactions"));
    LONGS_EQUAL(0, world.counter("live-timers"));
    LONGS_EQUAL(0, world.counter("calls-refused"));
    LONGS_EQUAL(1, world.counter("invites-shed"));
    LONGS_EQUAL(1, world.engine().trunks().at(0).shed_in);
    LONGS_EQUAL(0, world.engine().trunks().at(0).attempts_in);
    LONGS_EQUAL(0, world.records.size());
    // Its ACK finds nothing, and is no stray of a call.
    auto ack = invite;
    ack.start = "ACK" + ack.start.substr(6);
    ack.remove("CSeq");
    ack.add("CSeq", "1 ACK");
    ack.remove("To");
    ack.add("To", refused->get("To"));
    const auto sent = pbx().wire.size();
    pbx().send_raw(ack.write());
    world.run_for(100ms);
    LONGS_EQUAL(sent, pbx().wire.size());
    LONGS_EQUAL(0, world.counter("stray-acks"));
    check_clean();
}

TEST(Overload, a_request_that_is_no_call_is_refused_too_and_a_question_for_the_gate_is_answered) {
    world.start();
    pbx().strays_expected = true;
    surplus(pbx(), pbx().bare_request("MESSAGE", "100").write());
    CHECK(pbx().last(503) != nullptr && !pbx().last(503)->get("Retry-After").empty());
    LONGS_EQUAL(1, world.counter("requests-shed"));
    LONGS_EQUAL(0, world.counter("live-server-transactions"));
    auto ping = pbx().bare_request("OPTIONS", "x");
    ping.start = "OPTIONS sip:192.0.2.1 SIP/2.0";
    surplus(pbx(), ping.write());
    CHECK(pbx().last(200) != nullptr);
    LONGS_EQUAL(1, world.counter("requests-shed"));
    check_clean();
}

TEST(Overload, a_call_that_was_refused_comes_again_and_is_set_up) {
    world.start();
    pbx().strays_expected = true;
    surplus(pbx(), pbx().bare_request("INVITE", "100").write());
    const auto call = connect(world, pbx(), carrier());
    CHECK(call.callee != nullptr && call.callee->acked);
    pbx().bye(*call.caller);
    check_clean();
}

// Its 503 may be on its way, or have been lost: whoever sent it must not end up with a call that it does not know of.
TEST(Overload, the_retransmission_of_a_refused_invite_is_refused_also_when_there_is_room_again) {
    world.start();
    carrier();
    pbx().strays_expected = true;
    const auto invite = pbx().bare_request("INVITE", "100");
    surplus(pbx(), invite.write());
    world.run_for(500ms);
    const auto before = pbx().wire.size();
    pbx().send_raw(invite.write());
    world.run_for(1s);
    LONGS_EQUAL(before + 1, pbx().wire.size());
    LONGS_EQUAL(503, pbx().received.back().status());
    LONGS_EQUAL(1, world.counter("sip-refused-again"));
    LONGS_EQUAL(0, world.counter("calls"));
    LONGS_EQUAL(0, world.counter("live-server-transactions"));
    check_clean();
}

TEST(Overload, the_retransmission_of_a_call_that_was_taken_is_no_surplus) {
    world.start();
    carrier();
    auto& call = pbx().invite("100");
    world.run_for(50ms);
    surplus(pbx(), call.invite.write());
    LONGS_EQUAL(0, world.counter("invites-shed"));
    LONGS_EQUAL(1, world.counter("sip-retransmissions-received"));
    world.run_for(2s);
    CHECK(call.state == UaCall::State::kUp);
    pbx().bye(call);
    check_clean();
}

TEST(Overload, a_reinvite_is_no_surplus) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(20ms);  // the ACK is on its way
    std::string reinvite;
    world.lose = [&](const std::string& bytes) {
        if (!reinvite.empty() || !bytes.starts_with("INVITE")) return false;
        reinvite = bytes;
        return true;
    };
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    CHECK(!reinvite.empty());
    surplus(pbx(), reinvite);
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    LONGS_EQUAL(0, world.counter("invites-shed"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Overload, a_stranger_learns_nothing_of_it) {
    world.start();
    auto& stranger = world.access("evil.example", "192.0.2.66");
    surplus(stranger, stranger.bare_request("INVITE", "100").write());
    LONGS_EQUAL(0, stranger.wire.size());
    LONGS_EQUAL(0, world.counter("invites-shed"));
    LONGS_EQUAL(1, world.counter("sources-dropped"));
    check_clean();
}

}  // namespace sallyport::scenario
