// Calls over a link that loses 30 % of the datagrams each way, doubles and reorders some: by RFC 3261's timers
// nearly all are answered, every end is legal, both sides agree, and nothing is left 64*T1 later.
#include <cstdio>

#include "tests/scenario/world.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP(Loss) {};

namespace {

constexpr unsigned kSeeds = 400;

struct Outcome {
    unsigned answered = 0;
    unsigned disagreed = 0;
    unsigned leftover = 0;
    unsigned problems = 0;
    unsigned records_missing = 0;
};

void one_call(std::uint64_t seed, bool late_offer, Outcome& sum) {
    World world(seed);
    world.link = {30, 5, 10ms, 40ms};
    world.start();
    auto& pbx = world.access();
    auto& carrier = world.core();
    auto& call = late_offer ? pbx.invite("100", "") : pbx.invite("100");
    world.run_for(40s);  // T1 to 64*T1 for each of INVITE, 2xx and ACK
    const bool answered = call.initial_status == 200;
    if (answered) ++sum.answered;
    const bool caller_up = call.state == UaCall::State::kUp;
    const bool callee_up = !carrier.calls.empty() && carrier.calls.back()->state == UaCall::State::kUp;
    if (caller_up != callee_up) ++sum.disagreed;
    if (caller_up && seed % 2 == 0) pbx.bye(call);
    if (callee_up && seed % 2 == 1) carrier.bye(*carrier.calls.back());
    world.run_for(110s);
    if (pbx.live() + carrier.live() != 0) ++sum.disagreed;
    if (world.records.size() != 1) ++sum.records_missing;
    if (const auto left = world.leftovers(); !left.empty()) {
        ++sum.leftover;
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), left.c_str());
    }
    if (const auto seen = world.problems(); !seen.empty()) {
        ++sum.problems;
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), seen.c_str());
    }
}

void check(bool late_offer) {
    Outcome sum;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) one_call(seed, late_offer, sum);
    std::printf("%u seeds: answered %u, disagreed %u\n", kSeeds, sum.answered, sum.disagreed);
    CHECK(sum.answered * 100 >= kSeeds * 99);
    LONGS_EQUAL(0, sum.leftover);
    LONGS_EQUAL(0, sum.problems);
    LONGS_EQUAL(0, sum.records_missing);
    CHECK(sum.disagreed * 100 <= kSeeds);  // a BYE may be lost eleven times
}

}  // namespace

TEST(Loss, calls_with_an_offer) { check(false); }
TEST(Loss, calls_with_a_late_offer) { check(true); }

}  // namespace sallyport::scenario
