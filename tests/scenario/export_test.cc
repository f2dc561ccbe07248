// kill -9 in the middle: what was saved is imported by a fresh engine, and calls go on as if nothing had happened.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Export, WorldTest) {
    // Without a search for leaks: for a thousand calls it would take 20 s.
    void check_clean() {
        world.run_for(70s);
        STRCMP_EQUAL("", world.problems().c_str());
        STRCMP_EQUAL("", world.leftovers().c_str());
    }
};

TEST(Export, a_thousand_calls_go_on_without_a_break_in_their_media) {
    world.view.system.max_call_duration = 3600s;
    world.start();
    constexpr std::size_t kCalls = 1000;
    std::vector<Pair> calls;
    carrier().script = {.ring_after = 5ms, .answer_after = 10ms};
    for (std::size_t i = 0; i < kCalls; ++i) calls.push_back({&pbx().invite("100" + std::to_string(i)), nullptr});
    world.run_for(3s);
    LONGS_EQUAL(kCalls, carrier().calls.size());
    for (auto& c : calls) CHECK(c.caller->state == UaCall::State::kUp);
    LONGS_EQUAL(4 * kCalls, world.dataplane().flows().size());
    LONGS_EQUAL(kCalls, world.saved.size());
    std::map<std::string, UaCall*> callees;  // by the number called
    for (auto& c : carrier().calls) callees[c->remote_sdp] = c.get();
    const auto before = world.dataplane().flows();

    LONGS_EQUAL(kCalls, world.crash_and_restart());

    // Adopted: not one flow was touched.
    LONGS_EQUAL(0, world.dataplane().removed);
    LONGS_EQUAL(4 * kCalls, world.dataplane().flows().size());
    for (const auto& [key, flow] : world.dataplane().flows()) {
        LONGS_EQUAL(before.at(key).spec.generation, flow.spec.generation);
    }
    LONGS_EQUAL(4 * kCalls, world.counter("flows-adopted"));
    LONGS_EQUAL(kCalls, world.counter("live-calls"));

    // re-INVITE from both sides works on all, and BYE.
    for (auto& c : calls) pbx().reinvite(*c.caller, pbx().sdp({.port = 9000, .version = 2}));
    world.run_for(2s);
    for (auto& c : calls) LONGS_EQUAL(200, c.caller->final_status);
    LONGS_EQUAL(0, world.dataplane().removed);
    for (auto& c : carrier().calls) carrier().reinvite(*c, carrier().sdp({.port = 9002, .version = 2}));
    world.run_for(2s);
    for (auto& c : carrier().calls) LONGS_EQUAL(200, c->final_status);
    world.dataplane().carry(100);
    std::size_t i = 0;
    for (auto& c : calls) {
        if (i++ % 2 == 0) pbx().bye(*c.caller);
    }
    world.run_for(1s);
    for (auto& c : carrier().calls) carrier().bye(*c);
    world.run_for(1s);
    LONGS_EQUAL(kCalls, world.records.size());
    for (const auto& r : world.records) {
        CHECK(r.answer.has_value());
        CHECK(r.quality_complete);
        LONGS_EQUAL(100, r.streams.at(0).from_caller.packets);
    }
    check_clean();
}

TEST(Export, a_2xx_without_its_ack_is_repeated_by_the_new_process) {
    world.start();
    carrier();
    pbx().script.ack_ours = false;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(200, call.initial_status);
    LONGS_EQUAL(1, world.crash_and_restart());
    const auto before = pbx().wire.size();
    world.run_for(5s);
    CHECK(pbx().wire.size() > before);
    world.run_for(40s);  // still no ACK: BYE to both
    CHECK(call.ended_by_peer);
    CHECK(carrier().calls.back()->ended_by_peer);
    check_clean();
}

// Found by fuzzing: it was released at the import, and then wanted its flows again as if it went on.
TEST(Export, a_2xx_whose_ack_is_overdue_at_the_restart_ends_the_call) {
    world.start();
    carrier();
    pbx().script.ack_ours = false;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(200, call.initial_status);
    LONGS_EQUAL(0, world.crash_and_restart(true, 40s));
    world.run_for(2s);
    CHECK(call.ended_by_peer);
    CHECK(carrier().calls.back()->ended_by_peer);
    LONGS_EQUAL(0, world.dataplane().flows().size());
    LONGS_EQUAL(1, world.records.size());
    STRCMP_EQUAL("No ACK", world.records[0].reason.c_str());
    LONGS_EQUAL(0, world.counter("calls-imported"));
    check_clean();
}

TEST(Export, a_ringing_call_becomes_a_record_interrupted) {
    world.start();
    carrier().script.answer = false;
    pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].reason == "Interrupted");
    CHECK(world.records[0].ringing.has_value());
    CHECK(world.saved.empty());
    LONGS_EQUAL(1, world.counter("calls-interrupted"));
    world.run_for(33s);  // Timer D of the INVITE that was cancelled
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Export, an_interrupted_call_with_early_media_loses_its_flows_and_keeps_their_counters) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer = false;
    pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    world.dataplane().carry(77);
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(0, world.dataplane().flows().size());
    LONGS_EQUAL(1, world.records.size());
    LONGS_EQUAL(77, world.records[0].streams.at(0).from_callee.packets);
    CHECK(world.records[0].quality_complete);
    world.run_for(33s);  // Timer D of the INVITE that was cancelled
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Export, a_released_call_gets_its_own_record_not_an_interrupted_one) {
    world.start();
    carrier().script.answer_bye = false;
    const auto call = connect(world, pbx(), carrier());
    world.dataplane_session(false);  // the last counters cannot come
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(0, world.records.size());
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(10s);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].ended_by == call::EndedBy::kCaller);
    LONGS_EQUAL(200, world.records[0].code);
    LONGS_EQUAL(0, world.counter("calls-interrupted"));
    LONGS_EQUAL(0, world.dataplane().flows().size());
}

TEST(Export, the_longest_duration_counts_on) {
    world.view.system.max_call_duration = 60s;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(30s);
    LONGS_EQUAL(1, world.crash_and_restart());
    world.run_for(25s);
    CHECK(call.caller->state == UaCall::State::kUp);
    world.run_for(6s);
    CHECK(call.caller->ended_by_peer);
    check_clean();
}

TEST(Export, a_reinvite_that_the_crash_cut_off_leaves_the_call_as_it_was) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.link.delay = 100ms;
    pbx().reinvite(*call.caller, pbx().sdp({.version = 2}));
    world.run_for(150ms);
    LONGS_EQUAL(1, world.crash_and_restart());
    world.run_for(40s);
    CHECK(call.caller->final_status >= 400);
    LONGS_EQUAL(0, world.dataplane().removed);
    pbx().bye(*call.caller);
    world.run_for(2s);
    LONGS_EQUAL(1, world.records.size());
}

TEST(Export, flows_of_nobody_are_removed) {
    world.start();
    connect(world, pbx(), carrier());
    world.saved.clear();
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(0, world.dataplane().flows().size());
    LONGS_EQUAL(4, world.counter("flows-of-strangers-removed"));
}

TEST(Export, a_second_import_of_the_same_call_is_refused) {
    world.start();
    connect(world, pbx(), carrier());
    const auto bytes = world.saved.begin()->second;
    const auto again = world.engine().import_call(world.both(), bytes);
    CHECK(!again.has_value());
    LONGS_EQUAL(1, world.counter("live-calls"));
}

TEST(Export, a_call_whose_trunk_was_renamed_is_ended_on_both_sides) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(77);
    world.run_for(5s);
    world.view.trunks[1].name = "renamed";
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(call.callee->ended_by_peer);
    LONGS_EQUAL(1, world.records.size());
    const auto& r = world.records[0];
    CHECK(r.reason == "Interrupted");
    CHECK(r.callee.trunk == "core-carrier");
    CHECK(r.quality_complete);
    LONGS_EQUAL(77, r.streams.at(0).from_caller.packets);
    LONGS_EQUAL(0, world.dataplane().flows().size());
    check_clean();
}

TEST(Export, a_call_whose_interface_was_renamed_leaves_its_record) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(5s);
    world.view.sip_interfaces[1].name = "renamed";
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    const auto& r = world.records[0];
    CHECK(r.reason == "Interrupted");
    CHECK(r.ended_by == call::EndedBy::kSallyport);
    LONGS_EQUAL(500, r.code);
    CHECK(r.end >= *r.answer + 5s);
    CHECK(r.caller.call_id == call.caller->call_id);
    CHECK(r.callee.call_id == call.callee->call_id);
    CHECK(r.callee.remote_tag == call.callee->local_tag);
    CHECK_FALSE(r.quality_complete);
    CHECK(world.saved.empty());
    LONGS_EQUAL(1, world.counter("imports-refused"));
    LONGS_EQUAL(1, world.counter("calls-interrupted"));
    LONGS_EQUAL(0, world.dataplane().flows().size());
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Export, a_closed_call_whose_interface_was_renamed_keeps_its_own_ending) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane_session(false);  // the last counters cannot come
    pbx().bye(*call.caller);
    world.run_for(1s);
    world.view.sip_interfaces[1].name = "renamed";
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].ended_by == call::EndedBy::kCaller);
    LONGS_EQUAL(200, world.records[0].code);
    CHECK_FALSE(world.records[0].quality_complete);
    LONGS_EQUAL(0, world.counter("calls-interrupted"));
    CHECK(world.saved.empty());
}

TEST(Export, a_record_of_another_version_still_gives_its_call_record) {
    world.start();
    connect(world, pbx(), carrier());
    auto& bytes = world.saved.begin()->second;
    bytes[5] = std::byte{99};
    seal(bytes);
    LONGS_EQUAL(0, world.crash_and_restart());
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].reason == "Interrupted");
    CHECK(world.saved.empty());
}

TEST(Export, of_a_call_too_long_for_its_slot_the_record_is_kept) {
    for (auto& realm : world.view.realms) realm.pass_unknown_headers = true;
    world.start();
    const auto much = [](Ua& ua) {
        auto sdp = ua.sdp({});
        for (int i = 0; i < 250; ++i) sdp += "a=x-note:" + std::string(110, 'n') + std::to_string(i) + "\r\n";
        return sdp;
    };
    carrier().answer_sdp = [&](UaCall&, const std::string&) { return much(carrier()); };
    const auto call = connect(world, pbx(), carrier(), much(pbx()));
    CHECK(call.caller->state == UaCall::State::kUp);
    CHECK(world.counter("exports-cut") > 0);
    CHECK(world.saved.begin()->second.size() <= call::kMaxSave);
    LONGS_EQUAL(0, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].reason == "Interrupted");
    CHECK(world.records[0].answer.has_value());
    CHECK(world.saved.empty());
    LONGS_EQUAL(0, world.dataplane().flows().size());
}

TEST(Export, what_cannot_be_read_at_all_gives_its_slot_back) {
    world.start();
    connect(world, pbx(), carrier());
    world.saved.begin()->second.resize(100);
    LONGS_EQUAL(0, world.crash_and_restart());
    LONGS_EQUAL(0, world.records.size());
    CHECK(world.saved.empty());
    LONGS_EQUAL(1, world.counter("imports-refused"));
}

TEST(Export, a_realm_that_sorts_first_by_name_moves_no_call_to_another_realm) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    auto fresh = world.view.realms[1];
    fresh.name = fresh.media.name = "aaa";
    fresh.media.media_addresses = {IpAddress::parse("203.0.113.1").value()};
    world.view.realms.insert(world.view.realms.begin(), fresh);
    for (auto& sip_interface : world.view.sip_interfaces) ++sip_interface.realm;
    world.dataplane().restart();  // a changed configuration restarts it too
    LONGS_EQUAL(1, world.crash_and_restart());
    world.run_for(1s);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    for (const auto& [key, flow] : world.dataplane().flows()) {
        LONGS_EQUAL(flow.spec.key.local.address == IpAddress::parse("192.0.2.1").value() ? 1 : 2, flow.spec.key.realm);
    }
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Export, an_imported_call_that_ends_before_the_list_is_there_keeps_its_counters) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(77);
    LONGS_EQUAL(1, world.crash_and_restart(false));
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(0, world.records.size());
    world.dataplane_session(true);
    LONGS_EQUAL(1, world.records.size());
    CHECK(world.records[0].quality_complete);
    LONGS_EQUAL(77, world.records[0].streams.at(0).from_caller.packets);
    check_clean();
}

TEST(Export, an_imported_call_whose_flows_are_gone_has_an_incomplete_record) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.dataplane().carry(77);
    world.dataplane().restart();
    LONGS_EQUAL(1, world.crash_and_restart());
    world.dataplane().carry(5);
    pbx().bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(1, world.records.size());
    CHECK_FALSE(world.records[0].quality_complete);
    LONGS_EQUAL(5, world.records[0].streams.at(0).from_caller.packets);
    check_clean();
}

TEST(Export, each_crash_point_of_a_call_ends_in_exactly_one_record) {
    for (int ms = 0; ms < 1500; ms += 25) {
        World w(static_cast<std::uint64_t>(ms) + 1);
        w.start();
        auto& a = w.access();
        auto& b = w.core();
        auto& call = a.invite("100");
        w.run_for(std::chrono::milliseconds(ms));
        if (ms > 1000) a.bye(call);
        w.run_for(5ms);
        w.crash_and_restart();
        w.run_for(100s);
        for (auto* ua : {&a, &b}) {
            for (auto& c : ua->calls) {
                if (c->state == UaCall::State::kUp) ua->bye(*c);
            }
        }
        w.run_for(100s);
        LONGS_EQUAL(1, w.records.size());
        STRCMP_EQUAL("", w.leftovers().c_str());
    }
}

}  // namespace sallyport::scenario
