#pragma once
// What a call of the load does. The caller chooses; the callee reads it from the called number's last digits.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::load {

enum class Scenario : std::uint8_t {
    kBasic,       // INVITE, 180, 200, ACK; after the hold time BYE by the caller
    kHold,        // a re-INVITE with sendonly and one with sendrecv by the caller
    kCalleeHold,  // the same by the callee
    kCancel,      // CANCEL by the caller while it rings
    kBusy,        // 486
    kEarly,       // 183 with SDP, then 200
    kLostAck,     // the first two 2xx get no ACK
    kNeverAck,    // none does: the element between has to end the call on both sides
    kCalleeBye,   // BYE by the callee
    kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Scenario::kCount)> kScenarioNames{
    "basic", "hold", "callee-hold", "cancel", "busy", "early", "lost-ack", "never-ack", "callee-bye"};

constexpr std::string_view name(Scenario s) { return kScenarioNames[static_cast<std::size_t>(s)]; }
constexpr std::optional<Scenario> scenario_of(std::string_view text) {
    for (std::size_t i = 0; i < kScenarioNames.size(); ++i)
        if (kScenarioNames[i] == text) return static_cast<Scenario>(i);
    return std::nullopt;
}

}  // namespace sallyport::load
