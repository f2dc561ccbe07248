#pragma once
// A pipeline over two_realms(): port 0 is access, port 1 is core and, with VLAN 7, a third interface without
// media. Each interface knows its peer 10 and a router 254.

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "dataplane/transform/pipeline.h"
#include "tests/support/flows.h"

namespace sallyport::test {

struct Sent {
    packet::Verdict verdict = packet::Verdict::kDrop;
    wire::DropReason reason{};
    std::uint16_t interface = 0;
    std::uint32_t next_hop = 0;
    Bytes frame;
};

inline packet::ListenPort6 listen6(const char* address, std::uint16_t port = 5060) {
    return {std::bit_cast<std::array<std::byte, 16>>(IpAddress::parse(address)->bytes()), port};
}

struct Relay {
    static constexpr std::uint32_t kKernelBurst = 64;
    static constexpr std::size_t kHeadroom = 32;

    Relay() { published.exchange(&hops); }

    Table t;
    packet::Interfaces interfaces{{{.port = 0,
                                    .mac = {2, 0, 0, 0, 0, 1},
                                    .signalling = {{ip("192.0.2.1"), 5060}},
                                    .signalling6 = {listen6("2001:db8::1")}},
                                   {.port = 1, .mac = {2, 0, 0, 0, 1, 1}},
                                   {.port = 1, .vlan = 7, .mac = {2, 0, 0, 0, 1, 1}}}};
    flow::NextHops hops{std::vector<flow::RouteEntry>{{0, 24, ip("192.0.2.0"), 0, 0},
                                                      {1, 24, ip("198.51.100.0"), 0, 0},
                                                      {1, 24, ip("203.0.113.0"), ip("198.51.100.254"), 0}},
                        std::vector<flow::NeighbourEntry>{{0, ip("192.0.2.10"), {2, 0, 0, 0, 0, 0x0a}},
                                                          {1, ip("198.51.100.10"), {2, 0, 0, 0, 1, 0x0a}},
                                                          {1, ip("198.51.100.254"), {2, 0, 0, 0, 1, 0xfe}}}};
    flow::PublishedNextHops published;
    transform::Pipeline pipeline{t.table, interfaces, published, 0,
                                 transform::KernelRates::each({.packets_per_second = 1'000, .burst = kKernelBurst})};
    std::uint64_t now_ns = 5'000'000'000;

    // `core_peer`: where the flow from access sends.
    void install_pair(const char* core_peer = "198.51.100.10") {
        auto in = inbound();
        auto out = outbound();
        in.out_remote.address = out.remote.address = *IpAddress::parse(core_peer);
        t.commit({command(wire::CommandType::kInstall, in), command(wire::CommandType::kInstall, out)});
    }
    UdpFrame from_core(std::uint16_t sequence = 1) const {
        UdpFrame f;
        f.destination_mac = "\x02\x00\x00\x00\x01\x01";
        f.source = "198.51.100.10";
        f.source_port = 40000;
        f.destination = "198.51.100.1";
        f.destination_port = 20010;
        f.payload = rtp(sequence);
        return f;
    }

    Sent send(const Bytes& frame, std::uint16_t port = 0) { return send(std::vector<Bytes>{frame}, port).front(); }
    std::vector<Sent> send(const std::vector<Bytes>& frames, std::uint16_t port) {
        std::vector<Bytes> buffers;
        std::vector<packet::Packet> burst;
        for (const auto& frame : frames) {
            // Exactly as long as the frame, so that the address sanitizer sees a read beyond it.
            auto& buffer = buffers.emplace_back(kHeadroom + frame.size());
            if (!frame.empty()) std::memcpy(buffer.data() + kHeadroom, frame.data(), frame.size());
        }
        for (std::size_t i = 0; i < frames.size(); ++i) {
            packet::Packet p;
            p.data = buffers[i].data() + kHeadroom;
            p.length = static_cast<std::uint32_t>(frames[i].size());
            p.headroom = kHeadroom;
            p.port = port;
            burst.push_back(p);
        }
        pipeline.run(burst, now_ns);
        std::vector<Sent> out;
        for (const auto& p : burst)
            out.push_back({p.verdict, p.reason, p.interface, p.next_hop, Bytes(p.data, p.data + p.length)});
        return out;
    }
};

}  // namespace sallyport::test
