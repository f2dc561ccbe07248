// The same answers for the same bytes, however a stream cuts them into segments (RFC 3261 §18.3).
#include "tests/scenario/torture_gate.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

namespace {
constexpr std::size_t kFields = 300;
}

TEST_GROUP(Framing) {
    // Those that leave a stream as it was.
    static std::vector<std::string> sound() {
        std::vector<std::string> out;
        for (const auto& m : torture_set())
            if (m.is_request() && !m.stream.contains("closed") && !m.stream.contains("waits"))
                out.push_back(for_stream(m.bytes));
        return out;
    }
};

TEST(Framing, each_torture_message_cut_at_every_byte_gets_the_answers_of_the_whole) {
    for (const auto& m : torture_set()) {
        const auto whole = TortureGate(Transport::kTcp).give(m);
        // In a response the fields of its request stand for their names: it is longer than its file.
        const auto length = m.bytes.size() + (m.is_request() ? 0 : kFields);
        for (std::size_t cut = 1; cut < length; ++cut) {
            const auto got = TortureGate(Transport::kTcp).give(m, cut);
            if (got == whole) continue;
            STRCMP_EQUAL((m.name + ": " + whole.verdict).c_str(),
                         (m.name + " cut at " + std::to_string(cut) + ": " + got.verdict).c_str());
            FAIL((m.name + " cut at " + std::to_string(cut) + ": other bytes").c_str());
        }
    }
}

TEST(Framing, fifty_torture_messages_in_one_segment_get_the_answers_of_single_ones) {
    auto messages = sound();
    CHECK(messages.size() >= 50);
    messages.resize(50);
    std::string all;
    for (const auto& m : messages) all += m;
    const auto single = TortureGate(Transport::kTcp).feed(messages);
    const auto together = TortureGate(Transport::kTcp).feed({all});
    STRCMP_EQUAL(single.verdict.c_str(), together.verdict.c_str());
    for (std::size_t i = 0; i < single.to_sender.size(); ++i)
        STRCMP_EQUAL(single.to_sender[i].c_str(), together.to_sender.at(i).c_str());
    CHECK(single == together);
    CHECK(single.to_sender.size() + single.to_other.size() >= 50);
}

}  // namespace sallyport::scenario
