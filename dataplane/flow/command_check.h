#pragma once
// The control plane parses the Internet and is not trusted: each field of a command is checked against what
// the manager has said is ours, on a private copy, before anything is done with it.

#include "dataplane/flow/media_ports.h"
#include "platform/wire/flow_records.h"

namespace sallyport::flow {

// For install, update and remove: what can be said without knowing which flows there are.
wire::RejectReason check_command(const MediaPorts& ports, const wire::FlowCommand& command);

// The cell of a checked key.
std::uint32_t cell_of(const MediaPorts& ports, const wire::FlowKey& key);

// May `address`:`port` send to a flow of this spec, as far as the spec says?
bool source_allowed(const wire::FlowSpec& spec, std::uint32_t address, std::uint16_t port);

constexpr std::uint32_t mask_of(std::uint8_t length) {
    return length == 0 ? 0 : ~std::uint32_t{0} << (32 - (length > 32 ? 32 : length));
}

// A peer may have it: not unspecified, loopback, multicast, reserved or broadcast (RFC 1122 §3.2.1.3).
constexpr bool is_peer_address(std::uint32_t address) {
    const auto first = address >> 24;
    return first != 0 && first != 127 && first < 224;
}

}  // namespace sallyport::flow
