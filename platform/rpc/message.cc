#include "platform/rpc/message.h"

namespace sallyport::rpc {
namespace {

constexpr std::uint64_t kMaxId = 1ULL << 53;  // beyond it a JSON number is not exact everywhere (RFC 8259 §6)

std::optional<std::uint64_t> id_of(const json::Value& value) {
    if (!value.isUInt64() || value.asUInt64() > kMaxId) return std::nullopt;
    return value.asUInt64();
}

std::unexpected<BadMessage> bad(int code, std::string message, std::optional<std::uint64_t> id = std::nullopt) {
    return std::unexpected(BadMessage{.error = {.code = code, .message = std::move(message), .data = {}}, .id = id});
}

std::expected<Message, BadMessage> parse_request(const json::Value& object) {
    Request out;
    out.notification = !object.isMember("id");
    std::optional<std::uint64_t> id;
    if (!out.notification) {
        id = id_of(object["id"]);
        if (!id) return bad(kInvalidRequest, "id: must be a whole number from 0 to 2^53");
        out.id = *id;
    }
    const auto& method = object["method"];
    if (!method.isString() || method.asString().empty() || method.asString().size() > kMaxMethod) {
        return bad(kInvalidRequest, "method: must be a name of 1 to 64 characters", id);
    }
    out.method = method.asString();
    out.params = json::Value(Json::objectValue);
    if (object.isMember("params")) {
        if (!object["params"].isObject()) return bad(kInvalidParams, "params: must be an object", id);
        out.params = object["params"];
    }
    return out;
}

std::expected<Message, BadMessage> parse_response(const json::Value& object) {
    Response out;
    const auto& id = object["id"];
    if (id.isNull()) {
        out.for_unknown = true;
    } else if (const auto number = id_of(id)) {
        out.id = *number;
    } else {
        return bad(kInvalidRequest, "id: must be a whole number from 0 to 2^53, or null");
    }
    if (object.isMember("descriptors")) {
        const auto& count = object["descriptors"];
        if (!count.isUInt() || count.asUInt() > 253) return bad(kInvalidRequest, "descriptors: must be 0 to 253");
        out.descriptors = count.asUInt();
    }
    if (object.isMember("result")) {
        if (object.isMember("error")) return bad(kInvalidRequest, "a response has a result or an error, not both");
        out.outcome = object["result"];
        return out;
    }
    const auto& error = object["error"];
    if (!error.isObject() || !error["code"].isInt() || !error["message"].isString()) {
        return bad(kInvalidRequest, "error: must have a whole number `code` and a text `message`");
    }
    out.outcome = std::unexpected(
        Error{.code = error["code"].asInt(), .message = error["message"].asString(), .data = error["data"]});
    return out;
}

}  // namespace

std::expected<Message, BadMessage> parse_message(std::string_view line) {
    auto parsed = json::parse(line);
    if (!parsed) return bad(kParseError, "not JSON: " + parsed.error());
    const json::Value& object = *parsed;
    if (!object.isObject()) return bad(kInvalidRequest, "a message must be one object");
    if (object["jsonrpc"] != "2.0") return bad(kInvalidRequest, "jsonrpc: must be \"2.0\"");
    if (object.isMember("method")) return parse_request(object);
    if (object.isMember("result") || object.isMember("error")) return parse_response(object);
    return bad(kInvalidRequest, "a message has a method, a result or an error");
}

std::string write_request(const Request& request) {
    json::Value object(Json::objectValue);
    object["jsonrpc"] = "2.0";
    if (!request.notification) object["id"] = Json::UInt64{request.id};
    object["method"] = request.method;
    object["params"] = request.params;
    return json::write_line(object);
}

std::string write_result(std::uint64_t id, const json::Value& result, std::uint32_t descriptors) {
    json::Value object(Json::objectValue);
    object["jsonrpc"] = "2.0";
    object["id"] = Json::UInt64{id};
    object["result"] = result;
    if (descriptors > 0) object["descriptors"] = descriptors;
    return json::write_line(object);
}

std::string write_error(std::optional<std::uint64_t> id, const Error& error) {
    json::Value object(Json::objectValue);
    object["jsonrpc"] = "2.0";
    object["id"] = id ? json::Value(Json::UInt64{*id}) : json::Value();
    object["error"]["code"] = error.code;
    object["error"]["message"] = error.message;
    if (!error.data.isNull()) object["error"]["data"] = error.data;
    return json::write_line(object);
}

}  // namespace sallyport::rpc
