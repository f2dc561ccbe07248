#pragma once
// One set of number rules (docs/configuration.md): the telephone numbers of a message, the called one in Request-URI
// and To, the calling and diverting ones in From and the identity headers, brought into the form of another number
// plan.
//
// A number is what stands in a tel: URI, and in the user of a sip: URI that says user=phone or is digits alone. It is
// compared without escapes and visual separators (RFC 3966 §5.1.1), and written without. What stands behind it after a
// ';' stays: npdi, rn, isub; a phone-context goes when the number has become global (RFC 3966 §5.1.5).
//
// Nothing comes back that was withheld: a number is changed where it stands, and never carried from one header to
// another; who is anonymous has no number. A display name that says the same number follows it, and one that holds it
// among other text goes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/policy/header_rules.h"
#include "controlplane/policy/message_edit.h"
#include "platform/config/rules.h"
#include "platform/regex/regex.h"

namespace sallyport::policy {

class NumberRules {
public:
    explicit NumberRules(const config::NumberRules& rules);

    void apply(MessageEdit& edit, RuleCounters& counters) const;

private:
    struct Step {
        std::optional<std::string> prefix;
        std::size_t strip = 0;
        std::string add;
        std::optional<Regex> match;
        GroupTemplate replace;
        std::uint8_t in = 0;  // bits of kHeaders
    };
    using Steps = std::vector<Step>;

    static Steps compile(const std::vector<config::NumberStep>& steps);
    // What the first step that fits makes of it; nullopt: none does.
    static std::optional<std::string> translated(const Steps& steps, std::uint8_t header, std::string_view number);
    // The URI with its number changed; nullopt: it has none, or it stays. `old`, `made`: the numbers.
    std::optional<std::string> changed_uri(const Steps& steps, std::uint8_t header, std::string_view uri,
                                           RuleCounters& counters, std::string& old, std::string& made) const;
    std::optional<std::string> changed_value(const Steps& steps, std::uint8_t header, std::string_view value,
                                             RuleCounters& counters) const;
    void change_lines(const Steps& steps, std::uint8_t header, sip::HeaderId id, MessageEdit& edit,
                      RuleCounters& counters) const;

    Steps called_;
    Steps calling_;
    std::string phone_context_;
};

}  // namespace sallyport::policy
