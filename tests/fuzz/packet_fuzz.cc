// Frames of a port through the whole pipeline, over two flows whose rules the first bytes of the input choose. Each
// frame of the input: a control byte (below), two bytes of length, the bytes.
//
// Oracles: each packet gets a verdict, within its buffer; what is forwarded came from where the flow's rule and its
// latch allow, has our headers with right checksums and the payload as it came; what goes to the kernel is unchanged
// and was for no media port; the counters add up.

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "dataplane/flow/command_check.h"
#include "dataplane/packet/ether.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/relay.h"

namespace sallyport::test {
namespace {

std::uint32_t checksum(std::uint32_t sum) { return 0xffffU & ~std::uint32_t{packet::fold(sum)}; }

using packet::Kind;
using packet::Packet;
using packet::Verdict;

// A frame that is right but for one thing is rare among those of a fuzzer: some bits set it right.
enum Control : std::uint8_t {
    kCorePort = 1,
    kChecked = 2,  // the port says that the IPv4 header checksum is right
    kOurMac = 4,   // destination: the interface's
    kIpSum = 8,    // IPv4 header checksum set right; of IPv6 version and length
    kUdpSum = 16,  // UDP checksum set right
    kNoRoom = 32,  // no headroom
    kLater = 64,   // two seconds after the frame before
    kBurst = 128,  // ends the burst
};

struct Frame {
    Bytes buffer;  // headroom and frame, no byte more
    Bytes original;
    std::uint16_t headroom = 0;
    packet::Headers headers;  // of the original
};

wire::FlowSpec vary(wire::FlowSpec s, std::uint8_t choice) {
    s.flags = static_cast<std::uint16_t>(((choice & 1) == 0 ? wire::kFlowForward : 0) |
                                         ((choice & 2) != 0 ? wire::kFlowRtcp : 0));
    s.source_rule = static_cast<wire::SourceRule>((choice >> 2) % 3);
    if (s.source_rule == wire::SourceRule::kPrefix && s.key.realm == kCore) s.source_rule = wire::SourceRule::kAddress;
    s.prefix_length = (choice & 0x10) != 0 ? 24 : 28;
    if ((choice & 0x20) != 0) s.rate_pps = 2;
    // A neighbour that is not known yet; a network without a route.
    if ((choice & 0x40) != 0)
        s.out_remote.address = *IpAddress::parse(s.key.realm == kAccess ? "198.51.100.77" : "192.0.2.77");
    if ((choice & 0x80) != 0) s.out_remote.address = IpAddress::v4(ip("203.0.114.1"));
    return s;
}

class World {
public:
    // The table's memory is large: it is kept, the flows are made anew.
    void start(std::uint8_t in, std::uint8_t out);
    void burst(std::vector<Frame>& frames, const std::vector<std::uint8_t>& controls);
    void later() { relay_.now_ns += 2'000'000'000; }

private:
    void check(const Frame& frame, const Packet& p);
    void check_forwarded(const Frame& frame, const Packet& p);
    void check_ipv6(const Frame& frame, const Packet& p) const;
    const wire::FlowSpec* arrived_at(const Frame& frame, std::uint16_t port) const;

    Relay relay_;
    std::array<wire::FlowSpec, 2> specs_;
    bool installed_ = false;
};

void World::start(std::uint8_t in, std::uint8_t out) {
    auto& t = relay_.t;
    if (installed_)
        FUZZ_CHECK(t.commit({command(wire::CommandType::kRemove, specs_[0]),
                             command(wire::CommandType::kRemove, specs_[1])}) == wire::RejectReason::kNone);
    t.grace();
    t.events.all.clear();
    specs_ = {vary(inbound(), in), vary(outbound(), out)};
    FUZZ_CHECK(t.commit({command(wire::CommandType::kInstall, specs_[0]),
                         command(wire::CommandType::kInstall, specs_[1])}) == wire::RejectReason::kNone);
    installed_ = true;
    relay_.now_ns += 100'000'000'000;  // what the kernel's rate has counted is long past
}

const wire::FlowSpec* World::arrived_at(const Frame& frame, std::uint16_t port) const {
    if (frame.headers.kind != Kind::kUdp) return nullptr;
    for (const auto& s : specs_) {
        if (s.key.realm == port && s.key.local.address.v4_host_order() == frame.headers.destination &&
            s.key.local.port == frame.headers.destination_port)
            return &s;
    }
    return nullptr;
}

void World::check_forwarded(const Frame& frame, const Packet& p) {
    const auto* spec = arrived_at(frame, p.port);
    FUZZ_CHECK(spec != nullptr);
    const auto& was = frame.headers;
    FUZZ_CHECK((spec->flags & wire::kFlowForward) != 0);
    FUZZ_CHECK(flow::source_allowed(*spec, was.source, was.source_port));
    const auto flow = relay_.t.table.find(spec->key);
    FUZZ_CHECK(flow.has_value());
    if (spec->source_rule != wire::SourceRule::kExact) {
        // A later packet of the burst may have come from the signalled address, which is then learned instead.
        const auto source = relay_.t.table.source(*flow);
        FUZZ_CHECK(source == Endpoint(IpAddress::v4(was.source), was.source_port) || source == spec->remote);
    }

    const std::span<const std::byte> out(p.data, p.length);
    const auto now = packet::parse(out, false);
    FUZZ_CHECK(now.kind == Kind::kUdp && now.vlan == 0 && now.udp_at == 34 && now.udp_length == was.udp_length);
    FUZZ_CHECK(p.length == 34U + now.udp_length);
    FUZZ_CHECK(now.source == spec->out.local.address.v4_host_order() && now.source_port == spec->out.local.port);
    const auto reverse = relay_.t.table.find(spec->out);
    const auto learned = reverse ? relay_.t.table.source(*reverse) : Endpoint{};
    // The reverse flow may have learned after this packet: then it went to the signalled address.
    const Endpoint to(IpAddress::v4(now.destination), now.destination_port);
    // Or it had learned another one that it may, which the signalled source has taken the place of since.
    const auto& back = spec == &specs_[0] ? specs_[1] : specs_[0];
    const bool before_takeover =
        reverse && learned == back.remote && flow::source_allowed(back, now.destination, now.destination_port);
    FUZZ_CHECK(to == spec->out_remote || to == learned || before_takeover);
    FUZZ_CHECK(p.interface == spec->out.realm && p.out_port == relay_.interfaces[p.interface].port);
    FUZZ_CHECK(std::equal(p.data + 6, p.data + 12,
                          reinterpret_cast<const std::byte*>(relay_.interfaces[p.interface].mac.data())));
    FUZZ_CHECK(std::to_integer<unsigned>(out[15]) == unsigned{spec->dscp} << 2);
    FUZZ_CHECK(packet::load32(p.data + 18) == 0x4000 && std::to_integer<unsigned>(out[22]) == 64);
    const auto* before = frame.original.data() + was.udp_at;
    FUZZ_CHECK(std::equal(before + 8, before + was.udp_length, p.data + now.udp_at + 8));
    const bool right = packet::udp_checksum_ok(was.source, was.destination, {before, was.udp_length});
    FUZZ_CHECK(packet::udp_checksum_ok(now.source, now.destination, out.subspan(now.udp_at, now.udp_length)) == right);
    FUZZ_CHECK((packet::load16(before + 6) == 0) == (packet::load16(p.data + now.udp_at + 6) == 0));
}

// What was found lies within the packet, and what goes first was to where SIP listens.
void World::check_ipv6(const Frame& frame, const Packet& p) const {
    const auto& h = frame.headers.ipv6;
    const auto l3 = frame.headers.ether_bytes;
    FUZZ_CHECK(l3 + std::size_t{h.end} <= frame.original.size() &&
               std::to_integer<unsigned>(frame.original[l3]) >> 4 == 6);
    FUZZ_CHECK(h.fragment || (h.upper_at >= packet::kIpv6Bytes && h.upper_at <= h.end));
    if (!p.signalling) return;
    FUZZ_CHECK(!h.fragment && (h.upper == packet::kTcpHeader || h.upper == packet::kUdpHeader));
    FUZZ_CHECK(p.interface == 0 && std::equal(frame.original.begin() + l3 + 24, frame.original.begin() + l3 + 40,
                                              listen6("2001:db8::1").address.begin()));
    FUZZ_CHECK(h.upper == packet::kTcpHeader || packet::load16(frame.original.data() + l3 + h.upper_at + 2) == 5060);
}

void World::check(const Frame& frame, const Packet& p) {
    const auto* begin = frame.buffer.data();
    FUZZ_CHECK(p.data >= begin && p.data + p.length <= begin + frame.buffer.size());
    FUZZ_CHECK(p.data - begin == p.headroom);
    switch (p.verdict) {
        case Verdict::kTransmit:
        case Verdict::kResolve: return check_forwarded(frame, p);
        case Verdict::kDrop: FUZZ_CHECK(static_cast<std::size_t>(p.reason) < wire::kDropReasons); return;
        case Verdict::kKernel: break;
        default: FUZZ_CHECK(!"a packet without a verdict");
    }
    FUZZ_CHECK(frame.headers.kind != Kind::kBad && arrived_at(frame, p.port) == nullptr);
    FUZZ_CHECK(relay_.interfaces.find(p.port, frame.headers.vlan) == p.interface);
    if (frame.headers.is_ipv6) check_ipv6(frame, p);
    auto expected = frame.original;
    if (frame.headers.ether_bytes != packet::kEtherBytes) expected.erase(expected.begin() + 12, expected.begin() + 16);
    FUZZ_CHECK(p.length == expected.size() && std::equal(expected.begin(), expected.end(), p.data));
}

void World::burst(std::vector<Frame>& frames, const std::vector<std::uint8_t>& controls) {
    std::vector<Packet> packets(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        auto& p = packets[i];
        p.data = frames[i].buffer.data() + frames[i].headroom;
        p.length = static_cast<std::uint32_t>(frames[i].original.size());
        p.headroom = frames[i].headroom;
        p.port = controls[i] & kCorePort;
        p.ipv4_checked = (controls[i] & kChecked) != 0;
        p.verdict = static_cast<Verdict>(0x7f);
        frames[i].headers = packet::parse({p.data, p.length}, p.ipv4_checked);
    }
    const auto dropped = [this] {
        std::uint64_t sum = 0;
        for (const auto& v : relay_.pipeline.drops().values) sum += v.get();
        return sum;
    };
    const auto before = dropped();
    relay_.pipeline.run(packets, relay_.now_ns);
    for (std::size_t i = 0; i < frames.size(); ++i) check(frames[i], packets[i]);
    const auto drops = std::ranges::count(packets, Verdict::kDrop, &Packet::verdict);
    FUZZ_CHECK(dropped() - before == static_cast<std::uint64_t>(drops));
    for (const auto& s : specs_) {
        const auto flow = relay_.t.table.find(s.key);
        FUZZ_CHECK(flow.has_value());
        const auto c = relay_.t.table.counters(*flow);
        FUZZ_CHECK(c.packets_forwarded <= c.packets_in && c.bytes_forwarded <= c.bytes_in);
        const auto learned = relay_.t.table.source(*flow);
        FUZZ_CHECK(learned.empty() || flow::source_allowed(s, learned.address.v4_host_order(), learned.port));
    }
}

void set_right(Bytes& frame, std::uint8_t control, const packet::Interfaces& interfaces) {
    if ((control & kOurMac) != 0 && frame.size() >= 6)
        std::memcpy(frame.data(), interfaces[control & kCorePort].mac.data(), 6);
    if (frame.size() < 34) return;
    const std::size_t l3 = packet::load16(frame.data() + 12) == packet::kEtherVlan ? 18 : 14;
    if (packet::load16(frame.data() + l3 - 2) == packet::kEtherIpv6) {
        if ((control & kIpSum) == 0 || frame.size() < l3 + packet::kIpv6Bytes) return;
        frame[l3] = std::byte{0x60};
        const auto payload = static_cast<std::uint16_t>(frame.size() - l3 - packet::kIpv6Bytes);
        packet::store16(frame.data() + l3 + 4, payload);
        return;
    }
    const std::size_t header = (std::to_integer<std::size_t>(frame[l3]) & 15U) * 4;
    if (header < 20 || l3 + header > frame.size()) return;
    if ((control & kIpSum) != 0) {
        packet::store16(frame.data() + l3 + 10, 0);
        packet::store16(frame.data() + l3 + 10, checksum(packet::sum({frame.data() + l3, header})));
    }
    const auto h = packet::parse(frame, true);
    if ((control & kUdpSum) == 0 || h.kind != Kind::kUdp) return;
    auto* udp = frame.data() + h.udp_at;
    packet::store16(udp + 6, 0);
    const auto sum = packet::sum({udp, h.udp_length}, packet::pseudo_sum(h.source, h.destination, h.udp_length));
    packet::store16(udp + 6, checksum(sum) == 0 ? 0xffff : checksum(sum));
}

}  // namespace
}  // namespace sallyport::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::test;
    static const std::unique_ptr<World> world = std::make_unique<World>();
    static const Relay shape;  // for its interfaces
    sallyport::fuzz::Input in(data, size);
    const auto rule_in = in.byte();
    world->start(rule_in, in.byte());
    std::vector<Frame> frames;
    std::vector<std::uint8_t> controls;
    const auto flush = [&] {
        if (!frames.empty()) world->burst(frames, controls);
        frames.clear();
        controls.clear();
    };
    while (!in.empty()) {
        const auto control = in.byte();
        const auto bytes = in.bytes(in.take<std::uint16_t>() & 0x7ffU);
        Frame frame;
        const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
        frame.original.assign(begin, begin + bytes.size());
        set_right(frame.original, control, shape.interfaces);
        frame.headroom = (control & kNoRoom) != 0 ? 0 : 32;
        frame.buffer.resize(frame.headroom);
        frame.buffer.insert(frame.buffer.end(), frame.original.begin(), frame.original.end());
        frames.push_back(std::move(frame));
        controls.push_back(control);
        if ((control & kLater) != 0) world->later();
        if (frames.size() == sallyport::transform::Pipeline::kBurst || (control & kBurst) != 0) flush();
    }
    flush();
    return 0;
}
