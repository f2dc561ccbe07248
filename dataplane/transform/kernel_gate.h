#pragma once
// How much of what is not media reaches the kernel: by interface, by worker, and by kind, each with a budget of its
// own. So a flood of one kind leaves the others theirs: ARP, echo requests or datagrams to ports that nobody listens
// on cannot keep a SIP message out. What passes as signalling is marked, and has a queue of its own to the slow-path
// thread: when that thread is short of time, the rest waits and is dropped. Within a kind nothing is told apart yet:
// who floods the SIP port itself takes from all who use it. IPv6 has budgets of its own wherever IPv4 could take its
// away, or the other way round: neighbour discovery is to it what ARP is to IPv4.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/interfaces.h"
#include "dataplane/packet/packet.h"

namespace sallyport::transform {

enum class KernelKind : std::uint8_t {
    kSignalling,  // datagrams to an address and port that SIP listens on, of either family
    kArp,         // to our own MAC: answers to the kernel, mostly
    kIcmp,
    kFragment,        // of any IPv4 datagram, also of long SIP messages
    kGroup,           // to a broadcast or multicast MAC: ARP requests, mostly
    kStream,          // TCP to an address that SIP listens on: connections that we make come back to any port
    kNeighbour,       // neighbour discovery of IPv6 to our own MAC, as kArp
    kNeighbourGroup,  // the same to a multicast MAC: who looks for us
    kIcmp6,           // the rest of ICMPv6 to our own MAC
    kFragment6,
    kOther,
    kCount
};
inline constexpr std::size_t kKernelKinds = static_cast<std::size_t>(KernelKind::kCount);

// GCRA, as in flow::RateLimit; of one worker, who alone counts.
struct KernelRate {
    std::uint32_t packets_per_second = 1;
    std::uint32_t burst = 1;
};

struct KernelRates {
    // In the order of the kinds. Signalling: what a control plane of one shard can take in. The others: far above what
    // a network of thousands of hosts needs, and together far below what the slow-path thread can write.
    std::array<KernelRate, kKernelKinds> rates{{{20'000, 2'048},
                                                {1'000, 256},
                                                {500, 128},
                                                {1'000, 256},
                                                {500, 256},
                                                {40'000, 4'096},
                                                {1'000, 256},
                                                {500, 256},
                                                {500, 128},
                                                {1'000, 256},
                                                {1'000, 256}}};

    static constexpr KernelRates each(KernelRate rate) {
        KernelRates out;
        out.rates.fill(rate);
        return out;
    }
};

class KernelGate {
public:
    KernelGate(const packet::Interfaces& interfaces, const KernelRates& rates);

    // nullopt: it may pass, and has been counted against its budget; signalling is marked. `packet` is of a known
    // interface and well formed.
    std::optional<wire::DropReason> refuse(packet::Packet& packet, const packet::Headers& headers,
                                           std::uint64_t now_ns);
    KernelKind kind_of(const packet::Packet& packet, const packet::Headers& headers) const;

private:
    KernelKind kind_of_ipv6(const packet::Packet& packet, const packet::Headers& headers) const;

    struct Budget {
        std::uint64_t interval_ns = 0;
        std::uint64_t burst_ns = 0;
    };
    const packet::Interfaces& interfaces_;
    std::array<Budget, kKernelKinds> budgets_;
    std::vector<std::array<std::uint64_t, kKernelKinds>> due_;  // by interface
};

}  // namespace sallyport::transform
