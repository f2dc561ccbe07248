#pragma once
// So many a second, and so many at once: a token bucket, kept as the moment at which the bucket will be full again (the
// generic cell rate algorithm, ITU-T I.371). One number of state, no timer, nothing to fill.

#include <algorithm>
#include <cstdint>

#include "platform/base/time.h"

namespace sallyport {

class RateLimit {
public:
    RateLimit() = default;  // no limit
    // 0 a second: no limit. `burst`, at least 1: as many as that at once after a rest.
    RateLimit(std::uint32_t per_second, std::uint32_t burst) {
        if (per_second == 0) return;
        interval_ = Duration(std::chrono::seconds(1)) / per_second;
        tolerance_ = interval_ * (std::max<std::uint32_t>(burst, 1) - 1);
    }

    // One, if there is room for it. A refusal costs nothing.
    bool take(Instant now) {
        if (interval_ == Duration::zero()) return true;
        if (full_at_ > now + tolerance_) return false;
        full_at_ = std::max(full_at_, now) + interval_;
        return true;
    }

private:
    Duration interval_{};   // between two when it goes on and on
    Duration tolerance_{};  // by how much the next may come before its time
    Instant full_at_{};
};

}  // namespace sallyport
