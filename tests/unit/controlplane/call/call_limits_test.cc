#include "controlplane/call/call_limits.h"

#include <algorithm>
#include <array>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using call::CallEnd;
using call::CallLimits;

TEST_GROUP(CallLimits) {
    config::ControlView view;
    Instant now{1h};
    const CallEnd pbx{0, 0};
    const CallEnd other_pbx{1, 0};
    const CallEnd phone{std::nullopt, 0};
    const CallEnd carrier{2, 1};

    void setup() override {
        view.realms.resize(2);
        view.trunks.resize(3);
    }
    config::Limits& trunk(std::size_t i) { return view.trunks[i].limits; }
    config::Limits& realm(std::size_t i) { return view.realms[i].limits; }
    std::string said(const std::expected<CallLimits::Permit, CallLimits::Refused>& answer) {
        if (answer) return "yes";
        constexpr const char* kCauses[] = {"calls", "rate", "realm calls", "realm rate"};
        return std::string(kCauses[answer.error().cause]) +
               (answer.error().direction == CallLimits::kIn ? " in " : " out ") + std::to_string(answer.error().status);
    }
};

TEST(CallLimits, each_bound_by_its_direction) {
    trunk(0).max_calls_in = 1;
    trunk(0).max_calls = 2;
    trunk(2).max_calls_out = 2;
    trunk(2).refuse_with = 480;
    CallLimits limits(view);
    auto first = limits.admit(now, pbx, carrier);
    STRCMP_EQUAL("yes", said(first).c_str());
    STRCMP_EQUAL("calls in 503", said(limits.admit(now, pbx, carrier)).c_str());
    auto back = limits.admit(now, carrier, pbx);
    STRCMP_EQUAL("yes", said(back).c_str());
    STRCMP_EQUAL("calls out 503", said(limits.admit(now, carrier, pbx)).c_str());
    auto second = limits.admit(now, other_pbx, carrier);
    STRCMP_EQUAL("calls out 480", said(limits.admit(now, other_pbx, carrier)).c_str());
    LONGS_EQUAL(1, limits.refused(0, CallLimits::kIn, CallLimits::kCalls));
    LONGS_EQUAL(1, limits.refused(0, CallLimits::kOut, CallLimits::kCalls));
    LONGS_EQUAL(1, limits.refused(2, CallLimits::kOut, CallLimits::kCalls));
    LONGS_EQUAL(3, limits.refused(CallLimits::kCalls));
    first = std::unexpected(CallLimits::Refused{});
    STRCMP_EQUAL("yes", said(limits.admit(now, pbx, carrier)).c_str());
}

TEST(CallLimits, a_realm_bounds_all_in_it_together) {
    realm(0).max_calls = 3;
    CallLimits limits(view);
    const auto a = limits.admit(now, pbx, carrier);
    const auto b = limits.admit(now, phone, carrier);
    const auto c = limits.admit(now, carrier, other_pbx);
    STRCMP_EQUAL("realm calls in 503", said(limits.admit(now, phone, carrier)).c_str());
    STRCMP_EQUAL("realm calls out 503", said(limits.admit(now, carrier, pbx)).c_str());
    LONGS_EQUAL(2, limits.refused(CallLimits::kRealmCalls));
    LONGS_EQUAL(0, limits.refused(2, CallLimits::kIn, CallLimits::kRealmCalls));
    LONGS_EQUAL(1, limits.refused(0, CallLimits::kOut, CallLimits::kRealmCalls));
}

TEST(CallLimits, a_call_from_a_trunk_to_itself_needs_room_for_two) {
    trunk(0).max_calls = 3;
    CallLimits limits(view);
    auto first = limits.admit(now, pbx, pbx);
    STRCMP_EQUAL("calls out 503", said(limits.admit(now, pbx, pbx)).c_str());
    STRCMP_EQUAL("yes", said(limits.admit(now, pbx, carrier)).c_str());
}

TEST(CallLimits, who_is_refused_at_one_gate_takes_nothing_at_the_others) {
    trunk(0).calls_per_second = 1;
    trunk(0).burst = 2;
    realm(0).calls_per_second_in = 1;
    realm(0).burst = 2;
    trunk(2).max_calls = 1;
    CallLimits limits(view);
    {
        const auto call = limits.admit(now, pbx, carrier);
        for (int i = 0; i < 100; ++i) STRCMP_EQUAL("calls out 503", said(limits.admit(now, pbx, carrier)).c_str());
    }
    STRCMP_EQUAL("yes", said(limits.admit(now, pbx, carrier)).c_str());
    STRCMP_EQUAL("rate in 503", said(limits.admit(now, pbx, carrier)).c_str());
    STRCMP_EQUAL("realm rate in 503", said(limits.admit(now, other_pbx, carrier)).c_str());
}

TEST(CallLimits, a_rate_in_one_direction_leaves_the_other) {
    trunk(0).calls_per_second_in = 1;
    CallLimits limits(view);
    STRCMP_EQUAL("yes", said(limits.admit(now, pbx, carrier)).c_str());
    STRCMP_EQUAL("rate in 503", said(limits.admit(now, pbx, carrier)).c_str());
    STRCMP_EQUAL("yes", said(limits.admit(now, carrier, pbx)).c_str());
    STRCMP_EQUAL("yes", said(limits.admit(now + 1s, pbx, carrier)).c_str());
}

TEST(CallLimits, a_call_that_is_there_counts_above_the_bound_and_costs_no_rate) {
    trunk(0).max_calls = 1;
    trunk(0).calls_per_second = 1;
    CallLimits limits(view);
    auto first = limits.count(pbx, carrier);
    {
        const auto second = limits.count(pbx, carrier);
        LONGS_EQUAL(2, limits.permits());
    }
    STRCMP_EQUAL("calls in 503", said(limits.admit(now, pbx, carrier)).c_str());
    first = {};
    STRCMP_EQUAL("yes", said(limits.admit(now, pbx, carrier)).c_str());
}

TEST(CallLimits, whatever_comes_and_goes_the_bounds_hold_and_nothing_is_left) {
    test::FakeRandom random(7);
    for (int round = 0; round < 50; ++round) {
        for (std::size_t i = 0; i < 3; ++i)
            trunk(i) = {.max_calls = static_cast<std::uint32_t>(random.below(6)),
                        .max_calls_in = static_cast<std::uint32_t>(random.below(4)),
                        .max_calls_out = static_cast<std::uint32_t>(random.below(4)),
                        .calls_per_second = static_cast<std::uint32_t>(random.below(3))};
        realm(1).max_calls = static_cast<std::uint32_t>(random.below(8));
        CallLimits limits(view);
        const std::array ends{pbx, other_pbx, phone, carrier};
        struct Live {
            CallLimits::Permit permit;
            std::size_t in;
            std::size_t out;
        };
        std::vector<Live> calls;
        for (int step = 0; step < 300; ++step, now += Duration(random.below(400) * 1ms)) {
            const auto in = random.below(4);
            const auto out = random.below(4);
            if (auto permit = limits.admit(now, ends[in], ends[out])) calls.push_back({std::move(*permit), in, out});
            const auto count = [&](std::size_t end, bool as_in, bool as_out) {
                std::size_t sum = 0;
                for (const auto& c : calls) sum += (as_in && c.in == end ? 1 : 0) + (as_out && c.out == end ? 1 : 0);
                return sum;
            };
            for (const std::size_t end : {0, 1, 3}) {
                const auto& l = trunk(*ends[end].trunk);
                CHECK(l.max_calls == 0 || count(end, true, true) <= l.max_calls);
                CHECK(l.max_calls_in == 0 || count(end, true, false) <= l.max_calls_in);
                CHECK(l.max_calls_out == 0 || count(end, false, true) <= l.max_calls_out);
            }
            if (!calls.empty() && random.below(2) == 0) {
                std::swap(calls[random.below(static_cast<std::uint32_t>(calls.size()))], calls.back());
                calls.pop_back();
            }
        }
        calls.clear();
        LONGS_EQUAL(0, limits.permits());
    }
}
