#include "platform/config/schema_check.h"

#include <cstddef>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <valijson/adapters/jsoncpp_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "platform/config/effective.h"

namespace sallyport::config {

namespace {

using json::Value;

// A folder holds objects by name: its only pattern is that of the names. Valijson stops at the first of its objects
// that fails, and compiles the pattern for each document. So it gets the objects without a pattern, and the names are
// ours.
void set_names_free(Value& node) {
    if (node.isMember("patternProperties")) {
        node["additionalProperties"] = *node["patternProperties"].begin();
        node.removeMember("patternProperties");
    }
    for (Value& member : node)
        if (member.isObject()) set_names_free(member);
}

}  // namespace

struct SchemaCheck::Compiled {
    Compiled() : document(json::parse(schema_text()).value()) {  // built in: a broken one throws in every test
        Value to_compile = document;
        set_names_free(to_compile);
        valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
        parser.populateSchema(valijson::adapters::JsonCppAdapter(to_compile), schema);
        const Value& properties = document["properties"];
        for (const std::string& key : properties.getMemberNames()) {
            if (!properties[key].isMember("patternProperties")) continue;
            folders.emplace(key, std::regex(properties[key]["patternProperties"].getMemberNames().at(0)));
        }
    }
    Value document;
    valijson::Schema schema;
    valijson::Validator validator;              // keeps the patterns of values
    std::map<std::string, std::regex> folders;  // what their names look like
};

namespace {

std::string kind_of(const Value& v) {
    if (v.isNull()) return "null";
    if (v.isBool()) return v.asBool() ? "true" : "false";
    if (v.isString()) return quoted(v.asString());
    if (v.isNumeric()) return json::write_line(v);
    if (v.isArray()) return "a list";
    return "an object";
}

std::string right(const Value& node) { return "; it must be " + node["description"].asString(); }

bool has_type(const Value& v, const std::string& type) {
    if (type == "object") return v.isObject();
    if (type == "array") return v.isArray();
    if (type == "string") return v.isString();
    if (type == "boolean") return v.isBool();
    return v.isIntegral();
}

void word_object(const Value& node, const Value& v, const std::string& path, Problems& problems) {
    const Value& properties = node["properties"];
    for (const std::string& key : v.getMemberNames()) {
        if (properties.isMember(key)) continue;
        if (node.isMember("additionalProperties") && !node.isMember("patternProperties"))
            problems.push_back(
                {pointer(path, key), "there is no such key" + suggestion(key, properties.getMemberNames())});
    }
    for (const Value& key : node["required"]) {
        const std::string name = key.asString();
        if (!v.isMember(name))
            problems.push_back(
                {path, "the key " + quoted(name) + " is missing: " + properties[name]["description"].asString()});
    }
    if (v.size() < node.get("minProperties", 0).asUInt()) problems.push_back({path, "is empty" + right(node)});
    if (node.isMember("maxProperties") && v.size() > node["maxProperties"].asUInt())
        problems.push_back({path, "has " + std::to_string(v.size()) + " entries, at most " +
                                      node["maxProperties"].asString() + " are possible" + right(node)});
}

void word_list(const Value& node, const Value& v, const std::string& path, Problems& problems) {
    if (v.size() < node.get("minItems", 0).asUInt()) problems.push_back({path, "is empty" + right(node)});
    if (node.isMember("maxItems") && v.size() > node["maxItems"].asUInt())
        problems.push_back({path, "has " + std::to_string(v.size()) + " entries, at most " +
                                      node["maxItems"].asString() + " are possible" + right(node)});
    if (!node["uniqueItems"].asBool()) return;
    std::set<Value> seen;
    for (Json::ArrayIndex i = 0; i < v.size(); ++i)
        if (!seen.insert(v[i]).second) problems.push_back({pointer(path, i), kind_of(v[i]) + " stands here twice"});
}

// What is wrong at this place itself, not below it. A plain value is only asked about when it failed.
void word_node(const Value& node, const Value& v, const std::string& path, Problems& problems) {
    if (node.isMember("enum")) {
        for (const Value& allowed : node["enum"])
            if (allowed == v) return;
        std::string text = kind_of(v) + " is not possible" + right(node);
        if (v.isString()) {
            std::vector<std::string> names;
            for (const Value& allowed : node["enum"]) names.push_back(allowed.asString());
            if (const auto near = nearest(v.asString(), names); !near.empty())
                text += "; did you mean " + quoted(near) + "?";
        }
        problems.push_back({path, text});
    } else if (v.isObject() && has_type(v, node["type"].asString())) {
        word_object(node, v, path, problems);
    } else if (v.isArray() && has_type(v, node["type"].asString())) {
        word_list(node, v, path, problems);
    } else {
        problems.push_back({path, kind_of(v) + " is not possible" + right(node)});  // type, range, length, pattern
    }
}

// "<root>", "[trunks]", "[pbx]", "[peers]", "[0]": the steps from the root.
std::vector<std::string> steps_of(const std::vector<std::string>& context) {
    std::vector<std::string> steps;
    for (const std::string& c : context)
        if (c.size() >= 2 && c.front() == '[') steps.push_back(c.substr(1, c.size() - 2));
    return steps;
}

void word_place(const Value& schema, const Value& document, const std::vector<std::string>& steps, Problems& problems) {
    const Value* node = &schema;
    const Value* v = &document;
    std::string path;
    for (const std::string& step : steps) {
        if (v->isArray()) {
            v = &(*v)[static_cast<Json::ArrayIndex>(std::stoul(step))];
            node = &(*node)["items"];
        } else {
            v = &(*v)[step];
            const Value& patterns = (*node)["patternProperties"];
            node = patterns.isObject() ? &*patterns.begin() : &(*node)["properties"][step];
        }
        path = pointer(path, step);
    }
    word_node(*node, *v, path, problems);
}

// std::regex, which applies the patterns, descends once per character: a long text would overflow the stack.
void find_long_texts(const Value& v, const std::string& path, Problems& problems) {
    constexpr std::size_t kLongest = 1024;
    const auto too_long = [&](const std::string& text) {
        if (text.size() > kLongest)
            problems.push_back({path, quoted(text) + " is longer than " + std::to_string(kLongest) + " bytes"});
        return text.size() > kLongest;
    };
    if (v.isString()) too_long(v.asString());
    if (v.isObject())
        for (const std::string& key : v.getMemberNames())
            if (!too_long(key)) find_long_texts(v[key], pointer(path, key), problems);
    for (Json::ArrayIndex i = 0; v.isArray() && i < v.size(); ++i) find_long_texts(v[i], pointer(path, i), problems);
}

void word_names(const Value& node, const Value& folder, const std::regex& pattern, const std::string& path,
                Problems& problems) {
    for (const std::string& name : folder.getMemberNames())
        if (!std::regex_search(name, pattern))
            problems.push_back(
                {pointer(path, name), quoted(name) + " cannot be a name; it must be " + node["x-names"].asString()});
}

}  // namespace

SchemaCheck::SchemaCheck() : compiled_(std::make_unique<Compiled>()) {}

SchemaCheck::~SchemaCheck() = default;

void SchemaCheck::check(const json::Value& document, Problems& problems) {
    const std::size_t before = problems.size();
    find_long_texts(document, "", problems);
    if (problems.size() != before) return;

    for (const auto& [key, pattern] : compiled_->folders)
        if (document.isObject() && document[key].isObject())
            word_names(compiled_->document["properties"][key], document[key], pattern, pointer("", key), problems);

    valijson::ValidationResults results;
    if (compiled_->validator.validate(compiled_->schema, valijson::adapters::JsonCppAdapter(document), &results))
        return;

    std::set<std::vector<std::string>> places;
    std::string last;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
        places.insert(steps_of(error.context));
        last = error.description;
    }
    // A value fails at its own place; the places around it fail because of it, and word_node() finds nothing
    // wrong there of their own.
    for (const auto& place : places) word_place(compiled_->document, document, place, problems);
    if (problems.size() == before) problems.push_back({"", "does not fit the schema: " + last});
}

}  // namespace sallyport::config
