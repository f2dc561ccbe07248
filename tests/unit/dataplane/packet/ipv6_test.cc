#include "dataplane/packet/ipv6.h"

#include "dataplane/packet/headers.h"
#include "tests/support/fake_random.h"
#include "tests/support/frames6.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using packet::Kind;
using test::fragment6;
using test::Ipv6Frame;
using test::options6;
using wire::DropReason;

namespace {

packet::Headers parsed(const test::Bytes& frame) { return packet::parse(frame, false); }

void check_bad(DropReason reason, const test::Bytes& frame) {
    const auto h = parsed(frame);
    CHECK(h.kind == Kind::kBad);
    STRCMP_EQUAL(wire::info(reason).name.data(), wire::info(h.reason).name.data());
}

}  // namespace

TEST_GROUP(Ipv6) {
    Ipv6Frame plain{.upper = 17, .payload = test::udp6(5060)};
};

TEST(Ipv6, the_upper_layer_is_found) {
    const auto h = parsed(plain.build());
    CHECK(h.kind == Kind::kOther);
    CHECK(h.is_ipv6);
    LONGS_EQUAL(17, h.ipv6.upper);
    LONGS_EQUAL(40, h.ipv6.upper_at);
    LONGS_EQUAL(68, h.ipv6.end);
    CHECK_FALSE(h.ipv6.fragment);
}

TEST(Ipv6, behind_extension_headers_too) {
    test::Bytes authentication(7 + 16);  // RFC 4302: a length of 4 says 24 bytes
    authentication[0] = std::byte{4};
    plain.extensions = {options6(0), options6(60, 3), options6(43), {51, authentication}, options6(60)};
    const auto h = parsed(plain.build());
    LONGS_EQUAL(17, h.ipv6.upper);
    LONGS_EQUAL(40 + 8 + 24 + 8 + 24 + 8, h.ipv6.upper_at);
}

TEST(Ipv6, the_walk_over_extension_headers_ends) {
    plain.extensions.assign(packet::kMostExtensions, options6(60));
    LONGS_EQUAL(17, parsed(plain.build()).ipv6.upper);
    plain.extensions.push_back(options6(60));
    check_bad(DropReason::kIpv6Extension, plain.build());
}

TEST(Ipv6, options_for_each_hop_come_first_or_not_at_all) {
    plain.extensions = {options6(60), options6(0)};
    check_bad(DropReason::kIpv6Extension, plain.build());
}

TEST(Ipv6, an_extension_header_beyond_the_packet_is_refused) {
    plain.extensions = {options6(60)};
    auto frame = plain.build();
    frame[14 + 41] = std::byte{255};
    check_bad(DropReason::kIpv6Extension, frame);
    // The frame has more bytes than the packet: they are padding.
    plain = {.upper = 60, .padding = 8};
    check_bad(DropReason::kIpv6Extension, plain.build());
}

TEST(Ipv6, fragments_are_told_and_one_that_is_all_of_its_datagram_is_none) {
    plain.extensions = {options6(0), fragment6(1)};  // the first: more are to come
    CHECK(parsed(plain.build()).ipv6.fragment);
    plain.extensions = {fragment6(185 << 3)};  // the last
    CHECK(parsed(plain.build()).ipv6.fragment);
    plain.extensions = {fragment6(6)};  // reserved bits alone (RFC 6946)
    const auto h = parsed(plain.build());
    CHECK_FALSE(h.ipv6.fragment);
    LONGS_EQUAL(17, h.ipv6.upper);
}

TEST(Ipv6, an_upper_layer_that_nobody_knows_is_no_mistake) {
    for (const auto upper : {59, 132, 253}) {
        plain.upper = static_cast<std::uint8_t>(upper);
        LONGS_EQUAL(upper, parsed(plain.build()).ipv6.upper);
    }
}

TEST(Ipv6, version_and_lengths_are_checked) {
    auto frame = plain.build();
    frame[14] = std::byte{0x45};
    check_bad(DropReason::kIpv6Header, frame);
    frame = plain.build();
    test::set16(frame, 18, static_cast<std::uint32_t>(plain.payload.size() + 1));
    check_bad(DropReason::kIpv6Length, frame);
    frame = plain.build();
    test::set16(frame, 14 + 40 + 4, 7);
    check_bad(DropReason::kUdpLength, frame);
    test::set16(frame, 14 + 40 + 4, static_cast<std::uint32_t>(plain.payload.size() + 1));
    check_bad(DropReason::kUdpLength, frame);
    test::set16(frame, 14 + 40 + 4, 0);  // RFC 2675's jumbograms are none of ours
    check_bad(DropReason::kUdpLength, frame);
}

// A frame cut anywhere is never read beyond its end (the address sanitizer watches) and never taken for whole.
TEST(Ipv6, cut_at_every_length_it_is_refused) {
    plain.vlan = 100;
    plain.extensions = {options6(0), options6(60, 2), fragment6(0)};
    const auto whole = plain.build();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const test::Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK(parsed(cut).kind == Kind::kBad);
    }
    CHECK(parsed(whole).kind == Kind::kOther);
}

TEST(Ipv6, random_headers_are_never_read_beyond_the_frame) {
    test::FakeRandom random(7);
    for (int i = 0; i < 200'000; ++i) {
        test::Bytes frame(54 + random.below(80));
        random.fill(frame);
        test::set16(frame, 12, 0x86dd);
        if (random.chance(90)) frame[14] = std::byte{0x60};
        if (random.chance(80)) test::set16(frame, 18, random.below(static_cast<std::uint32_t>(frame.size() - 53)));
        for (std::size_t at : {20U, 54U, 62U, 70U})
            if (at < frame.size() && random.chance(80)) {
                constexpr std::uint8_t kTypes[] = {0, 17, 43, 44, 51, 58, 60};
                frame[at] = std::byte{kTypes[random.below(7)]};
            }
        const auto h = parsed(frame);
        if (h.kind == Kind::kBad) continue;
        CHECK(h.kind == Kind::kOther && 14U + h.ipv6.end <= frame.size());
        CHECK(h.ipv6.fragment || h.ipv6.upper_at <= h.ipv6.end);
    }
}
