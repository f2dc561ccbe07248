#include "dataplane/flow/command_check.h"

namespace sallyport::flow {
namespace {

using wire::RejectReason;

constexpr std::uint16_t kKnownFlags = wire::kFlowForward | wire::kFlowRtcp | wire::kFlowReportIdle | wire::kFlowRelatch;

RejectReason check_key(const MediaPorts& ports, const wire::FlowKey& key) {
    if (key.reserved != 0 || key.local.reserved != 0) return RejectReason::kBadRecord;
    if (!key.local.address.well_formed() || !key.local.address.is_v4()) return RejectReason::kBadRecord;
    if (key.realm >= ports.realms()) return RejectReason::kUnknownRealm;
    switch (ports.check(key.realm, key.local.address.v4_host_order(), key.local.port)) {
        case MediaPorts::Ownership::kOwned: return RejectReason::kNone;
        case MediaPorts::Ownership::kForeignAddress: return RejectReason::kForeignAddress;
        case MediaPorts::Ownership::kPortOutsidePool: return RejectReason::kPortOutsidePool;
    }
    return RejectReason::kBadRecord;
}

// `realm` is known.
RejectReason check_remote(const MediaPorts& ports, std::uint16_t realm, const Endpoint& remote) {
    if (remote.reserved != 0 || !remote.address.well_formed()) return RejectReason::kBadRecord;
    if (!remote.address.is_v4() || remote.port == 0) return RejectReason::kBadRemote;
    const auto address = remote.address.v4_host_order();
    const bool fit = is_peer_address(address) && !ports.is_own(ports.realm(realm).interface, address);
    return fit ? RejectReason::kNone : RejectReason::kBadRemote;
}

bool rule_allowed(const RealmConfig& realm, wire::SourceRule rule, std::uint8_t prefix) {
    if (rule > realm.latching) return false;
    return rule != wire::SourceRule::kPrefix || (prefix <= 32 && prefix >= realm.latching_prefix);
}

}  // namespace

RejectReason check_command(const MediaPorts& ports, const wire::FlowCommand& command) {
    const auto& spec = command.spec;
    if (command.type != wire::CommandType::kInstall && command.type != wire::CommandType::kUpdate &&
        command.type != wire::CommandType::kRemove)
        return RejectReason::kBadRecord;
    if (const auto reason = check_key(ports, spec.key); reason != RejectReason::kNone) return reason;
    if (spec.generation == 0) return RejectReason::kBadRecord;
    if (command.type == wire::CommandType::kRemove) return RejectReason::kNone;

    if ((spec.flags & ~kKnownFlags) != 0 || spec.dscp > 63) return RejectReason::kBadRecord;
    if (!rule_allowed(ports.realm(spec.key.realm), spec.source_rule, spec.prefix_length))
        return RejectReason::kBadRecord;
    if (const auto reason = check_key(ports, spec.out); reason != RejectReason::kNone) return reason;
    if (spec.out == spec.key) return RejectReason::kBadRecord;  // would send to itself
    if (const auto reason = check_remote(ports, spec.key.realm, spec.remote); reason != RejectReason::kNone)
        return reason;
    if (spec.out_remote == Endpoint{} && (spec.flags & wire::kFlowForward) == 0) return RejectReason::kNone;
    return check_remote(ports, spec.out.realm, spec.out_remote);
}

std::uint32_t cell_of(const MediaPorts& ports, const wire::FlowKey& key) {
    return ports.find(ports.realm(key.realm).interface, key.local.address.v4_host_order(), key.local.port);
}

bool source_allowed(const wire::FlowSpec& spec, std::uint32_t address, std::uint16_t port) {
    const auto remote = spec.remote.address.v4_host_order();
    switch (spec.source_rule) {
        case wire::SourceRule::kExact: return address == remote && port == spec.remote.port;
        case wire::SourceRule::kAddress: return address == remote;
        case wire::SourceRule::kPrefix: return ((address ^ remote) & mask_of(spec.prefix_length)) == 0;
    }
    return false;
}

}  // namespace sallyport::flow
