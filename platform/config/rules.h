#pragma once
// Rules for headers and numbers as they were checked: the texts of expressions compile, groups exist, headers may be
// changed. What they mean is docs/configuration.md; who obeys them is controlplane/policy.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::config {

inline constexpr std::size_t kMaxRules = 64;        // of a list
inline constexpr std::size_t kMaxRuleValue = 1024;  // characters

enum class RuleAction : std::uint8_t { kAdd, kSet, kRemove, kRewrite };
enum class RuleOn : std::uint8_t { kBoth, kRequest, kResponse };
// What of a value a rule looks at and changes. All but the first are parts of an address.
enum class RulePart : std::uint8_t { kValue, kUri, kUriUser, kUriHost, kDisplayName, kParameter };

// Whether another header of the message is there, or, with `match`, has a value that fits.
struct RuleCondition {
    std::string header;
    std::optional<std::string> match{};
    bool negated = false;
};

struct HeaderRule {
    std::string header;  // its full name as it is usually written, "request-uri", or of one that nobody knows as given
    RuleAction action = RuleAction::kRemove;
    RulePart part = RulePart::kValue;
    std::string parameter{};             // for kParameter
    std::optional<std::string> match{};  // none: every value
    std::string value{};                 // with \0 to \9
    RuleOn on = RuleOn::kBoth;
    std::vector<std::string> methods{};  // empty: all
    std::vector<std::string> codes{};    // "486", "48x", "4xx"; empty: all
    std::optional<RuleCondition> condition{};
};

struct HeaderRuleList {
    std::string name;
    std::vector<HeaderRule> rules;
};

// One step of a number plan: either a prefix, of which `strip` characters are replaced, or an expression for the whole
// number.
struct NumberStep {
    std::optional<std::string> prefix{};
    std::uint8_t strip = 0;
    std::string add{};
    std::optional<std::string> match{};
    std::string replace{};
    std::vector<std::string> in{};  // headers; empty: all that the list is for
};

struct NumberRules {
    std::string name;
    std::vector<NumberStep> called;
    std::vector<NumberStep> calling;
    std::string phone_context{};  // of a tel: number that is no longer global (RFC 3966 §5.1.5); "": it stays as it is
};

// Indices into ControlView::header_rules and ::number_rules, in the order in which they are applied.
struct RulesInUse {
    std::vector<std::uint16_t> inbound_rules{};
    std::vector<std::uint16_t> outbound_rules{};
    std::vector<std::uint16_t> inbound_numbers{};
    std::vector<std::uint16_t> outbound_numbers{};
    friend bool operator==(const RulesInUse&, const RulesInUse&) = default;
};

}  // namespace sallyport::config
