#pragma once
// What is wanted of a flow, what was sent and what was confirmed: three descriptions that are nearly always one. It
// stands here once; what differs for a while is kept beside it.

#include <array>
#include <cstdint>
#include <memory>

#include "platform/wire/packed_flow.h"

namespace sallyport::flow {

class FlowViews {
public:
    enum Which : std::uint8_t { kWanted = 0, kPresent = 1, kApplied = 2 };

    // nullptr: none. Valid until the next change.
    const wire::PackedFlow* get(Which which) const {
        switch (place_[which]) {
            case Place::kShared: return &shared_;
            case Place::kOwn: return &(*own_)[which];
            case Place::kNone: break;
        }
        return nullptr;
    }
    void set(Which which, const wire::PackedFlow& flow);
    void reset(Which which);
    // Also of none.
    void copy(Which from, Which to);

private:
    enum class Place : std::uint8_t { kNone, kShared, kOwn };
    using Three = std::array<wire::PackedFlow, 3>;

    bool others_share(Which which) const;
    void gather();

    wire::PackedFlow shared_;
    std::unique_ptr<Three> own_;
    std::array<Place, 3> place_{};
};

}  // namespace sallyport::flow
