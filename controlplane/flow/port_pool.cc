#include "controlplane/flow/port_pool.h"

#include <algorithm>
#include <numeric>

namespace sallyport::flow {

namespace {

constexpr std::size_t kWakePerCall = 8;

}  // namespace

PortPools::PortPools(std::span<const config::SignallingRealm> realms, RandomSource& random, Duration rest)
    : random_(random), rest_(rest) {
    for (const auto& realm : realms) {
        Pool pool;
        pool.addresses = realm.media.media_addresses;
        const auto range = realm.media.media_ports;
        pool.first_port = static_cast<std::uint16_t>(range.first + range.first % 2);  // RTP ports are even
        // `last` is the last RTCP port: an even one at the end has no partner.
        pool.pairs_per_address = range.last > pool.first_port ? (range.last - pool.first_port + 1U) / 2 : 0;
        const std::size_t pairs = pool.addresses.size() * pool.pairs_per_address;
        pool.free.resize(pairs);
        std::iota(pool.free.begin(), pool.free.end(), 0U);
        pool.place = pool.free;
        pool.resting.resize(pairs);
        draw(pool);
        pools_.push_back(std::move(pool));
    }
}

void PortPools::add_free(Pool& pool, std::uint32_t pair) {
    pool.place[pair] = static_cast<std::uint32_t>(pool.free.size());
    pool.free.push_back(pair);
}

void PortPools::take_free(Pool& pool, std::uint32_t hole) {
    const auto pair = pool.free[hole];
    const auto last = pool.free.back();
    pool.free[hole] = last;
    pool.place[last] = hole;
    pool.free.pop_back();
    pool.place[pair] = kInUse;
}

// For the next: at random in a table of a megabyte, where no cache has it.
void PortPools::draw(Pool& pool) {
    if (pool.free.empty()) return;
    pool.drawn = random_.below(static_cast<std::uint32_t>(pool.free.size()));
    __builtin_prefetch(&pool.free[pool.drawn]);
}

void PortPools::wake(Pool& pool, Instant now, std::size_t at_most) {
    for (; at_most > 0 && pool.resting_count > 0; --at_most) {
        const auto& first = pool.resting[pool.resting_first];
        if (first.until > now) return;
        add_free(pool, first.pair);
        pool.resting_first = (pool.resting_first + 1) % pool.resting.size();
        --pool.resting_count;
    }
}

// The pair's number; that of the end when it is not of this pool.
std::uint32_t PortPools::find(const Pool& pool, const PortPair& pair) {
    const auto none = static_cast<std::uint32_t>(pool.place.size());
    const auto address = std::ranges::find(pool.addresses, pair.address);
    if (address == pool.addresses.end() || pair.rtp_port < pool.first_port || pair.rtp_port % 2 != 0) return none;
    const auto in_address = (pair.rtp_port - pool.first_port) / 2U;
    if (in_address >= pool.pairs_per_address) return none;
    return static_cast<std::uint32_t>(address - pool.addresses.begin()) * pool.pairs_per_address + in_address;
}

std::expected<PortPair, PoolError> PortPools::allocate(std::uint16_t realm, Instant now) {
    if (realm >= pools_.size()) return std::unexpected(PoolError::kUnknownRealm);
    Pool& pool = pools_[realm];
    wake(pool, now, kWakePerCall);
    if (pool.free.empty()) {
        ++pool.exhausted;
        return std::unexpected(PoolError::kExhausted);
    }
    if (pool.drawn >= pool.free.size()) draw(pool);  // some were reserved meanwhile
    const auto pair = pool.free[pool.drawn];
    take_free(pool, pool.drawn);
    draw(pool);
    ++pool.allocated;
    const auto port = pool.first_port + 2 * (pair % pool.pairs_per_address);
    return PortPair{.realm = realm,
                    .address = pool.addresses[pair / pool.pairs_per_address],
                    .rtp_port = static_cast<std::uint16_t>(port)};
}

bool PortPools::reserve(const PortPair& pair) {
    if (pair.realm >= pools_.size()) return false;
    Pool& pool = pools_[pair.realm];
    const auto number = find(pool, pair);
    if (number >= pool.place.size() || pool.place[number] == kInUse || pool.place[number] == kResting) return false;
    take_free(pool, pool.place[number]);
    return true;
}

void PortPools::unreserve(const PortPair& pair) {
    if (pair.realm >= pools_.size()) return;
    Pool& pool = pools_[pair.realm];
    const auto number = find(pool, pair);
    if (number < pool.place.size() && pool.place[number] == kInUse) add_free(pool, number);
}

bool PortPools::release(const PortPair& pair, Instant now) {
    if (pair.realm >= pools_.size()) return false;
    Pool& pool = pools_[pair.realm];
    const auto number = find(pool, pair);
    if (number >= pool.place.size() || pool.place[number] != kInUse) return false;
    pool.place[number] = kResting;
    pool.resting[(pool.resting_first + pool.resting_count) % pool.resting.size()] = {number, now + rest_};
    ++pool.resting_count;
    return true;
}

PoolStats PortPools::stats(std::uint16_t realm) const {
    const Pool& pool = pools_.at(realm);
    return {.pairs = pool.place.size(),
            .in_use = pool.place.size() - pool.free.size() - pool.resting_count,
            .resting = pool.resting_count,
            .allocated = pool.allocated,
            .exhausted = pool.exhausted};
}

std::size_t PortPools::resting(std::uint16_t realm, Instant now) const {
    const Pool& pool = pools_.at(realm);
    const auto until = [&](std::size_t i) {
        return pool.resting[(pool.resting_first + i) % pool.resting.size()].until;
    };
    std::size_t over = 0;  // they stand in the order of their ends
    for (std::size_t end = pool.resting_count; over < end;) {
        const auto middle = over + (end - over) / 2;
        if (until(middle) <= now)
            over = middle + 1;
        else
            end = middle;
    }
    return pool.resting_count - over;
}

}  // namespace sallyport::flow
