// Header and number rules around what the engine does with a message.

#include "controlplane/call/engine_core.h"

namespace sallyport::call {

using policy::MessageRules;

const sip::Message* EngineCore::inbound(const policy::RuleSide& side, const sip::Message& message) {
    as_received_ = nullptr;
    if (!rules_.any(MessageRules::Way::kInbound, side)) return &message;
    const auto result = rules_.apply(MessageRules::Way::kInbound, side, message, incoming_bytes_);
    if (result == MessageRules::Result::kAsWas) return &message;
    if (result == MessageRules::Result::kRefused || !incoming_.parse(incoming_bytes_)) {
        ++counters_.rules_refused;
        return nullptr;
    }
    as_received_ = &message;
    return &incoming_;
}

std::string_view EngineCore::ruled(const policy::RuleSide& side, std::string_view bytes) {
    if (bytes.empty() || !outgoing_.parse(bytes)) return bytes;
    const auto result = rules_.apply(MessageRules::Way::kOutbound, side, outgoing_, outgoing_bytes_);
    if (result == MessageRules::Result::kAsWas) return bytes;
    if (result == MessageRules::Result::kRefused || !outgoing_.parse(outgoing_bytes_)) {
        ++counters_.rules_refused;
        return {};
    }
    return outgoing_bytes_;
}

std::string_view EngineCore::on_cancel_made(transaction::ClientId invite, std::string_view cancel) {
    const auto* call = find(layer_.context(invite).value_or(0));
    if (call == nullptr) return cancel;
    const auto side = call->side_of(invite);
    return side ? outbound(*side, cancel) : cancel;
}

void EngineCore::list_rules(std::vector<CounterView>& out) const {
    for (const auto* lists : {&rules_.header_counters(), &rules_.number_counters()}) {
        for (const auto& list : *lists) {
            out.push_back({list.applied, list.counters.applied, "messages that these rules have changed"});
            out.push_back({list.not_applied, list.counters.refused,
                           "values of which these rules would have made what cannot stand there"});
            out.push_back(
                {list.too_much, list.beyond_bounds, "messages that would have grown or cost too much by these rules"});
        }
    }
}

}  // namespace sallyport::call
