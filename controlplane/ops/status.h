#pragma once
// What the operator sees of the control plane, as JSON in the shapes of docs/status-json.md. Read-only: copies
// from the engine, quality from the dataplane's counters page.

#include <cstddef>
#include <optional>
#include <string_view>

#include "controlplane/call/engine.h"
#include "controlplane/call/intake.h"
#include "controlplane/net/dataplane_session.h"
#include "controlplane/net/stream_transport.h"
#include "controlplane/net/stun_keepalive.h"
#include "controlplane/net/udp_transport.h"
#include "controlplane/ops/certificates.h"
#include "controlplane/ops/cost_meter.h"
#include "controlplane/store/call_store.h"
#include "platform/base/time.h"
#include "platform/config/views.h"
#include "platform/json/json.h"
#include "platform/wire/counters_page.h"

namespace sallyport::ops {

inline constexpr std::size_t kMaxCallsShown = 1000;
// Callers choose how long their names are; an answer above 1 MiB would be none (platform/rpc).
inline constexpr std::size_t kMaxCallsBytes = std::size_t{768} * 1024;

// What the SIP thread's work costs.
struct Costs {
    explicit Costs(const CostMeter::Clocks& clocks) : datagram(clocks), turn_end(clocks) {}
    CostMeter datagram;  // from parse to the end of its handling
    CostMeter turn_end;  // timers, flow events, saves, sends and records of all that came in one turn
};

// What there is to look at. `page` may be nullptr: no session with the dataplane.
struct Sight {
    const config::ControlView& view;
    const call::Engine& engine;
    const wire::CountersReader* page = nullptr;
    Now now;
};

json::Value calls(const Sight& sight);
// nullopt: there is no such call.
std::optional<json::Value> call(const Sight& sight, std::string_view id);
json::Value trunks(const Sight& sight);

// What counts.
struct Parts {
    const call::Engine& engine;
    const call::Intake& intake;
    const net::UdpTransport& transport;
    const net::StunKeepAlive& stun;
    const net::StreamTransport& streams;
    const Certificates& certificates;
    const net::DataplaneSession& session;
    const store::CallStore& store;
    const Costs& costs;
};
json::Value counters(const Parts& parts, const Now& now);

}  // namespace sallyport::ops
