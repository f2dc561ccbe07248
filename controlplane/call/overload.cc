#include "controlplane/call/overload.h"

#include <algorithm>

namespace sallyport::call {

void Overload::look(Instant now, Duration waited) {
    long_since_ = waited > kTarget ? std::min(long_since_, now) : kNever;
    short_since_ = waited < kTarget / 2 ? std::min(short_since_, now) : kNever;
    if (!on_ && long_since_ != kNever && now - long_since_ >= kInterval) {
        on_ = true;
        ++times_;
    } else if (on_ && short_since_ != kNever && now - short_since_ >= kCalm) {
        on_ = false;
    }
}

}  // namespace sallyport::call
