#include "controlplane/flow/flow_views.h"

#include <array>
#include <optional>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using flow::FlowViews;
using wire::PackedFlow;

namespace {

PackedFlow flow_of(std::uint16_t port) {
    wire::FlowSpec spec;
    spec.key.local = {IpAddress::v4(0xc0000201), port};
    return PackedFlow(spec);
}

}  // namespace

TEST_GROUP(FlowViews) {};

TEST(FlowViews, has_none_at_first_and_each_of_its_own) {
    FlowViews views;
    POINTERS_EQUAL(nullptr, views.get(FlowViews::kWanted));
    views.set(FlowViews::kWanted, flow_of(2));
    views.copy(FlowViews::kWanted, FlowViews::kPresent);
    views.set(FlowViews::kWanted, flow_of(4));
    CHECK_TRUE(*views.get(FlowViews::kWanted) == flow_of(4));
    CHECK_TRUE(*views.get(FlowViews::kPresent) == flow_of(2));
    views.copy(FlowViews::kApplied, FlowViews::kPresent);
    POINTERS_EQUAL(nullptr, views.get(FlowViews::kPresent));
}

// Against three optionals.
TEST(FlowViews, does_what_three_values_would) {
    test::FakeRandom random(7);
    FlowViews views;
    std::array<std::optional<PackedFlow>, 3> model;
    for (int i = 0; i < 20'000; ++i) {
        const auto which = static_cast<FlowViews::Which>(random.below(3));
        const auto other = static_cast<FlowViews::Which>(random.below(3));
        switch (random.below(4)) {
            case 0:
                views.reset(which);
                model[which].reset();
                break;
            case 1:
                views.copy(which, other);
                model[other] = model[which];
                break;
            default: {
                const auto flow = flow_of(static_cast<std::uint16_t>(random.below(3)));
                views.set(which, flow);
                model[which] = flow;
            }
        }
        for (const auto w : {FlowViews::kWanted, FlowViews::kPresent, FlowViews::kApplied}) {
            const auto* seen = views.get(w);
            CHECK_TRUE((seen != nullptr) == model[w].has_value());
            CHECK_TRUE(seen == nullptr || *seen == *model[w]);
        }
    }
}
