#include "controlplane/net/pace.h"

#include <algorithm>

namespace sallyport::net {

Instant Pace::next_turn(Instant turn, std::uint64_t received) {
    if (const auto passed = turn - window_; passed >= kWindow) {
        // After a rest of hours the products would not fit: then few have come, whatever their number.
        constexpr Duration kSecond = std::chrono::seconds(1);
        const auto came = received - received_before_;
        const auto time = static_cast<std::uint64_t>(passed.count());
        const bool busy = passed < kSecond && came * std::chrono::nanoseconds(kSecond).count() >= kBusy * time;
        rest_ = busy ? std::min<Duration>(kLongest, std::chrono::nanoseconds(time * kGather / came)) : Duration::zero();
        window_ = turn;
        received_before_ = received;
    }
    return rest_ > Duration::zero() ? turn + rest_ : Instant::min();
}

}  // namespace sallyport::net
