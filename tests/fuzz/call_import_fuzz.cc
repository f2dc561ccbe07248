// A record of the table of live calls, whatever it holds, imported by a fresh engine. The checksum at its end is set
// right, so that the bytes reach the readers behind it.
//
// Oracles: a refusal is a sentence and leaves nothing live; a call that is taken can be looked at, exported and taken
// again, and in the end it is up, or it is over and no call, dialog, transaction, timer or port is left.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/call/engine.h"
#include "platform/base/checksum.h"
#include "platform/json/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_random.h"
#include "tests/support/gate_view.h"

namespace sallyport::call {
namespace {

using namespace std::chrono_literals;

const Now kStart{Instant(1h), WallTime(1'800'000'100s)};

std::vector<std::byte> sealed(const std::uint8_t* data, std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> out(begin, begin + (size < 8 ? size : size - 8));
    const auto sum = checksum64(out);
    ByteWriter(out).u64(sum);
    return out;
}

struct Gate {
    test::FakeRandom random{1};
    Outbox out;
    Engine engine;

    explicit Gate(const config::ControlView& view) : engine(view, random, 0, out, kStart) {}

    // What this turn gave: each record can be written as the line that it becomes.
    void drain() {
        for (const auto& record : out.records) {
            const auto line = json_line(record);
            FUZZ_CHECK(line.find('\n') == std::string::npos && json::parse(line).has_value());
        }
        out.clear();
    }
    // Nothing is left but what it has counted, and the number of its next call. `flows`: also of what the dataplane was
    // told and has not answered.
    bool empty(bool flows) const {
        for (const auto& c : engine.counters())
            if (c.name.starts_with("live-") && c.value != 0 && (flows || !c.name.starts_with("live-flow-")))
                return false;
        return engine.call_count() == 0;
    }
    // One call that was answered, and goes on until somebody ends it.
    bool one_is_up() const {
        bool up = false;
        engine.visit_calls([&up](const CallView& v) { return up = v.state == "up"; });
        return up && engine.call_count() == 1;
    }
};

// An engine is slow to make, even with the small view's tables. One that has refused all so far is used again.
std::unique_ptr<Gate> unused;

std::unique_ptr<Gate> take_gate() {
    static const auto view = test::gate_view();
    if (!unused) return std::make_unique<Gate>(view);
    unused->random = test::FakeRandom(1);
    return std::move(unused);
}

void run(const std::vector<std::byte>& bytes) {
    auto first = take_gate();
    auto& gate = *first;
    const auto taken = gate.engine.import_call(kStart, bytes);
    gate.engine.flush(kStart);
    if (!taken) {
        FUZZ_CHECK(!taken.error().why.empty() && taken.error().why.find('\n') == std::string::npos);
        FUZZ_CHECK(gate.empty(true));
        FUZZ_CHECK(taken.error().recorded == !gate.out.records.empty());
        gate.drain();
        unused = std::move(first);
        return;
    }
    std::uint64_t number = 0;
    gate.engine.visit_calls([&number](const CallView& v) {
        FUZZ_CHECK(!v.id.empty() && !v.state.empty());
        number = v.number;
        return true;
    });
    if (*taken) {
        FUZZ_CHECK(gate.engine.call_count() == 1 && number != 0);
        const auto again = gate.engine.export_call(number, kStart);
        FUZZ_CHECK(!again.empty());
        const auto next = take_gate();
        const auto second = next->engine.import_call(kStart, again);
        FUZZ_CHECK(second.has_value() && *second);
        FUZZ_CHECK(next->engine.export_call(number, kStart) == again);
    }
    // Nobody answers: what waits gives up, and a call that is up ends at its limit, if it has one.
    gate.drain();
    auto now = kStart;
    for (const auto wait : {1s, 40s, 3600s, 40s}) {
        now.instant += wait;
        now.wall += wait;
        gate.engine.on_dataplane_session(now, wait == 40s);
        gate.engine.advance(now);
        gate.engine.flush(now);
        gate.drain();
    }
    FUZZ_CHECK(gate.one_is_up() || gate.empty(false));
}

}  // namespace
}  // namespace sallyport::call

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sallyport::call::run(sallyport::call::sealed(data, size));
    return 0;
}
