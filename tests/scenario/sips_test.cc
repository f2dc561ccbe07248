// Calls to sips: (RFC 5630, RFC 3261 §26.2.2): TLS on both sides, from the INVITE to the BYE, or none.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Sips, WorldTest) {
    void start(Transport access, Transport core) {
        for (auto& i : world.view.sip_interfaces) i.transports = {Transport::kUdp, Transport::kTcp, Transport::kTls};
        pbx().transport = access;
        carrier().transport = core;
        world.view.trunks[0].transport = access;
        world.view.trunks[1].transport = core;
        pbx().secure = true;
        carrier().secure = core == Transport::kTls;
        world.start();
    }
    // Every request that came there says TLS.
    static bool all_by_tls(const Ua& ua) {
        for (const auto& bytes : ua.wire)
            if (!bytes.starts_with("SIP/2.0") && !bytes.contains("Via: SIP/2.0/TLS ")) return false;
        return true;
    }
};

TEST(Sips, a_call_stays_sips_and_on_tls_from_end_to_end) {
    start(Transport::kTls, Transport::kTls);
    const auto call = connect(world, pbx(), carrier());
    CHECK(call.callee != nullptr);
    const auto& invite = carrier().received.at(0);
    STRCMP_EQUAL("sips:4930123@198.51.100.10:5060", invite.uri().c_str());
    STRCMP_EQUAL("<sips:198.51.100.1:5061>", invite.get("Contact").c_str());
    STRCMP_EQUAL("<sips:4930123@198.51.100.10:5060>", invite.get("To").c_str());
    STRCMP_EQUAL("<sips:192.0.2.1:5061>", pbx().last(200)->get("Contact").c_str());
    pbx().reinvite(*call.caller, pbx().sdp({.direction = "sendonly", .version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    carrier().bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(all_by_tls(pbx()) && all_by_tls(carrier()));
    check_clean();
}

TEST(Sips, a_trunk_without_tls_is_not_called_for_it) {
    for (const auto core : {Transport::kUdp, Transport::kTcp}) {
        World w;
        for (auto& i : w.view.sip_interfaces) i.transports = {Transport::kUdp, Transport::kTcp, Transport::kTls};
        w.access().transport = Transport::kTls;
        w.access().secure = true;
        w.core().transport = core;
        w.view.trunks[1].transport = core;
        w.start();
        auto& call = w.access().invite("100");
        w.run_for(1s);
        LONGS_EQUAL(480, call.initial_status);
        STRCMP_EQUAL("380 192.0.2.1:5061 \"SIPS Not Allowed\"", w.access().last(480)->get("Warning").c_str());
        LONGS_EQUAL(0, w.core().received.size());
        LONGS_EQUAL(1, w.counter("sips-refused"));
        LONGS_EQUAL(480, w.records.at(0).code);
        w.run_for(70s);
        STRCMP_EQUAL("", w.problems().c_str());
        STRCMP_EQUAL("", w.leftovers().c_str());
    }
}

TEST(Sips, what_came_without_tls_gets_no_further) {
    start(Transport::kUdp, Transport::kTls);
    auto& call = pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(480, call.initial_status);
    LONGS_EQUAL(0, carrier().received.size());
    check_clean();
}

TEST(Sips, a_contact_that_is_no_sips_does_not_lead_off_tls) {
    start(Transport::kTls, Transport::kTls);
    carrier().contact_instead = "<sip:bob@198.51.100.10:5060;transport=udp>";
    const auto call = connect(world, pbx(), carrier());
    LONGS_EQUAL(200, call.caller->initial_status);
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    pbx().bye(*call.caller);
    world.run_for(1s);
    CHECK(call.callee->ended_by_peer);
    CHECK(all_by_tls(carrier()));
    check_clean();
}

TEST(Sips, a_source_of_an_open_realm_cannot_move_off_tls) {
    world.view.realms[0].open = true;
    world.view.routes[0].from_trunk.reset();
    world.view.routes[0].from_realm = 0;
    start(Transport::kUdp, Transport::kTls);
    auto& phone = world.access("phone.example", "192.0.2.50");
    phone.transport = Transport::kTls;
    phone.secure = true;
    const auto call = connect(world, phone, carrier());
    CHECK(call.callee != nullptr);
    phone.transport = Transport::kUdp;
    phone.reinvite(*call.caller, phone.sdp({.version = 2}));
    world.run_for(1s);
    phone.transport = Transport::kTls;
    phone.wire.clear();
    carrier().bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(all_by_tls(phone));
}

TEST(Sips, a_call_of_a_process_before_stays_on_tls) {
    start(Transport::kTls, Transport::kTls);
    carrier().contact_instead = "<sip:bob@198.51.100.10:5060;transport=udp>";
    const auto call = connect(world, pbx(), carrier());
    LONGS_EQUAL(1, world.crash_and_restart());
    carrier().received.clear();
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    STRCMP_EQUAL("<sips:198.51.100.1:5061>", carrier().received.at(0).get("Contact").c_str());
    pbx().bye(*call.caller);
    world.run_for(1s);
    CHECK(call.callee->ended_by_peer && all_by_tls(carrier()));
    check_clean();
}

}  // namespace sallyport::scenario
