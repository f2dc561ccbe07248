// INVITE, 100, 180, 200, ACK, audio, BYE: both ways, and what the record says of it.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(BasicCall, WorldTest) {};

TEST(BasicCall, caller_hangs_up) {
    world.start();
    auto& pbx = world.access();
    auto& carrier = world.core();
    const auto call = connect(world, pbx, carrier);
    CHECK(call.callee != nullptr);
    CHECK(call.caller->state == UaCall::State::kUp);
    CHECK(call.callee->state == UaCall::State::kUp);
    CHECK(pbx.last(100) != nullptr);
    CHECK(pbx.last(180) != nullptr);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    for (const auto* gauge : {"live-calls", "live-call-objects"}) LONGS_EQUAL(1, world.counter(gauge));
    for (const auto* gauge : {"live-dialogs", "live-port-pairs"}) LONGS_EQUAL(2, world.counter(gauge));
    for (const auto* gauge : {"live-flows-wanted", "live-flows-present", "live-flow-entries"})
        LONGS_EQUAL(4, world.counter(gauge));
    // That all return to zero is in check_clean().
    for (const auto* gauge :
         {"live-timers", "live-client-transactions", "live-server-transactions", "live-transaction-bytes"})
        CHECK_TEXT(world.counter(gauge) > 0, gauge);
    world.dataplane().carry(500);
    world.run_for(10s);
    pbx.bye(*call.caller);
    world.run_for(1s);
    CHECK(call.callee->ended_by_peer);
    LONGS_EQUAL(1, world.records.size());
    const auto& r = world.records[0];
    CHECK(r.ended_by == call::EndedBy::kCaller);
    LONGS_EQUAL(200, r.code);
    CHECK(r.ringing && r.answer && *r.ringing >= r.invite && *r.answer > *r.ringing && r.end > *r.answer + 9s);
    STRCMP_EQUAL("access-pbx", r.caller.trunk.c_str());
    STRCMP_EQUAL("core-carrier", r.callee.trunk.c_str());
    STRCMP_EQUAL("to-carrier", r.route.c_str());
    STRCMP_EQUAL("alice", r.from_user.c_str());
    STRCMP_EQUAL("4930123", r.to_user.c_str());
    STRCMP_EQUAL(call.caller->call_id.c_str(), r.caller.call_id.c_str());
    STRCMP_EQUAL(call.callee->call_id.c_str(), r.callee.call_id.c_str());
    LONGS_EQUAL(1, r.codecs.size());
    STRCMP_EQUAL("PCMA/8000", r.codecs[0].c_str());
    LONGS_EQUAL(1, r.streams.size());
    LONGS_EQUAL(500, r.streams[0].from_caller.packets);
    LONGS_EQUAL(500, r.streams[0].from_callee.packets);
    LONGS_EQUAL(250, r.streams[0].from_callee.jitter_us);
    CHECK(r.quality_complete);
    check_clean();
}

TEST(BasicCall, callee_hangs_up) {
    world.start();
    auto& carrier = world.core();
    const auto call = connect(world, world.access(), carrier);
    carrier.bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(world.records.at(0).ended_by == call::EndedBy::kCallee);
    check_clean();
}

TEST(BasicCall, the_other_direction) {
    world.start();
    const auto call = connect(world, world.core(), world.access());
    CHECK(call.callee != nullptr && call.callee->state == UaCall::State::kUp);
    world.core().bye(*call.caller);
    world.run_for(1s);
    STRCMP_EQUAL("to-pbx", world.records.at(0).route.c_str());
    check_clean();
}

TEST(BasicCall, sdp_names_our_media_ports_only) {
    world.start();
    const auto call = connect(world, world.access(), world.core());
    CHECK(call.callee->remote_sdp.contains("c=IN IP4 198.51.100.1\r\n"));
    CHECK(call.caller->remote_sdp.contains("c=IN IP4 192.0.2.1\r\n"));
    CHECK(call.caller->remote_sdp.contains("a=rtpmap:101 telephone-event/8000"));
    world.access().bye(*call.caller);
    check_clean();
}

}  // namespace sallyport::scenario
