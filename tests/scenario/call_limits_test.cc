// Calls at a time and calls in a second, by trunk and realm: who is refused, with what, and what is given back.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(CallLimits, WorldTest) {
    config::Limits& pbx_trunk() { return world.view.trunks[0].limits; }
    config::Limits& carrier_trunk() { return world.view.trunks[1].limits; }
    int attempt(Ua& from) {
        auto& call = from.invite("100");
        world.run_for(1s);
        return call.initial_status;
    }
    const call::TrunkView trunk(std::size_t i) { return world.engine().trunks().at(i); }
};

TEST(CallLimits, a_trunk_with_its_calls_gets_503_with_retry_after) {
    pbx_trunk().max_calls_in = 1;
    world.start();
    const auto first = connect(world, pbx(), carrier());
    LONGS_EQUAL(503, attempt(pbx()));
    STRCMP_EQUAL("5", pbx().last(503)->get("Retry-After").c_str());
    LONGS_EQUAL(1, world.records.size());
    LONGS_EQUAL(503, world.records[0].code);
    STRCMP_EQUAL("Too Many Calls", world.records[0].reason.c_str());
    STRCMP_EQUAL("access-pbx", world.records[0].caller.trunk.c_str());
    LONGS_EQUAL(1, trunk(0).limited_in.calls);
    LONGS_EQUAL(1, world.counter("calls-trunk-full"));
    // The other direction has no bound.
    CHECK(connect(world, carrier(), pbx()).caller->state == UaCall::State::kUp);
    pbx().bye(*first.caller);
    world.run_for(1s);
    LONGS_EQUAL(200, attempt(pbx()));
    for (auto* ua : {&pbx(), &carrier()}) {
        for (auto& call : ua->calls)
            if (call->state == UaCall::State::kUp) ua->bye(*call);
        world.run_for(1s);
    }
    check_clean();
}

TEST(CallLimits, the_trunk_that_a_call_goes_to_has_its_bound_too_and_says_480_by_setting) {
    carrier_trunk().max_calls_out = 1;
    carrier_trunk().refuse_with = 480;
    world.start();
    const auto first = connect(world, pbx(), carrier());
    LONGS_EQUAL(480, attempt(pbx()));
    CHECK(pbx().last(480)->get("Retry-After").empty());
    LONGS_EQUAL(1, trunk(1).limited_out.calls);
    LONGS_EQUAL(0, trunk(0).limited_in.calls);
    pbx().bye(*first.caller);
    check_clean();
}

TEST(CallLimits, a_realm_bounds_its_trunks_and_its_strangers_together) {
    world.view.realms[0].open = true;
    world.view.realms[0].limits.max_calls = 1;
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    world.start();
    auto& phone = world.access("phone.example", "192.0.2.50");
    const auto first = connect(world, phone, carrier());
    CHECK(first.callee != nullptr);
    LONGS_EQUAL(503, attempt(pbx()));
    LONGS_EQUAL(1, trunk(0).limited_in.realm);
    LONGS_EQUAL(1, world.counter("calls-realm-full"));
    carrier().bye(*first.callee);
    check_clean();
}

TEST(CallLimits, a_burst_goes_through_and_then_the_rate) {
    pbx_trunk().calls_per_second_in = 2;
    pbx_trunk().burst = 3;
    carrier().script.reject = 486;
    world.start();
    for (int i = 0; i < 8; ++i) pbx().invite("100");
    world.run_for(50ms);
    LONGS_EQUAL(3, carrier().count_requests("INVITE"));
    LONGS_EQUAL(5, world.counter("calls-trunk-rate"));
    STRCMP_EQUAL("1", pbx().last(503)->get("Retry-After").c_str());
    STRCMP_EQUAL("Too Many Calls per Second", world.records.at(0).reason.c_str());
    world.run_for(450ms);
    for (int i = 0; i < 2; ++i) pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(4, carrier().count_requests("INVITE"));
    LONGS_EQUAL(6, trunk(0).limited_in.rate);
    check_clean();
}

TEST(CallLimits, an_invite_that_comes_again_takes_one_token) {
    pbx_trunk().calls_per_second_in = 1;
    pbx_trunk().burst = 2;
    world.start();
    carrier().script.reject = 486;
    pbx().strays_expected = true;
    auto r = pbx().bare_request("INVITE", "100");
    r.add("Content-Type", "application/sdp");
    r.body = pbx().sdp({});
    for (int i = 0; i < 5; ++i) pbx().send_raw(r.write());
    world.run_for(100ms);
    LONGS_EQUAL(1, carrier().count_requests("INVITE"));
    LONGS_EQUAL(486, attempt(pbx()));
    // Of one that was refused no repetition is asked again, though there would be room by then.
    auto& refused = pbx().invite("100");
    auto& another = pbx().invite("100");
    world.run_for(50ms);
    const bool first = refused.initial_status == 503;
    CHECK(first || another.initial_status == 503);
    LONGS_EQUAL(1, world.counter("calls-trunk-rate"));
    world.run_for(2s);
    LONGS_EQUAL(1, world.counter("calls-trunk-rate"));
    check_clean();
}

TEST(CallLimits, who_is_refused_for_another_reason_takes_no_token) {
    pbx_trunk().calls_per_second_in = 1;
    pbx_trunk().burst = 1;
    world.start();
    carrier();
    for (int i = 0; i < 5; ++i) {
        pbx().invite("100", pbx().sdp({}), 0);
        world.run_for(10ms);
    }
    LONGS_EQUAL(0, world.counter("calls-trunk-rate"));
    LONGS_EQUAL(200, attempt(pbx()));
    pbx().bye(*pbx().calls.back());
    check_clean();
}

TEST(CallLimits, calls_of_a_process_before_count_again) {
    pbx_trunk().max_calls = 2;
    world.start();
    const auto first = connect(world, pbx(), carrier());
    const auto second = connect(world, carrier(), pbx());
    LONGS_EQUAL(2, world.crash_and_restart());
    LONGS_EQUAL(2, world.counter("live-calls-admitted"));
    LONGS_EQUAL(503, attempt(pbx()));
    pbx().bye(*first.caller);
    world.run_for(1s);
    LONGS_EQUAL(1, world.counter("live-calls-admitted"));
    LONGS_EQUAL(200, attempt(pbx()));
    pbx().bye(*pbx().calls.back());
    carrier().bye(*second.caller);
    check_clean();
}

TEST(CallLimits, calls_that_end_in_any_way_leave_all_counts_at_zero) {
    pbx_trunk().max_calls = 7;
    carrier_trunk() = {.max_calls_in = 5, .max_calls_out = 6, .calls_per_second = 20};
    world.view.realms[0].limits.max_calls = 8;
    world.view.system.no_answer = 20s;
    world.view.system.max_call_duration = 30s;
    world.link.loss_percent = 5;
    world.start();
    auto& a = pbx();
    auto& b = carrier();
    std::size_t refused = 0;
    for (int i = 0; i < 200; ++i) {
        auto& from = world.draw() % 3 == 0 ? b : a;
        auto& to = &from == &a ? b : a;
        const auto kind = world.draw() % 6;
        to.script.reject = kind == 0 ? 486 : 0;
        to.script.answer = kind != 1;
        auto& call = from.invite("100");
        world.run_for(std::chrono::milliseconds(world.draw() % 1500));
        if (kind == 2) from.cancel(call);
        for (auto* ua : {&a, &b}) {
            for (auto& c : ua->calls)
                if (c->state == UaCall::State::kUp && world.draw() % 4 == 0) ua->bye(*c);
        }
        if (i % 50 == 49) world.crash_and_restart(true, 200ms);
        refused += call.initial_status == 503 ? 1 : 0;
    }
    CHECK(refused > 0);
    for (auto* ua : {&a, &b}) {
        ua->script.reject = 0;
        ua->script.answer = true;
    }
    world.run_for(200s);
    LONGS_EQUAL(0, world.counter("live-calls-admitted"));
    STRCMP_EQUAL("", world.leftovers().c_str());
    // Nothing of the bounds is used up: as many as at the beginning.
    world.link.loss_percent = 0;
    for (int i = 0; i < 7; ++i) {
        const auto& call = a.invite("100");
        world.run_for(1s);
        LONGS_EQUAL(i < 6 ? 200 : 503, call.initial_status);
    }
}

}  // namespace sallyport::scenario
