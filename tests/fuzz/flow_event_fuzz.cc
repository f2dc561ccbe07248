// The ledger between the wishes of calls and the events of a dataplane. With an even first byte the events are any
// bytes; with an odd one they come from the real flow table, whose session breaks now and then.
//
// Oracles: nothing is appended without end; with the real table each command that the ledger makes is accepted, and
// once both are quiet the table holds exactly what is wanted.

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "controlplane/flow/ledger.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/flows.h"

namespace sallyport::test {
namespace {

using wire::CommandType;
using wire::EventType;

constexpr std::size_t kMaxWanted = 12;
constexpr std::uint32_t kTableFlows = 64;  // as many as there are keys below, and the ones that are being removed
constexpr SipHashKey kHashKey{1, 2};
// Made once: text is slow to take apart.
const auto kInbound = inbound();
const auto kOutbound = outbound();

// Flow `at` of call `call`: keys of different calls are apart but for the last, which all want.
wire::FlowSpec flow_of(std::uint64_t call, std::uint8_t at, std::uint8_t variant) {
    auto s = (at & 1) == 0 ? kInbound : kOutbound;
    const auto shift = static_cast<std::uint16_t>(at < 6 ? call * 8 + (at & 6U) : 90);
    s.key.local.port = static_cast<std::uint16_t>(20000 + shift);
    s.out.local.port = static_cast<std::uint16_t>(20000 + shift);
    s.cookie = {.call = call, .leg = static_cast<std::uint16_t>(at & 1U), .stream = at, .component = 0, .reserved = 0};
    s.generation = 0;
    s.dscp = variant & 7;
    s.remote.port = static_cast<std::uint16_t>(30000 + (variant >> 3 & 3));
    return s;
}

std::vector<wire::FlowSpec> wishes(std::uint64_t call, std::uint8_t mask, std::uint8_t variant) {
    std::vector<wire::FlowSpec> out;
    for (std::uint8_t i = 0; i < 7; ++i)
        if ((mask >> i & 1) != 0) out.push_back(flow_of(call, i, variant));
    return out;
}

struct Base {
    flow::Ledger ledger{kMaxWanted, 1, kHashKey};
    flow::Ledger::Commands commands;
    flow::Ledger::Reports reports;

    void check(std::uint64_t call) const {
        FUZZ_CHECK(ledger.stats().flows_wanted <= kMaxWanted);
        std::size_t seen = 0;
        ledger.visit(call, [&seen](const flow::Ledger::FlowState& f) {
            FUZZ_CHECK(!f.confirmed || f.wanted);
            ++seen;
        });
        FUZZ_CHECK(seen <= kMaxWanted + kTableFlows);
        FUZZ_CHECK(ledger.has_flows(call) == (ledger.present_flows(call) > 0));
    }
    void check() const {
        for (std::uint64_t call = 1; call <= 4; ++call) check(call);
    }
};

// --- any bytes

void hostile(fuzz::Input& in) {
    Base b;
    std::uint32_t transaction = 1;
    for (int steps = 0; steps < 64 && !in.empty(); ++steps) {
        b.commands.clear();
        b.reports.clear();
        const auto step = in.byte();
        const std::uint64_t call = 1 + in.byte() % 4;
        switch (step % 8) {
            case 0: {
                const auto mask = in.byte();
                b.ledger.want(call, wishes(call, mask, in.byte()), b.commands);
                break;
            }
            case 1: b.ledger.session_started(b.commands); break;
            case 2:
                if (step == 0xfa) b.ledger.session_ended();
                break;
            case 3: b.ledger.query(call, b.commands); break;
            case 4: b.ledger.inherit(call); break;
            case 5: b.ledger.on_event(in.take<wire::FlowEvent>(), b.commands, b.reports); break;
            default: {  // an event that could be
                wire::FlowEvent e;
                e.type = static_cast<EventType>(in.byte() % 12);
                e.reason = static_cast<wire::RejectReason>(in.byte() % 12);
                e.transaction = in.byte();
                if (e.transaction >= 0x80) e.transaction = transaction;
                e.spec = flow_of(call, in.byte() % 7, in.byte());
                e.spec.generation = in.byte();
                b.ledger.on_event(e, b.commands, b.reports);
            }
        }
        FUZZ_CHECK(b.commands.size() <= 4096 && b.reports.size() <= 4096);
        for (const auto& c : b.commands)
            if (c.type == CommandType::kCommit) transaction = c.transaction;
        b.check(call);
    }
    b.check();
}

// --- the real table

struct Ring final : flow::EventSink {
    std::deque<wire::FlowEvent> waiting;
    std::uint32_t room() override { return 4096 - static_cast<std::uint32_t>(waiting.size()); }
    void push(const wire::FlowEvent& event) override { waiting.push_back(event); }
};

// Kept: its memory is large.
struct Dataplane {
    flow::Epochs epochs{1};
    flow::FlowTable table{two_realms(kTableFlows), epochs};
    std::unique_ptr<flow::CommandService> service;
};

class Honest : Base {
public:
    explicit Honest(Dataplane& dataplane) : d_(dataplane) {
        d_.service = std::make_unique<flow::CommandService>(d_.table);
    }
    void run(fuzz::Input& in);

private:
    void start();
    void stop();
    void commands_go();
    bool one_command();
    bool one_event();
    void quiet();
    void let_go() {
        d_.epochs.quiescent(0);
        d_.table.reclaim(ring_);
    }

    Dataplane& d_;
    Ring ring_;
    std::deque<wire::FlowCommand> sent_;
    std::map<std::uint64_t, std::vector<wire::FlowSpec>> wanted_;
    bool session_ = false;
};

void Honest::start() {
    stop();
    session_ = true;
    ledger.session_started(commands);
}

void Honest::stop() {
    if (!session_) return;
    session_ = false;
    sent_.clear();
    commands.clear();
    ring_.waiting.clear();
    ledger.session_ended();
    d_.service->reset();
}

void Honest::commands_go() {
    if (session_) sent_.insert(sent_.end(), commands.begin(), commands.end());
    commands.clear();
    reports.clear();
}

bool Honest::one_command() {
    d_.service->turn(ring_);
    if (sent_.empty()) return false;
    if (!d_.service->handle(sent_.front(), 1, ring_)) return true;
    sent_.pop_front();
    return true;
}

bool Honest::one_event() {
    if (ring_.waiting.empty()) return false;
    const auto e = ring_.waiting.front();
    ring_.waiting.pop_front();
    // A query (transaction 0) may come behind the removal of its flow; nothing else is ever refused.
    FUZZ_CHECK(e.type != EventType::kRejected || e.transaction == 0);
    ledger.on_event(e, commands, reports);
    commands_go();
    return true;
}

void Honest::quiet() {
    for (int i = 0; i < 10'000; ++i) {
        let_go();
        const bool busy = one_command();
        if (!one_event() && !busy && !d_.service->listing()) return;
    }
    FUZZ_CHECK(!"the ledger and the table come to rest");
}

void Honest::run(fuzz::Input& in) {
    for (int steps = 0; steps < 64 && !in.empty(); ++steps) {
        const auto step = in.byte();
        const std::uint64_t call = 1 + (step >> 3) % 4;
        switch (step % 8) {
            case 0:
            case 1: {
                auto flows = wishes(call, in.byte(), in.byte());
                if (ledger.want(call, flows, commands)) wanted_[call] = std::move(flows);
                commands_go();
                break;
            }
            case 2:
                if ((step & 0x40) != 0) stop();
                break;
            case 3:
                if ((step & 0x40) != 0 || !session_) start();
                commands_go();
                break;
            case 4:
                for (auto n = step >> 4; n > 0; --n) one_command();
                break;
            case 5:
                for (auto n = step >> 4; n > 0; --n) one_event();
                break;
            case 6: let_go(); break;
            default: ledger.query(call, commands); commands_go();
        }
        check(call);
    }
    check();
    if (!session_) start();
    commands_go();
    quiet();
    std::size_t count = 0;
    for (const auto& [call, flows] : wanted_) {
        for (const auto& s : flows) {
            const auto flow = d_.table.find(s.key);
            FUZZ_CHECK(flow.has_value());
            const auto there = d_.table.info(*flow).spec.unpack();
            FUZZ_CHECK(there.cookie == s.cookie && there.remote == s.remote && there.dscp == s.dscp);
            ++count;
        }
    }
    FUZZ_CHECK(d_.table.installed() == count && ledger.stats().flows_present == count);
    // All calls end, and nothing is left: neither here nor there.
    for (const auto& [call, flows] : wanted_) {
        FUZZ_CHECK(ledger.want(call, {}, commands));
        commands_go();
    }
    quiet();
    const auto left = ledger.stats();
    FUZZ_CHECK(d_.table.installed() == 0 && left.flows_present == 0 && left.flows_wanted == 0 && left.entries == 0);
    stop();
    let_go();
    FUZZ_CHECK(d_.table.free_flows() == kTableFlows);
}

}  // namespace
}  // namespace sallyport::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::test;
    static const std::unique_ptr<Dataplane> dataplane = std::make_unique<Dataplane>();
    sallyport::fuzz::Input in(data, size);
    if ((in.byte() & 1) == 0)
        hostile(in);
    else
        Honest(*dataplane).run(in);
    return 0;
}
