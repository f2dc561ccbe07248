// From the INVITE to its final response: provisional responses, early media, late offer, failures, time-outs.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Setup, WorldTest) {
    void check_status(const UaCall& call, int status) { LONGS_EQUAL(status, call.initial_status); }
};

TEST(Setup, early_media_opens_flows_before_the_answer) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer_after = 5s;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    CHECK(call.state == UaCall::State::kEarly);
    LONGS_EQUAL(183, call.provisionals.back());
    CHECK(call.early_tag_sdp.contains("c=IN IP4 192.0.2.1"));
    LONGS_EQUAL(4, world.dataplane().flows().size());
    world.run_for(6s);
    CHECK(call.state == UaCall::State::kUp);
    LONGS_EQUAL(4, world.dataplane().flows().size());
    LONGS_EQUAL(0, world.dataplane().removed);
    pbx().bye(call);
    check_clean();
}

TEST(Setup, early_media_then_2xx_without_sdp) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer_without_sdp = true;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    check_status(call, 200);
    CHECK(call.state == UaCall::State::kUp);
    LONGS_EQUAL(183, call.provisionals.back());
    // The caller does get what its 2xx must have: the answer that it was told before (RFC 3261 §13.2.1).
    STRCMP_EQUAL(call.early_tag_sdp.c_str(), call.remote_sdp.c_str());
    CHECK(call.remote_sdp.contains("c=IN IP4 192.0.2.1"));
    LONGS_EQUAL(4, world.dataplane().flows().size());
    LONGS_EQUAL(0, world.dataplane().removed);
    pbx().bye(call);
    check_clean();
}

TEST(Setup, a_2xx_without_sdp_of_a_branch_that_never_had_any_cannot_be_used) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    auto& callee = *carrier().calls.back();
    auto& up = carrier().fork(callee, 200, "");
    up.local_tag = callee.local_tag;
    world.run_for(1s);
    LONGS_EQUAL(500, call.initial_status);
    LONGS_EQUAL(1, carrier().count_requests("BYE"));
    world.run_for(40s);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Setup, late_offer_goes_through_2xx_and_ack) {
    world.start();
    const auto call = connect(world, pbx(), carrier(), "");
    CHECK(call.callee != nullptr && call.callee->acked);
    CHECK(call.caller->remote_sdp.contains("c=IN IP4 192.0.2.1"));
    CHECK(call.callee->remote_sdp.contains("c=IN IP4 198.51.100.1"));
    LONGS_EQUAL(4, world.dataplane().flows().size());
    carrier().bye(*call.callee);
    check_clean();
}

TEST(Setup, several_provisionals_pass) {
    world.start();
    carrier().script.answer_after = 3s;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    auto& callee = *carrier().calls.back();
    carrier().fork(callee, 181, "");
    carrier().fork(callee, 183, carrier().sdp({.port = 6000}));
    world.run_for(4s);
    CHECK(call.state == UaCall::State::kUp);
    LONGS_EQUAL(4, call.provisionals.size());  // 100 180 181 183
    LONGS_EQUAL(181, call.provisionals[2]);
    LONGS_EQUAL(183, call.provisionals[3]);
    pbx().bye(call);
    check_clean();
}

TEST(Setup, each_early_dialog_has_its_own_tag_and_the_first_2xx_wins) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer_after = 3s;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    auto& callee = *carrier().calls.front();
    carrier().fork(callee, 183, carrier().sdp({.port = 6000}));
    world.run_for(500ms);
    // The last that spoke is heard.
    bool heard = false;
    for (const auto& [key, flow] : world.dataplane().flows()) heard |= flow.spec.remote.port == 6000;
    CHECK(heard);
    std::vector<std::string> tags;
    for (const auto& m : pbx().received) {
        if (!m.is_request() && m.status() == 183) tags.push_back(parameter(m.get("To"), "tag"));
    }
    LONGS_EQUAL(2, tags.size());
    CHECK(tags[0] != tags[1]);
    world.run_for(3s);
    CHECK(call.state == UaCall::State::kUp);
    STRCMP_EQUAL(tags[0].c_str(), call.remote_tag.c_str());
    for (const auto& [key, flow] : world.dataplane().flows()) CHECK(flow.spec.remote.port != 6000);
    pbx().bye(call);
    check_clean();
}

TEST(Setup, a_second_2xx_of_a_fork_gets_ack_and_bye) {
    world.start();
    const auto call = connect(world, pbx(), carrier());
    auto& second = carrier().fork(*call.callee, 200, carrier().sdp({.port = 7000}));
    world.run_for(1s);
    CHECK(second.acked);
    CHECK(second.ended_by_peer);
    CHECK(call.caller->state == UaCall::State::kUp);
    CHECK(call.callee->state == UaCall::State::kUp);
    LONGS_EQUAL(1, world.counter("forks-dismissed"));
    pbx().bye(*call.caller);
    check_clean();
}

TEST(Setup, a_good_2xx_after_an_unusable_one_revives_nothing) {
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(1s);
    auto& callee = *carrier().calls.back();
    carrier().script.contact = false;
    carrier().fork(callee, 200, carrier().sdp({}));
    carrier().script.contact = true;
    auto& good = carrier().fork(callee, 200, carrier().sdp({.port = 7000}));
    world.run_for(1s);
    LONGS_EQUAL(500, call.initial_status);
    CHECK(good.acked);
    CHECK(good.ended_by_peer);
    LONGS_EQUAL(0, world.counter("calls-answered"));
    LONGS_EQUAL(2, world.counter("forks-dismissed"));
    LONGS_EQUAL(1, world.records.size());
    check_clean();
}

// RFC 3261 §12.1.2, §12.2.1.1.
TEST(Setup, a_callee_without_a_to_tag_can_answer) {
    world.start();
    carrier().script.to_tag = false;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    LONGS_EQUAL(200, call.initial_status);
    CHECK(carrier().calls.back()->acked);
    pbx().bye(call);
    world.run_for(1s);
    LONGS_EQUAL(1, carrier().count_requests("BYE"));
    check_clean();
}

TEST(Setup, busy_passes) {
    world.start();
    carrier().script.reject = 486;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    check_status(call, 486);
    LONGS_EQUAL(486, world.records.at(0).code);
    CHECK(world.records.at(0).ended_by == call::EndedBy::kCallee);
    CHECK(!world.records.at(0).answer);
    check_clean();
}

TEST(Setup, a_redirection_becomes_480) {
    world.start();
    carrier().script.reject = 302;
    carrier().script.headers = {{"Contact", "<sip:secret@carrier.secret.example>"}};
    auto& call = pbx().invite("100");
    world.run_for(2s);
    check_status(call, 480);
    check_clean();
}

TEST(Setup, a_503_of_the_next_hop_is_not_ours) {
    world.start();
    carrier().script.reject = 503;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    check_status(call, 500);
    CHECK(pbx().last(500)->get("Reason").contains("cause=503"));
    check_clean();
}

TEST(Setup, a_failure_that_must_carry_a_header_carries_ours) {
    world.start();
    const auto refused = [this](int status) {
        carrier().script.reject = status;
        auto& call = pbx().invite("100");
        world.run_for(2s);
        const auto* answer = pbx().last(call.initial_status);
        CHECK(answer != nullptr);
        return *answer;
    };
    carrier().script.headers = {{"Allow", "INVITE, INFO"}, {"Accept", "text/plain"}};
    STRCMP_EQUAL("INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, PUBLISH, SUBSCRIBE, NOTIFY",
                 refused(405).get("Allow").c_str());
    STRCMP_EQUAL("application/sdp", refused(415).get("Accept").c_str());
    for (const auto status : {420, 421, 422, 423, 494}) {
        const auto answer = refused(status);
        LONGS_EQUAL(500, answer.status());
        CHECK(answer.get("Reason").contains("cause=" + std::to_string(status)));
    }
    check_clean();
}

TEST(Setup, a_challenge_does_not_cross) {
    world.start();
    carrier().script.reject = 407;
    auto& call = pbx().invite("100");
    world.run_for(2s);
    check_status(call, 403);
    check_clean();
}

TEST(Setup, no_answer_ends_with_408_and_cancel) {
    world.view.system.no_answer = 20s;
    world.start();
    carrier().script.answer = false;
    auto& call = pbx().invite("100");
    world.run_for(25s);
    check_status(call, 408);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    CHECK(carrier().calls.back()->state == UaCall::State::kEnded);
    CHECK(world.records.at(0).ended_by == call::EndedBy::kSallyport);
    LONGS_EQUAL(408, world.records.at(0).code);
    check_clean();
}

TEST(Setup, a_silent_next_hop_ends_with_408) {
    world.start();
    auto& call = pbx().invite("100");  // nobody at 198.51.100.10
    world.run_for(40s);
    check_status(call, 408);
    check_clean();
}

TEST(Setup, an_icmp_error_ends_at_once) {
    world.start();
    auto& call = pbx().invite("100");
    world.run_for(100ms);
    world.engine().on_unreachable(world.both(), {1, Endpoint(*IpAddress::parse("198.51.100.10"), 5060)});
    world.run_for(1s);
    check_status(call, 500);
    check_clean();
}

TEST(Setup, a_caller_that_cannot_be_told_cancels) {
    world.start();
    carrier().script.answer = false;
    world.refuse = [](const std::string& bytes) { return bytes.starts_with("SIP/2.0 180"); };
    pbx().invite("100");
    world.run_for(1s);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    LONGS_EQUAL(1, world.records.size());
    LONGS_EQUAL(503, world.records.at(0).code);
    world.run_for(70s);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Setup, an_answer_of_a_caller_that_never_acks_ends_with_bye_on_both_sides) {
    world.start();
    carrier();
    pbx().script.ack_ours = false;
    auto& call = pbx().invite("100");
    world.run_for(40s);
    CHECK(call.ended_by_peer);
    CHECK(carrier().calls.back()->ended_by_peer);
    LONGS_EQUAL(1, world.counter("acks-missing"));
    check_clean();
}

TEST(Setup, a_bye_that_waits_for_the_ack_keeps_its_reason) {
    world.start();
    pbx().script.ack_ours = false;
    carrier().script.last_headers = {{"Reason", "Q.850;cause=41"}};
    auto& call = pbx().invite("100");
    world.run_for(2s);
    carrier().bye(*carrier().calls.back());
    world.run_for(1s);
    CHECK(!call.ended_by_peer);  // RFC 3261 §15: not before the ACK, or before nobody waits for it any more
    world.run_for(40s);
    CHECK(call.ended_by_peer);
    STRCMP_EQUAL("Q.850;cause=41", call.bye_reason.c_str());
    check_clean();
}

TEST(Setup, a_late_offer_that_is_never_acked_ends_both) {
    world.start();
    carrier();
    pbx().script.ack_ours = false;
    auto& call = pbx().invite("100", "");
    world.run_for(40s);
    CHECK(call.ended_by_peer);
    CHECK(carrier().calls.back()->ended_by_peer);
    world.run_for(40s);
    STRCMP_EQUAL("", world.leftovers().c_str());
}

TEST(Setup, the_longest_duration_ends_both) {
    world.view.system.max_call_duration = 60s;
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(61s);
    CHECK(call.caller->ended_by_peer);
    CHECK(call.callee->ended_by_peer);
    CHECK(call.caller->bye_reason.contains("Maximum call duration"));
    CHECK(world.records.at(0).ended_by == call::EndedBy::kSallyport);
    check_clean();
}

TEST(Setup, media_that_the_dataplane_refuses_ends_with_503) {
    world.start();
    carrier().script.early_media = true;
    carrier().script.answer_after = 3s;
    world.dataplane().reject = wire::RejectReason::kTableFull;
    auto& call = pbx().invite("100");
    world.run_for(5s);
    check_status(call, 503);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    check_clean();
}

TEST(Setup, media_refused_after_the_answer_ends_with_bye) {
    world.start();
    carrier();
    world.dataplane().reject = wire::RejectReason::kTableFull;
    auto& call = pbx().invite("100");
    world.run_for(5s);
    CHECK(call.ended_by_peer);
    CHECK(carrier().calls.back()->ended_by_peer);
    CHECK(call.bye_reason.contains("cause=503"));
    check_clean();
}

}  // namespace sallyport::scenario
