#pragma once
// What a receiver can tell of one RTP stream: loss by RFC 3550 A.1 and A.3, interarrival jitter by A.8.
//
// Two departures, as we measure and do not decide whether a source is real: the first packet of an SSRC
// counts at once (no probation), and a duplicate does not make up for a loss. A change of SSRC, legal at
// any time, closes the sums of the old one and begins anew; so does a jump of the sequence that the next
// packet confirms.
//
// One thread writes (a worker), another may read the getters at any time: each value is right by itself,
// two values may be a packet apart. What a packet in order needs comes first: the counters of a flow have it in one
// cache line with their own.

#include <cstdint>

#include "media/rtp/header.h"
#include "platform/base/relaxed.h"

namespace sallyport::rtp {

class Reception {
public:
    static constexpr std::size_t kHotBytes = 40;

    void reset();
    // `clock_khz` >= 1. `now_us` in any epoch, growing.
    void packet(Header header, std::uint64_t now_us, std::uint32_t clock_khz);

    std::uint32_t lost() const { return lost_.get(); }
    std::uint32_t out_of_order() const { return out_of_order_.get(); }
    std::uint32_t duplicate() const { return duplicate_.get(); }
    std::uint32_t jitter_us() const { return jitter_16us_.get() >> 4; }
    std::uint32_t jitter_max_us() const { return jitter_max_us_.get(); }
    std::uint32_t ssrc() const { return ssrc_.get(); }
    std::uint32_t ssrc_changes() const { return ssrc_changes_.get(); }
    std::uint8_t payload_type() const { return payload_type_.get(); }

private:
    static constexpr std::uint32_t kMaxDropout = 3000;  // RFC 3550 A.1
    static constexpr std::uint32_t kMaxMisorder = 100;
    static constexpr std::uint32_t kMaxStepUs = 2'000'000;  // a larger step is a new time base, not jitter

    void begin(std::uint16_t sequence);
    void change_ssrc(std::uint32_t ssrc, std::uint16_t sequence);
    void sequence(std::uint16_t sequence);
    void out_of_sequence(std::uint16_t sequence, std::uint16_t ahead);
    static constexpr std::int64_t to_us(std::int32_t steps, std::uint32_t clock_khz);
    void jitter(std::uint32_t timestamp, std::uint32_t now_us, std::uint32_t clock_khz);

    // --- what every packet reads or writes: kHotBytes
    std::uint64_t window_ = 0;  // bit n: highest_ - n was received
    Relaxed<std::uint32_t> ssrc_;
    std::uint32_t highest_ = 0;  // extended sequence number
    std::uint32_t arrival_us_ = 0;
    std::uint32_t bad_ = kNoBad;
    std::uint32_t timestamp_ = 0;
    Relaxed<std::uint32_t> jitter_16us_;  // 16 times the jitter, in microseconds
    Relaxed<std::uint32_t> jitter_max_us_;
    Relaxed<std::uint8_t> payload_type_;
    bool started_ = false;
    std::uint8_t clock_khz_ = 0;
    // --- the others
    // A.3's expected - received of all beginnings: one value, so that it is never read in halves
    Relaxed<std::uint32_t> lost_;
    Relaxed<std::uint32_t> out_of_order_;
    Relaxed<std::uint32_t> duplicate_;
    std::uint32_t base_ = 0;         // extended sequence number of the first packet
    std::uint32_t lost_before_ = 0;  // lost_ at begin()
    Relaxed<std::uint16_t> ssrc_changes_;

    static constexpr std::uint32_t kNoBad = 1U << 16;
};
static_assert(sizeof(Reception) == 64);

// --- what every packet runs, inlined
[[gnu::always_inline]] inline void Reception::packet(Header header, std::uint64_t now_us, std::uint32_t clock_khz) {
    payload_type_.set(header.payload_type);
    if (!started_ || header.ssrc != ssrc_.get()) [[unlikely]]
        change_ssrc(header.ssrc, header.sequence);
    else
        sequence(header.sequence);
    jitter(header.timestamp, static_cast<std::uint32_t>(now_us), clock_khz);
}

// RFC 3550 A.1, update_seq().
[[gnu::always_inline]] inline void Reception::sequence(std::uint16_t sequence) {
    const auto highest = highest_;
    const auto ahead = static_cast<std::uint16_t>(sequence - highest);
    if (ahead != 1) [[unlikely]]
        return out_of_sequence(sequence, ahead);
    highest_ = highest + 1;
    window_ = window_ << 1 | 1;
    bad_ = kNoBad;
}

// A division takes longer than all the rest of a packet's statistics: the usual clocks do without a real one.
[[gnu::always_inline]] constexpr std::int64_t Reception::to_us(std::int32_t steps, std::uint32_t clock_khz) {
    const auto wide = static_cast<std::int64_t>(steps);
    if (clock_khz == 8) [[likely]]
        return wide * 125;
    switch (clock_khz) {
        case 16: return wide * 125 / 2;
        case 48: return wide * 125 / 6;
        default: return wide * 1000 / clock_khz;
    }
}

// RFC 3550 A.8, in microseconds, so that a change of the codec's clock keeps its meaning.
[[gnu::always_inline]] inline void Reception::jitter(std::uint32_t timestamp, std::uint32_t now_us,
                                                     std::uint32_t clock_khz) {
    const auto steps = static_cast<std::int32_t>(timestamp - timestamp_);
    const auto elapsed = static_cast<std::int64_t>(now_us - arrival_us_);
    if (clock_khz_ != clock_khz) [[unlikely]] {
        clock_khz_ = static_cast<std::uint8_t>(clock_khz);
        arrival_us_ = now_us;
        timestamp_ = timestamp;
        return;
    }
    // Packets of one timestamp (RFC 4733 events, frames in parts) were not sampled apart: no measure.
    if (steps == 0) return;
    arrival_us_ = now_us;
    timestamp_ = timestamp;
    auto d = elapsed - to_us(steps, clock_khz);
    if (d < 0) d = -d;
    if (d > kMaxStepUs) [[unlikely]]
        return;
    const auto j = jitter_16us_.get();
    const auto next = j + static_cast<std::uint32_t>(d) - ((j + 8) >> 4);
    jitter_16us_.set(next);
    if (next >> 4 > jitter_max_us_.get()) jitter_max_us_.set(next >> 4);
}

}  // namespace sallyport::rtp
