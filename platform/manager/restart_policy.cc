#include "platform/manager/restart_policy.h"

#include <algorithm>

namespace sallyport::manager {

Duration RestartPolicy::after_end(Duration lived) {
    if (lived >= kStable) next_pause_ = {};
    const auto pause = next_pause_;
    next_pause_ = pause == Duration::zero() ? kFirstPause : std::min(2 * pause, kLongestPause);
    return pause;
}

}  // namespace sallyport::manager
