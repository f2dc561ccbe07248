#include "controlplane/policy/message_rules.h"

#include "controlplane/sip/message_writer.h"

namespace sallyport::policy {

MessageRules::MessageRules(const config::ControlView& view) : view_(view) {
    for (const auto& list : view.header_rules) {
        headers_.emplace_back(list);
        header_counters_.emplace_back("header-rules-" + list.name);
    }
    for (const auto& numbers : view.number_rules) {
        numbers_.emplace_back(numbers);
        number_counters_.emplace_back("number-rules-" + numbers.name);
    }
    const auto has = [](const config::RulesInUse& rules) {
        return Has{!rules.inbound_rules.empty() || !rules.inbound_numbers.empty(),
                   !rules.outbound_rules.empty() || !rules.outbound_numbers.empty()};
    };
    for (const auto& realm : view.realms) realms_.push_back(has(realm.rules));
    for (const auto& trunk : view.trunks) trunks_.push_back(has(trunk.rules));
}

void MessageRules::apply_headers(const std::vector<std::uint16_t>& lists) {
    for (const auto i : lists) {
        if (edit_.too_much()) return;
        auto& counters = header_counters_[i];
        const auto before = edit_.changes();
        headers_[i].apply(edit_, counters.counters);
        counters.counters.applied += edit_.changes() != before ? 1 : 0;
        counters.beyond_bounds += edit_.too_much() ? 1 : 0;
    }
}

void MessageRules::apply_numbers(const std::vector<std::uint16_t>& lists) {
    for (const auto i : lists) {
        if (edit_.too_much()) return;
        auto& counters = number_counters_[i];
        const auto before = edit_.changes();
        numbers_[i].apply(edit_, counters.counters);
        counters.counters.applied += edit_.changes() != before ? 1 : 0;
        counters.beyond_bounds += edit_.too_much() ? 1 : 0;
    }
}

MessageRules::Result MessageRules::apply(Way way, const RuleSide& side, const sip::Message& message, std::string& out) {
    static const config::RulesInUse kNone;
    const auto& realm = view_.realms[side.realm].rules;
    const auto& trunk = side.trunk ? view_.trunks[*side.trunk].rules : kNone;
    edit_.assign(message);
    if (way == Way::kInbound) {
        apply_headers(realm.inbound_rules);
        apply_headers(trunk.inbound_rules);
        apply_numbers(realm.inbound_numbers);
        apply_numbers(trunk.inbound_numbers);
    } else {
        apply_numbers(trunk.outbound_numbers);
        apply_numbers(realm.outbound_numbers);
        apply_headers(trunk.outbound_rules);
        apply_headers(realm.outbound_rules);
    }
    if (!edit_.too_much()) {
        if (edit_.changes() == 0) return Result::kAsWas;
        edit_.write(out);
        if (out.size() <= sip::MessageWriter::kMaxSize && edit_.fields() <= sip::Message::kMaxFields)
            return Result::kChanged;
        ++too_large_;
    }
    if (edit_.begins_dialog()) return Result::kRefused;
    edit_.write_least(out);
    return Result::kChanged;
}

}  // namespace sallyport::policy
