// The answers of docs/status-json.md.
#include <unistd.h>

#include <fmt/core.h>

#include "dataplane/slowpath/slow_path.h"
#include "platform/os/mac_address.h"

namespace sallyport::slowpath {
namespace {

constexpr std::uint32_t kFlowLimit = 500;

Json::UInt64 number(std::uint64_t v) { return v; }

Json::UInt64 ms(Duration d) {
    return static_cast<Json::UInt64>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

std::string mac_text(const packet::Mac& mac) { return os::MacAddress{mac}.text(); }

const char* state_name(Neighbours::State state) {
    switch (state) {
        case Neighbours::State::kResolved: return "resolved";
        case Neighbours::State::kProbing: return "probing";
        case Neighbours::State::kUnresolved: return "unresolved";
    }
    return "unresolved";
}

}  // namespace

std::optional<json::Value> SlowPath::show(const std::string& method) {
    if (method == "show-dataplane") return show_dataplane();
    if (method == "show-flows") return show_flows();
    if (method == "show-counters") return show_counters();
    return std::nullopt;
}

json::Value SlowPath::show_dataplane() {
    const auto now = loop_.now().instant;
    json::Value out;
    out["uptime-ms"] = ms(now - started_);
    const auto& session = session_->status();
    out["session"]["attached"] = session.attached;
    if (session.attached) {
        out["session"]["number"] = number(session.number);
        out["session"]["since-ms"] = ms(now - session.since);
    }
    out["flows"]["installed"] = table_.installed();
    out["flows"]["max"] = table_.max_flows();
    out["flows"]["staged"] = service_.staged();

    // One line per interface: interfaces that share a port by VLAN show the same figures of the port.
    const auto ports = panel_.ports();
    auto& list = out["ports"] = json::Value(Json::arrayValue);
    for (std::uint16_t i = 0; i < setup_.interfaces.size(); ++i) {
        const auto& port = ports[setup_.port_of_interface[i]];
        const auto& tap = bridge_->counters(i);
        json::Value p;
        p["interface"] = setup_.view.interfaces[i].name;
        p["port"] = port.name;
        p["vlan"] = setup_.interfaces[i].vlan;
        p["mac"] = mac_text(port.mac);
        p["link"] = port.link_up ? "up" : "down";
        if (port.speed_mbps != 0) p["speed-mbps"] = port.speed_mbps;
        p["queues"] = port.queues;
        p["rx-packets"] = number(port.rx_packets);
        p["rx-bytes"] = number(port.rx_bytes);
        p["tx-packets"] = number(port.tx_packets);
        p["tx-bytes"] = number(port.tx_bytes);
        p["rx-missed"] = number(port.rx_missed);
        p["rx-errors"] = number(port.rx_errors);
        p["tx-errors"] = number(port.tx_errors);
        p["tx-unsent"] = number(port.tx_unsent);
        p["tap-in"] = number(tap.from_kernel);
        p["tap-out"] = number(tap.to_kernel);
        p["tap-dropped"] = number(tap.dropped);
        list.append(std::move(p));
    }

    const auto workers = panel_.workers();
    const auto since = static_cast<std::uint64_t>(std::max<Duration::rep>(1, (now - busy_before_).count()));
    busy_before_ns_.resize(workers.size());
    auto& worker_list = out["workers"] = json::Value(Json::arrayValue);
    for (std::size_t w = 0; w < workers.size(); ++w) {
        json::Value entry;
        entry["core"] = workers[w].core;
        entry["lcore"] = workers[w].lcore;
        entry["busy-percent"] =
            number(std::min<std::uint64_t>(100, (workers[w].busy_ns - busy_before_ns_[w]) * 100 / since));
        entry["dozing"] = workers[w].dozing;
        entry["bursts"] = number(workers[w].bursts);
        entry["packets"] = number(workers[w].packets);
        busy_before_ns_[w] = workers[w].busy_ns;
        worker_list.append(std::move(entry));
    }
    busy_before_ = now;

    const auto memory = panel_.memory();
    out["memory"]["mbufs"] = memory.mbufs;
    out["memory"]["mbufs-free"] = memory.mbufs_free;
    out["memory"]["huge-pages"] = memory.huge_pages;
    const auto& neighbours = mirror_->neighbours();
    out["next-hops"]["known"] = number(neighbours.known());
    out["next-hops"]["resolved"] = number(neighbours.known_with_mac());
    out["next-hops"]["probes"] = number(neighbours.probes());
    out["next-hops"]["waiting-packets"] = number(neighbours.waiting());
    auto& privileges = out["privileges"] = json::Value(Json::arrayValue);
    const auto keeps = [&privileges](const std::string& name, std::string_view reason) {
        json::Value entry;
        entry["name"] = name;
        entry["reason"] = std::string(reason);
        privileges.append(std::move(entry));
    };
    if (::geteuid() == 0) keeps("uid 0", setup_.user_reason);
    for (const auto& kept : setup_.privileges) keeps(os::capability_name(kept.capability), kept.reason);
    return out;
}

json::Value SlowPath::show_flows() {
    const auto now_ns = static_cast<std::uint64_t>(loop_.now().instant.time_since_epoch().count());
    json::Value out;
    out["total"] = table_.installed();
    out["limit"] = kFlowLimit;
    auto& list = out["flows"] = json::Value(Json::arrayValue);
    for (std::uint32_t i = 0; i < table_.flows_end() && list.size() < kFlowLimit; ++i) {
        if (!table_.info(i).installed) continue;
        const auto spec = table_.info(i).spec.unpack();
        const auto counters = table_.counters(i);
        const auto source = table_.source(i);
        json::Value f;
        f["local"] = spec.key.local.text();
        f["realm"] = setup_.view.realms[spec.key.realm].name;
        f["remote"] = spec.remote.text();
        if (!source.empty()) f["latched"] = source.text();
        f["out-local"] = spec.out.local.text();
        f["out-realm"] = setup_.view.realms[spec.out.realm].name;
        if (!spec.out_remote.empty()) f["out-remote"] = spec.out_remote.text();
        f["component"] = (spec.flags & wire::kFlowRtcp) != 0 ? "rtcp" : "rtp";
        f["call"] = fmt::format("{:016x}", spec.cookie.call);
        f["leg"] = spec.cookie.leg;
        f["stream"] = spec.cookie.stream;
        f["generation"] = spec.generation;
        f["forward"] = (spec.flags & wire::kFlowForward) != 0;
        f["idle"] = table_.info(i).idle_reported;
        auto target = spec.out_remote;
        if (const auto reverse = table_.find(spec.out))
            if (const auto learned = table_.source(*reverse); !learned.empty()) target = learned;
        if (!target.empty()) {
            const auto interface = setup_.view.realms[spec.out.realm].interface;
            const auto hop = mirror_->current()->look(interface, target.address.v4_host_order());
            if (hop.outcome != flow::NextHops::Outcome::kNoRoute) {
                const auto mac =
                    hop.outcome == flow::NextHops::Outcome::kFound ? mac_text(hop.mac.mac()) + " " : std::string();
                f["next-hop"] = IpAddress::v4(hop.next_hop).text() + " " + mac + setup_.view.interfaces[interface].name;
                f["next-hop-state"] = state_name(mirror_->neighbours().state(interface, hop.next_hop));
            }
        }
        f["packets"] = number(counters.packets_in);
        f["bytes"] = number(counters.bytes_in);
        f["forwarded"] = number(counters.packets_forwarded);
        f["dropped"] = number(counters.packets_dropped);
        f["lost"] = number(counters.packets_lost);
        f["jitter-us"] = counters.jitter_us;
        if (counters.last_packet_ns != 0)
            f["silent-ms"] =
                number(now_ns > counters.last_packet_ns ? (now_ns - counters.last_packet_ns) / 1'000'000 : 0);
        list.append(std::move(f));
    }
    return out;
}

json::Value SlowPath::show_counters() {
    json::Value out;
    auto& list = out["counters"] = json::Value(Json::arrayValue);
    const auto add = [&list](const std::string& name, std::uint64_t value, std::string_view help) {
        json::Value entry;
        entry["name"] = name;
        entry["value"] = number(value);
        entry["help"] = std::string(help);
        list.append(std::move(entry));
    };
    for (std::size_t r = 0; r < wire::kDropReasons; ++r) {
        const auto reason = static_cast<wire::DropReason>(r);
        add("drop-" + std::string(wire::info(reason).name), drops(reason), wire::info(reason).text);
    }
    add("flows-installed", table_.installed(), "flows installed, now");
    add("flows-unreclaimed", table_.retired_flows(), "removed flows that a worker may still hold, now");
    add("rules-unreclaimed", table_.retired_rules(), "replaced or removed rules that a worker may still hold, now");
    add("commands-staged", service_.staged(), "flow commands that wait for their transaction's commit, now");
    add("transactions-open", service_.open_transactions(), "transactions without their commit, now");
    add("next-hop-waiting-packets", mirror_->neighbours().waiting(), "packets that wait for a next hop, now");
    add("next-hop-probes", mirror_->neighbours().probes(),
        "times the kernel was asked to resolve or confirm a next hop");
    add("netlink-overflows", monitor_->overflows(),
        "times that changes of the kernel's tables were lost and all was read anew");
    add("routes-refused", mirror_->routes_refused(), "routes of the kernel beyond what the dataplane keeps of them");
    add("commands", session_->commands(), "commands of the control plane that were taken from its ring");
    for (std::size_t r = 1; r < wire::kRejectReasons; ++r) {  // 0 is none
        const auto reason = static_cast<wire::RejectReason>(r);
        add("reject-" + std::string(wire::info(reason).name), service_.rejected(reason), wire::info(reason).text);
    }
    add("transactions-refused", service_.refused(),
        "transactions of the control plane that found no room to be staged");
    add("sessions", session_->status().number, "times a control plane has attached");
    add("sessions-broken", session_->broken(), "sessions ended because a cursor in the shared memory was impossible");
    add("sessions-refused", session_->refused(),
        "connections to dataplane.sock by a user that may not, or too many of them");
    return out;
}

}  // namespace sallyport::slowpath
