#pragma once
// JSON-RPC 2.0 messages as values: what a line means, and the line for what we mean. Sans-IO. Any line may
// arrive; a bad one is an Error. Batches (arrays) are not part of this dialect.
//
// An extension: a result that brings file descriptors says how many in a member "descriptors" beside "result",
// and they ride on the first byte of its line (SCM_RIGHTS).

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "platform/json/json.h"

namespace sallyport::rpc {

inline constexpr std::size_t kMaxLine = 1U << 20;  // a message with its newline
inline constexpr std::size_t kMaxMethod = 64;

enum ErrorCode : int {
    kParseError = -32700,
    kInvalidRequest = -32600,
    kMethodNotFound = -32601,
    kInvalidParams = -32602,
    kInternalError = -32603,
    kNotRunning = -32001,    // the process that knows is not running; data: {process, since-ms}
    kTimeout = -32002,       // made by the caller's own side: no answer in time
    kDisconnected = -32003,  // made by the caller's own side: the connection ended first
    kOverloaded = -32004,    // too many calls are outstanding, or the answer is longer than a message may be
    kNotFound = -32005,      // the thing asked for does not exist (a call's id)
    kRefused = -32006,       // the caller may not, or may not now
};

struct Error {
    int code = kInternalError;
    std::string message;  // one line for people
    json::Value data;     // null, or an object
};

struct Request {
    std::uint64_t id = 0;
    bool notification = false;  // no id: no answer is wanted
    std::string method;
    json::Value params;  // an object; absent params are {}
};
struct Response {
    std::uint64_t id = 0;
    bool for_unknown = false;  // "id": null: the other side could not read what we sent
    std::expected<json::Value, Error> outcome;
    std::uint32_t descriptors = 0;
};
using Message = std::variant<Request, Response>;

// The id to answer a bad line with, if it had one of ours (a number 0 to 2^53).
struct BadMessage {
    Error error;
    std::optional<std::uint64_t> id;
};
std::expected<Message, BadMessage> parse_message(std::string_view line);

// Lines without newline.
std::string write_request(const Request& request);
std::string write_result(std::uint64_t id, const json::Value& result, std::uint32_t descriptors);
std::string write_error(std::optional<std::uint64_t> id, const Error& error);

}  // namespace sallyport::rpc
