#pragma once
// The checks that a schema cannot express: addresses within networks, overlaps, pools, peers, routes that are
// never reached. Each finding stands at the later of the objects that do not go together, and names the other.

#include "platform/config/document.h"

namespace sallyport::config {

// `document` is resolved.
void check_interfaces(const Document& document, Problems& problems);
void check_realms(const Document& document, Problems& problems);
void check_tls_profiles(const Document& document, Problems& problems);
void check_sip_interfaces(const Document& document, Problems& problems);
void check_trunks(const Document& document, Problems& problems);
void check_routes(const Document& document, Problems& problems);
void check_timers(const Document& document, Problems& problems);
void check_limits(const Document& document, Problems& problems);
void check_header_rules(const Document& document, Problems& problems);
void check_number_rules(const Document& document, Problems& problems);

// The interface of a realm or sip-interface, or nullptr when that could not be resolved.
const DocInterface* interface_of(const Document& document, const DocRealm& realm);
const DocInterface* interface_of(const Document& document, const DocSipInterface& sip_interface);

// The realm that a trunk is in, as far as it could be read.
std::optional<std::size_t> realm_of_trunk(const Document& document, std::size_t trunk);

// Why `address`, of either family, cannot be a host's, as the end of a sentence; "" when it can.
std::string not_a_host(const IpAddress& address);

// Why `address` cannot be one of our own on `network`, as the end of a sentence; "" when it can.
std::string not_ours(const IpAddress& address, const IpPrefix& network);

}  // namespace sallyport::config
