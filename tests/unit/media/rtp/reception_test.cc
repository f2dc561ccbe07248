#include "media/rtp/reception.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

struct Stream {
    rtp::Reception reception;
    std::uint64_t now_us = 1'000'000;

    void at(std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc = 7) {
        reception.packet({.payload_type = 0, .sequence = sequence, .timestamp = timestamp, .ssrc = ssrc}, now_us, 8);
    }
    // In sequence at the right time: no jitter.
    void run(std::uint32_t first, std::uint32_t count, std::uint32_t ssrc = 7) {
        for (std::uint32_t i = 0; i < count; ++i) {
            at(static_cast<std::uint16_t>(first + i), (first + i) * 160, ssrc);
            now_us += 20'000;
        }
    }
};

}  // namespace

TEST_GROUP(RtpReception) {
    Stream s;
};

TEST(RtpReception, clean_stream_loses_nothing_over_the_wrap) {
    s.run(65000, 140000);
    LONGS_EQUAL(0, s.reception.lost());
    LONGS_EQUAL(0, s.reception.out_of_order());
    LONGS_EQUAL(0, s.reception.duplicate());
    LONGS_EQUAL(0, s.reception.jitter_max_us());
}

TEST(RtpReception, gap_is_loss_and_a_late_packet_takes_it_back) {
    s.run(10, 5);
    s.run(16, 4);
    LONGS_EQUAL(1, s.reception.lost());
    s.at(15, 15 * 160);
    LONGS_EQUAL(0, s.reception.lost());
    LONGS_EQUAL(1, s.reception.out_of_order());
}

TEST(RtpReception, duplicate_does_not_make_up_for_a_loss) {
    s.run(10, 5);
    s.run(16, 4);
    s.at(18, 18 * 160);
    s.at(19, 19 * 160);
    LONGS_EQUAL(2, s.reception.duplicate());
    LONGS_EQUAL(1, s.reception.lost());
    LONGS_EQUAL(0, s.reception.out_of_order());
}

TEST(RtpReception, packet_from_before_the_first_widens_the_stream) {
    s.at(0, 0);
    s.at(65534, 0);
    LONGS_EQUAL(1, s.reception.lost());
    s.at(65535, 0);
    LONGS_EQUAL(0, s.reception.lost());
    LONGS_EQUAL(2, s.reception.out_of_order());
}

TEST(RtpReception, ssrc_change_keeps_the_losses_of_before) {
    s.run(10, 5);
    s.run(20, 5);
    s.run(40000, 3, 9);
    s.run(40004, 3, 9);
    LONGS_EQUAL(6, s.reception.lost());
    LONGS_EQUAL(1, s.reception.ssrc_changes());
    LONGS_EQUAL(9, s.reception.ssrc());
}

TEST(RtpReception, jump_needs_a_second_packet_and_is_no_loss) {
    s.run(10, 5);
    s.at(30000, 0);
    LONGS_EQUAL(0, s.reception.lost());
    s.run(15, 1);  // a lone stray packet changed nothing
    LONGS_EQUAL(0, s.reception.lost());
    s.at(30000, 0);
    s.at(30001, 160);
    s.at(30003, 480);
    LONGS_EQUAL(1, s.reception.lost());
}

TEST(RtpReception, a_reader_never_sees_a_loss_that_was_none) {
    std::atomic<bool> stop{false};
    rtp::Reception r;
    std::thread writer([&] {
        for (std::uint32_t ssrc = 1; !stop.load(std::memory_order_relaxed); ++ssrc)
            r.packet({.payload_type = 8, .sequence = static_cast<std::uint16_t>(ssrc * 30'000), .ssrc = ssrc}, 1, 8);
    });
    std::uint32_t most = 0;
    for (int i = 0; i < 1'000'000; ++i) most = std::max(most, r.lost());
    stop.store(true);
    writer.join();
    LONGS_EQUAL(0, most);
}

TEST(RtpReception, more_late_packets_than_losses_do_not_hide_the_next_loss) {
    s.run(1000, 100);
    for (int i = 0; i < 5; ++i) s.at(1020, 0);  // older than the window of duplicates
    LONGS_EQUAL(0, s.reception.lost());
    s.at(1101, 0);
    LONGS_EQUAL(1, s.reception.lost());
}

TEST(RtpReception, jitter_follows_the_recurrence_of_a8) {
    s.run(1, 10);
    s.now_us += 16'000;  // one packet 16 ms late: J = 16000/16
    s.at(11, 11 * 160);
    LONGS_EQUAL(1000, s.reception.jitter_us());
    s.now_us += 4'000;  // the next in time again: D = -16 ms
    s.at(12, 12 * 160);
    LONGS_EQUAL(1937, s.reception.jitter_us());  // 1000 + (16000 - 1000) / 16
    s.now_us += 20'000;
    s.run(13, 500);
    CHECK(s.reception.jitter_us() <= 1);
    LONGS_EQUAL(1937, s.reception.jitter_max_us());
}

TEST(RtpReception, packets_of_one_timestamp_do_not_count_as_jitter) {
    s.run(1, 10);
    for (std::uint16_t i = 11; i < 30; ++i) {
        s.now_us += 20'000;
        s.at(i, 10 * 160);
    }
    LONGS_EQUAL(0, s.reception.jitter_max_us());
}

TEST(RtpReception, change_of_clock_begins_a_new_measure) {
    s.run(1, 10);
    s.reception.packet({.payload_type = 96, .sequence = 11, .timestamp = 999999, .ssrc = 7}, s.now_us, 48);
    s.reception.packet({.payload_type = 96, .sequence = 12, .timestamp = 999999 + 960, .ssrc = 7}, s.now_us + 20'000,
                       48);
    LONGS_EQUAL(0, s.reception.jitter_max_us());
    LONGS_EQUAL(96, s.reception.payload_type());
}

TEST_GROUP(RtpHeader) {
    static std::vector<std::byte> packet(std::initializer_list<int> head, std::size_t size) {
        std::vector<std::byte> out(size);
        std::size_t i = 0;
        for (const int b : head) out[i++] = static_cast<std::byte>(b);
        return out;
    }
};

TEST(RtpHeader, fields_are_read_in_network_order) {
    const auto p = packet({0x80, 0x88, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8}, 172);
    const auto h = rtp::parse(p);
    CHECK(h.has_value());
    LONGS_EQUAL(8, h->payload_type);
    CHECK(h->marker);
    LONGS_EQUAL(0x1234, h->sequence);
    LONGS_EQUAL(0x01020304, h->timestamp);
    LONGS_EQUAL(0x05060708, h->ssrc);
}

TEST(RtpHeader, lists_beyond_the_payload_are_refused_at_every_length) {
    auto p = packet({0xb3, 0}, 12 + 12 + 4 + 8 + 5);  // padding, extension, three CSRCs
    p[12 + 12 + 3] = std::byte{2};
    p.back() = std::byte{5};
    CHECK(rtp::parse(p).has_value());
    for (std::size_t n = 0; n < p.size(); ++n) {
        auto cut = std::vector(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(n));
        if (!cut.empty() && cut.size() > 36) cut.back() = std::byte{9};
        CHECK_FALSE(rtp::parse(cut).has_value());
    }
}

TEST(RtpHeader, other_protocols_on_the_port_are_not_rtp) {
    CHECK_FALSE(rtp::parse(packet({0x00, 0x01}, 20)).has_value());  // STUN
    CHECK_FALSE(rtp::parse(packet({0x16, 0xfe}, 40)).has_value());  // DTLS
    CHECK_FALSE(rtp::parse(packet({0x80, 0xc8}, 28)).has_value());  // RTCP SR
    CHECK(rtp::looks_like_rtcp(packet({0x80, 0xc8}, 28)));
    CHECK_FALSE(rtp::looks_like_rtcp(packet({0x80, 0xc8}, 7)));
    CHECK_FALSE(rtp::looks_like_rtcp(packet({0x80, 0x08}, 28)));
}
