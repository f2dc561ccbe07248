#pragma once
// A flow table as a busy gate has it, and the packets that belong to it: `flows` streams from access to core, each with
// its reverse flow, sources learned as they would be, 200 neighbours on the core side. Both realms are on interface 0,
// so that one port serves (testpmd's 5tswap sends where it received, too).

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "dataplane/flow/command_service.h"
#include "dataplane/flow/next_hops.h"
#include "tests/support/frames.h"

namespace sallyport::bench {

class RelayTable {
public:
    static constexpr std::uint16_t kFirstPort = 20'000;
    static constexpr std::uint32_t kMaxFlows = 20'000;
    static constexpr std::uint32_t kPeers = 200;
    static constexpr std::uint16_t kAccess = 0;
    static constexpr std::uint16_t kCore = 1;

    explicit RelayTable(std::uint32_t flows)
        : flows_(flows), epochs_(1), table_(config(flows), epochs_), hops_(routes(), neighbours()) {
        published_.exchange(&hops_);
        flow::CommandService service(table_);
        constexpr std::uint32_t kPerTransaction = 1'000;
        Sink sink;
        for (std::uint32_t i = 0; i < flows; ++i) {
            for (const bool inbound : {true, false}) service.handle(install(i, inbound), 1, sink);
            if (i + 1 == flows || (i + 1) % kPerTransaction == 0) {
                wire::FlowCommand commit;
                commit.type = wire::CommandType::kCommit;
                commit.transaction = 1;
                service.handle(commit, 1, sink);
            }
        }
    }

    bool complete() const { return table_.installed() == 2 * flows_; }
    flow::FlowTable& table() { return table_; }
    flow::Epochs& epochs() { return epochs_; }
    const flow::PublishedNextHops& next_hops() const { return published_; }

    // One packet of each flow, `rounds` times over. In an order that no cache has expected: it is shuffled once.
    static std::vector<test::Bytes> frames(std::uint32_t flows, std::uint32_t rounds, const char* destination_mac) {
        std::vector<std::uint32_t> order(flows);
        std::iota(order.begin(), order.end(), 0U);
        std::ranges::shuffle(order, std::mt19937(1));  // NOLINT(cert-msc51-cpp): the same each time
        std::vector<test::Bytes> out;
        for (std::uint32_t round = 0; round < rounds; ++round)
            for (const auto i : order) {
                test::UdpFrame frame;
                frame.destination_mac = destination_mac;
                frame.source = address(kAccess, i);
                frame.source_port = port(i);
                frame.destination = "192.0.2.1";
                frame.destination_port = port(i);
                frame.payload = test::rtp(static_cast<std::uint16_t>(round), 160, 8, 0x1000 + i);
                out.push_back(frame.build());
            }
        return out;
    }

private:
    struct Sink final : flow::EventSink {
        std::uint32_t room() override { return 1U << 20; }
        void push(const wire::FlowEvent&) override {}
    };
    static flow::FlowConfig config(std::uint32_t flows) {
        flow::FlowConfig out;
        out.max_flows = 2 * std::max(flows, 1'000U);
        out.realms = {{.addresses = {test::ip("192.0.2.1")}, .first_port = kFirstPort, .last_port = 65'534},
                      {.addresses = {test::ip("198.51.100.1")}, .first_port = kFirstPort, .last_port = 65'534}};
        out.own_addresses = {{0, test::ip("192.0.2.1"), 24}, {0, test::ip("198.51.100.1"), 24}};
        return out;
    }
    static std::uint16_t port(std::uint32_t i) { return static_cast<std::uint16_t>(kFirstPort + 2 * i); }
    // Of stream i's peer.
    static std::string address(std::uint16_t realm, std::uint32_t i) {
        return (realm == kAccess ? "192.0.2." : "198.51.100.") + std::to_string(10 + i % kPeers);
    }
    static Endpoint endpoint(const std::string& text, std::uint16_t port) { return {*IpAddress::parse(text), port}; }
    static wire::FlowCommand install(std::uint32_t i, bool inbound) {
        wire::FlowCommand out;
        out.type = wire::CommandType::kInstall;
        out.transaction = 1;
        auto& s = out.spec;
        s.generation = 1;
        s.flags = wire::kFlowForward;
        s.source_rule = wire::SourceRule::kAddress;
        s.key = {endpoint("192.0.2.1", port(i)), kAccess, 0};
        s.remote = endpoint(address(kAccess, i), port(i));
        s.out = {endpoint("198.51.100.1", port(i)), kCore, 0};
        s.out_remote = endpoint(address(kCore, i), port(i));
        s.rate_pps = 1'000'000'000;  // a limit that is checked and never reached
        if (!inbound) {
            std::swap(s.key, s.out);
            std::swap(s.remote, s.out_remote);
        }
        return out;
    }
    static std::vector<flow::RouteEntry> routes() {
        return {{0, 24, test::ip("192.0.2.0"), 0, 0}, {0, 24, test::ip("198.51.100.0"), 0, 0}};
    }
    static std::vector<flow::NeighbourEntry> neighbours() {
        std::vector<flow::NeighbourEntry> out;
        for (std::uint32_t i = 0; i < kPeers; ++i)
            for (const auto realm : {kAccess, kCore})
                out.push_back({0,
                               test::ip(address(realm, i).c_str()),
                               {2, 0, 0, 0, static_cast<std::uint8_t>(realm), static_cast<std::uint8_t>(i)}});
        return out;
    }

    std::uint32_t flows_;
    flow::Epochs epochs_;
    flow::FlowTable table_;
    flow::NextHops hops_;
    flow::PublishedNextHops published_;
};

}  // namespace sallyport::bench
