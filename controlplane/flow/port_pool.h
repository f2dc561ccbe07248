#pragma once
// The media ports of each realm: pairs of an even RTP port and the odd RTCP port above it (RFC 3550 §11), on
// every media address of the realm. A pair is drawn at random, so that it cannot be guessed, and rests
// after use, so that packets of the old call do not reach the next one. Every operation is O(1) (pairs whose
// rest is over are taken back a few at a time); memory is fixed by the configuration.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/base/random.h"
#include "platform/base/time.h"
#include "platform/config/views.h"

namespace sallyport::flow {

struct PortPair {
    std::uint16_t realm = 0;
    IpAddress address;
    std::uint16_t rtp_port = 0;  // even; 0: none
    std::uint16_t rtcp_port() const { return static_cast<std::uint16_t>(rtp_port + 1); }
    bool empty() const { return rtp_port == 0; }
    friend bool operator==(const PortPair&, const PortPair&) = default;
};

enum class PoolError : std::uint8_t { kExhausted, kUnknownRealm };

struct PoolStats {
    std::size_t pairs = 0;
    std::size_t in_use = 0;
    std::size_t resting = 0;
    std::uint64_t allocated = 0;
    std::uint64_t exhausted = 0;  // refusals
};

inline constexpr Duration kPortRest = std::chrono::seconds(10);

class PortPools {
public:
    PortPools(std::span<const config::SignallingRealm> realms, RandomSource& random, Duration rest = kPortRest);

    std::expected<PortPair, PoolError> allocate(std::uint16_t realm, Instant now);
    // A pair that an imported call has. False: not one of ours, or in use already.
    bool reserve(const PortPair& pair);
    // Undoes reserve(): free at once, without rest.
    void unreserve(const PortPair& pair);
    // Starts the rest. False, and nothing happens, when the pair is not in use.
    bool release(const PortPair& pair, Instant now);

    std::size_t realms() const { return pools_.size(); }
    PoolStats stats(std::uint16_t realm) const;
    // Pairs whose rest is not over; stats() also counts those that are only not taken back yet.
    std::size_t resting(std::uint16_t realm, Instant now) const;

private:
    struct Resting {
        std::uint32_t pair = 0;
        Instant until{};
    };
    struct Pool {
        std::vector<IpAddress> addresses;
        std::uint16_t first_port = 0;
        std::uint32_t pairs_per_address = 0;
        std::vector<std::uint32_t> free;   // unordered: drawn by swapping with the last
        std::uint32_t drawn = 0;           // where in `free` the next draw is, so that memory has time to bring it
        std::vector<std::uint32_t> place;  // of each pair in `free`, or kInUse, kResting
        std::vector<Resting> resting;      // ring in the order of `until`
        std::size_t resting_first = 0;
        std::size_t resting_count = 0;
        std::uint64_t allocated = 0;
        std::uint64_t exhausted = 0;
    };
    static constexpr std::uint32_t kInUse = 0xffffffff;
    static constexpr std::uint32_t kResting = 0xfffffffe;

    static void add_free(Pool& pool, std::uint32_t pair);
    static void take_free(Pool& pool, std::uint32_t hole);
    void draw(Pool& pool);
    static void wake(Pool& pool, Instant now, std::size_t at_most);
    static std::uint32_t find(const Pool& pool, const PortPair& pair);

    RandomSource& random_;
    Duration rest_;
    std::vector<Pool> pools_;
};

}  // namespace sallyport::flow
