#include "media/rtp/reception.h"

#include <algorithm>

namespace sallyport::rtp {

void Reception::reset() {
    for (auto* v : {&ssrc_, &lost_, &out_of_order_, &duplicate_, &jitter_16us_, &jitter_max_us_}) v->set(0);
    ssrc_changes_.set(0);
    payload_type_.set(0);
    started_ = false;
    base_ = highest_ = lost_before_ = 0;
    window_ = 0;
    arrival_us_ = timestamp_ = 0;
    bad_ = kNoBad;
    clock_khz_ = 0;
}

void Reception::packet(const Header& header, std::uint64_t now_us, std::uint32_t clock_khz) {
    payload_type_.set(header.payload_type);
    if (!started_) {
        ssrc_.set(header.ssrc);
        begin(header.sequence);
    } else if (header.ssrc != ssrc_.get()) {
        ssrc_.set(header.ssrc);
        ssrc_changes_.add(1);
        begin(header.sequence);
    } else {
        sequence(header.sequence);
    }
    jitter(header.timestamp, static_cast<std::uint32_t>(now_us), clock_khz);
}

void Reception::begin(std::uint16_t sequence) {
    lost_before_ = lost_.get();
    started_ = true;
    // Not zero, so that packets from before the first one have room below it.
    base_ = highest_ = (1U << 16) + sequence;
    window_ = 1;
    bad_ = kNoBad;
    clock_khz_ = 0;
}

// RFC 3550 A.1, update_seq().
void Reception::sequence(std::uint16_t sequence) {
    const auto ahead = static_cast<std::uint16_t>(sequence - highest_);
    if (ahead == 0) {
        duplicate_.add(1);
    } else if (ahead < kMaxDropout) {
        highest_ += ahead;
        window_ = ahead < 64 ? window_ << ahead | 1 : 1;
        lost_.add(ahead - 1U);
    } else if (ahead <= (1U << 16) - kMaxMisorder) {
        // A large jump: two packets in sequence mean that the other side began anew.
        if (sequence == bad_) return begin(sequence);
        bad_ = (sequence + 1U) & 0xffff;
        return;
    } else {
        const std::uint32_t behind = (1U << 16) - ahead;
        if (behind < 64) {
            if (window_ >> behind & 1) return duplicate_.add(1);
            window_ |= std::uint64_t{1} << behind;
        }
        out_of_order_.add(1);
        const auto late = highest_ - behind;
        if (late < base_) {
            lost_.add(base_ - late - 1);
            base_ = late;
        } else if (lost_.get() > lost_before_) {
            lost_.set(lost_.get() - 1);
        }
    }
    bad_ = kNoBad;
}

// RFC 3550 A.8, in microseconds, so that a change of the codec's clock keeps its meaning.
void Reception::jitter(std::uint32_t timestamp, std::uint32_t now_us, std::uint32_t clock_khz) {
    const bool comparable = clock_khz_ == clock_khz;
    const auto steps = static_cast<std::int32_t>(timestamp - timestamp_);
    const auto elapsed = static_cast<std::int64_t>(now_us - arrival_us_);
    // Packets of one timestamp (RFC 4733 events, frames in parts) were not sampled apart: no measure.
    if (comparable && steps == 0) return;
    arrival_us_ = now_us;
    timestamp_ = timestamp;
    clock_khz_ = static_cast<std::uint8_t>(clock_khz);
    if (!comparable) return;
    auto d = elapsed - static_cast<std::int64_t>(steps) * 1000 / clock_khz;
    if (d < 0) d = -d;
    if (d > kMaxStepUs) return;
    const auto j = jitter_16us_.get();
    jitter_16us_.set(j + static_cast<std::uint32_t>(d) - ((j + 8) >> 4));
    jitter_max_us_.set(std::max(jitter_max_us_.get(), jitter_16us_.get() >> 4));
}

}  // namespace sallyport::rtp
