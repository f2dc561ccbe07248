#pragma once
// The rules for headers and numbers of all realms and trunks, and their one order around a message's way through:
//
//   in:   realm's header rules, trunk's header rules, realm's numbers, trunk's numbers
//         -> what the message asks for, route, the header table with its hiding ->
//   out:  trunk's numbers, realm's numbers, trunk's header rules, realm's header rules
//
// so that header rules have the first word and the last. They see what the transaction layer has let pass, and no
// retransmission; responses go back with the From, To and Via that the request came with.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/policy/header_rules.h"
#include "controlplane/policy/message_edit.h"
#include "controlplane/policy/number_rules.h"
#include "platform/config/views.h"

namespace sallyport::policy {

// Whose rules: where a message comes from, or goes to. No trunk: a source of an open realm.
struct RuleSide {
    std::uint16_t realm = 0;
    std::optional<std::uint16_t> trunk{};
};

class MessageRules {
public:
    enum class Way : std::uint8_t { kInbound, kOutbound };
    enum class Result : std::uint8_t {
        kAsWas,
        kChanged,
        kRefused,  // a request that begins something, beyond a bound: nothing of it may go on
    };
    struct ListCounters {
        explicit ListCounters(const std::string& name)
            : applied(name + "-applied"), not_applied(name + "-not-applied"), too_much(name + "-too-much") {}
        std::string applied, not_applied, too_much;  // what they are called
        RuleCounters counters;
        std::uint64_t beyond_bounds = 0;  // messages that grew or cost too much
    };

    // The view outlives it.
    explicit MessageRules(const config::ControlView& view);

    bool any(Way way, const RuleSide& side) const {
        return realms_[side.realm].at(way) || (side.trunk && trunks_[*side.trunk].at(way));
    }
    // `out` becomes the whole message when it is kChanged. A message of a dialog, or a response, that would go beyond a
    // bound goes on with nothing but what dialog, transaction and body need.
    Result apply(Way way, const RuleSide& side, const sip::Message& message, std::string& out);

    std::uint64_t too_large() const { return too_large_; }
    const std::vector<ListCounters>& header_counters() const { return header_counters_; }
    const std::vector<ListCounters>& number_counters() const { return number_counters_; }

private:
    struct Has {
        bool inbound = false;
        bool outbound = false;
        bool at(Way way) const { return way == Way::kInbound ? inbound : outbound; }
    };

    void apply_headers(const std::vector<std::uint16_t>& lists);
    void apply_numbers(const std::vector<std::uint16_t>& lists);

    const config::ControlView& view_;
    std::vector<Has> realms_;
    std::vector<Has> trunks_;
    std::vector<HeaderRules> headers_;
    std::vector<NumberRules> numbers_;
    std::vector<ListCounters> header_counters_;
    std::vector<ListCounters> number_counters_;
    MessageEdit edit_;
    std::uint64_t too_large_ = 0;  // messages that no datagram carries any more
};

}  // namespace sallyport::policy
