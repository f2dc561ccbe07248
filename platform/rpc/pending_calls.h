#pragma once
// Our calls that wait for an answer: bounded, each with a deadline. Without a clock; the owner passes times.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "platform/base/time.h"
#include "platform/json/json.h"
#include "platform/os/unique_fd.h"
#include "platform/rpc/message.h"

namespace sallyport::rpc {

struct Reply {
    json::Value result;
    std::vector<os::UniqueFd> descriptors;
};
using Outcome = std::expected<Reply, Error>;
using Done = std::function<void(Outcome)>;

class PendingCalls {
public:
    explicit PendingCalls(std::size_t max) : max_(max) {}

    // The id of the new call; nullopt when the table is full, and `done` is untouched.
    std::optional<std::uint64_t> add(Instant deadline, Done& done);
    // What to tell; empty when no such call waits (late, or never made).
    Done take(std::uint64_t id);
    // The calls whose deadline has come, oldest first.
    std::vector<Done> take_expired(Instant now);
    std::vector<Done> take_all();
    Instant next_deadline() const;  // kNever when empty
    std::size_t size() const { return calls_.size(); }

private:
    struct Entry {
        Instant deadline;
        Done done;
    };
    std::size_t max_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Entry> calls_;
};

}  // namespace sallyport::rpc
