#include "controlplane/policy/methods.h"

namespace sallyport::policy {

Methods methods_of(const config::SignallingRealm& realm) { return {realm.methods, realm.pass_unknown_methods}; }

Methods methods_between(const config::ControlView& view, std::uint16_t a, std::uint16_t b) {
    const auto& one = view.realms.at(a);
    const auto& other = view.realms.at(b);
    return {one.methods & other.methods, one.pass_unknown_methods && other.pass_unknown_methods};
}

std::optional<config::PassedMethod> passed_method(sip::Method method) {
    using enum config::PassedMethod;
    switch (method) {
        case sip::Method::kInfo: return kInfo;
        case sip::Method::kMessage: return kMessage;
        case sip::Method::kOptions: return kOptions;
        case sip::Method::kPublish: return kPublish;
        case sip::Method::kSubscribe:
        case sip::Method::kNotify: return kSubscribe;
        default: return std::nullopt;
    }
}

unsigned refusal(const Methods& methods, sip::Method method) {
    if (method == sip::Method::kOther) return methods.unknown ? 0 : 501;
    const auto bit = passed_method(method);
    return bit && methods.known.has(*bit) ? 0 : 405;
}

AllowTexts::AllowTexts() {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        texts_[i] = "INVITE, ACK, BYE, CANCEL, OPTIONS";
        for (const auto name : config::kPassedMethodNames) {
            const auto method = *config::passed_method_named(name);
            if (method == config::PassedMethod::kOptions || !config::MethodSet(i).has(method)) continue;
            texts_[i].append(", ").append(name);
            if (method == config::PassedMethod::kSubscribe) texts_[i].append(", NOTIFY");
        }
    }
}

}  // namespace sallyport::policy
