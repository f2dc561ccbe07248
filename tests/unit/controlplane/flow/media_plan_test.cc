#include "controlplane/flow/media_plan.h"

#include <map>
#include <string>
#include <tuple>

#include "media/sdp/sdp_parse.h"
#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::flow;
using namespace std::chrono_literals;

namespace {

config::ControlView make_view() {
    config::ControlView v;
    v.realms.resize(2);
    v.realms[0].media.media_addresses = {*IpAddress::parse("192.0.2.1")};
    v.realms[0].media.media_ports = {20000, 20007};
    v.realms[0].media.latching = config::Latching::kPrefix;
    v.realms[0].media.latching_prefix = 24;
    v.realms[0].media.dscp = 46;
    v.realms[1].media.media_addresses = {*IpAddress::parse("198.51.100.1")};
    v.realms[1].media.media_ports = {30000, 30007};
    v.realms[1].media.latching = config::Latching::kExact;
    v.realms[1].media.dscp = 34;
    v.system.media_timeout = 30s;
    return v;
}

sdp::Session side(const char* address, const std::string& lines) {
    auto s = sdp::parse("v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 " + std::string(address) + "\r\nt=0 0\r\n" + lines);
    CHECK_TRUE_TEXT(s.has_value(), s ? "" : s.error().text().c_str());
    return *s;
}

using Key = std::tuple<int, int, int>;  // leg, stream, component
std::map<Key, wire::FlowSpec> by_cookie(const std::vector<wire::FlowSpec>& flows) {
    std::map<Key, wire::FlowSpec> out;
    for (const auto& f : flows) out[{f.cookie.leg, f.cookie.stream, f.cookie.component}] = f;
    LONGS_EQUAL(flows.size(), out.size());
    return out;
}

bool forwards(const wire::FlowSpec& f) { return (f.flags & wire::kFlowForward) != 0; }

}  // namespace

TEST_GROUP(MediaPlanOfACall) {
    config::ControlView view = make_view();
    test::FakeRandom random{3};
    PortPools pools{view.realms, random, 1s};
    Instant now{};

    // A plan with one audio stream and the given lines of both sides.
    MediaPlan plan_of(const std::string& caller_lines, const std::string& callee_lines) {
        MediaPlan plan(77, 0, 1);
        const auto offer = side("192.0.2.10", caller_lines);
        CHECK_TRUE(plan.open(offer, pools, now).has_value());
        plan.conclude(offer, side("198.51.100.10", callee_lines));
        return plan;
    }
};

TEST(MediaPlanOfACall, one_audio_stream_is_four_flows_that_name_each_other) {
    const auto plan = plan_of("m=audio 4000 RTP/AVP 9\r\n", "m=audio 6000 RTP/AVP 9\r\na=rtcp:7001\r\n");
    const auto flows = by_cookie(plan.flows(view));
    LONGS_EQUAL(4, flows.size());
    const auto& ports = plan.streams()[0].ports;
    for (const auto& [key, f] : flows) {
        const auto [leg, stream, component] = key;
        const auto& mine = ports[static_cast<std::size_t>(leg)];
        const auto& theirs = ports[static_cast<std::size_t>(1 - leg)];
        LONGS_EQUAL(77, f.cookie.call);
        LONGS_EQUAL(leg, f.key.realm);
        LONGS_EQUAL(1 - leg, f.out.realm);
        CHECK_TRUE(f.key.local == Endpoint(mine.address, static_cast<std::uint16_t>(mine.rtp_port + component)));
        CHECK_TRUE(f.out.local == Endpoint(theirs.address, static_cast<std::uint16_t>(theirs.rtp_port + component)));
        CHECK_TRUE(forwards(f));
        LONGS_EQUAL(component == 1, (f.flags & wire::kFlowRtcp) != 0);
        LONGS_EQUAL(0, f.generation);
        const auto& reverse = flows.at({1 - leg, stream, component});
        CHECK_TRUE(reverse.key == f.out && reverse.out == f.key);
        CHECK_TRUE(reverse.remote == f.out_remote);
    }
    const auto& from_caller = flows.at({0, 0, 0});
    CHECK_TRUE(from_caller.remote == *Endpoint::parse("192.0.2.10:4000"));
    CHECK_TRUE(from_caller.out_remote == *Endpoint::parse("198.51.100.10:6000"));
    CHECK_TRUE(flows.at({1, 0, 1}).remote == *Endpoint::parse("198.51.100.10:7001"));
    CHECK_TRUE(flows.at({0, 0, 1}).remote == *Endpoint::parse("192.0.2.10:4001"));
}

TEST(MediaPlanOfACall, rules_of_the_realm_in_which_packets_arrive_and_marks_of_that_in_which_they_leave) {
    const auto flows = by_cookie(plan_of("m=audio 4000 RTP/AVP 8\r\n", "m=audio 6000 RTP/AVP 8\r\n").flows(view));
    const auto& from_caller = flows.at({0, 0, 0});
    CHECK_TRUE(from_caller.source_rule == wire::SourceRule::kPrefix);
    LONGS_EQUAL(24, from_caller.prefix_length);
    LONGS_EQUAL(34, from_caller.dscp);
    LONGS_EQUAL(30'000, from_caller.idle_ms);
    CHECK_TRUE((from_caller.flags & wire::kFlowReportIdle) != 0);
    LONGS_EQUAL(8, from_caller.clock_khz);
    const auto& from_callee = flows.at({1, 0, 0});
    CHECK_TRUE(from_callee.source_rule == wire::SourceRule::kExact);
    LONGS_EQUAL(0, from_callee.prefix_length);
    LONGS_EQUAL(46, from_callee.dscp);
    LONGS_EQUAL(0, flows.at({0, 0, 1}).idle_ms);
}

TEST(MediaPlanOfACall, rtp_passes_where_one_side_sends_and_the_other_receives_and_rtcp_always) {
    struct Case {
        const char* caller;
        const char* callee;
        bool to_callee;
        bool to_caller;
    };
    for (const auto& c : {Case{"sendrecv", "sendrecv", true, true}, Case{"sendonly", "recvonly", true, false},
                          Case{"recvonly", "sendonly", false, true}, Case{"inactive", "inactive", false, false},
                          Case{"sendonly", "inactive", false, false}, Case{"sendrecv", "inactive", false, false},
                          Case{"sendrecv", "recvonly", true, false}, Case{"sendonly", "sendrecv", true, false}}) {
        auto plan = plan_of(std::string("m=audio 4000 RTP/AVP 8\r\na=") + c.caller + "\r\n",
                            std::string("m=audio 6000 RTP/AVP 8\r\na=") + c.callee + "\r\n");
        const auto flows = by_cookie(plan.flows(view));
        LONGS_EQUAL_TEXT(c.to_callee, forwards(flows.at({0, 0, 0})), c.caller);
        LONGS_EQUAL_TEXT(c.to_caller, forwards(flows.at({1, 0, 0})), c.callee);
        CHECK_TRUE(forwards(flows.at({0, 0, 1})) && forwards(flows.at({1, 0, 1})));
        plan.release(pools, now);
        now += 2s;
    }
}

TEST(MediaPlanOfACall, the_old_hold_keeps_the_address_and_lets_nothing_through_to_it) {
    auto plan = plan_of("m=audio 4000 RTP/AVP 8\r\n", "m=audio 6000 RTP/AVP 8\r\n");
    plan.conclude(side("0.0.0.0", "m=audio 4000 RTP/AVP 8\r\n"),
                  side("198.51.100.10", "m=audio 6000 RTP/AVP 8\r\na=recvonly\r\n"));
    const auto flows = by_cookie(plan.flows(view));
    LONGS_EQUAL(4, flows.size());
    CHECK_TRUE(flows.at({0, 0, 0}).remote == *Endpoint::parse("192.0.2.10:4000"));
    CHECK_TRUE(forwards(flows.at({0, 0, 0})));
    CHECK_FALSE(forwards(flows.at({1, 0, 0})));
    CHECK_FALSE(forwards(flows.at({1, 0, 1})));
    CHECK_TRUE(forwards(flows.at({0, 0, 1})));
}

TEST(MediaPlanOfACall, a_side_that_begins_with_a_zero_address_has_no_flows_until_it_gives_one) {
    MediaPlan plan(1, 0, 1);
    const auto offer = side("0.0.0.0", "m=audio 4000 RTP/AVP 8\r\n");
    const auto answer = side("198.51.100.10", "m=audio 6000 RTP/AVP 8\r\n");
    CHECK_TRUE(plan.open(offer, pools, now).has_value());
    plan.conclude(offer, answer);
    CHECK_TRUE(plan.streams()[0].active);
    LONGS_EQUAL(0, plan.flows(view).size());
    plan.conclude(side("192.0.2.10", "m=audio 4000 RTP/AVP 8\r\n"), answer);
    LONGS_EQUAL(4, plan.flows(view).size());
}

TEST(MediaPlanOfACall, only_what_is_relayed_gets_ports_and_line_numbers_stay) {
    auto plan = plan_of("m=video 4000 RTP/AVP 31\r\nm=audio 4002 RTP/AVP 8\r\n",
                        "m=video 0 RTP/AVP 31\r\nm=audio 6000 RTP/AVP 8\r\n");
    LONGS_EQUAL(2, plan.streams().size());
    CHECK_TRUE(plan.streams()[0].ports[0].empty());
    const auto local = plan.local_media(kCallee, view);
    CHECK_TRUE(local.address == *IpAddress::parse("198.51.100.1"));
    CHECK_TRUE(local.streams.at(0).empty());
    LONGS_EQUAL(plan.streams()[1].ports[1].rtp_port, local.streams.at(1).rtp_port);
    for (const auto& f : plan.flows(view)) LONGS_EQUAL(1, f.cookie.stream);
    LONGS_EQUAL(1, pools.stats(0).in_use);
}

TEST(MediaPlanOfACall, trim_gives_back_what_was_refused_and_only_that) {
    auto plan = plan_of("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n",
                        "m=audio 6000 RTP/AVP 8\r\nm=audio 0 RTP/AVP 8\r\n");
    LONGS_EQUAL(2, pools.stats(0).in_use);
    const auto kept = plan.streams()[0].ports;
    plan.trim(pools, now);
    LONGS_EQUAL(1, pools.stats(0).in_use);
    LONGS_EQUAL(1, pools.stats(1).in_use);
    CHECK_TRUE(plan.streams()[0].ports == kept);
    LONGS_EQUAL(4, plan.flows(view).size());
    plan.release(pools, now);
    LONGS_EQUAL(0, pools.stats(0).in_use);
    LONGS_EQUAL(0, plan.flows(view).size());
}

TEST(MediaPlanOfACall, a_stream_that_was_added_and_refused_leaves_the_first_alone) {
    auto plan = plan_of("m=audio 4000 RTP/AVP 8\r\n", "m=audio 6000 RTP/AVP 8\r\n");
    const auto caller = side("192.0.2.10", "m=audio 4000 RTP/AVP 8\r\n");
    const auto callee = side("198.51.100.10", "m=audio 6000 RTP/AVP 8\r\n");
    const auto before = plan.streams()[0];
    CHECK_TRUE(
        plan.open(side("192.0.2.10", "m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n"), pools, now).has_value());
    LONGS_EQUAL(2, pools.stats(0).in_use);
    plan.conclude(caller, callee);
    plan.trim(pools, now);
    LONGS_EQUAL(1, pools.stats(0).in_use);
    CHECK_TRUE(plan.streams()[0] == before);
}

TEST(MediaPlanOfACall, without_ports_nothing_is_taken) {
    MediaPlan first(1, 0, 1);
    MediaPlan second(2, 0, 1);
    const auto three = side("192.0.2.10", "m=audio 1 RTP/AVP 8\r\nm=audio 2 RTP/AVP 8\r\nm=audio 3 RTP/AVP 8\r\n");
    CHECK_TRUE(first.open(three, pools, now).has_value());
    const auto refused = second.open(three, pools, now);
    CHECK_FALSE(refused.has_value());
    CHECK_TRUE(refused.error() == PoolError::kExhausted);
    LONGS_EQUAL(3, pools.stats(0).in_use);
    LONGS_EQUAL(3, pools.stats(1).in_use);
    LONGS_EQUAL(0, second.streams().size());
}

TEST(MediaPlanOfACall, an_exported_plan_comes_back_with_the_same_flows) {
    auto plan = plan_of("m=audio 4000 RTP/AVP 8\r\nm=video 4 RTP/AVP 31\r\n",
                        "m=audio 6000 RTP/AVP 8\r\na=inactive\r\nm=video 0 RTP/AVP 31\r\n");
    std::vector<std::byte> bytes;
    ByteWriter out(bytes);
    plan.export_to(out);
    out.done();
    PortPools fresh(view.realms, random, 1s);
    ByteReader in(bytes);
    const auto copy = MediaPlan::import_from(in, 0, 1, fresh);
    CHECK_TRUE(copy.has_value());
    LONGS_EQUAL(0, in.left());
    CHECK_TRUE(*copy == plan);
    LONGS_EQUAL(1, fresh.stats(0).in_use);
    // The same call twice: the ports are taken, and none is lost.
    ByteReader again(bytes);
    CHECK_FALSE(MediaPlan::import_from(again, 0, 1, fresh).has_value());
    LONGS_EQUAL(1, fresh.stats(0).in_use);
    LONGS_EQUAL(1, fresh.stats(1).in_use);
}

TEST(MediaPlanOfACall, a_damaged_export_is_refused_and_takes_no_port) {
    auto plan = plan_of("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n",
                        "m=audio 6000 RTP/AVP 8\r\nm=audio 6002 RTP/AVP 8\r\n");
    std::vector<std::byte> bytes;
    ByteWriter out(bytes);
    plan.export_to(out);
    out.done();
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        PortPools fresh(view.realms, random, 1s);
        ByteReader cut{std::span(bytes).first(n)};
        CHECK_FALSE(MediaPlan::import_from(cut, 0, 1, fresh).has_value());
        LONGS_EQUAL(0, fresh.stats(0).in_use);
        LONGS_EQUAL(0, fresh.stats(1).in_use);
    }
    for (int round = 0; round < 2000; ++round) {
        auto damaged = bytes;
        damaged[random.below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<std::byte>(random.below(256));
        PortPools fresh(view.realms, random, 1s);
        ByteReader in{damaged};
        const auto copy = MediaPlan::import_from(in, 0, 1, fresh);
        if (!copy) LONGS_EQUAL(0, fresh.stats(0).in_use);
    }
}

// RFC 3264 §6.
TEST(MediaPlanOfACall, it_holds_ports_for_a_few_streams_only) {
    view.realms[0].media.media_ports.last += 100;
    view.realms[1].media.media_ports.last += 100;
    PortPools large{view.realms, random, 1s};
    std::string lines;
    for (int i = 0; i < 6; ++i) lines += "m=audio " + std::to_string(4000 + 2 * i) + " RTP/AVP 0\r\n";
    const auto offer = side("192.0.2.50", lines);
    MediaPlan plan(77, 0, 1);
    LONGS_EQUAL(2, plan.open(offer, large, now).value());
    const auto local = plan.local_media(kCallee, view);
    for (std::size_t i = 0; i < 6; ++i) CHECK(local.streams[i].empty() == (i >= kMostStreams));
    // Who answers them all the same gets no flows for them.
    plan.conclude(offer, side("198.51.100.60", lines));
    LONGS_EQUAL(4 * kMostStreams, plan.flows(view).size());
    LONGS_EQUAL(2, plan.open(offer, large, now).value());
    plan.release(large, now);
    LONGS_EQUAL(0, large.stats(0).in_use);
}
