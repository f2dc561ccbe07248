// What a schema cannot say of rules: expressions that compile, groups that exist, headers that may be changed.

#include <algorithm>
#include <array>
#include <string_view>

#include "platform/config/meaning.h"
#include "platform/regex/regex.h"

namespace sallyport::config {

namespace {

constexpr std::string_view kRequestUri = "request-uri";

// What rules may do to a header; `why` is the end of a sentence.
enum class May : std::uint8_t { kNothing, kRemove, kRewrite };
struct Guarded {
    std::string_view name;
    May may = May::kNothing;
    std::string_view why;
};
constexpr std::string_view kDialog = "names the dialog";
constexpr std::string_view kWay = "is the way of the dialog's requests";
constexpr std::string_view kBody = "describes the body";
constexpr std::string_view kPeers = "is agreed with the other end, and Sallyport answers for it";
constexpr std::string_view kEvents = "is the state of a subscription or publication";
constexpr auto kGuarded = std::to_array<Guarded>({
    {kRequestUri, May::kRewrite, "every request has one"},
    {"From", May::kRewrite, "every message has one"},
    {"To", May::kRewrite, "every message has one"},
    {"Via", May::kNothing, "leads the responses back"},
    {"Call-ID", May::kNothing, kDialog},
    {"CSeq", May::kNothing, kDialog},
    {"Max-Forwards", May::kNothing, "ends loops"},
    {"Max-Breadth", May::kNothing, "ends loops"},
    {"Route", May::kNothing, kWay},
    {"Record-Route", May::kNothing, kWay},
    {"Path", May::kNothing, kWay},
    {"Service-Route", May::kNothing, kWay},
    {"Contact", May::kNothing, kWay},
    {"Content-Length", May::kNothing, kBody},
    {"Content-Type", May::kNothing, kBody},
    {"Content-Encoding", May::kNothing, kBody},
    {"Content-Disposition", May::kNothing, kBody},
    {"Content-ID", May::kNothing, kBody},
    {"MIME-Version", May::kNothing, kBody},
    {"RSeq", May::kNothing, kDialog},
    {"RAck", May::kNothing, kDialog},
    {"Replaces", May::kNothing, kDialog},
    {"Join", May::kNothing, kDialog},
    {"Target-Dialog", May::kNothing, kDialog},
    {"Session-Expires", May::kNothing, kPeers},
    {"Min-SE", May::kNothing, kPeers},
    {"Event", May::kNothing, kEvents},
    {"Subscription-State", May::kNothing, kEvents},
    {"SIP-ETag", May::kNothing, kEvents},
    {"SIP-If-Match", May::kNothing, kEvents},
    {"Require", May::kRemove, kPeers},
    {"Proxy-Require", May::kRemove, kPeers},
    {"Supported", May::kRemove, kPeers},
    {"Unsupported", May::kRemove, kPeers},
    {"Authorization", May::kRemove, "is proof of who sent it"},
    {"Proxy-Authorization", May::kRemove, "is proof of who sent it"},
    {"WWW-Authenticate", May::kRemove, "asks for proof that only its sender can check"},
    {"Proxy-Authenticate", May::kRemove, "asks for proof that only its sender can check"},
});

// Where a value is an address (or a list of such), so that it has parts.
constexpr auto kAddresses = std::to_array<std::string_view>(
    {"From", "To", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info",
     "Referred-By", "Refer-To", "Reply-To", "P-Called-Party-ID", "P-Associated-URI", "P-Served-User"});

// RFC 3261 §7.3.3 and the registry of RFC 3968.
struct Compact {
    std::string_view name;
    std::string_view full;
};
constexpr auto kCompact = std::to_array<Compact>({
    {"a", "Accept-Contact"},
    {"b", "Referred-By"},
    {"c", "Content-Type"},
    {"d", "Request-Disposition"},
    {"e", "Content-Encoding"},
    {"f", "From"},
    {"i", "Call-ID"},
    {"j", "Reject-Contact"},
    {"k", "Supported"},
    {"l", "Content-Length"},
    {"m", "Contact"},
    {"n", "Identity-Info"},
    {"o", "Event"},
    {"r", "Refer-To"},
    {"s", "Subject"},
    {"t", "To"},
    {"u", "Allow-Events"},
    {"v", "Via"},
    {"x", "Session-Expires"},
    {"y", "Identity"},
});

bool same(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text,
                               [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::string_view action_name(RuleAction action) {
    switch (action) {
        case RuleAction::kAdd: return "add";
        case RuleAction::kSet: return "set";
        case RuleAction::kRemove: return "remove";
        case RuleAction::kRewrite: return "rewrite";
    }
    return {};
}

class RuleCheck {
public:
    RuleCheck(const HeaderRule& rule, const std::string& path, Problems& problems)
        : rule_(rule), path_(path), problems_(problems) {}

    void run() {
        if (rule_.header.empty()) return;  // reported by the schema
        guard();
        conditions();
        parts();
        const auto groups_of_match = expression("match", rule_.match, path_);
        const auto groups_of_if =
            rule_.condition ? expression("match", rule_.condition->match, pointer(path_, "if")) : std::size_t{0};
        const bool makes = rule_.action == RuleAction::kAdd || rule_.action == RuleAction::kSet;
        if (makes && rule_.match) say("match", "does not go with add and set; say in \"if\" when they are done");
        value(makes ? groups_of_if : groups_of_match, makes);
    }

private:
    void say(const char* key, std::string text) { problems_.push_back({pointer(path_, key), std::move(text)}); }

    void guard() {
        const auto g = std::ranges::find_if(kGuarded, [&](const Guarded& one) { return same(one.name, rule_.header); });
        if (g == kGuarded.end()) return;
        const bool may = (g->may == May::kRemove && rule_.action == RuleAction::kRemove) ||
                         (g->may == May::kRewrite && rule_.action == RuleAction::kRewrite);
        if (may) return;
        std::string text = "a rule must not " + std::string(action_name(rule_.action)) + " " + quoted(rule_.header) +
                           ": it " + std::string(g->why);
        if (g->may == May::kRewrite) text.replace(text.find(": it "), 5, ": ");
        if (g->may == May::kRemove) text += "; remove is possible";
        if (g->may == May::kRewrite) text += "; rewrite is possible";
        say("header", text);
    }

    void conditions() {
        if (rule_.on == RuleOn::kRequest && !rule_.codes.empty())
            say("codes", "a request has no status; write \"on\": \"response\"");
        if (rule_.header == kRequestUri && (rule_.on == RuleOn::kResponse || !rule_.codes.empty()))
            say("header", "a response has no Request-URI");
    }

    void parts() {
        const bool uri = rule_.header == kRequestUri;
        const bool address = std::ranges::any_of(kAddresses, [&](auto name) { return same(name, rule_.header); });
        const bool of_uri = rule_.part == RulePart::kUriUser || rule_.part == RulePart::kUriHost;
        if (rule_.part != RulePart::kValue && !address && !(uri && of_uri))
            say("part", quoted(rule_.header) + (uri ? " has of these only uri-user and uri-host"
                                                    : " is not known to hold addresses, which have such parts"));
        if ((rule_.part == RulePart::kParameter) != !rule_.parameter.empty())
            say(rule_.parameter.empty() ? "part" : "parameter",
                "\"part\": \"parameter\" and \"parameter\" with its name go together");
        if (same(rule_.parameter, "tag") && (rule_.header == "From" || rule_.header == "To"))
            say("parameter", "a rule must not change the tag: it names the dialog");
        if (rule_.part != RulePart::kValue && (rule_.action == RuleAction::kAdd || rule_.action == RuleAction::kSet))
            say("part", "add and set write whole values");
    }

    // How many groups it has.
    std::size_t expression(const char* key, const std::optional<std::string>& text, const std::string& path) {
        if (!text) return 0;
        const auto compiled = Regex::compile(*text);
        if (compiled) return compiled->groups();
        problems_.push_back({pointer(path, key), quoted(*text) + " " + compiled.error()});
        return Regex::kMaxGroups;
    }

    void value(std::size_t groups, bool makes) {
        if (rule_.action == RuleAction::kRemove) {
            if (!rule_.value.empty()) say("value", "remove takes none");
            return;
        }
        if (rule_.value.empty() && (makes || rule_.part == RulePart::kValue) && !rule_.match) {
            problems_.push_back({path_, "the key \"value\" is missing: what it shall be"});
            return;
        }
        if (has_control(rule_.value))
            return say("value", "holds a line end or another control character, which could begin a header of its own");
        const auto pieces = GroupTemplate::parse(rule_.value);
        if (!pieces) return say("value", pieces.error());
        const bool none = makes ? !rule_.condition || !rule_.condition->match : !rule_.match;
        if (pieces->has_groups() && none)
            say("value", makes ? "names a group, and no \"if\" with a match has any"
                               : "names a group, and there is no \"match\" that has any");
        else if (pieces->highest() > groups)
            say("value", "names the group \\" + std::to_string(pieces->highest()) + ", and the expression has " +
                             std::to_string(groups));
    }

    const HeaderRule& rule_;
    const std::string& path_;
    Problems& problems_;
};

void check_step(const NumberStep& step, const std::string& path, Problems& problems) {
    if (step.prefix.has_value() == step.match.has_value()) {
        problems.push_back({path, "a step has either match-prefix (with strip, add) or match (with replace)"});
        return;
    }
    if (step.prefix) {
        if (!step.replace.empty())
            problems.push_back({pointer(path, "replace"), "goes with match; with match-prefix write strip and add"});
        if (step.strip > step.prefix->size())
            problems.push_back({pointer(path, "strip"), std::to_string(step.strip) +
                                                            " is more than match-prefix has (" +
                                                            std::to_string(step.prefix->size()) + ")"});
        return;
    }
    if (step.strip != 0 || !step.add.empty())
        problems.push_back({path, "strip and add go with match-prefix; with match write replace"});
    const auto compiled = Regex::compile(*step.match);
    if (!compiled) {
        problems.push_back({pointer(path, "match"), quoted(*step.match) + " " + compiled.error()});
        return;
    }
    const auto pieces = GroupTemplate::parse(step.replace);
    if (!pieces)
        problems.push_back({pointer(path, "replace"), pieces.error()});
    else if (pieces->highest() > compiled->groups())
        problems.push_back({pointer(path, "replace"), "names the group \\" + std::to_string(pieces->highest()) +
                                                          ", and the expression has " +
                                                          std::to_string(compiled->groups())});
}

}  // namespace

std::string usual_header_name(std::string_view name) {
    if (same(name, kRequestUri)) return std::string(kRequestUri);
    for (const auto& c : kCompact)
        if (same(c.name, name)) return std::string(c.full);
    for (const auto& g : kGuarded)
        if (same(g.name, name)) return std::string(g.name);
    return std::string(name);
}

void check_header_rules(const Document& d, Problems& problems) {
    for (const DocHeaderRules& list : d.header_rules)
        for (std::size_t i = 0; i < list.rules.size(); ++i)
            RuleCheck(list.rules[i], pointer(list.path, i), problems).run();
}

void check_number_rules(const Document& d, Problems& problems) {
    for (const DocNumberRules& numbers : d.number_rules) {
        const auto each = [&](const std::vector<NumberStep>& steps, const char* key) {
            for (std::size_t i = 0; i < steps.size(); ++i)
                check_step(steps[i], pointer(pointer(numbers.path, key), i), problems);
        };
        each(numbers.rules.called, "called");
        each(numbers.rules.calling, "calling");
    }
}

}  // namespace sallyport::config
