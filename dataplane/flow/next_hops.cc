#include "dataplane/flow/next_hops.h"

#include <algorithm>
#include <bit>

namespace sallyport::flow {

NextHops::NextHops(std::span<const RouteEntry> routes, std::span<const NeighbourEntry> neighbours) {
    std::vector<RouteEntry> sorted(routes.begin(), routes.end());
    std::ranges::stable_sort(sorted, [](const RouteEntry& a, const RouteEntry& b) {
        return a.length != b.length ? a.length > b.length : a.metric < b.metric;
    });
    std::size_t interfaces = 0;
    for (const auto& r : sorted) interfaces = std::max(interfaces, r.interface + std::size_t{1});
    routes_ = FixedArray<std::vector<Route>>(interfaces);
    for (const auto& r : sorted) {
        const std::uint32_t mask = r.length == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min<int>(r.length, 32));
        routes_[r.interface].push_back({r.prefix & mask, mask, r.gateway, r.dead_end});
    }
    const auto slots = std::bit_ceil(std::max<std::size_t>(8, neighbours.size() * 8));
    slots_ = FixedArray<Slot>(slots);
    mask_ = slots - 1;
    for (const auto& n : neighbours) {
        if (n.address == 0) continue;
        auto at = place_of(key_of(n.interface, n.address));
        while (slots_[at].key != 0) at = (at + 1) & mask_;
        slots_[at].key = key_of(n.interface, n.address);
        const bool direct = next_hop(n.interface, n.address) == n.address;
        slots_[at].what.set(packet::MacWord(n.mac).word() | (direct ? kDirect : 0));
    }
}

NextHops::Found NextHops::look(std::uint16_t interface, std::uint32_t destination) const {
    const auto hop = next_hop(interface, destination);
    return hop == 0 ? Found{} : found(hop, slot_of(interface, hop));
}

}  // namespace sallyport::flow
