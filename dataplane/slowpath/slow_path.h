#pragma once
// The slow-path thread's work, on the main thread's event loop: commands and events, TAPs, netlink, the
// counters page, and what `show` asks. It sleeps when there is nothing to do; workers, the kernel and the
// control plane wake it.

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/flow/command_service.h"
#include "dataplane/flow/watch.h"
#include "dataplane/slowpath/next_hop_mirror.h"
#include "dataplane/slowpath/panel.h"
#include "dataplane/slowpath/session.h"
#include "dataplane/slowpath/tap_bridge.h"
#include "platform/config/views.h"
#include "platform/json/json.h"
#include "platform/os/event_loop.h"
#include "platform/os/log.h"
#include "platform/os/netlink_monitor.h"
#include "platform/os/privileges.h"
#include "platform/os/shared_memory.h"
#include "platform/wire/counters_page.h"

namespace sallyport::slowpath {

flow::FlowConfig flow_config(const config::DataplaneView& view, std::uint32_t workers);

class SlowPath {
public:
    struct Setup {
        const config::DataplaneView& view;
        const packet::Interfaces& interfaces;
        std::vector<std::uint16_t> port_of_interface;  // index into Panel::ports()
        std::string runtime_dir;
        uid_t control_uid = 0;
        std::span<const os::KeptCapability> privileges;  // for `show`
        std::string_view user_reason;                    // why it stays root
    };

    SlowPath(os::EventLoop& loop, Setup setup, flow::FlowTable& table, flow::Epochs& epochs,
             flow::PublishedNextHops& next_hops, FrameIo& io, Panel& panel);
    ~SlowPath();
    SlowPath(const SlowPath&) = delete;
    SlowPath& operator=(const SlowPath&) = delete;

    // Makes the counters page, opens netlink and dataplane.sock. The error is one line for the operator.
    os::Result<void> start(std::vector<os::UniqueFd> taps);

    // The answers of docs/status-json.md; nullopt: no such method.
    std::optional<json::Value> show(const std::string& method);

private:
    Instant turn(const Now& now);
    Instant next_turn(const Now& now, bool more);
    void watch_flows(Instant now);
    void update_page();
    void note_netlink(const os::Result<bool>& read);
    void count_drop(wire::DropReason reason) { ++drops_[static_cast<std::size_t>(reason)]; }
    std::uint64_t drops(wire::DropReason reason) {
        return drops_[static_cast<std::size_t>(reason)] + panel_.drops(reason);
    }
    json::Value show_dataplane();
    json::Value show_flows();
    json::Value show_counters();

    os::EventLoop& loop_;
    Setup setup_;
    flow::FlowTable& table_;
    flow::Epochs& epochs_;
    flow::PublishedNextHops& next_hops_;
    FrameIo& io_;
    Panel& panel_;
    flow::CommandService service_;
    std::array<std::uint64_t, wire::kDropReasons> drops_{};
    os::Mapping page_memory_;
    os::UniqueFd page_read_only_;
    std::optional<wire::CountersWriter> page_;
    std::optional<flow::FlowWatch> watch_;
    std::optional<NextHopMirror> mirror_;
    std::optional<os::NetlinkMonitor> monitor_;
    log::LogLimit netlink_log_limit_{1};
    std::optional<TapBridge> bridge_;
    std::optional<Session> session_;
    Instant started_{};
    Instant watch_due_{};
    Instant page_due_{};
    std::vector<std::uint64_t> busy_before_ns_;  // by worker, for the percentage since the last `show`
    Instant busy_before_{};
};

}  // namespace sallyport::slowpath
