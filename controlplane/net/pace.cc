#include "controlplane/net/pace.h"

namespace sallyport::net {

Instant Pace::next_turn(Instant turn, std::uint64_t received) {
    if (const auto passed = turn - window_; passed >= kWindow) {
        // After a rest of hours the product would not fit: then few have come, whatever their number.
        constexpr Duration kLongest = std::chrono::seconds(1);
        busy_ = passed < kLongest && (received - received_before_) * std::chrono::nanoseconds(kLongest).count() >=
                                         kBusy * static_cast<std::uint64_t>(passed.count());
        window_ = turn;
        received_before_ = received;
    }
    return busy_ ? turn + kBetweenTurns : Instant::min();
}

}  // namespace sallyport::net
