#include "platform/json/json.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include <json/reader.h>
#include <json/writer.h>

#include "platform/json/utf8.h"

namespace sallyport::json {

namespace {

// "* Line 3, Column 5\n  Missing ',' ..." (and more, that follow from the first) becomes "line 3, column 5: ...".
std::string one_line(std::string_view errors) {
    const std::size_t second = errors.find("\n* ");
    std::string out;
    for (const char c : errors.substr(0, second)) {
        if (c != '\n') {
            if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
        } else if (!out.empty()) {
            out += out.back() == '.' ? " " : ": ";
        }
    }
    while (!out.empty() && (out.back() == ' ' || out.back() == ':')) out.pop_back();
    if (out.starts_with("* Line ")) out.replace(0, 3, "l");
    if (const auto at = out.find(", Column "); at != std::string::npos) out[at + 2] = 'c';
    return out;
}

// Where `text` ceases to be UTF-8; its size if it does not.
std::size_t end_of_utf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

// As jsoncpp words it.
std::string place_of(std::string_view text, std::size_t at) {
    const auto before = text.substr(0, at);
    const auto line = std::ranges::count(before, '\n') + 1;
    const auto column = at - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// Text of a peer may be any bytes; JSON is UTF-8 (RFC 8259 §8.1). What is not becomes U+FFFD. Outside of strings
// all is ASCII, so this may look at the whole.
std::string make_utf8(std::string text) {
    std::size_t at = end_of_utf8(text);
    if (at == text.size()) return text;
    std::string out(text, 0, at);
    while (at < text.size()) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0)
            out += kReplacement;
        else
            out.append(text, at, length);
        at += length == 0 ? 1 : length;
    }
    return out;
}

// Builders hold their settings as JSON, which takes longer to make than to write a short text: each is made once.
Json::CharReaderBuilder strict_reader() {
    Json::CharReaderBuilder builder;
    Json::CharReaderBuilder::strictMode(&builder.settings_);
    builder["strictRoot"] = false;
    builder["stackLimit"] = static_cast<int>(kMaxDepth);
    return builder;
}

Json::StreamWriterBuilder utf8_writer(const char* indentation) {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = indentation;
    builder["enableYAMLCompatibility"] = *indentation != '\0';  // "key": value, without a space before the colon
    builder["emitUTF8"] = true;
    return builder;
}

const auto kReader = strict_reader();
const auto kLineWriter = utf8_writer("");
const auto kPrettyWriter = utf8_writer("  ");

}  // namespace

std::expected<Value, std::string> parse(std::string_view text) {
    if (const auto at = end_of_utf8(text); at < text.size()) return std::unexpected(place_of(text, at) + ": not UTF-8");
    const std::unique_ptr<Json::CharReader> reader(kReader.newCharReader());
    Value value;
    std::string errors;
    try {
        if (reader->parse(text.data(), text.data() + text.size(), &value, &errors)) return value;
    } catch (const Json::Exception& e) {  // stackLimit is reported this way
        errors = e.what();
    }
    return std::unexpected(errors.empty() ? std::string("not a JSON document") : one_line(errors));
}

std::string write_line(const Value& value) { return make_utf8(Json::writeString(kLineWriter, value)); }

std::string write_pretty(const Value& value) { return make_utf8(Json::writeString(kPrettyWriter, value)) + "\n"; }

}  // namespace sallyport::json
