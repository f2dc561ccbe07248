#pragma once
// The one table that says what becomes of each header between two legs, by the trust of both realms.
//
// Every header of a peer's message is looked up here; none is passed because nobody thought of it. Those
// not in the table are unknown: they pass when both realms have `pass-unknown-headers` (which follows the
// realms' trust unless set), and are stripped otherwise. docs/headers.md shows the table; a test keeps it so.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/sip/header_id.h"
#include "controlplane/sip/method.h"
#include "platform/config/views.h"

namespace sallyport::policy {

enum class Rule : std::uint8_t {
    kStrip,    // does not cross
    kOwn,      // written by us, whatever the peer sent
    kPass,     // as received, unless it mentions a name of the other side (see passing.h): then stripped
    kRewrite,  // addresses: hosts become ours, parameters by the row's list
    kUrn,      // elements whose URI is a urn: pass, others do not
    kPrivacy,  // Privacy itself: what we have done is taken out (RFC 3323 §5)
    kReason,   // Reason: protocol and cause always, text when it mentions nothing of the other side
    kFormat,   // Session-ID, Max-Breadth: only the exact form of their RFC, which can hold no name
    kOpaque,   // as received, unless it mentions a name that the message tells: a dot makes no host name of it
};

// What the user at the far end would call the direction: from an untrusted realm to a trusted one, ...
enum class Crossing : std::uint8_t {
    kTrustedToTrusted,
    kTrustedToUntrusted,
    kUntrustedToTrusted,
    kUntrustedToUntrusted,
};
constexpr Crossing crossing(config::Trust from, config::Trust to) {
    const bool from_trusted = from == config::Trust::kTrusted;
    const bool to_trusted = to == config::Trust::kTrusted;
    if (from_trusted) return to_trusted ? Crossing::kTrustedToTrusted : Crossing::kTrustedToUntrusted;
    return to_trusted ? Crossing::kUntrustedToTrusted : Crossing::kUntrustedToUntrusted;
}

struct HeaderRow {
    sip::HeaderId id = sip::HeaderId::kOther;
    std::string_view name;        // full name
    std::array<Rule, 4> rules{};  // by Crossing
    std::string_view params;      // kRewrite: header parameters that pass, separated by spaces
    std::string_view why;         // one clause
    Rule rule(Crossing c) const { return rules[static_cast<std::size_t>(c)]; }
};

// In alphabetical order of the names.
std::span<const HeaderRow> header_table();

// Where a method other than INVITE and BYE, and its responses, have it otherwise: its body crosses, and what goes with
// subscriptions, publications and INFO packages is between the users. Every name stands in the first table too.
struct MethodRow {
    sip::HeaderId id = sip::HeaderId::kOther;
    std::string_view name;
    std::string_view methods;  // separated by spaces; "others": those that nobody knows
    Rule rule = Rule::kStrip;
    std::string_view why;
};
std::span<const MethodRow> method_table();

// What becomes of that header in a message of that method. `row` is its row, not null.
Rule rule_of(const HeaderRow& row, sip::Method method, Crossing crossing);

// nullptr: not in the table.
const HeaderRow* find_header(sip::HeaderId id, std::string_view name);

std::string_view rule_name(Rule rule);
// The tables as Markdown.
std::string header_table_text();
std::string method_table_text();

}  // namespace sallyport::policy
