#pragma once
// One list of header rules (docs/configuration.md), compiled. The configuration has been checked: expressions compile
// and no rule changes what a dialog lives on.
//
// A rule whose result would not be a value of its header is not applied to that value, and counted. A message that
// would cost or grow too much ends the work: MessageEdit::too_much().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/message_edit.h"
#include "platform/config/rules.h"
#include "platform/regex/regex.h"

namespace sallyport::policy {

struct RuleCounters {
    std::uint64_t applied = 0;  // messages that were changed
    std::uint64_t refused = 0;  // values for which the result would have been none
};

class HeaderRules {
public:
    explicit HeaderRules(const config::HeaderRuleList& list);

    void apply(MessageEdit& edit, RuleCounters& counters) const;

private:
    struct Condition {
        HeaderKey header;
        bool request_uri = false;
        std::optional<Regex> match;
        bool negated = false;
    };
    struct Rule {
        config::RuleAction action = config::RuleAction::kRemove;
        HeaderKey header;
        bool request_uri = false;
        config::RulePart part = config::RulePart::kValue;
        std::string parameter;
        std::optional<Regex> match;
        GroupTemplate value;
        config::RuleOn on = config::RuleOn::kBoth;
        std::vector<std::string> methods;
        std::vector<std::string> codes;
        std::optional<Condition> condition;
    };
    // What became of one value.
    struct Outcome {
        enum class Kind : std::uint8_t { kKept, kGone, kNew, kRefused } kind = Kind::kKept;
        std::string text;
    };

    static bool concerns(const Rule& rule, const sip::Message& message);
    static bool holds(const Condition& condition, MessageEdit& edit, Regex::Groups& groups);
    static void make(const Rule& rule, MessageEdit& edit, const Regex::Groups& groups, RuleCounters& counters);
    static void change_request_uri(const Rule& rule, MessageEdit& edit, RuleCounters& counters);
    static void change_lines(const Rule& rule, MessageEdit& edit, RuleCounters& counters);
    static void change_line(const Rule& rule, MessageEdit& edit, MessageEdit::Line& line, RuleCounters& counters);
    static Outcome change_value(const Rule& rule, MessageEdit& edit, const MessageEdit::Line& line,
                                std::string_view value);
    static std::optional<std::string> rewritten(const Rule& rule, std::string_view value, std::string_view part,
                                                const Regex::Groups& groups);
    static void strip_uri_headers(const HeaderKey& header, MessageEdit& edit);

    std::vector<Rule> rules_;
};

}  // namespace sallyport::policy
