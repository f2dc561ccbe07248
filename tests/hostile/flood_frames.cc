#include "tests/hostile/flood_frames.h"

#include <algorithm>

namespace sallyport::hostile {

using test::Bytes;
using test::set16;
using test::UdpFrame;

namespace {

constexpr std::size_t kIp = 14;
constexpr std::size_t kUdp = 34;

void right_checksum(Bytes& frame) {
    set16(frame, kIp + 10, 0);
    const auto header = std::min<std::size_t>(frame.size() - kIp, (std::to_integer<std::size_t>(frame[kIp]) & 15) * 4);
    set16(frame, kIp + 10, test::full_checksum(frame, kIp, kIp + header));
}

}  // namespace

Bytes FloodFrames::noise(std::size_t size) {
    Bytes out(size);
    random_.fill(out);
    return out;
}

std::string FloodFrames::host() {
    return target_.host.substr(0, target_.host.rfind('.') + 1) + std::to_string(100 + random_.below(150));
}

std::uint16_t FloodFrames::media_port() {
    return static_cast<std::uint16_t>(target_.first_port + random_.below(target_.last_port - target_.first_port + 1U));
}

// RTP to a media port.
UdpFrame FloodFrames::base() {
    UdpFrame f;
    f.source = host();
    f.source_port = port();
    f.destination = target_.media;
    f.destination_port = media_port();
    f.payload = test::rtp(port());
    return f;
}

Bytes FloodFrames::build(const UdpFrame& frame) {
    auto out = frame.build();
    std::ranges::copy(target_.gate_mac, out.begin());
    return out;
}

Bytes FloodFrames::with_protocol(std::uint8_t protocol, std::size_t size) {
    auto f = base();
    f.destination = target_.gate;
    f.payload = noise(size);
    auto out = build(f);
    out[kIp + 9] = std::byte{protocol};
    right_checksum(out);
    return out;
}

// An echo request has a right checksum, so that the kernel answers it.
Bytes icmp_echo(Bytes frame) {
    frame[kUdp] = std::byte{8};
    frame[kUdp + 1] = std::byte{0};
    set16(frame, kUdp + 2, 0);
    set16(frame, kUdp + 2, test::full_checksum(frame, kUdp, frame.size()));
    return frame;
}

// Requests and replies of all the hosts of the network, to us and to all.
Bytes FloodFrames::arp() {
    auto out = build(base());
    out.resize(kIp);
    set16(out, 12, 0x0806);
    if (random_.chance(50)) std::fill_n(out.begin(), 6, std::byte{0xff});
    for (const std::uint32_t word : {0x0001U, 0x0800U, 0x0604U, 1 + random_.below(2)}) test::put16(out, word);
    for (int i = 0; i < 6; ++i) out.push_back(out[6 + static_cast<std::size_t>(i)]);
    test::put32(out, test::ip(host().c_str()));
    out.resize(out.size() + 6);
    test::put32(out, test::ip((random_.chance(50) ? target_.gate : host()).c_str()));
    return out;
}

Bytes FloodFrames::damaged(std::string_view how) {
    auto f = base();
    if (random_.chance(30)) f.destination = target_.gate, f.destination_port = 5060;
    if (how == "options") {
        f.options = noise(4 * (1 + random_.below(10)));
        return build(f);
    }
    auto out = build(f);
    if (how == "cut") {
        out.resize(kIp + random_.below(static_cast<std::uint32_t>(out.size() - kIp)));
    } else if (how == "lying-total") {
        set16(out, kIp + 2, port());
        right_checksum(out);
    } else if (how == "lying-ihl") {
        out[kIp] = static_cast<std::byte>(random_.next_u64());
        right_checksum(out);
    } else if (how == "lying-udp") {
        set16(out, kUdp + 4, port());
    } else if (how == "checksum") {
        out[kIp + random_.below(20)] ^= std::byte{0x10};
    } else if (how == "fragments") {
        set16(out, kIp + 6, random_.chance(40) ? 0x2000U : random_.next_u64() & 0x3fff);
        set16(out, kIp + 4, random_.below(8));  // few identifications: they overlap
        right_checksum(out);
    }
    return out;
}

Bytes FloodFrames::make(std::size_t kind) {
    const auto name = kFloodKinds[kind];
    if (name == "garbage") {
        auto out = noise(14 + random_.below(600));
        if (random_.chance(70)) std::ranges::copy(target_.gate_mac, out.begin());
        return out;
    }
    if (name == "short") return noise(1 + random_.below(41));
    if (name == "icmp") {
        auto out = with_protocol(1, random_.below(200));
        return random_.chance(50) ? icmp_echo(std::move(out)) : out;
    }
    if (name == "arp") return arp();
    auto f = base();
    if (name == "vlan") f.vlan = static_cast<int>(random_.below(4096));
    if (name == "bad-source") {
        static constexpr std::array kSources{"0.0.0.0",         "127.0.0.1", "224.0.0.1",
                                             "255.255.255.255", "192.0.2.1", "192.0.2.255"};
        f.source = kSources[random_.below(kSources.size())];
        f.destination_port = random_.chance(50) ? 5060 : f.destination_port;
    }
    if (name == "vlan-stack") {
        f.vlan = static_cast<int>(random_.below(4096));
        auto out = build(f);
        const auto tag = random_.chance(50) ? 0x88a8U : 0x8100U;
        for (auto n = 1 + random_.below(8); n > 0; --n) {
            Bytes more;
            test::put16(more, n == 1 ? tag : 0x8100U);
            test::put16(more, random_.below(4096));
            out.insert(out.begin() + 12, more.begin(), more.end());
        }
        return out;
    }
    if (name == "group") {
        f.destination_port = random_.chance(30) ? 5060 : f.destination_port;
        auto out = f.build();
        const bool broadcast = random_.chance(50);
        for (std::size_t i = 0; i < 6; ++i) out[i] = broadcast ? std::byte{0xff} : static_cast<std::byte>(i | 1);
        return out;
    }
    if (name == "jumbo") {
        f.payload = noise(1500 + random_.below(400));
        return build(f);
    }
    if (name == "foreign-mac") {
        auto out = build(f);
        out[5] ^= std::byte{0x55};
        return out;
    }
    if (name == "media" || name == "vlan" || name == "bad-source") return build(f);
    if (name == "other-udp" || name == "sip") {
        f.destination = target_.gate;
        f.destination_port = name == "sip" ? 5060 : static_cast<std::uint16_t>(1 + random_.below(5000));
        f.payload = noise(random_.below(1200));
        return build(f);
    }
    return damaged(name);
}

}  // namespace sallyport::hostile
