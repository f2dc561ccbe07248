// Calls over streams (RFC 3261 §18): who is reached by which, and what becomes of a call whose stream breaks.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Streams, WorldTest) {
    // Sides by TCP; the gate calls the core that way, too.
    void start(Transport access, Transport core) {
        pbx().transport = access;
        carrier().transport = core;
        world.view.trunks[0].transport = access;
        world.view.trunks[1].transport = core;
        world.start();
    }
    static bool all_say(const std::vector<std::string>& wire, const std::string& protocol) {
        for (const auto& bytes : wire)
            if (bytes.find("Via: SIP/2.0/" + protocol + " ") == std::string::npos) return false;
        return !wire.empty();
    }
};

TEST(Streams, a_call_from_each_transport_to_each) {
    for (const auto access : {Transport::kUdp, Transport::kTcp}) {
        for (const auto core : {Transport::kUdp, Transport::kTcp}) {
            World w;
            w.access().transport = access;
            w.core().transport = core;
            w.view.trunks[1].transport = core;
            w.start();
            const auto call = connect(w, w.access(), w.core());
            CHECK(call.callee != nullptr);
            w.access().reinvite(*call.caller, w.access().sdp({.direction = "sendonly", .version = 2}));
            w.run_for(1s);
            w.core().bye(*call.callee);
            w.run_for(1s);
            CHECK(call.caller->ended_by_peer);
            CHECK(w.records.at(0).caller.transport == transport_name(access));
            CHECK(w.records.at(0).callee.transport == transport_name(core));
            CHECK(all_say(w.access().wire, access == Transport::kTcp ? "TCP" : "UDP"));
            CHECK(all_say(w.core().wire, core == Transport::kTcp ? "TCP" : "UDP"));
            // The Contact of the gate says how it is reached.
            const bool told = call.callee->remote_target.ends_with(";transport=tcp");
            CHECK_EQUAL(core == Transport::kTcp, told);
            w.run_for(70s);
            STRCMP_EQUAL("", w.problems().c_str());
            STRCMP_EQUAL("", w.leftovers().c_str());
            STRCMP_EQUAL("", w.leaks().c_str());
        }
    }
}

// RFC 5923 §5.
TEST(Streams, a_request_that_asks_for_an_alias_is_heard) {
    start(Transport::kUdp, Transport::kUdp);
    const auto come = [this](Transport transport, const std::string& sent_by) {
        const auto text = "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: " + std::string(via_protocol(transport)) + " " +
                          sent_by +
                          ";branch=z9hG4bK1;Alias\r\nFrom: <sip:a@192.0.2.10>;tag=1\r\nTo: <sip:b@192.0.2.1>\r\n"
                          "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
        world.outbox().clear();
        world.engine().on_message(world.both(), {0, Endpoint::parse("192.0.2.10:33333").value(), transport, 7},
                                  std::as_bytes(std::span(text)));
        return world.outbox().aliases;
    };
    LONGS_EQUAL(5071, come(Transport::kTls, "192.0.2.10:5071").at(0).port);
    const auto aliases = come(Transport::kTls, "pbx.inner.example");
    LONGS_EQUAL(5061, aliases.at(0).port);
    LONGS_EQUAL(7, aliases.at(0).from.connection);
    LONGS_EQUAL(5060, come(Transport::kTcp, "192.0.2.10").at(0).port);  // to be ignored there
    LONGS_EQUAL(0, come(Transport::kUdp, "192.0.2.10").size());
    world.outbox().clear();
}

TEST(Streams, over_tls_ours_ask_for_it) {
    start(Transport::kUdp, Transport::kTls);
    connect(world, pbx(), carrier());
    for (const auto& bytes : carrier().wire)
        if (!bytes.starts_with("SIP/2.0"))
            STRCMP_CONTAINS("Via: SIP/2.0/TLS 198.51.100.1:5061;alias;rport;branch=", bytes.c_str());
    LONGS_EQUAL(1, carrier().count_requests("INVITE"));
}

TEST(Streams, nothing_is_sent_twice_over_one) {
    start(Transport::kTcp, Transport::kTcp);
    carrier().script.answer_after = 20s;
    const auto call = connect(world, pbx(), carrier());
    CHECK(call.caller->state == UaCall::State::kUp);
    pbx().bye(*call.caller);
    world.run_for(5s);
    LONGS_EQUAL(1, carrier().count_requests("INVITE"));
    LONGS_EQUAL(1, carrier().count_requests("ACK"));
    LONGS_EQUAL(1, carrier().count_requests("BYE"));
    check_clean();
}

TEST(Streams, a_peer_whose_stream_breaks_in_a_call_is_reached_over_a_new_one) {
    start(Transport::kTcp, Transport::kTcp);
    const auto call = connect(world, pbx(), carrier());
    world.break_stream(pbx());
    world.break_stream(carrier());
    world.run_for(10s);
    CHECK(call.caller->state == UaCall::State::kUp);
    carrier().bye(*call.callee);  // by a stream that the carrier makes
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);  // by one that the gate made, to the Contact
    CHECK(world.has_stream(pbx()));
    check_clean();
}

TEST(Streams, the_stream_that_a_reinvite_came_on_is_the_one_to_use) {
    start(Transport::kTcp, Transport::kUdp);
    const auto call = connect(world, pbx(), carrier());
    world.break_stream(pbx());
    pbx().reinvite(*call.caller, pbx().sdp({.direction = "sendonly", .version = 2}));
    world.run_for(1s);
    const auto before = world.counter("sip-sent-anew");
    carrier().bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    LONGS_EQUAL(before, world.counter("sip-sent-anew"));
    check_clean();
}

TEST(Streams, an_invite_on_a_stream_that_breaks_goes_over_another_once) {
    start(Transport::kUdp, Transport::kTcp);
    carrier().script.trying = false;
    carrier().script.ring_after = 2s;
    carrier().script.answer_after = 3s;
    pbx().invite("4930123");
    world.run_for(1s);
    world.break_stream(carrier());
    CHECK(world.run_until([&] { return pbx().calls[0]->state == UaCall::State::kUp; }));
    LONGS_EQUAL(1, world.counter("sip-sent-anew"));
    LONGS_EQUAL(1, world.records.size() + world.engine().call_count());
    pbx().bye(*pbx().calls[0]);
    check_clean();
}

TEST(Streams, when_nobody_takes_it_the_caller_is_told_at_once) {
    start(Transport::kUdp, Transport::kTcp);
    carrier().transport = Transport::kUdp;  // nobody listens there
    pbx().invite("4930123");
    world.run_for(1s);
    LONGS_EQUAL(500, pbx().calls[0]->final_status);  // RFC 3261 §16.7: a 503 of ours would be meant for all calls
    check_clean();
}

TEST(Streams, a_call_outlives_the_process_and_goes_on_over_new_streams) {
    start(Transport::kTcp, Transport::kTcp);
    const auto call = connect(world, pbx(), carrier());
    world.run_for(1s);  // the ACK is there
    LONGS_EQUAL(1, world.crash_and_restart());
    CHECK_FALSE(world.has_stream(pbx()));
    carrier().bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(all_say(pbx().wire, "TCP"));
    check_clean();
}

TEST(Streams, an_unfinished_call_is_told_over_new_streams_after_a_restart) {
    start(Transport::kTcp, Transport::kTcp);
    carrier().script.answer = false;
    pbx().invite("4930123");
    world.run_for(1s);
    world.crash_and_restart();
    world.run_for(1s);
    LONGS_EQUAL(500, pbx().calls[0]->final_status);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    check_clean();
}

}  // namespace sallyport::scenario
