#pragma once
// Two realms and the flows between them, for the dataplane's tests: access (interface 0, 192.0.2.1 and .2)
// and core (interface 1, 198.51.100.1), media ports 20000-20099 each.

#include <vector>

#include "dataplane/flow/command_service.h"
#include "tests/support/frames.h"

namespace sallyport::test {

constexpr std::uint16_t kAccess = 0;
constexpr std::uint16_t kCore = 1;

inline flow::FlowConfig two_realms(std::uint32_t max_flows = 8, std::uint32_t workers = 1) {
    flow::FlowConfig out;
    out.max_flows = max_flows;
    out.workers = workers;
    out.realms = {{.interface = 0,
                   .addresses = {ip("192.0.2.1"), ip("192.0.2.2")},
                   .first_port = 20000,
                   .last_port = 20099,
                   .latching = wire::SourceRule::kPrefix,
                   .latching_prefix = 24},
                  {.interface = 1,
                   .addresses = {ip("198.51.100.1")},
                   .first_port = 20000,
                   .last_port = 20099,
                   .latching = wire::SourceRule::kAddress}};
    out.own_addresses = {{0, ip("192.0.2.1"), 24}, {1, ip("198.51.100.1"), 24}, {1, ip("198.51.100.9"), 32}};
    return out;
}

inline wire::FlowKey key(const char* local, std::uint16_t realm) { return {*Endpoint::parse(local), realm, 0}; }

// What comes from the access side's peer goes to the core side's.
inline wire::FlowSpec inbound() {
    wire::FlowSpec s;
    s.key = key("192.0.2.1:20000", kAccess);
    s.cookie.call = 7;
    s.generation = 1;
    s.flags = wire::kFlowForward;
    s.source_rule = wire::SourceRule::kAddress;
    s.remote = *Endpoint::parse("192.0.2.10:30000");
    s.out = key("198.51.100.1:20010", kCore);
    s.out_remote = *Endpoint::parse("198.51.100.10:40000");
    s.dscp = 46;
    return s;
}
// Its reverse.
inline wire::FlowSpec outbound() {
    auto s = inbound();
    std::swap(s.key, s.out);
    std::swap(s.remote, s.out_remote);
    s.cookie.leg = 1;
    return s;
}

inline wire::FlowCommand command(wire::CommandType type, const wire::FlowSpec& spec, std::uint32_t transaction = 1) {
    wire::FlowCommand c;
    c.type = type;
    c.transaction = transaction;
    c.spec = spec;
    return c;
}

struct Events final : flow::EventSink {
    std::vector<wire::FlowEvent> all;
    std::uint32_t limit = 100'000;
    std::uint32_t room() override { return limit - static_cast<std::uint32_t>(all.size()); }
    void push(const wire::FlowEvent& event) override { all.push_back(event); }

    std::vector<wire::EventType> types() const {
        std::vector<wire::EventType> out;
        for (const auto& e : all) out.push_back(e.type);
        return out;
    }
};

// A table with its commands, and one transaction at a call.
struct Table {
    explicit Table(const flow::FlowConfig& config = two_realms()) : epochs(config.workers), table(config, epochs) {}

    flow::Epochs epochs;
    flow::FlowTable table;
    flow::CommandService service{table};
    Events events;
    std::uint64_t now_ns = 1'000'000'000;
    std::uint32_t transaction = 0;

    // kNone: committed.
    wire::RejectReason commit(std::vector<wire::FlowCommand> commands) {
        ++transaction;
        for (auto& c : commands) {
            c.transaction = transaction;
            service.handle(c, now_ns, events);
        }
        service.handle(command(wire::CommandType::kCommit, {}, transaction), now_ns, events);
        return events.all.back().reason;
    }
    wire::RejectReason install(const wire::FlowSpec& spec) {
        return commit({command(wire::CommandType::kInstall, spec)});
    }
    wire::RejectReason update(const wire::FlowSpec& spec) {
        return commit({command(wire::CommandType::kUpdate, spec)});
    }
    wire::RejectReason remove(const wire::FlowSpec& spec) {
        return commit({command(wire::CommandType::kRemove, spec)});
    }
    // Every worker passes a quiescent point, and the table takes back what it may.
    void grace() {
        for (std::uint32_t w = 0; w < epochs.workers(); ++w) epochs.quiescent(w);
        table.reclaim(events);
    }
};

}  // namespace sallyport::test
