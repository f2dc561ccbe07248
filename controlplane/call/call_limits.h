#pragma once
// How many calls there are of each trunk and realm, and whether one more may be.
//
// A call goes in by one trunk and realm and out by another: up to four gates, each with its bounds for calls at a time
// and new calls in a second, in either direction and in both together. It is asked for at all of them before it counts
// at any. What is admitted is a Permit, and counts for as long as the Permit lives: whichever way a call ends, it is
// given back once. A call that was there before this process counts without being asked for.

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <utility>
#include <vector>

#include "platform/base/rate_limit.h"
#include "platform/base/time.h"
#include "platform/config/views.h"

namespace sallyport::call {

// Of one side of a call.
struct CallEnd {
    std::optional<std::uint16_t> trunk;  // none: a source of an open realm
    std::uint16_t realm = 0;
};

class CallLimits {
public:
    enum Direction : std::uint8_t { kIn, kOut };
    enum Cause : std::uint8_t { kCalls, kRate, kRealmCalls, kRealmRate };
    static constexpr std::size_t kCauses = 4;

    class Permit {
    public:
        Permit() = default;
        Permit(Permit&& other) noexcept { swap(other); }
        Permit& operator=(Permit&& other) noexcept {
            Permit(std::move(other)).swap(*this);
            return *this;
        }
        Permit(const Permit&) = delete;
        Permit& operator=(const Permit&) = delete;
        ~Permit() {
            if (limits_ != nullptr) limits_->leave(*this);
        }

    private:
        friend class CallLimits;
        static constexpr std::uint16_t kNoTrunk = 0xffff;
        void swap(Permit& other) noexcept {
            std::swap(limits_, other.limits_);
            std::swap(trunks_, other.trunks_);
            std::swap(realms_, other.realms_);
        }
        CallLimits* limits_ = nullptr;
        std::array<std::uint16_t, 2> trunks_{kNoTrunk, kNoTrunk};  // by direction
        std::array<std::uint16_t, 2> realms_{};
    };

    struct Refused {
        Cause cause = kCalls;
        Direction direction = kIn;
        std::uint16_t status = 503;  // or 480
    };

    // Outlives the permits.
    explicit CallLimits(const config::ControlView& view);

    std::expected<Permit, Refused> admit(Instant now, const CallEnd& in, const CallEnd& out);
    // Of a call that there is, whatever the limits say.
    Permit count(const CallEnd& in, const CallEnd& out);

    // Of a trunk: calls that it did not get in or out, by why.
    std::uint64_t refused(std::uint16_t trunk, Direction direction, Cause cause) const {
        return refused_.at(trunk)[direction][cause];
    }
    std::uint64_t refused(Cause cause) const { return refused_in_all_[cause]; }
    std::size_t permits() const { return permits_; }

private:
    struct Gate {
        explicit Gate(const config::Limits& limits);
        std::optional<Cause> ask(Instant now, Direction direction);

        std::array<std::uint32_t, 3> most{};  // by direction, then together
        std::array<RateLimit, 3> rates;
        std::array<std::uint32_t, 2> calls{};
        std::uint16_t refuse_with = 503;
    };

    static Permit permit_for(const CallEnd& in, const CallEnd& out);
    void leave(const Permit& permit);
    void count_refusal(const Permit& wanted, const Refused& refused);

    std::vector<Gate> trunks_;
    std::vector<Gate> realms_;
    std::vector<std::array<std::array<std::uint64_t, kCauses>, 2>> refused_;  // by trunk
    std::array<std::uint64_t, kCauses> refused_in_all_{};
    std::size_t permits_ = 0;
};

}  // namespace sallyport::call
