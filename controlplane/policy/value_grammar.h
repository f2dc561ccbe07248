#pragma once
// What rules have to know of a header's grammar: whether commas make a list of it, whether its values are addresses,
// and whether a text that a rule has made still is one value of it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/policy/message_edit.h"
#include "platform/config/rules.h"

namespace sallyport::policy {

// One value a line (a header of which RFC 3261 §7.3.1 allows no list, or that nobody knows), or commas between them.
bool is_list(sip::HeaderId id);
// May stand in a message once only.
bool is_single(sip::HeaderId id);
bool holds_addresses(sip::HeaderId id);

// Calls `f` with each value of that line.
template <typename F>
void each_value(const MessageEdit::Line& line, F f) {
    if (!is_list(line.id)) return f(line.value);
    const auto comments = line.id == sip::HeaderId::kRetryAfter ? sip::Comments::kSkip : sip::Comments::kNone;
    for (const auto value : sip::CommaList(line.value, comments)) f(value);
}

// Whether `value` is one value of that header, as far as its grammar is known, and cannot end its line.
bool is_one_value(const HeaderKey& key, std::string_view value);
// The same of a list of them.
bool are_values(const HeaderKey& key, std::string_view text);
bool is_request_uri(std::string_view text);

// A part of an address (or of a Request-URI, when `is_uri`), as a view into it. nullopt: it is not there, or the
// address cannot be read.
std::optional<std::string_view> find_part(std::string_view value, bool is_uri, config::RulePart part,
                                          std::string_view parameter);
// `value` with that part replaced. nullopt: what comes out has not that part, as it was given, at that place.
std::optional<std::string> replace_part(std::string_view value, bool is_uri, config::RulePart part,
                                        std::string_view parameter, std::string_view text);

}  // namespace sallyport::policy
