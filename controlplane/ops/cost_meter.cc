#include "controlplane/ops/cost_meter.h"

#include <algorithm>

namespace sallyport::ops {

void CostMeter::look() {
    cpu_ = clocks_.cpu();
    works_to_look_ = kWorksPerLook;
}

void CostMeter::begin() {
    if (works_to_look_ == 0) look();
    --works_to_look_;
    begun_ = clocks_.monotonic();
}

void CostMeter::end() {
    ++works_;
    auto cost = clocks_.monotonic() - begun_;
    if (cost <= std::min(slowest_, kBounds[0])) return;
    const auto before = cpu_;
    look();
    cost = std::min(cost, cpu_ - before);
    slowest_ = std::max(slowest_, cost);
    for (std::size_t i = 0; i < kBounds.size(); ++i) above_[i] += cost > kBounds[i] ? 1 : 0;
}

}  // namespace sallyport::ops
