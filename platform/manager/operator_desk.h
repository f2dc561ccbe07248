#pragma once
// What the manager says to the CLI on manager.sock: `show` and `reload`. It knows the processes and their state; what
// they know it asks them, and passes the answer through.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "platform/json/json.h"
#include "platform/manager/supervised_process.h"
#include "platform/rpc/connection.h"

namespace sallyport::manager {

class OperatorDesk {
public:
    // `counters`: the manager's own, as entries of `show counters` (docs/status-json.md).
    OperatorDesk(os::EventLoop& loop, SupervisedProcess& dataplane, SupervisedProcess& control,
                 std::function<json::Value()> counters);

    void take(rpc::Call call);
    std::uint64_t calls() const { return calls_; }

private:
    void show_version(rpc::Call call) const;
    void show_counters(rpc::Call call);
    void reload(rpc::Call call);
    // Asks `process`, and words its absence.
    static void ask(SupervisedProcess& process, std::string method, json::Value params, rpc::Done done);

    os::EventLoop& loop_;
    SupervisedProcess& dataplane_;
    SupervisedProcess& control_;
    std::function<json::Value()> counters_;
    Instant started_;
    std::uint64_t calls_ = 0;
};

// One entry of a list of counters.
json::Value counter(std::string_view name, std::uint64_t value, std::string_view help);

}  // namespace sallyport::manager
