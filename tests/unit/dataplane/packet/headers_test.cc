#include "dataplane/packet/headers.h"

#include "dataplane/packet/ether.h"
#include "tests/support/fake_random.h"
#include "tests/support/frames.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using packet::Kind;
using test::UdpFrame;
using wire::DropReason;

namespace {

packet::Headers parsed(const test::Bytes& frame) { return packet::parse(frame, false); }

void check_bad(DropReason reason, const test::Bytes& frame) {
    const auto h = parsed(frame);
    CHECK(h.kind == Kind::kBad);
    STRCMP_EQUAL(wire::info(reason).name.data(), wire::info(h.reason).name.data());
}

// Recomputes the header checksum after a change.
void fix_ipv4(test::Bytes& frame, std::size_t l3 = 14) {
    test::set16(frame, l3 + 10, 0);
    test::set16(frame, l3 + 10, test::full_checksum(frame, l3, l3 + 20));
}

}  // namespace

TEST_GROUP(Headers) {
    UdpFrame plain{.payload = test::rtp(1)};
};

TEST(Headers, udp_fields_are_found) {
    const auto h = parsed(plain.build());
    CHECK(h.kind == Kind::kUdp);
    LONGS_EQUAL(test::ip("192.0.2.10"), h.source);
    LONGS_EQUAL(test::ip("192.0.2.1"), h.destination);
    LONGS_EQUAL(30000, h.source_port);
    LONGS_EQUAL(20000, h.destination_port);
    LONGS_EQUAL(34, h.udp_at);
    LONGS_EQUAL(180, h.udp_length);
    LONGS_EQUAL(0, h.vlan);
}

TEST(Headers, one_vlan_tag_is_read_and_priority_bits_are_not_its_number) {
    plain.vlan = 0xe000 | 100;
    const auto h = parsed(plain.build());
    CHECK(h.kind == Kind::kUdp);
    LONGS_EQUAL(100, h.vlan);
    LONGS_EQUAL(18, h.ether_bytes);
    LONGS_EQUAL(38, h.udp_at);
}

TEST(Headers, second_vlan_tag_is_refused) {
    plain.vlan = 100;
    auto frame = plain.build();
    const std::byte tag[] = {std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{5}};
    frame.insert(frame.begin() + 16, std::begin(tag), std::end(tag));
    check_bad(DropReason::kVlanStacked, frame);
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xa8};
    check_bad(DropReason::kVlanStacked, frame);
}

// A frame cut anywhere is never read beyond its end (the address sanitizer watches) and never taken for whole.
TEST(Headers, cut_at_every_length_it_is_refused) {
    plain.vlan = 100;
    plain.options.resize(8);
    const auto whole = plain.build();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const test::Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK(parsed(cut).kind == Kind::kBad);
    }
    CHECK(parsed(whole).kind == Kind::kUdp);
}

TEST(Headers, ethernet_padding_is_no_part_of_the_packet) {
    plain.payload = test::rtp(1, 0);
    plain.padding = 6;
    const auto h = parsed(plain.build());
    CHECK(h.kind == Kind::kUdp);
    LONGS_EQUAL(20, h.udp_length);
}

TEST(Headers, header_length_and_version_are_checked) {
    auto frame = plain.build();
    frame[14] = std::byte{0x44};
    check_bad(DropReason::kIpv4Header, frame);
    frame[14] = std::byte{0x65};
    check_bad(DropReason::kIpv4Header, frame);
    frame = plain.build();
    test::set16(frame, 16, 19);
    check_bad(DropReason::kIpv4Length, frame);
    test::set16(frame, 16, static_cast<std::uint32_t>(frame.size() - 14 + 1));
    check_bad(DropReason::kIpv4Length, frame);
}

TEST(Headers, wrong_header_checksum_is_refused_unless_the_port_has_checked) {
    auto frame = plain.build();
    frame[22] = std::byte{1};
    check_bad(DropReason::kIpv4Checksum, frame);
    CHECK(packet::parse(frame, true).kind == Kind::kUdp);
}

TEST(Headers, udp_length_is_held_within_the_packet) {
    auto frame = plain.build();
    test::set16(frame, 38, 7);
    check_bad(DropReason::kUdpLength, frame);
    test::set16(frame, 38, 181);
    check_bad(DropReason::kUdpLength, frame);
    test::set16(frame, 38, 100);  // shorter than the packet: surplus that is not the datagram's
    LONGS_EQUAL(100, parsed(frame).udp_length);
    test::set16(frame, 16, 20 + 7);
    fix_ipv4(frame);
    check_bad(DropReason::kUdpLength, frame);
}

TEST(Headers, first_fragment_shows_its_ports_and_later_ones_do_not) {
    plain.fragment = 0x2000;
    const auto first = parsed(plain.build());
    CHECK(first.kind == Kind::kFirstFragment);
    LONGS_EQUAL(20000, first.destination_port);
    plain.fragment = 0x2000 | 185;
    CHECK(parsed(plain.build()).kind == Kind::kOther);
    plain.fragment = 185;
    CHECK(parsed(plain.build()).kind == Kind::kOther);
}

TEST(Headers, what_is_not_ipv4_udp_is_other) {
    auto frame = plain.build();
    test::set16(frame, 12, 0x0806);
    CHECK(parsed(frame).kind == Kind::kOther);
    test::set16(frame, 12, 0x88cc);  // LLDP
    CHECK(parsed(frame).kind == Kind::kOther);
    frame = plain.build();
    frame[23] = std::byte{6};
    fix_ipv4(frame);
    CHECK(parsed(frame).kind == Kind::kOther);
}

TEST(Headers, random_bytes_are_never_read_beyond_the_frame) {
    test::FakeRandom random(7);
    for (int i = 0; i < 200'000; ++i) {
        test::Bytes frame(random.below(80));
        random.fill(frame);
        if (frame.size() > 15 && random.chance(80)) {
            test::set16(frame, 12, 0x0800);
            frame[14] = std::byte{0x45};
            if (frame.size() > 24) frame[23] = std::byte{17};
        }
        const auto h = packet::parse(frame, true);
        if (h.kind == Kind::kUdp) CHECK(std::size_t{h.udp_at} + h.udp_length <= frame.size());
    }
}

// Frames and all that one flipped bit makes of them: the short way says what the long one says, or nothing.
TEST(Headers, plain_frame_is_told_as_the_long_way_tells_it) {
    const packet::MacWord own(packet::Mac{2, 0, 0, 0, 0, 1});
    const auto check = [&](const test::Bytes& frame, bool checked) {
        const auto h = packet::parse(frame, checked);
        const bool common = h.kind == Kind::kUdp && h.udp_at == packet::kPlainUdpAt && h.ether_bytes == 14 &&
                            packet::is_to(frame.data(), own.mac());
        const auto length = static_cast<std::uint32_t>(frame.size());
        LONGS_EQUAL(common ? h.udp_length : 0, packet::plain_udp_length(frame.data(), length, own, checked));
    };
    for (auto frame : {plain, UdpFrame{.vlan = 5, .payload = test::rtp(2)}, UdpFrame{.options = test::Bytes(8)},
                       UdpFrame{.payload = test::rtp(3, 0), .padding = 6}}) {
        auto bytes = frame.build();
        check(bytes, false);
        for (std::size_t bit = 0; bit < std::size_t{8} * 46; ++bit) {
            bytes[bit / 8] ^= std::byte{1} << bit % 8;
            check(bytes, false);
            check(bytes, true);
            bytes[bit / 8] ^= std::byte{1} << bit % 8;
        }
        for (; !bytes.empty(); bytes.pop_back()) check(test::Bytes(bytes), false);
    }
}

TEST_GROUP(Checksum) {};

// Against a full computation over the changed datagram, for random addresses, ports and payloads.
TEST(Checksum, incremental_update_equals_the_full_computation) {
    test::FakeRandom random(1);
    for (int i = 0; i < 20'000; ++i) {
        UdpFrame f;
        f.payload.resize(random.below(64));
        random.fill(f.payload);
        auto frame = f.build();
        const auto before = packet::sum(std::span(frame).subspan(26, 8)) + packet::sum(std::span(frame).subspan(34, 4));
        random.fill(std::span(frame).subspan(26, 12));
        const auto after = packet::sum(std::span(frame).subspan(26, 12));
        const auto updated = packet::update_udp(packet::load16(frame.data() + 40), before, after);
        LONGS_EQUAL(UdpFrame::udp_checksum(frame, 14, 34), updated);
    }
}

TEST(Checksum, of_a_header_is_the_full_computation_in_its_place) {
    test::FakeRandom random(3);
    for (int round = 0; round < 500; ++round) {
        test::Bytes header(20);
        random.fill(header);
        test::set16(header, 10, 0);
        std::uint64_t raw = 0;
        for (std::size_t i = 0; i < 20; i += 4) raw += packet::load_raw32(header.data() + i);
        const auto full = test::full_checksum(header, 0, 20);
        LONGS_EQUAL(full, packet::swap16(static_cast<std::uint16_t>(~packet::fold_wide(raw))));
        packet::store_raw64(header.data() + 8, packet::load_raw64(header.data() + 8) | packet::checksum_at_2(raw));
        LONGS_EQUAL(full, packet::load16(header.data() + 10));
        CHECK(packet::plain_header_ok(header.data()));
        header[9] ^= std::byte{1};
        CHECK_FALSE(packet::plain_header_ok(header.data()));
    }
    CHECK(packet::plain_header_ok(test::Bytes(20, std::byte{0xff}).data()));  // every addition carries
}

TEST(Checksum, absent_checksum_stays_absent) { LONGS_EQUAL(0, packet::update_udp(0, 1, 2)); }

TEST(Checksum, result_zero_is_sent_as_all_ones) {
    // RFC 1624 §3: a field of 0xdd2f, 0x5555 becoming 0x3285, gives 0x0000 by equation 3; UDP sends 0xffff.
    LONGS_EQUAL(0xffff, packet::update_udp(0xdd2f, 0x5555, 0x3285));
}

TEST(Checksum, corruption_on_the_way_in_is_still_seen_after_the_update) {
    UdpFrame f{.payload = test::rtp(9)};
    auto frame = f.build();
    frame[100] ^= std::byte{0x40};
    const auto before = packet::sum(std::span(frame).subspan(26, 12));
    test::set16(frame, 28, 0x0102);
    const auto after = packet::sum(std::span(frame).subspan(26, 12));
    test::set16(frame, 40, packet::update_udp(packet::load16(frame.data() + 40), before, after));
    CHECK(UdpFrame::udp_checksum(frame, 14, 34) != packet::load16(frame.data() + 40));
}

TEST(Checksum, of_a_whole_datagram_is_verified) {
    UdpFrame f{.payload = test::rtp(9, 161)};
    auto frame = f.build();
    const std::span<const std::byte> udp(frame.data() + 34, frame.size() - 34);
    CHECK(packet::udp_checksum_ok(test::ip("192.0.2.10"), test::ip("192.0.2.1"), udp));
    CHECK_FALSE(packet::udp_checksum_ok(test::ip("192.0.2.11"), test::ip("192.0.2.1"), udp));
    test::set16(frame, 40, 0);
    CHECK(packet::udp_checksum_ok(test::ip("192.0.2.11"), test::ip("192.0.2.1"), udp));
}

TEST_GROUP(Ether) {};

TEST(Ether, tag_goes_in_and_comes_out) {
    const auto plain = UdpFrame{.payload = test::rtp(1)}.build();
    test::Bytes buffer(4 + plain.size());
    std::memcpy(buffer.data() + 4, plain.data(), plain.size());
    packet::Packet p;
    p.data = buffer.data() + 4;
    p.length = static_cast<std::uint32_t>(plain.size());
    p.headroom = 4;
    CHECK(packet::insert_vlan(p, 100));
    UdpFrame tagged{.vlan = 100, .payload = test::rtp(1)};
    CHECK(tagged.build() == test::Bytes(p.data, p.data + p.length));
    CHECK_FALSE(packet::insert_vlan(p, 100));  // no room left
    packet::strip_vlan(p);
    CHECK(plain == test::Bytes(p.data, p.data + p.length));
}

TEST(Ether, header_is_written_with_and_without_a_tag) {
    const packet::Mac own{2, 3, 4, 5, 6, 7};
    const packet::Interfaces interfaces({{.port = 0, .mac = own}, {.port = 1, .vlan = 100, .mac = own}});
    const packet::MacWord peer(packet::Mac{1, 1, 2, 2, 3, 3}, 0xffff);
    for (const std::uint16_t i : {0, 1}) {
        const auto& out = interfaces.egress()[i];
        LONGS_EQUAL(i, out.port);
        UdpFrame expected{.destination_mac = "\x01\x01\x02\x02\x03\x03", .source_mac = "\x02\x03\x04\x05\x06\x07"};
        if (i == 1) expected.vlan = 100;
        const auto bytes = expected.build();
        test::Bytes written(bytes);
        std::memset(written.data(), 0x5a, out.ether_bytes);
        packet::write_ether(written.data(), out, peer);
        CHECK(bytes == written);
    }
}

TEST(Ether, address_in_a_word_is_compared_without_what_lies_beside_it) {
    const packet::Mac mac{2, 3, 4, 5, 6, 7};
    const packet::MacWord word(mac, 0x0102);
    CHECK(word.mac() == mac);
    LONGS_EQUAL(0, word.word() ^ packet::MacWord(mac).word() ^ packet::MacWord::flags(0x0102));
    test::Bytes bytes(8, std::byte{0xee});
    std::memcpy(bytes.data(), mac.data(), mac.size());
    CHECK(word.is_at(bytes.data()));
    for (std::size_t i = 0; i < mac.size(); ++i) {
        bytes[i] ^= std::byte{0x10};
        CHECK_FALSE(word.is_at(bytes.data()));
        bytes[i] ^= std::byte{0x10};
    }
}

TEST(Ether, frame_belongs_to_the_interface_of_its_port_and_vlan) {
    const packet::Interfaces interfaces({{.port = 0, .vlan = 0}, {.port = 1, .vlan = 5}, {.port = 1, .vlan = 6}});
    LONGS_EQUAL(0, interfaces.find(0, 0));
    LONGS_EQUAL(1, interfaces.find(1, 5));
    LONGS_EQUAL(2, interfaces.find(1, 6));
    LONGS_EQUAL(packet::Interfaces::kNone, interfaces.find(1, 0));
    LONGS_EQUAL(packet::Interfaces::kNone, interfaces.find(2, 0));
}
