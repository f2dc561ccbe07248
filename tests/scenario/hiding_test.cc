// Nothing of one side is seen on the other: calls full of inner names, all bytes of both sides searched for them.
#include "tests/scenario/world.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP(Hiding) {
    World world;
    void fill(Ua& ua, const std::string& inner) {
        ua.script.headers = {
            {"P-Asserted-Identity", "<sip:boss@" + inner + ">"},
            {"Diversion", "<sip:old@" + inner + ">;reason=unconditional"},
            {"History-Info", "<sip:h@" + inner + ">;index=1"},
            {"Subject", "call from " + inner},
            {"Organization", inner},
            {"Warning", "399 " + inner + " \"about " + inner + "\""},
            {"Call-Info", "<http://" + inner + "/x.png>;purpose=icon"},
            {"X-Inner", "node7." + inner},
            {"Supported", "100rel, timer, replaces"},
            {"Session-Expires", "1800"},
            {"Alert-Info", "<http://" + inner + "/ring.wav>"},
            {"Referred-By", "<sip:r@" + inner + ">"},
        };
    }
    bool seen(const Ua& ua, const std::string& name) {
        for (const auto& bytes : ua.wire) {
            if (bytes.contains(name)) return true;
        }
        return false;
    }
};

TEST(Hiding, a_hundred_mixed_calls_tell_nothing) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    world.view.realms[0].pass_unknown_headers = world.view.realms[1].pass_unknown_headers = true;
    world.start();
    auto& pbx = world.access();
    auto& carrier = world.core();
    fill(pbx, "node.pbx.inner.example");
    fill(carrier, "node.carrier.secret.example");
    int up = 0;
    int held = 0;
    int rejected = 0;
    int cancelled = 0;
    for (int i = 0; i < 100; ++i) {
        auto& from = i % 2 == 0 ? pbx : carrier;
        auto& to = i % 2 == 0 ? carrier : pbx;
        to.script.early_media = i % 3 == 0;
        const bool rejects = i % 7 == 3;
        const bool cancels = i % 7 == 5;
        to.script.reject = rejects ? 486 : 0;
        to.script.answer = !cancels;
        auto& call = i % 5 == 0 ? from.invite("100", "") : from.invite("100", from.sdp({.username = from.host}));
        world.run_for(800ms);
        if (cancels) from.cancel(call);
        world.run_for(200ms);
        rejected += call.initial_status == 486;
        cancelled += call.initial_status == 487;
        LONGS_EQUAL(rejects ? 486 : cancels ? 487 : 200, call.initial_status);
        if (rejects || cancels) continue;
        up += call.state == UaCall::State::kUp;
        const bool holds = i % 4 == 0;
        if (holds) from.reinvite(call, from.sdp({.direction = "sendonly", .version = 2, .username = from.host}));
        world.run_for(500ms);
        if (holds) held += call.final_status == 200 && to.calls.back()->remote_sdp.contains("a=sendonly");
        if (i % 2 == 0)
            from.bye(call);
        else
            to.bye(*to.calls.back());
        world.run_for(100ms);
    }
    world.run_for(70s);
    // Of 0 to 99, 14 are 3 and 14 are 5 modulo 7; of the other 72 every fourth number is held.
    LONGS_EQUAL(72, up);
    LONGS_EQUAL(18, held);
    LONGS_EQUAL(14, rejected);
    LONGS_EQUAL(14, cancelled);
    CHECK(pbx.wire.size() > 300);
    CHECK(carrier.wire.size() > 300);
    STRCMP_EQUAL("", world.leaks().c_str());
    for (const auto* name : {"carrier.secret.example", "198.51.100.", "InnerPhone"}) CHECK(!seen(pbx, name));
    for (const auto* name : {"pbx.inner.example", "192.0.2.10", "InnerPhone"}) CHECK(!seen(carrier, name));
    // What may cross has crossed, with our own address in it.
    CHECK(seen(carrier, "P-Asserted-Identity: <sip:boss@198.51.100.1>"));
    STRCMP_EQUAL("", world.problems().c_str());
    STRCMP_EQUAL("", world.leftovers().c_str());
    LONGS_EQUAL(100, world.records.size());
}

}  // namespace sallyport::scenario
