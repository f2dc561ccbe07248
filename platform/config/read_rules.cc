#include "platform/config/fields.h"

namespace sallyport::config {

namespace {

std::vector<std::string> read_texts(const Value& v) {
    std::vector<std::string> out;
    for (Json::ArrayIndex i = 0; v.isArray() && i < v.size(); ++i)
        if (v[i].isString()) out.push_back(v[i].asString());
    return out;
}

std::vector<Reference> read_references(const Fields& f, const char* key) {
    std::vector<Reference> out;
    const Value& v = f.value(key);
    for (Json::ArrayIndex i = 0; v.isArray() && i < v.size(); ++i)
        if (v[i].isString()) out.push_back({v[i].asString(), pointer(f.at(key), i), std::nullopt});
    return out;
}

RuleAction read_action(const std::optional<std::string>& text) {
    if (text == "add") return RuleAction::kAdd;
    if (text == "set") return RuleAction::kSet;
    if (text == "rewrite") return RuleAction::kRewrite;
    return RuleAction::kRemove;
}

RulePart read_part(const std::optional<std::string>& text) {
    if (text == "uri") return RulePart::kUri;
    if (text == "uri-user") return RulePart::kUriUser;
    if (text == "uri-host") return RulePart::kUriHost;
    if (text == "display-name") return RulePart::kDisplayName;
    if (text == "parameter") return RulePart::kParameter;
    return RulePart::kValue;
}

HeaderRule read_rule(const Fields& f) {
    HeaderRule out;
    out.header = usual_header_name(f.text("header").value_or(""));
    out.action = read_action(f.text("action"));
    out.part = read_part(f.text("part"));
    out.parameter = f.text("parameter").value_or("");
    out.match = f.text("match");
    out.value = f.text("value").value_or("");
    const auto on = f.text("on");
    out.on = on == "request" ? RuleOn::kRequest : on == "response" ? RuleOn::kResponse : RuleOn::kBoth;
    out.methods = read_texts(f.value("methods"));
    out.codes = read_texts(f.value("codes"));
    if (f.has("if")) {
        const Fields other(f.value("if"), f.at("if"), f.problems());
        out.condition = RuleCondition{usual_header_name(other.text("header").value_or("")), other.text("match"),
                                      other.flag("not", false)};
    }
    return out;
}

std::vector<NumberStep> read_steps(const Fields& f, const char* key) {
    std::vector<NumberStep> out;
    const Value& steps = f.value(key);
    for (Json::ArrayIndex i = 0; steps.isArray() && i < steps.size(); ++i) {
        const Fields step(steps[i], pointer(f.at(key), i), f.problems());
        out.push_back({step.text("match-prefix"), step.plain_number<std::uint8_t>("strip", 0),
                       step.text("add").value_or(""), step.text("match"), step.text("replace").value_or(""),
                       read_texts(step.value("in"))});
    }
    return out;
}

}  // namespace

DocRulesInUse read_rules_in_use(const Fields& f) {
    return {read_references(f, "inbound-rules"), read_references(f, "outbound-rules"),
            read_references(f, "inbound-numbers"), read_references(f, "outbound-numbers")};
}

DocHeaderRules read_header_rules(const std::string& name, const Value& list, const std::string& path,
                                 Problems& problems) {
    DocHeaderRules out{name, path, {}};
    for (Json::ArrayIndex i = 0; list.isArray() && i < list.size(); ++i)
        out.rules.push_back(read_rule(Fields(list[i], pointer(path, i), problems)));
    return out;
}

DocNumberRules read_number_rules(const std::string& name, const Fields& f) {
    return {name,
            f.path(),
            {name, read_steps(f, "called"), read_steps(f, "calling"), f.text("phone-context").value_or("")}};
}

}  // namespace sallyport::config
