#include "tools/cli/fields.h"

#include "tools/cli/units.h"

namespace sallyport::cli {

const json::Value& field(const json::Value& object, std::string_view key) {
    static const json::Value kNothing;
    if (!object.isObject()) return kNothing;
    const auto* found = object.find(key.data(), key.data() + key.size());
    return found != nullptr ? *found : kNothing;
}

bool has(const json::Value& object, std::string_view key) { return !field(object, key).isNull(); }

std::string text_field(const json::Value& object, std::string_view key) {
    const auto& value = field(object, key);
    if (value.isString()) return value.asString().empty() ? "-" : value.asString();
    if (value.isIntegral()) return value.asString();
    return "-";
}

std::uint64_t number_field(const json::Value& object, std::string_view key) {
    const auto& value = field(object, key);
    return value.isUInt64() ? value.asUInt64() : 0;
}

bool bool_field(const json::Value& object, std::string_view key) {
    const auto& value = field(object, key);
    return value.isBool() && value.asBool();
}

std::vector<json::Value> list_field(const json::Value& object, std::string_view key) {
    const auto& value = field(object, key);
    if (!value.isArray()) return {};
    return {value.begin(), value.end()};
}

std::string joined_field(const json::Value& object, std::string_view key, std::string_view separator) {
    std::string out;
    for (const auto& value : list_field(object, key)) {
        if (!value.isString()) continue;
        if (!out.empty()) out += separator;
        out += value.asString();
    }
    return out.empty() ? "-" : out;
}

std::string count_field(const json::Value& object, std::string_view key) {
    return field(object, key).isUInt64() ? count(number_field(object, key)) : "-";
}
std::string bytes_field(const json::Value& object, std::string_view key) {
    return field(object, key).isUInt64() ? bytes(number_field(object, key)) : "-";
}
std::string duration_field(const json::Value& object, std::string_view key) {
    return field(object, key).isInt64() ? duration(field(object, key).asInt64()) : "-";
}
std::string millis_field(const json::Value& object, std::string_view key) {
    return field(object, key).isUInt64() ? milliseconds(number_field(object, key)) : "-";
}

}  // namespace sallyport::cli
