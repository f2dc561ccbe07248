#include "dataplane/slowpath/slow_path.h"

#include <algorithm>
#include <cstring>

namespace sallyport::slowpath {
namespace {

using std::chrono::milliseconds;

constexpr Duration kWatchRound = milliseconds(100);
constexpr Duration kWatchStep = milliseconds(5);
constexpr Duration kPagePeriod = milliseconds(250);
// How long commands of a peer that does not ring may wait.
constexpr Duration kPollCommands = milliseconds(20);
constexpr Duration kStalled = milliseconds(1);
constexpr std::size_t kLongestTapName = 15;

wire::SourceRule source_rule(config::Latching latching) {
    switch (latching) {
        case config::Latching::kExact: return wire::SourceRule::kExact;
        case config::Latching::kAddress: return wire::SourceRule::kAddress;
        case config::Latching::kPrefix: return wire::SourceRule::kPrefix;
    }
    return wire::SourceRule::kExact;
}

std::uint64_t ns(Instant t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); }

}  // namespace

flow::FlowConfig flow_config(const config::DataplaneView& view, std::uint32_t workers) {
    flow::FlowConfig out;
    out.max_flows = view.system.max_flows;
    out.workers = workers;
    for (const auto& realm : view.realms) {
        flow::RealmConfig r;
        r.interface = realm.interface;
        for (const auto& address : realm.media_addresses)
            if (address.is_v4()) r.addresses.push_back(address.v4_host_order());
        r.first_port = realm.media_ports.first;
        r.last_port = realm.media_ports.last;
        r.latching = source_rule(realm.latching);
        r.latching_prefix = realm.latching_prefix;
        out.realms.push_back(std::move(r));
    }
    const auto interfaces = static_cast<std::uint16_t>(view.interfaces.size());
    for (std::uint16_t i = 0; i < interfaces; ++i) {
        const auto add = [&](const IpPrefix& p) {
            if (p.address.is_v4()) out.own_addresses.push_back({i, p.address.v4_host_order(), p.length});
        };
        add(view.interfaces[i].address);
        for (const auto& further : view.interfaces[i].further_addresses) add(further);
    }
    return out;
}

SlowPath::SlowPath(os::EventLoop& loop, Setup setup, flow::FlowTable& table, flow::Epochs& epochs,
                   flow::PublishedNextHops& next_hops, FrameIo& io, Panel& panel)
    : loop_(loop),
      setup_(std::move(setup)),
      table_(table),
      epochs_(epochs),
      next_hops_(next_hops),
      io_(io),
      panel_(panel),
      service_(table),
      started_(loop.now().instant),
      busy_before_(started_) {}

SlowPath::~SlowPath() {
    if (monitor_) loop_.remove(monitor_->fd());
    if (bridge_)
        for (std::uint16_t i = 0; i < setup_.interfaces.size(); ++i) loop_.remove(bridge_->fd(i));
}

os::Result<void> SlowPath::start(std::vector<os::UniqueFd> taps) {
    if (taps.size() != setup_.view.interfaces.size())
        return std::unexpected("the manager sent " + std::to_string(taps.size()) + " TAPs for " +
                               std::to_string(setup_.view.interfaces.size()) + " interfaces");
    const wire::CountersGeometry geometry{static_cast<std::uint32_t>(panel_.ports().size()), table_.max_flows()};
    auto page = os::make_memfd("sallyport-counters", geometry.bytes());
    if (!page) return std::unexpected(page.error());
    auto memory = os::map_memory(page->get(), geometry.bytes(), true);
    if (!memory) return std::unexpected(memory.error());
    page_memory_ = std::move(*memory);
    if (auto sealed = os::seal_writes(page->get()); !sealed) return sealed;
    auto read_only = os::reopen_read_only(page->get());
    if (!read_only) return std::unexpected(read_only.error());
    page_read_only_ = std::move(*read_only);
    page_.emplace(page_memory_.writable(), geometry);
    watch_.emplace(table_, *page_);

    std::vector<std::string> names;
    names.reserve(setup_.view.interfaces.size());
    for (const auto& interface : setup_.view.interfaces) names.push_back(interface.name.substr(0, kLongestTapName));
    mirror_.emplace(
        std::move(names), next_hops_, epochs_, io_,
        [this](std::uint32_t ifindex, const IpAddress& address) { monitor_->probe_neighbour(ifindex, address); },
        [this](packet::Packet& p, wire::DropReason reason) {
            count_drop(reason);
            io_.release(p);
        });
    auto monitor = os::NetlinkMonitor::open(
        [this](const os::MonitorChange& change) { mirror_->change(change, loop_.now().instant); });
    if (!monitor) return std::unexpected(monitor.error());
    monitor_.emplace(std::move(*monitor));
    loop_.add(monitor_->fd(), EPOLLIN, [this](std::uint32_t) { note_netlink(monitor_->read()); });

    bridge_.emplace(std::move(taps), setup_.interfaces, io_, [this](wire::DropReason reason) { count_drop(reason); });
    for (std::uint16_t i = 0; i < setup_.interfaces.size(); ++i)
        loop_.add(bridge_->fd(i), EPOLLIN, [this, i](std::uint32_t) {
            if (bridge_->read(i)) return;
            log::error(
                "TAP of interface '{}' is gone; nothing of it reaches the kernel until the manager has restarted "
                "the dataplane",
                setup_.view.interfaces[i].name);
            loop_.remove(bridge_->fd(i));
        });

    session_.emplace(loop_, service_, page_read_only_.get(), setup_.control_uid);
    if (auto listening = session_->listen(setup_.runtime_dir); !listening) return listening;
    loop_.before_wait([this](const Now& now) { return turn(now); });
    return {};
}

void SlowPath::note_netlink(const os::Result<bool>& read) {
    if (!read) log::limited(netlink_log_limit_, loop_.now().instant, log::Level::kError, "netlink: {}", read.error());
}

Instant SlowPath::turn(const Now& now) {
    io_.disarm_wake();
    bool more = bridge_->write_waiting();
    mirror_->take_unresolved(now.instant);
    more |= session_->turn(ns(now.instant));
    table_.reclaim(session_->events());
    watch_flows(now.instant);
    if (mirror_->take_resync_wanted()) note_netlink(monitor_->resync());
    mirror_->turn(now.instant);
    if (now.instant >= page_due_) {
        page_due_ = now.instant + kPagePeriod;
        update_page();
        note_netlink(monitor_->retry());
    }
    session_->ring_doorbell();
    return next_turn(now, more);
}

Instant SlowPath::next_turn(const Now& now, bool more) {
    if (more || io_.arm_wake()) return now.instant;
    const bool stalled = session_->stalled() || service_.listing();
    const auto poll = now.instant + (stalled ? kStalled : kPollCommands);
    return std::min({poll, page_due_, watch_due_});
}

void SlowPath::watch_flows(Instant now) {
    if (now < watch_due_) return;
    const bool round = watch_->turn(ns(now), session_->events());
    watch_due_ = now + (round ? kWatchRound : kWatchStep);
}

void SlowPath::update_page() {
    for (std::size_t r = 0; r < wire::kDropReasons; ++r) {
        const auto reason = static_cast<wire::DropReason>(r);
        page_->set_drops(reason, drops(reason));
    }
    const auto ports = panel_.ports();
    for (std::uint32_t p = 0; p < ports.size(); ++p) {
        const auto& from = ports[p];
        wire::PortCounters to;
        std::memcpy(to.name, from.name.data(), std::min(from.name.size(), sizeof to.name - 1));
        to.rx_packets = from.rx_packets;
        to.rx_bytes = from.rx_bytes;
        to.rx_missed = from.rx_missed;
        to.rx_errors = from.rx_errors;
        to.tx_packets = from.tx_packets;
        to.tx_bytes = from.tx_bytes;
        to.tx_unsent = from.tx_unsent;
        to.link_up = from.link_up ? 1 : 0;
        for (std::uint16_t i = 0; i < setup_.interfaces.size(); ++i) {
            if (setup_.port_of_interface[i] != p) continue;
            to.to_kernel += bridge_->counters(i).to_kernel;
            to.from_kernel += bridge_->counters(i).from_kernel;
        }
        page_->set_port(p, to);
    }
}

}  // namespace sallyport::slowpath
