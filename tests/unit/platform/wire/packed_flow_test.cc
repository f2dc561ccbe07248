#include "platform/wire/packed_flow.h"

#include <cstring>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using wire::FlowSpec;
using wire::PackedFlow;

namespace {

// Every field has a value of its own.
FlowSpec spec() {
    FlowSpec out;
    out.key.local = {IpAddress::v4(0xc0000201), 10002};
    out.key.realm = 3;
    out.cookie.call = 0x123456789abcdef0;
    out.cookie.leg = 1;
    out.cookie.stream = 1025;
    out.cookie.component = 1;
    out.generation = 0xfffffff1;
    out.flags = wire::kFlowForward | wire::kFlowReportIdle;
    out.source_rule = wire::SourceRule::kPrefix;
    out.prefix_length = 24;
    out.remote = {IpAddress::v4(0xc6336401), 65535};
    out.idle_ms = 30001;
    out.out.local = {IpAddress::v4(0xffffff01), 20004};
    out.out.realm = 65535;
    out.out_remote = {IpAddress::v4(0x0a000001), 1};
    out.dscp = 46;
    out.clock_khz = 48;
    out.rate_pps = 500;
    return out;
}

bool same(const FlowSpec& a, const FlowSpec& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

TEST_GROUP(PackedFlow) {};

TEST(PackedFlow, gives_back_what_it_was_made_from) {
    CHECK_TRUE(PackedFlow::fits(spec()));
    CHECK_TRUE(same(spec(), PackedFlow(spec()).unpack()));
    CHECK_TRUE(wire::unpack_key(PackedFlow(spec()).key()) == spec().key);
    CHECK_TRUE(PackedFlow(spec()).cookie() == spec().cookie);
    auto open = spec();
    open.out_remote = {};
    CHECK_TRUE(PackedFlow::fits(open));
    CHECK_TRUE(same(open, PackedFlow(open).unpack()));
}

TEST(PackedFlow, takes_ipv4_alone) {
    const auto six = IpAddress::v6({0x20, 1, 0xd, 0xb8});
    for (int i = 0; i < 4; ++i) {
        auto s = spec();
        (i == 0 ? s.key.local : i == 1 ? s.out.local : i == 2 ? s.remote : s.out_remote).address = six;
        CHECK_FALSE(PackedFlow::fits(s));
        CHECK_FALSE(PackedFlow(s).same_as(PackedFlow(spec())));
    }
    auto s = spec();
    s.key.local.address = six;
    CHECK_FALSE(wire::pack_key(s.key).has_value());
    s.key.local.address = {};
    CHECK_FALSE(PackedFlow::fits(s));
}

TEST(PackedFlow, is_the_same_but_for_generation_and_relatch) {
    const PackedFlow flow(spec());
    auto s = spec();
    s.generation = 1;
    s.flags |= wire::kFlowRelatch;
    CHECK_TRUE(flow.same_as(PackedFlow(s)));
    const auto differs = [&](auto change) {
        auto other = spec();
        change(other);
        return !flow.same_as(PackedFlow(other));
    };
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.key.local.port; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.key.realm; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.cookie.call; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.cookie.leg; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.cookie.stream; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.cookie.component; }));
    CHECK_TRUE(differs([](FlowSpec& f) { f.flags = 0; }));
    CHECK_TRUE(differs([](FlowSpec& f) { f.source_rule = wire::SourceRule::kExact; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.prefix_length; }));
    CHECK_TRUE(differs([](FlowSpec& f) { --f.remote.port; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.idle_ms; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.out.local.port; }));
    CHECK_TRUE(differs([](FlowSpec& f) { f.out_remote = {}; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.dscp; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.clock_khz; }));
    CHECK_TRUE(differs([](FlowSpec& f) { ++f.rate_pps; }));
}
