#include "controlplane/policy/number_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/policy/value_grammar.h"
#include "controlplane/sip/headers.h"
#include "controlplane/sip/uri.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;

struct Place {
    std::string_view name;  // as the configuration says it
    HeaderId id;            // kOther: the Request-URI
    bool called;
};
constexpr auto kHeaders = std::to_array<Place>({
    {"request-uri", HeaderId::kOther, true},
    {"to", HeaderId::kTo, true},
    {"from", HeaderId::kFrom, false},
    {"p-asserted-identity", HeaderId::kPAssertedIdentity, false},
    {"p-preferred-identity", HeaderId::kPPreferredIdentity, false},
    {"remote-party-id", HeaderId::kRemotePartyId, false},
    {"diversion", HeaderId::kDiversion, false},
    {"history-info", HeaderId::kHistoryInfo, false},
});
constexpr std::uint8_t bit(std::size_t header) { return static_cast<std::uint8_t>(1U << header); }

constexpr std::size_t kLongest = 32;  // E.164 has 15 digits; dial strings have more
// A number within a display name is found when it is at least so long.
constexpr std::size_t kShortestFound = 4;

constexpr bool is_separator(char c) { return c == '-' || c == '.' || c == '(' || c == ')'; }
constexpr bool is_number_char(char c) {
    return sip::is_digit(c) || c == '+' || c == '*' || c == '#' || (sip::lower(c) >= 'a' && sip::lower(c) <= 'f');
}

bool is_number(std::string_view s) {
    return !s.empty() && s.size() <= kLongest && std::ranges::all_of(s, is_number_char) &&
           std::ranges::any_of(s, sip::is_digit) && s.find('+', 1) == std::string_view::npos;
}

// Without escapes and visual separators; spaces are none in a URI, but stand in display names.
std::string digits_of(std::string_view text, bool spaces = false) {
    auto out = sip::unescaped(text);
    std::erase_if(out, [spaces](char c) { return is_separator(c) || (spaces && sip::is_lws(c)); });
    return out;
}

// Digits alone, perhaps behind a '+': what looks like a number without user=phone. "face" and "*21" do not.
bool is_plain_number(std::string_view s) {
    if (s.starts_with('+')) s.remove_prefix(1);
    return !s.empty() && std::ranges::all_of(s, sip::is_digit);
}

std::string without_context(std::string_view params) {
    std::string out;
    for (const auto& p : sip::ParamList(params))
        if (!sip::iequals(p.name, "phone-context")) out.append(";").append(p.raw);
    return out;
}

// The display name beside a number that was changed: with it, as it was, or "" when it would tell the old one.
std::string changed_display(std::string_view display, std::string_view old, std::string_view made) {
    const auto said = digits_of(sip::unquoted(display), true);
    if (said.empty()) return std::string(display);
    const auto bare = old.starts_with('+') ? old.substr(1) : old;
    if (said == old || said == bare) {
        std::string out;
        sip::append_quoted(out, made);
        return out;
    }
    if (bare.size() >= kShortestFound && said.contains(bare)) return {};
    return std::string(display);
}

}  // namespace

NumberRules::NumberRules(const config::NumberRules& rules)
    : called_(compile(rules.called)), calling_(compile(rules.calling)), phone_context_(rules.phone_context) {}

NumberRules::Steps NumberRules::compile(const std::vector<config::NumberStep>& steps) {
    Steps out;
    for (const auto& step : steps) {
        Step s;
        s.prefix = step.prefix;
        s.strip = step.strip;
        s.add = step.add;
        if (step.match) s.match = std::move(Regex::compile(*step.match).value());  // the view has been checked
        s.replace = GroupTemplate::parse(step.replace).value();
        for (std::size_t i = 0; i < kHeaders.size(); ++i)
            if (step.in.empty() || std::ranges::find(step.in, kHeaders[i].name) != step.in.end()) s.in |= bit(i);
        out.push_back(std::move(s));
    }
    return out;
}

std::optional<std::string> NumberRules::translated(const Steps& steps, std::uint8_t header, std::string_view number) {
    for (const auto& step : steps) {
        if ((step.in & header) == 0) continue;
        if (step.prefix) {
            if (!number.starts_with(*step.prefix)) continue;
            return step.add + std::string(number.substr(step.strip));
        }
        Regex::Groups groups;
        if (!step.match->matches_all(number, &groups)) continue;
        std::string out;
        step.replace.append_to(out, groups);
        return out;
    }
    return std::nullopt;
}

std::optional<std::string> NumberRules::changed_uri(const Steps& steps, std::uint8_t header, std::string_view text,
                                                    RuleCounters& counters, std::string& old, std::string& made) const {
    const auto uri = sip::Uri::parse(text);
    const bool tel = uri && uri->scheme == sip::UriScheme::kTel;
    if (!uri || !(tel || (uri->is_sip() && uri->has_user))) return std::nullopt;
    const auto whole = tel ? uri->opaque : uri->user;
    const auto semicolon = std::min(whole.find(';'), whole.size());
    old = digits_of(whole.substr(0, semicolon));
    const bool phone = tel || sip::iequals(uri->params.value("user"), "phone");
    if (!is_number(old) || !(phone || is_plain_number(old))) return std::nullopt;
    auto result = translated(steps, header, old);
    if (!result || *result == old) return std::nullopt;
    made = std::move(*result);
    const bool global = made.starts_with('+');
    const bool was_global = old.starts_with('+');
    std::string params(whole.substr(semicolon));
    if (tel) params = uri->params.text().empty() ? "" : ";" + std::string(uri->params.text());
    // A local number has a context, a global one has none.
    if (global) params = without_context(params);
    if (!is_number(made) || (tel && was_global && !global && phone_context_.empty())) {
        ++counters.refused;
        return std::nullopt;
    }
    if (tel && was_global && !global) params.append(";phone-context=").append(phone_context_);
    const auto at = static_cast<std::size_t>(whole.data() - text.data());
    std::string out(text.substr(0, at));
    if (tel) return out.append(made).append(params);
    sip::append_user_escaped(out, made);
    return out.append(params).append(text.substr(at + whole.size()));
}

std::optional<std::string> NumberRules::changed_value(const Steps& steps, std::uint8_t header, std::string_view value,
                                                      RuleCounters& counters) const {
    const auto address = sip::parse_name_addr(value);
    if (!address) return std::nullopt;
    std::string old;
    std::string made;
    const auto uri = changed_uri(steps, header, address->uri, counters, old, made);
    if (!uri) return std::nullopt;
    std::string out;
    if (const auto display = changed_display(address->display, old, made); !display.empty()) out = display + " ";
    out.append("<").append(*uri).append(">");
    for (const auto& p : address->params) out.append(";").append(p.raw);
    return out;
}

void NumberRules::change_lines(const Steps& steps, std::uint8_t header, HeaderId id, MessageEdit& edit,
                               RuleCounters& counters) const {
    for (auto& line : edit.lines()) {
        if (line.removed || line.id != id || edit.too_much()) continue;
        std::string list;
        bool changed = false;
        each_value(line, [&](std::string_view value) {
            const auto made = edit.look(value.size()) ? changed_value(steps, header, value, counters) : std::nullopt;
            changed = changed || made;
            if (!list.empty()) list += ", ";
            list += made ? std::string_view(*made) : value;
        });
        if (changed) edit.set_value(line, std::move(list));
    }
}

void NumberRules::apply(MessageEdit& edit, RuleCounters& counters) const {
    for (std::size_t i = 0; i < kHeaders.size(); ++i) {
        const auto& place = kHeaders[i];
        const auto& steps = place.called ? called_ : calling_;
        // Request-URI, To and From of a dialog are those with which it began.
        const bool of_dialog = place.called || place.id == HeaderId::kFrom;
        if (steps.empty() || (of_dialog && !edit.begins_dialog())) continue;
        if (place.id != HeaderId::kOther) {
            change_lines(steps, bit(i), place.id, edit, counters);
            continue;
        }
        std::string old;
        std::string made;
        auto uri = changed_uri(steps, bit(i), edit.request_uri(), counters, old, made);
        if (uri) edit.set_request_uri(std::move(*uri));
    }
}

}  // namespace sallyport::policy
