#pragma once
// Why the dataplane refused commands of the control plane: one reason per cause, one counter per reason. The
// name is what `show counters` says and never changes its meaning; the text is for people.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::wire {

enum class RejectReason : std::uint8_t {
    kNone = 0,
    kBadRecord = 1,
    kUnknownRealm = 2,
    kForeignAddress = 3,
    kPortOutsidePool = 4,
    kAlreadyInstalled = 5,
    kNoSuchFlow = 6,
    kStaleGeneration = 7,
    kTableFull = 8,
    kStagingFull = 9,
    kBadRemote = 10,
    kCount
};

inline constexpr std::size_t kRejectReasons = static_cast<std::size_t>(RejectReason::kCount);

struct RejectReasonInfo {
    std::string_view name;
    std::string_view text;
};

// In the order of the enumerators.
inline constexpr std::array<RejectReasonInfo, kRejectReasons> kRejectReasonInfo{{
    {"none", "not refused"},
    {"bad-record", "unknown type, rule or flag, malformed address, a rule wider than the realm's latching allows"},
    {"unknown-realm", "realm that is not in the configuration"},
    {"foreign-address", "local or out address that is no media address of its realm"},
    {"port-outside-pool", "local or out port outside the pool of its realm"},
    {"already-installed", "install where a flow is"},
    {"no-such-flow", "update, removal or query where no flow is"},
    {"stale-generation", "update or removal that names another generation"},
    {"table-full", "more flows than system.max-flows"},
    {"staging-full", "commit of a transaction of which nothing, or too much, was staged"},
    {"bad-remote", "peer address unspecified, multicast, loopback, broadcast, our own or not IPv4, or port 0"},
}};

constexpr const RejectReasonInfo& info(RejectReason reason) {
    return kRejectReasonInfo[static_cast<std::size_t>(reason)];
}

}  // namespace sallyport::wire
