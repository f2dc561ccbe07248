#include "platform/json/json.h"

#include <memory>

#include <json/reader.h>
#include <json/writer.h>

namespace sallyport::json {

std::expected<Value, std::string> parse(std::string_view text) {
    Json::CharReaderBuilder builder;
    Json::CharReaderBuilder::strictMode(&builder.settings_);
    builder["strictRoot"] = false;
    builder["stackLimit"] = static_cast<int>(kMaxDepth);
    const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
    Value value;
    std::string errors;
    try {
        if (reader->parse(text.data(), text.data() + text.size(), &value, &errors)) return value;
    } catch (const Json::Exception& e) {  // stackLimit is reported this way
        errors = e.what();
    }
    while (!errors.empty() && (errors.back() == '\n' || errors.back() == ' ')) errors.pop_back();
    return std::unexpected(errors.empty() ? std::string("not a JSON document") : errors);
}

std::string write_line(const Value& value) {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "";
    builder["emitUTF8"] = true;
    return Json::writeString(builder, value);
}

std::string write_pretty(const Value& value) {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "  ";
    builder["emitUTF8"] = true;
    return Json::writeString(builder, value) + "\n";
}

}  // namespace sallyport::json
