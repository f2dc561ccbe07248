// Messages that are too large: of one side for the other, and of a stranger for us.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

namespace {

std::string list(std::size_t elements) {
    std::string out = "a";
    for (std::size_t i = 1; i < elements; ++i) out += ",a";
    return out;
}

}  // namespace

TEST_GROUP_BASE(Limits, WorldTest) {};

TEST(Limits, a_failure_with_thousands_of_reasons_reaches_the_caller) {
    world.start();
    carrier().script.reject = 486;
    carrier().script.headers = {{"Reason", list(6000)}};
    auto& call = pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(486, call.initial_status);
    CHECK(world.counter("headers-cut") > 0);
    check_clean();
}

TEST(Limits, an_answer_with_thousands_of_reasons_reaches_the_caller) {
    world.start();
    carrier().script.headers = {{"Reason", list(6000)}, {"User-to-User", std::string(30000, 'b')}};
    const auto call = connect(world, pbx(), carrier());
    LONGS_EQUAL(200, call.caller->initial_status);
    CHECK(!pbx().last(200)->get("Reason").empty());
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Limits, a_reinvite_with_hundreds_of_headers_goes_through) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    for (int i = 0; i < 244; ++i) pbx().script.headers.emplace_back("Reason", "SIP;cause=200");
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(1s);
    LONGS_EQUAL(200, call.caller->final_status);
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Limits, a_bye_with_hundreds_of_reasons_ends_both) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    pbx().script.last_headers = {{"Reason", list(300)}};
    pbx().bye(*call.caller);
    world.run_for(1s);
    CHECK(call.callee->ended_by_peer);
    check_clean();
}

TEST(Limits, a_call_gets_ports_for_a_few_streams_only) {
    world.start();
    const auto many = [](Ua& ua) {
        auto sdp = ua.sdp({});
        for (int i = 1; i < 16; ++i) sdp += "m=audio " + std::to_string(5000 + 2 * i) + " RTP/AVP 8\r\n";
        return sdp;
    };
    carrier().answer_sdp = [&](UaCall&, const std::string&) { return many(carrier()); };
    const auto call = connect(world, pbx(), carrier(), many(pbx()));
    CHECK(call.callee != nullptr);
    LONGS_EQUAL(4, world.counter("live-port-pairs") / 2);
    LONGS_EQUAL(12, world.counter("streams-refused"));
    std::size_t rejected = 0;
    for (auto at = call.caller->remote_sdp.find("m=audio 0 "); at != std::string::npos; ++rejected)
        at = call.caller->remote_sdp.find("m=audio 0 ", at + 1);
    LONGS_EQUAL(12, rejected);
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Limits, texts_that_a_call_would_keep_are_bounded) {
    world.start();
    const auto refused = [this](const std::string& name, const std::string& value) {
        auto r = pbx().bare_request("INVITE", "100");
        r.remove(name);
        r.add(name, value);
        pbx().strays_expected = true;
        pbx().send_raw(r.write());
        world.run_for(300ms);
        std::string said;
        for (const auto& m : pbx().received) {
            if (m.branch() == r.branch()) said = m.start.substr(8);
        }
        return said;
    };
    STRCMP_EQUAL("400 Call-ID is too long", refused("Call-ID", std::string(9000, 'c')).c_str());
    STRCMP_EQUAL("400 From is too long", refused("From", "<sip:" + std::string(9000, 'u') + "@a.b>;tag=f").c_str());
    STRCMP_EQUAL("400 To is too long", refused("To", "<sip:" + std::string(9000, 'u') + "@a.b>").c_str());
    auto r = pbx().bare_request("INVITE", std::string(6000, '1'));
    r.remove("To");
    r.add("To", "<sip:1@192.0.2.1>");
    pbx().send_raw(r.write());
    world.run_for(300ms);
    CHECK(pbx().last(414) != nullptr);
    LONGS_EQUAL(3, world.counter("invites-unusable"));
    LONGS_EQUAL(4, world.records.size());
    for (const auto& record : world.records) {
        for (const auto* text : {&record.caller.call_id, &record.from_user, &record.to_user})
            CHECK(text->size() <= 1024);
    }
    check_clean();
}

TEST(Limits, a_request_whose_answer_would_be_as_large_costs_nothing) {
    world.start();
    auto r = pbx().bare_request("INVITE", "100");
    r.headers[0].second += ";x=" + std::string(64800, 'v');
    r.remove("Contact");
    pbx().send_raw(r.write());
    r.remove("Call-ID");
    pbx().send_raw(r.write());
    world.run_for(1s);
    LONGS_EQUAL(0, pbx().wire.size());
    LONGS_EQUAL(2, world.counter("sip-oversized-requests"));
    LONGS_EQUAL(0, world.counter("live-server-transactions"));
    check_clean();
}

TEST(Limits, a_refusal_that_would_repeat_too_much_is_sent_without_it) {
    world.start();
    auto r = pbx().bare_request("INVITE", "100");
    // The first Require has no room beside the head that the 420 repeats.
    r.headers[0].second += ";x=" + std::string(15500, 'v');
    r.add("Require", list(17000));
    pbx().strays_expected = true;
    pbx().send_raw(r.write());
    world.run_for(1s);
    CHECK(pbx().last(420) != nullptr);
    LONGS_EQUAL(1, world.counter("responses-cut"));
    check_clean();
}

}  // namespace sallyport::scenario
