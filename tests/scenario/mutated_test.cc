// Messages mutated from valid ones (tests/mutate), on virtual time: whatever becomes of them is over soon after the
// last, and nothing of them is kept.
#include <cstdio>

#include "tests/mutate/mutator.h"
#include "tests/scenario/world_test.h"
#include "tests/support/heap.h"

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Mutated, WorldTest) {
    std::uint64_t next = 0;

    void setup() override {
        world.view.system.t1 = 100ms;
        world.view.system.t2 = world.view.system.t4 = 400ms;
        world.view.system.no_answer = 5s;
        world.view.system.max_call_duration = 3s;
    }
    void send(const mutate::Mutator& mutator, int count) {
        for (int i = 0; i < count; ++i) {
            world.send(*Endpoint::parse("192.0.2.10:5060"), world.view.sip_interfaces.at(0).local,
                       mutator.message(next++));
            world.run_for(10ms);
        }
    }
    // Bytes of the heap in use when nothing is left to do.
    std::size_t at_rest() {
        world.run_for(70s);
        STRCMP_EQUAL("", world.leftovers().c_str());
        world.records.clear();
        return test::heap_in_use();
    }
};

TEST(Mutated, what_they_begin_ends_and_the_other_side_gets_proper_messages) {
    world.start();
    carrier();
    const mutate::Mutator mutator(3, {.host = "192.0.2.10", .port = 5060, .gate = "192.0.2.1", .live_call_id = {}});
    send(mutator, 6000);
    at_rest();
    CHECK(world.counter("calls") > 200);
    CHECK(world.counter("calls-answered") > 50);
    CHECK(world.counter("calls-refused") > 50);
    CHECK(world.counter("malformed") > 1000);
    // To a caller who never acknowledges our 2xx with the callee's offer there is nothing else to say, before the BYE.
    constexpr std::string_view kBare = "carrier.secret.example: ACK without the answer to our offer\n";
    auto problems = world.problems();
    for (auto at = problems.find(kBare); at != std::string::npos; at = problems.find(kBare))
        problems.erase(at, kBare.size());
    STRCMP_EQUAL("", problems.c_str());
}

TEST(Mutated, nothing_of_them_is_kept) {
    world.start();
    const mutate::Mutator mutator(4, {.host = "192.0.2.10", .port = 5060, .gate = "192.0.2.1", .live_call_id = {}});
    send(mutator, 12000);
    const auto first = at_rest();
    send(mutator, 12000);
    const auto last = at_rest();
    std::printf("%.2f MiB after 12000 messages, %.2f MiB after 24000\n", static_cast<double>(first) / 1048576.0,
                static_cast<double>(last) / 1048576.0);
    CHECK(last < first + 512 * 1024);
}

}  // namespace sallyport::scenario
