#include "controlplane/policy/header_rules.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "controlplane/policy/value_grammar.h"
#include "controlplane/sip/headers.h"

namespace sallyport::policy {

namespace {

using config::RuleAction;
using config::RuleOn;
using config::RulePart;
using sip::HeaderId;

constexpr std::string_view kRequestUri = "request-uri";

std::optional<Regex> compiled(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return std::move(Regex::compile(*text).value());  // the view has been checked
}

bool code_fits(std::string_view pattern, unsigned status) {
    const auto digits = std::to_string(status);
    return std::ranges::equal(pattern, digits, [](char p, char d) { return p == 'x' || p == d; });
}

// Never changed.
bool is_of_dialog(HeaderId id) {
    switch (id) {
        case HeaderId::kVia:
        case HeaderId::kCallId:
        case HeaderId::kCSeq:
        case HeaderId::kContact:
        case HeaderId::kRoute:
        case HeaderId::kRecordRoute: return true;
        default: return false;
    }
}

// `value` without all parameters of that name.
std::string without_parameter(std::string_view value, std::string_view name) {
    std::string out(value);
    for (;;) {
        const auto address = sip::parse_name_addr(out);
        const auto found = address ? address->params.find(name) : std::nullopt;
        if (!found) return out;
        const auto end = static_cast<std::size_t>(found->raw.data() - out.data()) + found->raw.size();
        const auto semicolon = out.rfind(';', static_cast<std::size_t>(found->raw.data() - out.data()));
        out.erase(semicolon, end - semicolon);
        out.resize(sip::trim(out).size());
    }
}

// As it is written, with its name; "" when there is none.
std::string_view tag_of(std::string_view value) {
    const auto address = sip::parse_name_addr(value);
    const auto tag = address ? address->params.find("tag") : std::nullopt;
    return tag ? tag->raw : std::string_view();
}

std::string without_display(std::string_view value) {
    const auto address = sip::parse_name_addr(value);
    if (!address || address->display.empty()) return std::string(value);
    return std::string(value.substr(static_cast<std::size_t>(address->uri.data() - value.data()) - 1));
}

// `<sip:a@b?Subject=x&Reason=y>` without that header, wherever in the value such a URI stands: of a header that nobody
// knows, nobody knows where its URIs are. "" when it has none of it, or nothing else.
std::string without_uri_header(std::string_view value, const HeaderKey& header) {
    std::string out;
    bool found = false;
    bool first = false;  // the '?' has not been written, for what came behind it went
    for (std::size_t i = 0; i < value.size();) {
        const char separator = value[i];
        const auto rest = value.substr(i + 1);
        const auto equals = separator == '?' || separator == '&' ? rest.find_first_of("=?&<>\"") : rest.npos;
        const bool named = equals != rest.npos && rest[equals] == '=';
        const auto name = named ? sip::unescaped(rest.substr(0, equals)) : std::string();
        const auto trimmed = sip::trim(name);
        if (named && header.is(sip::header_id(trimmed), trimmed)) {
            found = true;
            first = first || separator == '?';
            const auto length = std::min(rest.find_first_of("&<> \t\",;"), rest.size());
            i += 1 + length;
        } else {
            out += first && separator == '&' ? '?' : separator;
            first = false;
            ++i;
        }
    }
    return found ? out : std::string();
}

}  // namespace

HeaderRules::HeaderRules(const config::HeaderRuleList& list) {
    for (const auto& rule : list.rules) {
        Rule r;
        r.action = rule.action;
        r.request_uri = rule.header == kRequestUri;
        if (!r.request_uri) r.header = HeaderKey::of(rule.header);
        r.part = rule.part;
        r.parameter = rule.parameter;
        r.match = compiled(rule.match);
        r.value = GroupTemplate::parse(rule.value).value();
        r.on = rule.codes.empty() ? rule.on : RuleOn::kResponse;
        r.methods = rule.methods;
        r.codes = rule.codes;
        if (const auto& c = rule.condition) {
            Condition condition;
            condition.request_uri = c->header == kRequestUri;
            if (!condition.request_uri) condition.header = HeaderKey::of(c->header);
            condition.match = compiled(c->match);
            condition.negated = c->negated;
            r.condition = std::move(condition);
        }
        rules_.push_back(std::move(r));
    }
}

void HeaderRules::apply(MessageEdit& edit, RuleCounters& counters) const {
    for (const auto& rule : rules_) {
        if (edit.too_much()) return;
        if (!concerns(rule, edit.message())) continue;
        Regex::Groups groups{};
        if (rule.condition && !holds(*rule.condition, edit, groups)) continue;
        // What a dialog repeats is changed where it begins, and nowhere else.
        const bool of_dialog = rule.request_uri || rule.header.id == HeaderId::kFrom || rule.header.id == HeaderId::kTo;
        if (of_dialog && !edit.begins_dialog()) continue;
        if (rule.request_uri)
            change_request_uri(rule, edit, counters);
        else if (rule.action == RuleAction::kAdd || rule.action == RuleAction::kSet)
            make(rule, edit, groups, counters);
        else
            change_lines(rule, edit, counters);
    }
}

bool HeaderRules::concerns(const Rule& rule, const sip::Message& message) {
    if (rule.on == (message.is_request() ? RuleOn::kResponse : RuleOn::kRequest)) return false;
    if (!rule.methods.empty() && std::ranges::find(rule.methods, message.method_text()) == rule.methods.end())
        return false;
    return rule.codes.empty() ||
           std::ranges::any_of(rule.codes, [&](const std::string& code) { return code_fits(code, message.status()); });
}

// With a match, its groups become those of the value.
bool HeaderRules::holds(const Condition& condition, MessageEdit& edit, Regex::Groups& groups) {
    bool found = false;
    const auto look = [&](std::string_view value) {
        if (found || !edit.look(value.size())) return;
        found = !condition.match || condition.match->search(value, &groups);
    };
    if (condition.request_uri) {
        if (edit.message().is_request()) look(edit.request_uri());
    } else {
        for (const auto& line : edit.lines())
            if (!line.removed && condition.header.is(line.id, line.name)) each_value(line, look);
    }
    return found != condition.negated && !edit.too_much();
}

void HeaderRules::make(const Rule& rule, MessageEdit& edit, const Regex::Groups& groups, RuleCounters& counters) {
    std::string value;
    rule.value.append_to(value, groups);
    // A group never makes two values of one.
    const bool good = rule.value.has_groups() ? is_one_value(rule.header, value) : are_values(rule.header, value);
    const auto is_it = [&](const MessageEdit::Line& line) {
        return !line.removed && rule.header.is(line.id, line.name);
    };
    const bool there = std::ranges::any_of(edit.lines(), is_it);
    const bool second = rule.action == RuleAction::kAdd && there && is_single(rule.header.id);
    if (!good || second) {
        ++counters.refused;
        return;
    }
    if (rule.action == RuleAction::kSet)
        for (auto& line : edit.lines())
            if (is_it(line)) edit.remove(line);
    edit.add(rule.header, std::move(value));
}

void HeaderRules::change_request_uri(const Rule& rule, MessageEdit& edit, RuleCounters& counters) {
    const auto uri = edit.request_uri();
    const auto part = find_part(uri, true, rule.part, rule.parameter);
    if (!part || !edit.look(part->size())) return;
    Regex::Groups groups{};
    if (rule.match && !rule.match->search(*part, &groups)) return;
    if (!rule.match) groups[0] = *part;
    std::string text(part->substr(0, static_cast<std::size_t>(groups[0].data() - part->data())));
    const auto behind = text.size() + groups[0].size();
    rule.value.append_to(text, groups);
    text += part->substr(behind);
    auto made = replace_part(uri, true, rule.part, rule.parameter, text);
    if (!made || !is_request_uri(*made)) {
        ++counters.refused;
        return;
    }
    if (*made != uri) edit.set_request_uri(std::move(*made));
}

void HeaderRules::change_lines(const Rule& rule, MessageEdit& edit, RuleCounters& counters) {
    // What names the header as one to be made of a URI goes with it (RFC 3261 §19.1.1).
    if (rule.action == RuleAction::kRemove && rule.part == RulePart::kValue && !rule.match)
        strip_uri_headers(rule.header, edit);
    auto& lines = edit.lines();
    for (std::size_t i = 0; i < lines.size() && !edit.too_much(); ++i)
        if (!lines[i].removed && rule.header.is(lines[i].id, lines[i].name))
            change_line(rule, edit, lines[i], counters);
}

void HeaderRules::change_line(const Rule& rule, MessageEdit& edit, MessageEdit::Line& line, RuleCounters& counters) {
    if (rule.action == RuleAction::kRemove && rule.part == RulePart::kValue && !rule.match) return edit.remove(line);
    using Kind = Outcome::Kind;
    std::string list;
    bool any_changed = false;
    bool any_left = false;
    each_value(line, [&](std::string_view value) {
        auto outcome = change_value(rule, edit, line, value);
        if (outcome.kind == Kind::kRefused) ++counters.refused;
        any_changed = any_changed || outcome.kind == Kind::kGone || outcome.kind == Kind::kNew;
        if (outcome.kind == Kind::kGone) return;
        if (any_left) list += ", ";
        any_left = true;
        list += outcome.kind == Kind::kNew ? std::string_view(outcome.text) : value;
    });
    if (!any_changed) return;
    if (any_left)
        edit.set_value(line, std::move(list));
    else
        edit.remove(line);
}

HeaderRules::Outcome HeaderRules::change_value(const Rule& rule, MessageEdit& edit, const MessageEdit::Line& line,
                                               std::string_view value) {
    using Kind = Outcome::Kind;
    const auto part = find_part(value, false, rule.part, rule.parameter);
    if (!part || !edit.look(part->size())) return {};
    Regex::Groups groups{};
    if (rule.match && !rule.match->search(*part, &groups)) return {};
    if (!rule.match) groups[0] = *part;
    if (rule.action == RuleAction::kRemove) {
        if (rule.part == RulePart::kParameter) return {Kind::kNew, without_parameter(value, rule.parameter)};
        if (rule.part == RulePart::kDisplayName) return {Kind::kNew, without_display(value)};
        return {Kind::kGone, {}};
    }
    auto made = rewritten(rule, value, *part, groups);
    const bool good = made && is_one_value(rule.header, *made);
    if (!good) return {Kind::kRefused, {}};
    // The tag names the dialog; one without a value is none that a message may have.
    if ((line.id == HeaderId::kFrom || line.id == HeaderId::kTo) && tag_of(*made) != tag_of(value))
        return {Kind::kRefused, {}};
    if (*made == value) return {};
    return {Kind::kNew, std::move(*made)};
}

std::optional<std::string> HeaderRules::rewritten(const Rule& rule, std::string_view value, std::string_view part,
                                                  const Regex::Groups& groups) {
    // What matched is replaced; what stands around it stays.
    std::string text(part.substr(0, static_cast<std::size_t>(groups[0].data() - part.data())));
    const auto behind = text.size() + groups[0].size();
    rule.value.append_to(text, groups);
    text += part.substr(behind);
    return replace_part(value, false, rule.part, rule.parameter, text);
}

void HeaderRules::strip_uri_headers(const HeaderKey& header, MessageEdit& edit) {
    for (auto& line : edit.lines()) {
        if (line.removed || is_of_dialog(line.id) || line.value.find('?') == std::string_view::npos) continue;
        const bool named = line.id == HeaderId::kFrom || line.id == HeaderId::kTo;
        if ((named && !edit.begins_dialog()) || !edit.look(line.value.size())) continue;
        auto stripped = without_uri_header(line.value, header);
        if (!stripped.empty()) edit.set_value(line, std::move(stripped));
    }
}

}  // namespace sallyport::policy
