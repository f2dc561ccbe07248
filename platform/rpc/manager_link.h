#pragma once
// A process's connection to the manager: says `hello`, takes the view, serves the manager's calls, and comes
// back when the manager was restarted.
//
// The process goes on without a manager: only the first hello brings the view and the descriptors (on_view). When
// the connection ends, the link tries again after 50 ms, then with doubled pauses up to 1 s, and says in its
// hello which view it works with; a manager whose configuration (or version) has changed ends the process and
// starts it anew. on_connected is called after each successful hello, the first included (after on_view): what
// the manager must be told again after its own restart, such as `ports-ready`, is told there.
//
//     rpc::ManagerLink link(loop, {.runtime_dir = dir, .role = "dataplane", .version = kVersionText},
//                           {.on_view = ..., .on_connected = ..., .on_call = ...});
//     link.start();
//     loop.run();

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"
#include "platform/json/json.h"
#include "platform/os/event_loop.h"
#include "platform/os/unique_fd.h"
#include "platform/rpc/connection.h"

namespace sallyport::rpc {

inline constexpr const char* kProcessSocketName = "process.sock";  // in the runtime folder
inline constexpr const char* kManagerSocketName = "manager.sock";

// Names a view without showing it: 16 hex digits. The same text, the same digest.
std::string view_digest(const json::Value& view);

class ManagerLink {
public:
    struct Options {
        std::string runtime_dir;
        std::string role;  // "dataplane", "control"
        std::string version;
    };
    struct Handlers {
        // Once: the checked view, and for the dataplane one TAP per interface, in the order of the interfaces.
        std::function<void(const json::Value& view, std::vector<os::UniqueFd> descriptors)> on_view;
        std::function<void()> on_connected;  // may be empty
        std::function<void(Call call)> on_call;
        // The manager refused us (another version, another process has our role): log it and end.
        std::function<void(const std::string& reason)> on_refused;
    };

    ManagerLink(os::EventLoop& loop, Options options, Handlers handlers);
    ~ManagerLink();
    ManagerLink(const ManagerLink&) = delete;
    ManagerLink& operator=(const ManagerLink&) = delete;

    void start();
    bool connected() const { return connected_; }
    // Fails at once with kDisconnected while there is no manager.
    void call(std::string method, json::Value params, Duration timeout, Done done);

private:
    void connect(Instant now);
    void hello();
    void take_hello(Outcome outcome);
    void retry();

    os::EventLoop& loop_;
    Options options_;
    Handlers handlers_;
    std::shared_ptr<Connection> connection_;
    Timer timer_;
    Duration pause_;
    bool connected_ = false;
    std::string view_digest_;  // empty until the first view came
};

}  // namespace sallyport::rpc
