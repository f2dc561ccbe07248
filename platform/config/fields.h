#pragma once
// One object of the document as its readers see it.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/config/document.h"
#include "platform/json/json.h"

namespace sallyport::config {

using json::Value;

// One object of the document. A getter gives the default when the key is absent, and nullopt when it is
// there and not of the right kind.
class Fields {
public:
    Fields(const Value& object, std::string path, Problems& problems)
        : object_(object.isObject() ? object : Value::nullSingleton()), path_(std::move(path)), problems_(problems) {}

    const std::string& path() const { return path_; }
    std::string at(const char* key) const { return pointer(path_, key); }
    bool has(const char* key) const { return object_.isObject() && object_.isMember(key); }
    const Value& value(const char* key) const { return has(key) ? object_[key] : Value::nullSingleton(); }
    Problems& problems() const { return problems_; }

    std::optional<std::string> text(const char* key) const {
        const Value& v = value(key);
        return v.isString() ? std::optional(v.asString()) : std::nullopt;
    }
    template <typename T>
    std::optional<T> number(const char* key, T otherwise) const {
        if (!has(key)) return otherwise;
        const Value& v = value(key);
        if (!v.isUInt64() || v.asUInt64() > std::numeric_limits<T>::max()) return std::nullopt;
        return static_cast<T>(v.asUInt64());
    }
    template <typename T>
    T plain_number(const char* key, T otherwise) const {
        return number<T>(key, otherwise).value_or(otherwise);
    }
    bool flag(const char* key, bool otherwise) const {
        const Value& v = value(key);
        return v.isBool() ? v.asBool() : otherwise;
    }
    std::optional<Reference> reference(const char* key, const std::string* otherwise = nullptr) const {
        if (!has(key)) {
            if (otherwise == nullptr) return std::nullopt;
            return Reference{*otherwise, path_, std::nullopt};
        }
        auto name = text(key);
        if (!name) return std::nullopt;
        return Reference{std::move(*name), at(key), std::nullopt};
    }

private:
    const Value& object_;
    std::string path_;
    Problems& problems_;
};

// read_rules.cc
DocRulesInUse read_rules_in_use(const Fields& realm_or_trunk);
DocHeaderRules read_header_rules(const std::string& name, const Value& list, const std::string& path,
                                 Problems& problems);
DocNumberRules read_number_rules(const std::string& name, const Fields& rules);

}  // namespace sallyport::config
