#include "controlplane/call/call_limits.h"

namespace sallyport::call {

namespace {

constexpr std::size_t kTogether = 2;

constexpr CallLimits::Cause of_realm(CallLimits::Cause cause) {
    return cause == CallLimits::kCalls ? CallLimits::kRealmCalls : CallLimits::kRealmRate;
}

}  // namespace

CallLimits::Gate::Gate(const config::Limits& limits)
    : most{limits.max_calls_in, limits.max_calls_out, limits.max_calls}, refuse_with(limits.refuse_with) {
    const auto rate = [&](std::uint32_t per_second) {
        return RateLimit(per_second, limits.burst == 0 ? per_second : limits.burst);
    };
    rates = {rate(limits.calls_per_second_in), rate(limits.calls_per_second_out), rate(limits.calls_per_second)};
}

// One call counts here from now on, unless it says why not.
std::optional<CallLimits::Cause> CallLimits::Gate::ask(Instant now, Direction direction) {
    const auto full = [](std::uint32_t there, std::uint32_t bound) { return bound != 0 && there >= bound; };
    if (full(calls[direction], most[direction]) || full(calls[kIn] + calls[kOut], most[kTogether])) return kCalls;
    const auto before = rates;
    if (!rates[direction].take(now) || !rates[kTogether].take(now)) {
        rates = before;
        return kRate;
    }
    ++calls[direction];
    return std::nullopt;
}

CallLimits::CallLimits(const config::ControlView& view) : refused_(view.trunks.size()) {
    for (const auto& trunk : view.trunks) trunks_.emplace_back(trunk.limits);
    for (const auto& realm : view.realms) realms_.emplace_back(realm.limits);
}

CallLimits::Permit CallLimits::permit_for(const CallEnd& in, const CallEnd& out) {
    Permit permit;
    permit.trunks_ = {in.trunk.value_or(Permit::kNoTrunk), out.trunk.value_or(Permit::kNoTrunk)};
    permit.realms_ = {in.realm, out.realm};
    return permit;
}

std::expected<CallLimits::Permit, CallLimits::Refused> CallLimits::admit(Instant now, const CallEnd& in,
                                                                         const CallEnd& out) {
    struct Asked {
        Gate* gate;
        Direction direction;
        bool realm;
        std::array<RateLimit, 3> before;
    };
    auto permit = permit_for(in, out);
    std::array<Asked, 4> asked;
    std::size_t passed = 0;
    for (const auto direction : {kIn, kOut}) {
        for (const bool realm : {false, true}) {
            const auto index = realm ? permit.realms_[direction] : permit.trunks_[direction];
            if (!realm && index == Permit::kNoTrunk) continue;
            auto& gate = realm ? realms_.at(index) : trunks_.at(index);
            asked[passed] = {&gate, direction, realm, gate.rates};
            const auto why = gate.ask(now, direction);
            if (!why) {
                ++passed;
                continue;
            }
            // Those before it forget it, the last first: two of them may be the same.
            while (passed-- > 0) {
                asked[passed].gate->rates = asked[passed].before;
                --asked[passed].gate->calls[asked[passed].direction];
            }
            const Refused refused{realm ? of_realm(*why) : *why, direction, gate.refuse_with};
            count_refusal(permit, refused);
            return std::unexpected(refused);
        }
    }
    permit.limits_ = this;
    ++permits_;
    return permit;
}

CallLimits::Permit CallLimits::count(const CallEnd& in, const CallEnd& out) {
    auto permit = permit_for(in, out);
    for (const auto direction : {kIn, kOut}) {
        if (permit.trunks_[direction] != Permit::kNoTrunk) ++trunks_.at(permit.trunks_[direction]).calls[direction];
        ++realms_.at(permit.realms_[direction]).calls[direction];
    }
    permit.limits_ = this;
    ++permits_;
    return permit;
}

void CallLimits::leave(const Permit& permit) {
    for (const auto direction : {kIn, kOut}) {
        if (permit.trunks_[direction] != Permit::kNoTrunk) --trunks_[permit.trunks_[direction]].calls[direction];
        --realms_[permit.realms_[direction]].calls[direction];
    }
    --permits_;
}

void CallLimits::count_refusal(const Permit& wanted, const Refused& refused) {
    ++refused_in_all_[refused.cause];
    const auto trunk = wanted.trunks_[refused.direction];
    if (trunk != Permit::kNoTrunk) ++refused_[trunk][refused.direction][refused.cause];
}

}  // namespace sallyport::call
