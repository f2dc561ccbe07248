#include "dataplane/flow/media_ports.h"

#include <algorithm>

namespace sallyport::flow {

MediaPorts::MediaPorts(const FlowConfig& config) : realms_(config.realms), own_(config.own_addresses) {
    std::size_t cells = 0;
    for (const auto& realm : realms_) cells += realm.addresses.size() * (realm.last_port - realm.first_port + 1U);
    cells_ = FixedArray<FlowCell>(cells);
    auto* next = cells_.begin();
    std::vector<std::vector<Table>> sorted;
    for (const auto& realm : realms_) {
        if (sorted.size() <= realm.interface) sorted.resize(realm.interface + std::size_t{1});
        for (const auto address : realm.addresses) {
            const auto count = realm.last_port - realm.first_port + 1U;
            sorted[realm.interface].push_back({address, realm.first_port, count, next});
            next += count;
        }
    }
    std::vector<Table> all;
    for (const auto& tables : sorted) all.insert(all.end(), tables.begin(), tables.end());
    tables_ = FixedArray(std::move(all));
    by_interface_ = FixedArray<Pools>(sorted.size());
    const auto* at = tables_.begin();
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        by_interface_[i] = Pools(at, at + sorted[i].size());
        at += sorted[i].size();
    }
}

bool MediaPorts::elsewhere(std::uint16_t interface, std::uint32_t address, std::uint16_t port) const {
    if (is_own(interface, address)) return false;
    const auto count = static_cast<std::uint16_t>(by_interface_.size());
    for (std::uint16_t i = 0; i < count; ++i)
        if (i != interface && find(i, address, port) != kNoCell) return true;
    return false;
}

MediaPorts::Ownership MediaPorts::check(std::uint16_t realm, std::uint32_t address, std::uint16_t port) const {
    const auto& r = realms_[realm];
    if (std::ranges::find(r.addresses, address) == r.addresses.end()) return Ownership::kForeignAddress;
    return port >= r.first_port && port <= r.last_port ? Ownership::kOwned : Ownership::kPortOutsidePool;
}

bool MediaPorts::is_own(std::uint16_t interface, std::uint32_t address) const {
    const auto same = [&](const OwnAddress& own) {
        if (own.interface != interface) return false;
        const auto hosts = own.length >= 31 ? 0 : ~std::uint32_t{0} >> own.length;
        return own.address == address || (hosts != 0 && (own.address | hosts) == address);
    };
    if (std::ranges::any_of(own_, same)) return true;
    const auto pools = pools_of(interface);
    return std::any_of(pools.begin(), pools.end(), [&](const Table& t) { return t.address == address; });
}

}  // namespace sallyport::flow
