#pragma once
// The checked views of the configuration: what each process gets to know, and no more. The manager makes
// them from the whole document (platform/config/effective.h), sends them as JSON, and the process reads
// them with the same code. Names are resolved to indices: a reader never looks a name up, and an index is
// in range by construction. Everything optional in the document has its value here.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/base/transport.h"
#include "platform/config/connection_bounds.h"
#include "platform/config/methods.h"
#include "platform/config/rules.h"
#include "platform/json/json.h"

namespace sallyport::config {

enum class Trust : std::uint8_t { kUntrusted, kTrusted };
enum class Latching : std::uint8_t { kExact, kAddress, kPrefix };
enum class UnknownSource : std::uint8_t { kDrop, kForbid };  // silence, or 403
enum class HugePages : std::uint8_t { kAuto, kOn, kOff };    // kAuto: when the machine has enough free ones

struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;  // inclusive
    friend bool operator==(const PortRange&, const PortRange&) = default;
};

inline constexpr std::size_t kMaxDevices = 32;  // distinct ports: RTE_MAX_ETHPORTS of Debian's DPDK

// One IP network at one DPDK port; its exception TAP bears its name.
struct Interface {
    std::string name;
    std::string port;        // PCI address ("0000:03:00.0") or vdev string ("net_af_xdp0,iface=eth1,...")
    std::uint16_t vlan = 0;  // 0: untagged
    IpPrefix address;        // our own address and the length of the network
    std::optional<IpPrefix> address6{};
    // What its realms and sip-interfaces use beside these: single addresses (length 32, 128) of its networks.
    std::vector<IpPrefix> further_addresses;
    std::optional<IpAddress> gateway;     // inside the network
    std::optional<IpAddress> gateway6{};  // inside the network, or link-local
    std::vector<Endpoint> signalling{};   // where its sip-interfaces listen
};

struct MediaRealm {
    std::string name;
    std::uint16_t interface = 0;  // index into DataplaneView::interfaces
    // Never empty. Realms of one interface may share an address when their ports do not overlap.
    std::vector<IpAddress> media_addresses;
    PortRange media_ports;  // even first, odd last
    Latching latching = Latching::kAddress;
    std::uint8_t latching_prefix = 0;  // for kPrefix
    std::uint8_t dscp = 46;
};

struct DataplaneSystem {
    std::vector<std::uint16_t> worker_cores;  // one lcore each; empty: the last core of the machine
    std::uint32_t memory_mb = 0;              // of mbufs and tables; 0: chosen from max_flows
    HugePages huge_pages = HugePages::kAuto;  // kOff: --no-huge
    std::uint32_t max_flows = 0;
    std::chrono::microseconds doze{0};  // longest sleep of an idle worker; 0: always polls
};

struct DataplaneView {
    DataplaneSystem system;
    std::vector<Interface> interfaces;
    std::vector<MediaRealm> realms;  // index == FlowKey::realm
};

enum class TlsClients : std::uint8_t { kNone, kOptional, kRequired };  // whether those who connect show a certificate

// Its certificates are no part of a view: the control plane asks the manager for them.
struct TlsProfile {
    std::string name;
    TlsClients clients = TlsClients::kNone;
    bool only_13 = false;
};

// Whom a trunk's peers have to prove to be (RFC 5922).
struct TrunkTls {
    bool verify = true;      // by the authorities of the sip-interface's profile, if it has any
    std::string name;        // in their certificate; empty: any
    bool wildcards = false;  // whether *.example.com may be it
};

struct SipInterface {
    std::string name;
    std::uint16_t realm = 0;
    Endpoint local;                                                       // where it listens, by each of its transports
    std::string device;                                                   // the TAP that its sockets are bound to
    std::vector<Transport> transports{Transport::kUdp, Transport::kTcp};  // never empty; each once
    std::uint16_t tls_port = 5061;
    std::optional<std::uint16_t>
        tls_profile{};  // index into ControlView::tls_profiles; there when `transports` has TLS

    bool has(Transport t) const { return std::ranges::find(transports, t) != transports.end(); }
    Endpoint at(Transport t) const { return t == Transport::kTls ? Endpoint(local.address, tls_port) : local; }
};

// How long things may take: what a trunk says, else its realm, else the system.
struct Timers {
    std::chrono::milliseconds t1{500};  // RFC 3261 §17.1.1.1
    std::chrono::milliseconds t2{4000};
    std::chrono::milliseconds t4{5000};
    std::chrono::milliseconds timer_b{0};       // Timers B and F; 0: 64 * t1
    std::chrono::seconds timer_c{0};            // from the last provisional response to the next one; 0: no bound
    std::chrono::seconds no_answer{0};          // INVITE to final response; then CANCEL and 408... to the caller
    std::chrono::seconds max_call_duration{0};  // 0: no limit
    friend bool operator==(const Timers&, const Timers&) = default;
};

// How many calls a trunk or a realm takes. 0: no limit. In: from its peers; out: to them; neither: both together.
struct Limits {
    std::uint32_t max_calls = 0;  // at a time
    std::uint32_t max_calls_in = 0;
    std::uint32_t max_calls_out = 0;
    std::uint32_t calls_per_second = 0;  // new ones
    std::uint32_t calls_per_second_in = 0;
    std::uint32_t calls_per_second_out = 0;
    std::uint32_t burst = 0;          // of new ones at once; 0: as many as each rate
    std::uint16_t refuse_with = 503;  // or 480
    friend bool operator==(const Limits&, const Limits&) = default;
};

struct SignallingRealm {
    std::string name;
    MediaRealm media;
    Trust trust = Trust::kUntrusted;
    bool open = false;  // takes requests from addresses of no trunk
    UnknownSource unknown_source = UnknownSource::kDrop;
    bool pass_unknown_headers = false;  // default: both realms trusted
    std::uint16_t timers = 0;           // ControlView::timers_at
    Limits limits{};                    // of all that it has in it
    RulesInUse rules{};
    MethodSet methods = MethodSet::all();
    bool pass_unknown_methods = false;  // default: both realms trusted
};

struct Trunk {
    std::string name;
    std::uint16_t sip_interface = 0;
    std::vector<Endpoint> peers;            // never empty; the first is where calls go
    Transport transport = Transport::kUdp;  // of calls to it; one of its sip-interface's
    TrunkTls tls{};
    std::chrono::seconds keep_alive{0};  // of the connections that we make to its peers (RFC 5626 §4.4.1); 0: none
    std::uint16_t timers = 0;            // ControlView::timers_at
    Limits limits{};                     // beside those of its realm
    RulesInUse rules{};
};

struct Route {
    std::string name;
    std::optional<std::uint16_t> from_trunk;  // neither: any source
    std::optional<std::uint16_t> from_realm;
    std::string called_prefix;  // "": all; matched against the user part of the Request-URI
    std::uint16_t to_trunk = 0;
};

struct SignallingSystem : Timers {
    std::string product = "Sallyport";  // User-Agent and Server; empty: neither is sent
    std::uint32_t max_calls = 0;
    std::uint32_t max_subscriptions = 0;
    std::chrono::seconds media_timeout{0};  // silence of both directions that is reported; 0: never
};

struct ControlView {
    SignallingSystem system;
    ConnectionBounds connections;
    std::vector<SignallingRealm> realms;  // same order as DataplaneView::realms
    std::vector<TlsProfile> tls_profiles;
    std::vector<SipInterface> sip_interfaces;
    std::vector<Trunk> trunks;
    std::vector<Route> routes;     // in order; the first that matches wins
    std::vector<Timers> timers{};  // those that differ from the system's, each once
    std::vector<HeaderRuleList> header_rules{};
    std::vector<NumberRules> number_rules{};

    // By the number in a trunk or realm: 0 are the system's.
    const Timers& timers_at(std::uint16_t set) const { return set == 0 ? system : timers.at(set - 1U); }
    // Of one side of a call: without a trunk it is a source of an open realm.
    std::uint16_t timer_set(const std::optional<std::uint16_t>& trunk, std::uint16_t realm) const {
        return trunk ? trunks.at(*trunk).timers : realms.at(realm).timers;
    }
};

// Views travel as JSON between processes of one build; a reader refuses what it does not understand.
json::Value to_json(const DataplaneView& view);
json::Value to_json(const ControlView& view);
std::expected<DataplaneView, std::string> dataplane_view_from_json(const json::Value& value);
std::expected<ControlView, std::string> control_view_from_json(const json::Value& value);

}  // namespace sallyport::config
