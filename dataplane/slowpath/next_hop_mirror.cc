#include "dataplane/slowpath/next_hop_mirror.h"

#include <algorithm>
#include <array>

namespace sallyport::slowpath {

NextHopMirror::NextHopMirror(std::vector<std::string> taps, flow::PublishedNextHops& published, flow::Epochs& epochs,
                             FrameIo& io, Probe probe, Drop drop)
    : taps_(std::move(taps)),
      published_(published),
      epochs_(epochs),
      io_(io),
      probe_(std::move(probe)),
      drop_(std::move(drop)),
      neighbours_([this](std::uint16_t interface, std::uint32_t address) {
          for (const auto& [ifindex, tap] : tap_of_)
              if (tap.interface == interface) return probe_(ifindex, IpAddress::v4(address));
      }) {
    publish({});
}

NextHopMirror::~NextHopMirror() {
    published_.exchange(nullptr);
    neighbours_.release_all([this](packet::Packet& p) { io_.release(p); });
}

void NextHopMirror::change(const os::MonitorChange& change, Instant now) {
    if (const auto* m = std::get_if<os::MonitorMark>(&change)) mark(*m, now);
    if (const auto* l = std::get_if<os::LinkChange>(&change)) link(*l);
    if (const auto* a = std::get_if<os::AddressChange>(&change)) address(*a);
    if (const auto* r = std::get_if<os::RouteChange>(&change)) route(*r);
    if (const auto* n = std::get_if<os::NeighbourChange>(&change)) neighbour(*n, now);
}

void NextHopMirror::mark(os::MonitorMark mark, Instant now) {
    if (mark == os::MonitorMark::kResync) {
        // Workers keep the table that they have until the new one is complete.
        syncing_ = true;
        for (auto& [key, named] : routes_) named = false;
        neighbours_.begin_resync();
        return;
    }
    syncing_ = false;
    changed_ |= std::erase_if(routes_, [](const auto& route) { return !route.second; }) > 0;
    neighbours_.end_resync(now);
}

void NextHopMirror::link(const os::LinkChange& link) {
    const auto tap = std::ranges::find(taps_, link.name);
    if (link.removed || tap == taps_.end()) {
        if (tap_of_.erase(link.ifindex) == 0) return;
        std::erase_if(routes_, [&](const auto& route) { return route.first.ifindex == link.ifindex; });
        changed_ = true;
        return;
    }
    const auto interface = static_cast<std::uint16_t>(tap - taps_.begin());
    std::erase_if(tap_of_, [&](const auto& e) { return e.second.interface == interface && e.first != link.ifindex; });
    const auto [at, is_new] = tap_of_.try_emplace(link.ifindex, Tap{.interface = interface, .up = link.up});
    changed_ |= is_new;
    // A device that was renamed may have routes that we did not keep; one that goes down loses its routes in silence.
    resync_wanted_ |= is_new ? !syncing_ : at->second.up && !link.up;
    at->second.up = link.up;
}

// Routes that name it as their source address go in silence.
void NextHopMirror::address(const os::AddressChange& address) {
    resync_wanted_ |= address.removed && tap_of_.contains(address.ifindex);
}

void NextHopMirror::route(const os::RouteChange& route) {
    if (!route.destination.address.is_v4()) return;
    if (route.replaces) {  // by any device: one of ours may have been the one before
        const auto gone = std::erase_if(routes_, [&](const auto& r) {
            return r.first.destination == route.destination && r.first.metric == route.metric;
        });
        changed_ |= gone > 0;
        resync_wanted_ |= gone > 1;  // of several the kernel replaces the first one only
    }
    if (route.ifindex != 0 && !tap_of_.contains(route.ifindex)) return;
    const RouteKey key{route.ifindex, route.destination, route.gateway ? route.gateway->v4_host_order() : 0,
                       route.metric};
    if (route.removed) {
        changed_ |= routes_.erase(key) > 0;
    } else if (routes_.size() < kMaxRoutes || routes_.contains(key)) {
        changed_ |= routes_.insert_or_assign(key, true).second;
    } else {
        ++routes_refused_;
    }
}

void NextHopMirror::neighbour(const os::NeighbourChange& n, Instant now) {
    const auto tap = tap_of_.find(n.ifindex);
    if (tap == tap_of_.end() || !n.address.is_v4()) return;
    const auto interface = tap->second.interface;
    // An ARP answer with a broadcast address would send one call's media to the whole network (RFC 1812 §3.3.2).
    if (n.resolved && n.mac.is_multicast()) return;
    const auto address = n.address.v4_host_order();
    if (n.resolved && !n.removed)
        neighbours_.resolved(interface, address, n.mac.bytes, n.reachable);
    else if (n.removed)
        neighbours_.lost(interface, address, now);
    // Incomplete: the kernel is asking; what we have stays.
}

void NextHopMirror::take_unresolved(Instant now) {
    std::array<packet::Packet, 64> batch;
    for (int i = 0; i < 8; ++i) {  // at most 512 a turn
        const auto count = io_.take_unresolved(batch);
        for (std::size_t p = 0; p < count; ++p)
            if (!neighbours_.hold(batch[p], now)) drop_(batch[p], wire::DropReason::kNextHopQueue);
        if (count < batch.size()) break;
    }
}

void NextHopMirror::turn(Instant now) {
    if (now >= housekeeping_due_) {
        housekeeping_due_ = now + kHousekeeping;
        current_->take_used(
            [&](std::uint16_t interface, std::uint32_t address) { neighbours_.used(interface, address, now); });
        neighbours_.expire(now, [this](packet::Packet& p) { drop_(p, wire::DropReason::kNextHopTimeout); });
    }
    if (!syncing_) {
        if (neighbours_.take_changed() || changed_) publish(now);
        neighbours_.take_ready([this](packet::Packet& p) {
            if (!io_.transmit(p)) drop_(p, wire::DropReason::kFromKernelQueue);
        });
    }
    while (!old_.empty() && epochs_.passed(old_.front().stamp)) old_.pop_front();
}

std::vector<flow::RouteEntry> NextHopMirror::routes() const {
    std::vector<flow::RouteEntry> out;
    for (const auto& [key, named] : routes_) {
        flow::RouteEntry entry{.length = key.destination.length,
                               .prefix = key.destination.address.v4_host_order(),
                               .gateway = key.gateway,
                               .metric = key.metric,
                               .dead_end = key.ifindex == 0};
        if (const auto tap = tap_of_.find(key.ifindex); tap != tap_of_.end()) {
            entry.interface = tap->second.interface;
            out.push_back(entry);
        } else if (entry.dead_end) {
            const auto interfaces = static_cast<std::uint16_t>(taps_.size());
            for (; entry.interface < interfaces; ++entry.interface) out.push_back(entry);
        }
    }
    return out;
}

void NextHopMirror::publish(Instant now) {
    const auto neighbours = neighbours_.entries();
    auto next = std::make_unique<const flow::NextHops>(routes(), neighbours);
    published_.exchange(next.get());
    if (current_) {
        // Marks set since the last housekeeping go along.
        current_->take_used(
            [&](std::uint16_t interface, std::uint32_t address) { neighbours_.used(interface, address, now); });
        old_.push_back({epochs_.stamp(), std::move(current_)});
    }
    current_ = std::move(next);
    changed_ = false;
}

}  // namespace sallyport::slowpath
