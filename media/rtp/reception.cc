#include "media/rtp/reception.h"

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

void Reception::begin(std::uint16_t sequence) {
    lost_before_ = lost_.get();
    started_ = true;
    // Not zero, so that packets from before the first one have room below it.
    base_ = highest_ = (1U << 16) + sequence;
    window_ = 1;
    bad_ = kNoBad;
    clock_khz_ = 0;
}

void Reception::change_ssrc(std::uint32_t ssrc, std::uint16_t sequence) {
    if (started_) ssrc_changes_.add(1);
    ssrc_.set(ssrc);
    begin(sequence);
}

// What is not the next one: after a gap or a large jump, or from before the highest.
void Reception::out_of_sequence(std::uint16_t sequence, std::uint16_t ahead) {
    if (ahead != 0 && ahead < kMaxDropout) {
        highest_ += ahead;
        window_ = ahead < 64 ? window_ << ahead | 1 : 1;
        lost_.add(ahead - 1U);
    } else if (ahead == 0) {
        duplicate_.add(1);
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

}  // namespace sallyport::rtp
