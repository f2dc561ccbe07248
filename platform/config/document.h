#pragma once
// The configuration document as typed objects, with defaults filled in and the implicit realms and
// sip-interfaces added (docs/configuration.md). Reading is tolerant, so that the checks by meaning run on
// what is readable even when something else is not: a value that is there but cannot be read is nullopt,
// has been reported, and is not judged further.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/config/problem.h"
#include "platform/config/views.h"
#include "platform/json/json.h"

namespace sallyport::config {

// A name of another object, and where it is written.
struct Reference {
    std::string name;
    std::string path;
    std::optional<std::size_t> index;  // set by resolve(), when there is such an object
};

// The names of lists of rules, each with its place.
struct DocRulesInUse {
    std::vector<Reference> inbound_rules;
    std::vector<Reference> outbound_rules;
    std::vector<Reference> inbound_numbers;
    std::vector<Reference> outbound_numbers;
};

struct DocInterface {
    std::string name;
    std::string path;
    std::optional<std::string> port;
    std::optional<std::uint16_t> vlan;
    std::optional<IpPrefix> address;
    bool has_gateway = false;
    std::optional<IpAddress> gateway;
    bool has_address6 = false;
    std::optional<IpPrefix> address6;
    bool has_gateway6 = false;
    std::optional<IpAddress> gateway6;

    const std::optional<IpPrefix>& network(IpFamily family) const {
        return family == IpFamily::kIpv6 ? address6 : address;
    }
    const std::optional<IpAddress>& router(IpFamily family) const {
        return family == IpFamily::kIpv6 ? gateway6 : gateway;
    }
    bool has_router(IpFamily family) const { return family == IpFamily::kIpv6 ? has_gateway6 : has_gateway; }
};

struct DocAddress {
    IpAddress address;
    std::string path;
};

// What an object says itself; the rest it inherits.
struct DocTimers {
    std::string path;
    std::optional<std::chrono::milliseconds> t1;
    std::optional<std::chrono::milliseconds> t2;
    std::optional<std::chrono::milliseconds> t4;
    std::optional<std::chrono::milliseconds> timer_b;
    std::optional<std::chrono::seconds> timer_c;
    std::optional<std::chrono::seconds> no_answer;
    std::optional<std::chrono::seconds> max_call_duration;

    Timers over(const Timers& inherited) const;
};

struct DocLimits {
    std::string path;
    Limits limits;  // refuse_with: 0 when it says none

    Limits over(const Limits& inherited) const;
};

struct DocRealm {
    std::string name;
    std::string path;  // of the object that says so, for an implicit one the interface's
    bool implicit = false;
    std::optional<Reference> interface;
    bool default_addresses = false;  // the interface's own
    std::vector<DocAddress> media_addresses;
    std::optional<PortRange> media_ports;
    Trust trust = Trust::kUntrusted;
    std::optional<Latching> latching;
    bool has_latching_prefix = false;
    std::optional<std::uint8_t> latching_prefix = std::uint8_t{0};
    std::uint8_t dscp = 46;
    bool open = false;
    UnknownSource unknown_source = UnknownSource::kDrop;
    bool pass_unknown_headers = false;
    DocTimers timers;
    DocLimits limits;
    DocRulesInUse rules{};
    MethodSet methods = MethodSet::all();
    bool pass_unknown_methods = false;
};

struct DocTlsProfile {
    std::string name;
    std::string path;
    TlsProfile profile;
    std::vector<std::pair<std::string, std::string>> pairs;  // certificate, key
    std::string authorities;
};

struct DocSipInterface {
    std::string name;
    std::string path;
    bool implicit = false;
    std::optional<Reference> realm;
    bool default_address = false;
    std::optional<DocAddress> address;
    std::optional<std::uint16_t> port;
    std::vector<Transport> transports;  // empty: unreadable
    std::optional<Reference> tls_profile;
    std::optional<std::uint16_t> tls_port;
};

struct DocPeer {
    Endpoint endpoint;
    std::string path;
};

struct DocTrunk {
    std::string name;
    std::string path;
    std::optional<Reference> sip_interface;
    std::vector<DocPeer> peers;
    bool has_transport = false;
    std::optional<Transport> transport;  // none: unreadable, or the first of the sip-interface's
    bool has_tls = false;
    bool says_verify = false;
    TrunkTls tls;
    std::uint32_t keep_alive_s = 0;
    DocTimers timers;
    DocLimits limits;
    DocRulesInUse rules{};
};

struct DocRoute {
    std::string name;
    std::string path;
    std::optional<Reference> from_trunk;
    std::optional<Reference> from_realm;
    bool from_readable = true;
    std::optional<std::string> called_prefix;
    std::optional<Reference> to_trunk;
};

struct DocHeaderRules {
    std::string name;
    std::string path;
    std::vector<HeaderRule> rules;
};

struct DocNumberRules {
    std::string name;
    std::string path;
    NumberRules rules;
};

struct Document {
    std::vector<DocInterface> interfaces;
    std::vector<DocRealm> realms;
    std::vector<DocTlsProfile> tls_profiles;
    std::vector<DocSipInterface> sip_interfaces;
    std::vector<DocTrunk> trunks;
    std::vector<DocRoute> routes;
    std::vector<DocHeaderRules> header_rules;
    std::vector<DocNumberRules> number_rules;
    std::optional<std::uint32_t> max_calls;
    DataplaneSystem dataplane;
    DocTimers timers;  // the system's own
    SignallingSystem signalling;
    ConnectionBounds connections;
};

// RFC 3261 §18: whoever takes datagrams takes streams, too.
inline const std::vector<Transport> kDefaultTransports{Transport::kUdp, Transport::kTcp};

// The header of that name, in full or compact, any case, as it is usually written; a name that nobody knows as it is.
std::string usual_header_name(std::string_view name);

// Texts that are no address, port range and so on are reported; wrong types are the schema's to report.
Document read_document(const json::Value& document, Problems& problems);

// Adds the implicit objects, sets the index of every reference, and fills in the addresses that follow from
// the interface. References to nothing are reported.
void resolve(Document& document, Problems& problems);

}  // namespace sallyport::config
