// Timers by trunk and realm: each takes effect towards the peer that it is of, and is inherited.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Timers, WorldTest) {
    // A set of its own for the carrier; what is not changed is the system's.
    config::Timers& carrier_timers() { return own_timers(world.view.trunks[1].timers); }
    config::Timers& pbx_timers() { return own_timers(world.view.trunks[0].timers); }
    config::Timers& own_timers(std::uint16_t& set) {
        auto& sets = world.view.timers;
        if (set == 0) {
            sets.push_back(world.view.system);
            set = static_cast<std::uint16_t>(sets.size());
        }
        return sets[set - 1U];
    }
};

TEST(Timers, t1_and_t2_of_the_trunk_to_which_a_request_goes) {
    carrier_timers().t1 = 200ms;
    carrier_timers().t2 = 400ms;
    world.start();
    carrier();
    std::vector<Instant> sent;
    world.lose = [&](const std::string& bytes) {
        if (bytes.starts_with("INVITE") && bytes.contains("Via: SIP/2.0/UDP 198.51.100.1")) sent.push_back(world.now());
        return bytes.starts_with("INVITE") && bytes.contains("Via: SIP/2.0/UDP 198.51.100.1");
    };
    auto& call = pbx().invite("100");
    world.run_for(1500ms);
    // Timer A: 200, 400, 800 ms.
    LONGS_EQUAL(4, sent.size());
    CHECK(sent[1] - sent[0] >= 200ms && sent[1] - sent[0] < 210ms);
    CHECK(sent[3] - sent[0] >= 1400ms && sent[3] - sent[0] < 1420ms);
    world.run_for(64 * 200ms);  // B
    LONGS_EQUAL(408, call.initial_status);
    check_clean();
}

TEST(Timers, timer_b_gives_up_a_peer_that_is_gone) {
    carrier_timers().timer_b = 3000ms;
    world.start();
    carrier();
    world.lose = [](const std::string& bytes) { return bytes.contains("Via: SIP/2.0/UDP 198.51.100.1"); };
    auto& call = pbx().invite("100");
    world.run_for(2900ms);
    LONGS_EQUAL(0, call.initial_status);
    world.run_for(200ms);
    LONGS_EQUAL(408, call.initial_status);
    STRCMP_EQUAL("No response", world.records.at(0).reason.c_str());
    check_clean();
}

TEST(Timers, timer_f_gives_up_a_bye) {
    carrier_timers().timer_b = 3000ms;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.lose = [](const std::string& bytes) { return bytes.contains("Via: SIP/2.0/UDP 198.51.100.1"); };
    pbx().bye(*call.caller);
    world.run_for(2900ms);
    LONGS_EQUAL(1, world.counter("live-calls"));
    world.run_for(300ms);
    LONGS_EQUAL(0, world.counter("live-calls"));
    LONGS_EQUAL(1, world.counter("sip-timeouts"));
}

TEST(Timers, a_failure_and_a_2xx_are_repeated_by_the_timers_of_the_side_that_they_go_to) {
    pbx_timers().t1 = 100ms;
    pbx_timers().t2 = 200ms;
    world.start();
    carrier();
    for (const int status : {486, 200}) {
        carrier().script.reject = status == 200 ? 0 : status;
        const auto line = "SIP/2.0 " + std::to_string(status);
        std::vector<Instant> sent;
        world.lose = [&](const std::string& bytes) {
            const bool ours =
                bytes.starts_with(line) && bytes.contains("CSeq: 1 INVITE") && bytes.contains("192.0.2.10");
            if (ours && sent.size() < 4) {
                sent.push_back(world.now());
                return true;
            }
            return false;
        };
        auto& call = pbx().invite("100");
        world.run_for(3s);
        LONGS_EQUAL(4, sent.size());
        CHECK(sent[1] - sent[0] >= 100ms && sent[1] - sent[0] < 110ms);
        CHECK(sent[2] - sent[1] >= 200ms && sent[2] - sent[1] < 210ms);
        CHECK(sent[3] - sent[2] >= 200ms && sent[3] - sent[2] < 210ms);
        LONGS_EQUAL(status, call.initial_status);
        world.lose = nullptr;
        if (status == 200) pbx().bye(call);
    }
    check_clean();
}

TEST(Timers, the_wait_for_an_ack_is_64_t1_of_the_caller) {
    pbx_timers().t1 = 100ms;
    world.start();
    carrier();
    pbx().script.ack_ours = false;
    pbx().invite("100");
    world.run_for(500ms + 6s);
    LONGS_EQUAL(0, world.counter("acks-missing"));
    world.run_for(1s);
    LONGS_EQUAL(1, world.counter("acks-missing"));
    STRCMP_EQUAL("No ACK", world.records.at(0).reason.c_str());
}

TEST(Timers, no_answer_is_that_of_the_side_that_is_called) {
    carrier_timers().no_answer = 10s;
    world.start();
    carrier().script.answer = false;
    pbx().script.answer = false;
    auto& out = pbx().invite("100");
    auto& in = carrier().invite("100");
    world.run_for(11s);
    LONGS_EQUAL(408, out.initial_status);
    LONGS_EQUAL(0, in.initial_status);
    LONGS_EQUAL(1, world.counter("calls-no-answer"));
    world.run_for(170s);
    LONGS_EQUAL(408, in.initial_status);
    check_clean();
}

TEST(Timers, timer_c_begins_anew_with_each_provisional_response) {
    carrier_timers().timer_c = 10s;
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(200ms);
    for (int i = 0; i < 4; ++i) {
        world.run_for(8s);
        LONGS_EQUAL(0, call.initial_status);
        carrier().fork(*carrier().calls.front(), 180, {});
    }
    world.run_for(9900ms);
    LONGS_EQUAL(0, call.initial_status);
    world.run_for(200ms);
    LONGS_EQUAL(408, call.initial_status);
    LONGS_EQUAL(1, world.counter("calls-no-progress"));
    LONGS_EQUAL(0, world.counter("calls-no-answer"));
    STRCMP_EQUAL("No progress", world.records.at(0).reason.c_str());
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    check_clean();
}

TEST(Timers, signs_of_life_do_not_prolong_no_answer) {
    carrier_timers().timer_c = 10s;
    carrier_timers().no_answer = 20s;
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(200ms);
    for (int i = 0; i < 3; ++i) {
        world.run_for(6s);
        carrier().fork(*carrier().calls.front(), 180, {});
    }
    LONGS_EQUAL(0, call.initial_status);
    world.run_for(2s);
    LONGS_EQUAL(408, call.initial_status);
    LONGS_EQUAL(1, world.counter("calls-no-answer"));
    check_clean();
}

TEST(Timers, timer_c_cancels_a_reinvite_that_gets_no_further_and_the_call_stays) {
    carrier_timers().timer_c = 5s;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    carrier().script.answer_reinvite = false;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(4s);
    LONGS_EQUAL(0, world.counter("calls-no-progress"));
    world.run_for(2s);
    LONGS_EQUAL(1, world.counter("calls-no-progress"));
    CHECK(call.caller->state == UaCall::State::kUp);
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Timers, the_shorter_longest_call_of_both_sides_ends_it) {
    pbx_timers().max_call_duration = 60s;
    carrier_timers().max_call_duration = 90s;
    world.view.system.max_call_duration = 30s;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(58s);
    CHECK(call.caller->state == UaCall::State::kUp);
    world.run_for(3s);
    CHECK(call.caller->ended_by_peer && call.callee->ended_by_peer);
    LONGS_EQUAL(1, world.counter("calls-limit-reached"));
    check_clean();
}

TEST(Timers, no_longest_call_on_one_side_leaves_that_of_the_other) {
    pbx_timers().max_call_duration = 0s;
    carrier_timers().max_call_duration = 90s;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(92s);
    CHECK(call.caller->ended_by_peer && call.callee->ended_by_peer);
    check_clean();
}

TEST(Timers, a_stranger_of_an_open_realm_has_those_of_the_realm) {
    world.view.realms[0].open = true;
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    own_timers(world.view.realms[0].timers).t1 = 100ms;
    world.start();
    carrier();
    auto& phone = world.access("phone.example", "192.0.2.50");
    phone.script.ack_ours = false;
    phone.invite("100");
    world.run_for(500ms + 7s);
    LONGS_EQUAL(1, world.counter("acks-missing"));
}

}  // namespace sallyport::scenario
