#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "platform/base/ip_ranges.h"
#include "platform/config/meaning.h"

namespace sallyport::config {

namespace {

// The first and the last address of an IPv4 network shorter than /31 (RFC 3021) are not a host's, nor is the first of
// an IPv6 network shorter than /127 (RFC 4291 §2.6.1, RFC 6164).
std::string not_a_host(const IpAddress& address, const IpPrefix& network) {
    if (auto why = config::not_a_host(address); !why.empty()) return why;
    if (address.is_v6()) {
        if (network.length >= 127) return {};
        for (std::size_t bit = network.length; bit < 128; ++bit)
            if ((address.bytes()[bit / 8] & (0x80U >> (bit % 8))) != 0) return {};
        return "is the anycast address of the network's routers, not a host on it";
    }
    if (network.length >= 31) return {};
    const std::uint32_t a = address.v4_host_order();
    const std::uint32_t host_mask = 0xFFFFFFFFU >> network.length;
    if ((a & host_mask) == 0) return "is the network itself, not a host on it";
    if ((a & host_mask) == host_mask) return "is the broadcast address of " + network.text();
    return {};
}

// What the keys of the two families are called, and how long a network may be.
struct FamilyKeys {
    IpFamily family;
    const char* address;
    const char* gateway;
    const char* example;
    std::uint8_t shortest;
    std::uint8_t longest;
};
constexpr std::array kFamilies = {FamilyKeys{IpFamily::kIpv4, "address", "gateway", "192.0.2.1/24", 8, 31},
                                  FamilyKeys{IpFamily::kIpv6, "address6", "gateway6", "2001:db8::1/64", 16, 127}};

// Two networks with the same addresses can live side by side only where VLANs keep them apart.
bool separated_by_vlan(const DocInterface& a, const DocInterface& b) {
    return !a.vlan || !b.vlan || *a.vlan != *b.vlan;
}

// DPDK knows a device by what stands before the first comma; the rest are arguments for its driver.
std::string_view device_of(std::string_view port) { return port.substr(0, port.find(',')); }

void check_port_arguments(const DocInterface& earlier, const DocInterface& later, Problems& problems) {
    if (!earlier.port || !later.port || *earlier.port == *later.port) return;
    if (device_of(*earlier.port) != device_of(*later.port)) return;
    problems.push_back({pointer(later.path, "port"),
                        quoted(*later.port) + " is the device of " + earlier.path +
                            " with other arguments; write the same text in both, or name another device"});
}

void check_port_count(const Document& d, Problems& problems) {
    std::set<std::string_view> devices;
    for (const DocInterface& item : d.interfaces) {
        if (!item.port || !devices.insert(device_of(*item.port)).second || devices.size() <= kMaxDevices) continue;
        problems.push_back({pointer(item.path, "port"), "is one port more than the " + std::to_string(kMaxDevices) +
                                                            " that there may be; let interfaces share a port by VLAN"});
        return;
    }
}

void check_pair(const DocInterface& earlier, const DocInterface& later, Problems& problems) {
    check_port_arguments(earlier, later, problems);
    if (earlier.port && later.port && earlier.vlan && later.vlan && *earlier.port == *later.port &&
        *earlier.vlan == *later.vlan)
        problems.push_back({pointer(later.path, "port"),
                            quoted(*later.port) +
                                (*later.vlan == 0 ? " without VLAN" : " with VLAN " + std::to_string(*later.vlan)) +
                                " is already used by " + earlier.path + "; give one of them another port or vlan"});
    if (separated_by_vlan(earlier, later)) return;
    for (const auto& keys : kFamilies) {
        const auto& one = earlier.network(keys.family);
        const auto& other = later.network(keys.family);
        if (one && other && one->overlaps(*other))
            problems.push_back(
                {pointer(later.path, keys.address), other->text() + " overlaps " + one->text() + " of " + earlier.path +
                                                        "; networks may only overlap in different VLANs"});
    }
}

void check_network(const DocInterface& item, const FamilyKeys& keys, Problems& problems) {
    const auto& own = item.network(keys.family);
    if (!own) return;
    const std::string at = pointer(item.path, keys.address);
    if (own->length < keys.shortest || own->length > keys.longest) {
        problems.push_back({at, own->text() + " is not a network of a port; the length is from " +
                                    std::to_string(keys.shortest) + " to " + std::to_string(keys.longest)});
        return;
    }
    if (const auto why = not_a_host(own->address, *own); !why.empty())
        problems.push_back(
            {at, own->address.text() + " " + why + "; write our own address, such as " + quoted(keys.example)});
    const auto& gateway = item.router(keys.family);
    if (!gateway) return;
    const std::string gateway_at = pointer(item.path, keys.gateway);
    // Of a router that is two, the address may be a link-local one; the interface says on which link.
    if (gateway->is_v6() && is_link_local(*gateway)) return;
    if (*gateway == own->address)
        problems.push_back({gateway_at, gateway->text() + " is our own address; write the router's"});
    else if (const auto why = not_ours(*gateway, *own); !why.empty())
        problems.push_back({gateway_at, gateway->text() + " " + why + "; the router must be on the link"});
}

void check_pools(const DocRealm& earlier, const DocRealm& later, Problems& problems) {
    if (!earlier.media_ports || !later.media_ports) return;
    const PortRange& a = *earlier.media_ports;
    const PortRange& b = *later.media_ports;
    if (a.last < b.first || b.last < a.first) return;
    for (const DocAddress& address : later.media_addresses) {
        if (std::ranges::find(earlier.media_addresses, address.address, &DocAddress::address) ==
            earlier.media_addresses.end())
            continue;
        problems.push_back({address.path, "the media ports " + std::to_string(b.first) + "-" + std::to_string(b.last) +
                                              " on " + address.address.text() + " overlap " + std::to_string(a.first) +
                                              "-" + std::to_string(a.last) + " of the realm " + quoted(earlier.name) +
                                              "; give one of them another media-address or other media-ports"});
        return;
    }
}

// Whether a route says that it leads from this realm back into it.
bool has_route_within(const Document& d, std::size_t realm) {
    return std::ranges::any_of(d.routes, [&](const DocRoute& r) {
        if (!r.to_trunk || !r.to_trunk->index || realm_of_trunk(d, *r.to_trunk->index) != realm) return false;
        if (r.from_trunk) return r.from_trunk->index && realm_of_trunk(d, *r.from_trunk->index) == realm;
        return r.from_realm && r.from_realm->index == realm;
    });
}

}  // namespace

std::string not_a_host(const IpAddress& address) {
    if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
        return "is not the address of a host on a network";
    if (address.is_v4() && address.v4_host_order() >> 28 == 0xF)  // class E and broadcast
        return "is not the address of a host on a network";
    if (is_v4_mapped(address)) return "is an IPv4 address in the form of an IPv6 one";
    if (address.is_v6() && is_link_local(address)) return "is a link-local address, which changes with the hardware";
    return {};
}

const DocInterface* interface_of(const Document& d, const DocRealm& realm) {
    if (!realm.interface || !realm.interface->index) return nullptr;
    return &d.interfaces[*realm.interface->index];
}

const DocInterface* interface_of(const Document& d, const DocSipInterface& sip_interface) {
    if (!sip_interface.realm || !sip_interface.realm->index) return nullptr;
    return interface_of(d, d.realms[*sip_interface.realm->index]);
}

std::string not_ours(const IpAddress& address, const IpPrefix& network) {
    if (!network.contains(address)) return "is outside of the network " + network.text() + " of the interface";
    return not_a_host(address, network);
}

void check_interfaces(const Document& d, Problems& problems) {
    // Names under /proc/sys/net/ipv4/conf that are no device, and the device that is always there.
    static constexpr std::array<std::string_view, 3> kReserved = {"all", "default", "lo"};
    check_port_count(d, problems);
    for (std::size_t i = 0; i < d.interfaces.size(); ++i) {
        const DocInterface& item = d.interfaces[i];
        if (std::ranges::find(kReserved, item.name) != kReserved.end())
            problems.push_back({item.path, quoted(item.name) + " is a name of the kernel's own; choose another"});
        for (std::size_t j = 0; j < i; ++j) check_pair(d.interfaces[j], item, problems);
        for (const auto& keys : kFamilies) check_network(item, keys, problems);
        if (item.has_gateway6 && !item.has_address6)
            problems.push_back({pointer(item.path, "gateway6"),
                                "is the way out of a network, and there is none; add \"address6\" or remove it"});
    }
}

void check_realms(const Document& d, Problems& problems) {
    for (std::size_t i = 0; i < d.realms.size(); ++i) {
        const DocRealm& realm = d.realms[i];
        const DocInterface* const interface = interface_of(d, realm);
        for (std::size_t k = 0; k < realm.media_addresses.size(); ++k) {
            const DocAddress& a = realm.media_addresses[k];
            for (std::size_t j = 0; j < k; ++j)
                if (realm.media_addresses[j].address == a.address)
                    problems.push_back({a.path, a.address.text() + " stands in this list twice"});
            if (realm.default_addresses || interface == nullptr || !interface->address) continue;
            if (const auto why = not_ours(a.address, *interface->address); !why.empty())
                problems.push_back({a.path, a.address.text() + " " + why + " " + quoted(interface->name)});
            else if (interface->gateway == a.address)
                problems.push_back(
                    {a.path, a.address.text() + " is the gateway of " + interface->path + "; write one of our own"});
        }
        for (std::size_t j = 0; j < i; ++j)
            if (interface != nullptr && interface_of(d, d.realms[j]) == interface)
                check_pools(d.realms[j], realm, problems);
        if (realm.latching == Latching::kPrefix && !realm.has_latching_prefix)
            problems.push_back({realm.path, "\"latching\": \"prefix\" needs the key \"latching-prefix\", such as 24"});
        if (realm.has_latching_prefix && realm.latching && *realm.latching != Latching::kPrefix)
            problems.push_back(
                {pointer(realm.path, "latching-prefix"), "has no effect without \"latching\": \"prefix\""});
        if (!realm.media_ports || !d.max_calls || realm.media_addresses.empty()) continue;
        const std::size_t pairs =
            (realm.media_ports->last - realm.media_ports->first + std::size_t{1}) / 2 * realm.media_addresses.size();
        const bool within = has_route_within(d, i);  // both legs of such a call take a pair here
        if (pairs < *d.max_calls * std::size_t{within ? 2U : 1U})
            problems.push_back({realm.implicit ? realm.path : pointer(realm.path, "media-ports"),
                                "has " + std::to_string(pairs) + " pairs of ports, fewer than " +
                                    (within ? "two for each of " : "") + "system.max-calls (" +
                                    std::to_string(*d.max_calls) + ")" +
                                    (within ? ", for a route leads from this realm back into it" : "") +
                                    "; widen media-ports, add media-addresses or lower max-calls"});
    }
}

void check_tls_profiles(const Document& d, Problems& problems) {
    for (const DocTlsProfile& t : d.tls_profiles)
        if (t.profile.clients != TlsClients::kNone && t.authorities.empty())
            problems.push_back({pointer(t.path, "clients"),
                                "certificates of clients need \"authorities\", by which they are verified"});
}

void check_sip_interfaces(const Document& d, Problems& problems) {
    for (std::size_t i = 0; i < d.sip_interfaces.size(); ++i) {
        const DocSipInterface& sip = d.sip_interfaces[i];
        const DocInterface* const interface = interface_of(d, sip);
        if (interface == nullptr || !sip.address) continue;
        const IpAddress& address = sip.address->address;
        const std::string listener = sip.port ? Endpoint(address, *sip.port).text() : "";
        if (const auto& network = interface->network(address.family()); !sip.default_address && network) {
            if (const auto why = not_ours(address, *network); !why.empty())
                problems.push_back({sip.address->path, address.text() + " " + why + " " + quoted(interface->name)});
            else if (interface->router(address.family()) == address)
                problems.push_back({sip.address->path, address.text() + " is the gateway of " + interface->path +
                                                           "; write one of our own"});
        }
        if (address.is_v6() && !interface->has_address6)
            problems.push_back({sip.address->path, address.text() + " is an IPv6 address, and " + interface->path +
                                                       " has no \"address6\"; add it, or write an IPv4 address"});
        const bool tls = std::ranges::find(sip.transports, Transport::kTls) != sip.transports.end();
        if (tls && !sip.tls_profile)
            problems.push_back({sip.path, "the transport tls needs a \"tls-profile\", which says the certificates"});
        if (tls && sip.tls_port == sip.port && sip.transports.size() > 1)
            problems.push_back({pointer(sip.path, "tls-port"), "is the port of the other transports; tls has its own"});
        if (!sip.port) continue;
        for (std::size_t j = 0; j < i; ++j) {
            const DocSipInterface& other = d.sip_interfaces[j];
            if (interface_of(d, other) != interface || !other.address) continue;
            if (other.address->address != sip.address->address || other.port != sip.port) continue;
            problems.push_back({sip.path, "the sip-interface " + quoted(sip.name) + " listens on " + listener +
                                              ", as " + quoted(other.name) +
                                              " does; give one of them another port or address"});
            break;
        }
        for (const DocRealm& realm : d.realms) {
            if (interface_of(d, realm) != interface || !realm.media_ports) continue;
            if (*sip.port < realm.media_ports->first || *sip.port > realm.media_ports->last) continue;
            if (std::ranges::find(realm.media_addresses, sip.address->address, &DocAddress::address) ==
                realm.media_addresses.end())
                continue;
            problems.push_back({sip.implicit ? sip.path : pointer(sip.path, "port"),
                                listener + " is inside the media ports " + std::to_string(realm.media_ports->first) +
                                    "-" + std::to_string(realm.media_ports->last) + " of the realm " +
                                    quoted(realm.name) + "; move the port, the address or the media"});
            break;
        }
    }
}

}  // namespace sallyport::config
