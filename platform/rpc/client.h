#pragma once
// A blocking JSON-RPC client for one-shot programs such as the CLI.

#include <expected>
#include <string>

#include "platform/base/time.h"
#include "platform/json/json.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"
#include "platform/rpc/message.h"

namespace sallyport::rpc {

class Client {
public:
    // kNotRunning, kRefused when this user may not, or kOverloaded; the message says what to do.
    static std::expected<Client, Error> connect(const std::string& path);
    // Waits at most `timeout` for the answer.
    std::expected<json::Value, Error> call(const std::string& method, const json::Value& params, Duration timeout);

private:
    explicit Client(os::UniqueFd fd) : fd_(std::move(fd)) {}
    os::UniqueFd fd_;
    std::uint64_t next_id_ = 1;
};

}  // namespace sallyport::rpc
