// Commands of a control plane that is in somebody else's hands, against the real flow table. Each step of the input: a
// byte that says what happens, then a whole command as bytes, or one of two good ones with some bytes changed.
//
// Oracles: every installed flow has addresses and ports of ours, and a peer that can be one; a transaction is answered
// once, and applies as a whole or not at all; no event is pushed without room; pools lose and gain nothing.

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/support/flows.h"

namespace sallyport::test {
namespace {

using wire::CommandType;
using wire::EventType;

constexpr std::uint32_t kMaxFlows = 8;

// Made once: text is slow to take apart.
const auto kInbound = inbound();
const auto kOutbound = outbound();
const auto kAccessFirst = ip("192.0.2.1");
const auto kAccessSecond = ip("192.0.2.2");
const auto kCoreFirst = ip("198.51.100.1");

struct Sink final : flow::EventSink {
    std::uint32_t left = 64;
    std::vector<wire::FlowEvent> all;
    std::uint32_t room() override { return left; }
    void push(const wire::FlowEvent& event) override {
        FUZZ_CHECK(left > 0);
        --left;
        all.push_back(event);
    }
};

class Plane {
public:
    void step(fuzz::Input& in);
    void restore();

private:
    wire::FlowCommand next(fuzz::Input& in) const;
    void handle(const wire::FlowCommand& c);
    void drain() {
        sink_.all.clear();
        sink_.left = 64;
    }
    void check() const;
    void flood();

    flow::Epochs epochs_{1};
    flow::FlowTable table_{two_realms(kMaxFlows), epochs_};
    std::unique_ptr<flow::CommandService> service_ = std::make_unique<flow::CommandService>(table_);
    Sink sink_;
    std::uint64_t now_ns_ = 1'000'000'000;
    bool flooded_ = false;  // once is enough for an input: it costs
};

wire::FlowCommand Plane::next(fuzz::Input& in) const {
    const auto how = in.byte();
    if ((how & 0x80) != 0) return in.take<wire::FlowCommand>();
    auto c = command(static_cast<CommandType>(how & 7U), (how & 8U) != 0 ? kOutbound : kInbound, in.byte() % 4);
    c.spec.key.local.port = static_cast<std::uint16_t>(c.spec.key.local.port + (how >> 4));
    auto* bytes = reinterpret_cast<std::uint8_t*>(&c.spec);
    for (auto edits = in.byte() % 4; edits > 0; --edits) {
        const auto at = in.byte() % sizeof c.spec;
        bytes[at] = in.byte();
    }
    return c;
}

void Plane::handle(const wire::FlowCommand& c) {
    const auto before = sink_.all.size();
    const auto installed = table_.installed();
    const bool done = service_->handle(c, now_ns_, sink_);
    const auto fresh = std::span(sink_.all).subspan(before);
    std::size_t answers = 0;
    std::size_t installs = 0;
    for (const auto& e : fresh) {
        answers += e.type == EventType::kCommitted || e.type == EventType::kRejected ? 1 : 0;
        installs += e.type == EventType::kInstalled ? 1 : 0;
    }
    if (!done) {
        FUZZ_CHECK(fresh.empty() && table_.installed() == installed);
        return;
    }
    if (c.type == CommandType::kCommit) {
        FUZZ_CHECK(answers == 1 && fresh.back().transaction == c.transaction);
        if (fresh.back().type == EventType::kRejected)
            FUZZ_CHECK(installs == 0 && table_.installed() == installed &&
                       fresh.back().reason != wire::RejectReason::kNone);
    } else {
        FUZZ_CHECK(table_.installed() == installed && installs == 0);
        FUZZ_CHECK(c.type != CommandType::kQuery || fresh.size() == 1);
    }
    FUZZ_CHECK(service_->staged() <= flow::CommandService::kMaxStaged);
}

void Plane::check() const {
    std::uint32_t installed = 0;
    for (std::uint32_t i = 0; i < table_.flows_end(); ++i) {
        const auto& info = table_.info(i);
        if (!info.installed) continue;
        ++installed;
        const auto s = info.spec.unpack();
        for (const auto* k : {&s.key, &s.out}) {
            const auto address = k->local.address.v4_host_order();
            FUZZ_CHECK(k->local.address.is_v4() && k->local.port >= 20000 && k->local.port <= 20099);
            FUZZ_CHECK(k->realm == kAccess ? address == kAccessFirst || address == kAccessSecond
                                           : k->realm == kCore && address == kCoreFirst);
        }
        FUZZ_CHECK(s.key != s.out && s.generation != 0 && s.dscp < 64);
        FUZZ_CHECK(s.source_rule != wire::SourceRule::kPrefix || (s.key.realm == kAccess && s.prefix_length >= 24));
        const auto peer = [](const Endpoint& e) {
            const auto a = e.address.v4_host_order();
            return e.address.is_v4() && e.port != 0 && a >> 24 != 0 && a >> 24 != 127 && a >> 24 < 224 &&
                   a != kAccessFirst && a != kCoreFirst;
        };
        FUZZ_CHECK(s.remote.address.is_v4() && s.remote.port != 0 && s.remote.address.v4_host_order() >> 24 < 224);
        FUZZ_CHECK((s.flags & wire::kFlowForward) == 0 || s.out_remote.address.is_v4());
        if ((s.flags & wire::kFlowForward) != 0 && s.key.realm != s.out.realm)
            FUZZ_CHECK(peer(s.out_remote) || s.out_remote.address.v4_host_order() == kAccessFirst ||
                       s.out_remote.address.v4_host_order() == kCoreFirst);
        FUZZ_CHECK(table_.find(s.key) == i);
    }
    FUZZ_CHECK(installed == table_.installed());
    FUZZ_CHECK(table_.installed() + table_.free_flows() <= kMaxFlows);
}

void Plane::step(fuzz::Input& in) {
    switch (const auto what = in.byte(); what % 8) {
        case 0:
            epochs_.quiescent(0);
            table_.reclaim(sink_);
            break;
        case 1: service_->turn(sink_); break;
        case 2: drain(); break;
        case 3: sink_.left = in.byte() % 4; break;
        case 4: {  // a worker learns
            const auto flow = in.byte() % kMaxFlows;
            if (!table_.info(flow).installed) break;
            const auto& rule = table_.rule(table_.info(flow).rule);
            table_.cell(table_.info(flow).cell)
                .latch.store(flow::Latch{flow::Latch::unpack(rule.remote).address, in.byte(), rule.latch_tag}.pack());
            break;
        }
        case 5:
            if (what == 0xfd) service_->reset();
            if (what == 0x7d && !flooded_) flood();
            break;
        default: handle(next(in));
    }
    now_ns_ += 1'000'000;
    check();
}

// More transactions than there may be: what found no room is refused at its commit.
void Plane::flood() {
    const auto refused = service_->refused();
    for (std::uint32_t n = 0; n <= flow::CommandService::kMaxTransactions; ++n)
        service_->handle(command(CommandType::kInstall, kInbound, 1000 + n), now_ns_, sink_);
    FUZZ_CHECK(service_->refused() > refused);
    flooded_ = true;
    if (sink_.left == 0) return;
    handle(command(CommandType::kCommit, {}, 1000 + flow::CommandService::kMaxTransactions));
    FUZZ_CHECK(sink_.all.back().type == EventType::kRejected);
}

// All flows out: the table's memory is large, and kept.
void Plane::restore() {
    service_ = std::make_unique<flow::CommandService>(table_);
    flooded_ = false;
    drain();
    std::uint32_t removals = 0;
    for (std::uint32_t i = 0; i < table_.flows_end(); ++i) {
        if (!table_.info(i).installed) continue;
        service_->handle(command(CommandType::kRemove, table_.info(i).spec.unpack()), now_ns_, sink_);
        ++removals;
    }
    if (removals > 0) {
        service_->handle(command(CommandType::kCommit, {}), now_ns_, sink_);
        FUZZ_CHECK(sink_.all.size() == 1 && sink_.all.front().type == EventType::kCommitted);
    }
    epochs_.quiescent(0);
    table_.reclaim(sink_);
    FUZZ_CHECK(table_.installed() == 0 && table_.free_flows() == kMaxFlows);
    FUZZ_CHECK(table_.can_apply(kMaxFlows + 2 * flow::FlowTable::kMaxTransaction));  // every rule is back
    drain();
}

}  // namespace
}  // namespace sallyport::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::test;
    static const std::unique_ptr<Plane> plane = std::make_unique<Plane>();
    sallyport::fuzz::Input in(data, size);
    for (int steps = 0; steps < 64 && !in.empty(); ++steps) plane->step(in);
    plane->restore();
    return 0;
}
