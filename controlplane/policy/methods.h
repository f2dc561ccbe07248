#pragma once
// Which methods cross from one realm to another: those that both let through (`methods`, `pass-unknown-methods`).
// INVITE and what belongs to it always crosses.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/sip/method.h"
#include "platform/config/views.h"

namespace sallyport::policy {

struct Methods {
    config::MethodSet known;
    bool unknown = false;
};
Methods methods_of(const config::SignallingRealm& realm);
// What both sides let through.
Methods methods_between(const config::ControlView& view, std::uint16_t a, std::uint16_t b);

// The bit that decides on it; none for those that `methods` does not speak of.
std::optional<config::PassedMethod> passed_method(sip::Method method);
// 0: it passes; 405 for a method that is known (RFC 3261 §21.4.6), 501 for one that nobody knows (§21.5.2).
unsigned refusal(const Methods& methods, sip::Method method);

// Values of Allow, made once: "INVITE, ACK, BYE, CANCEL, OPTIONS, ...". OPTIONS is always among them, for we answer it
// where it does not pass.
class AllowTexts {
public:
    AllowTexts();
    std::string_view of(config::MethodSet methods) const { return texts_.at(methods.number()); }

private:
    std::array<std::string, config::MethodSet::kSets> texts_;
};

}  // namespace sallyport::policy
