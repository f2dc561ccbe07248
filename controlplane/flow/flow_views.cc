#include "controlplane/flow/flow_views.h"

#include <algorithm>

namespace sallyport::flow {

bool FlowViews::others_share(Which which) const {
    for (std::size_t i = 0; i < place_.size(); ++i)
        if (i != which && place_[i] == Place::kShared) return true;
    return false;
}

void FlowViews::set(Which which, const wire::PackedFlow& flow) {
    const auto copied = flow;  // it may be one of ours
    if (!others_share(which)) {
        shared_ = copied;
        place_[which] = Place::kShared;
    } else if (shared_ == copied) {
        place_[which] = Place::kShared;
    } else {
        if (!own_) own_ = std::make_unique<Three>();
        (*own_)[which] = copied;
        place_[which] = Place::kOwn;
    }
    gather();
}

void FlowViews::reset(Which which) {
    place_[which] = Place::kNone;
    gather();
}

void FlowViews::copy(Which from, Which to) {
    const auto* flow = get(from);
    if (flow == nullptr) return reset(to);
    if (place_[from] != Place::kShared) return set(to, *flow);
    place_[to] = Place::kShared;
    gather();
}

// What differs no longer goes back to the shared one; what nobody has for himself, away.
void FlowViews::gather() {
    if (!own_) return;
    if (std::ranges::find(place_, Place::kShared) == place_.end()) {
        const auto own = std::ranges::find(place_, Place::kOwn);
        if (own != place_.end()) {
            shared_ = (*own_)[static_cast<std::size_t>(own - place_.begin())];
            *own = Place::kShared;
        }
    }
    bool any = false;
    for (std::size_t i = 0; i < place_.size(); ++i) {
        if (place_[i] != Place::kOwn) continue;
        if ((*own_)[i] == shared_)
            place_[i] = Place::kShared;
        else
            any = true;
    }
    if (!any) own_.reset();
}

}  // namespace sallyport::flow
