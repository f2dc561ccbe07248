#include <algorithm>
#include <map>
#include <utility>

#include "platform/config/meaning.h"

namespace sallyport::config {

namespace {

bool is_own_address(const Document& d, const IpAddress& address, const DocInterface& interface) {
    if (const auto& own = interface.network(address.family()); own && own->address == address) return true;
    for (const DocRealm& r : d.realms)
        if (interface_of(d, r) == &interface &&
            std::ranges::find(r.media_addresses, address, &DocAddress::address) != r.media_addresses.end())
            return true;
    return std::ranges::any_of(d.sip_interfaces, [&](const DocSipInterface& s) {
        return interface_of(d, s) == &interface && s.address && s.address->address == address;
    });
}

void check_peer(const Document& d, const DocPeer& peer, const DocSipInterface& sip, const DocInterface& interface,
                Problems& problems) {
    const IpAddress& a = peer.endpoint.address;
    const auto& network = interface.network(a.family());
    if (const auto no_host = not_a_host(a); !no_host.empty()) {
        problems.push_back({peer.path, a.text() + " " + no_host + "; write the peer's"});
    } else if (sip.address && sip.address->address.family() != a.family()) {
        problems.push_back({peer.path, a.text() + " is an IPv" + (a.is_v6() ? "6" : "4") +
                                           " address, and the sip-interface " + quoted(sip.name) + " is at " +
                                           sip.address->address.text() +
                                           "; peers have the family of their sip-interface"});
    } else if (is_own_address(d, a, interface)) {
        problems.push_back({peer.path, a.text() + " is our own address; write the peer's"});
    } else if (network && network->contains(a)) {
        if (const auto why = not_ours(a, *network); !why.empty())
            problems.push_back({peer.path, a.text() + " " + why + "; write the peer's"});
    } else if (network && !interface.has_router(a.family())) {
        problems.push_back({peer.path, a.text() + " cannot be reached: it is outside of " + network->text() + " of " +
                                           interface.path + ", which has no gateway" + (a.is_v6() ? "6" : "")});
    }
}

// Which sources a route takes, as far as it could be read.
bool readable(const DocRoute& r) {
    return r.from_readable && r.called_prefix && (!r.from_trunk || r.from_trunk->index) &&
           (!r.from_realm || r.from_realm->index);
}

bool takes_all_of(const Document& d, const DocRoute& earlier, const DocRoute& later) {
    if (!readable(earlier) || !readable(later)) return false;
    if (!later.called_prefix->starts_with(*earlier.called_prefix)) return false;
    if (earlier.from_trunk) return later.from_trunk && later.from_trunk->index == earlier.from_trunk->index;
    if (!earlier.from_realm) return true;
    if (later.from_realm) return later.from_realm->index == earlier.from_realm->index;
    return later.from_trunk && realm_of_trunk(d, *later.from_trunk->index) == earlier.from_realm->index;
}

}  // namespace

std::optional<std::size_t> realm_of_trunk(const Document& d, std::size_t trunk) {
    const auto& sip = d.trunks[trunk].sip_interface;
    if (!sip || !sip->index) return std::nullopt;
    const auto& realm = d.sip_interfaces[*sip->index].realm;
    return realm ? realm->index : std::nullopt;
}

void check_trunks(const Document& d, Problems& problems) {
    std::map<std::pair<std::size_t, Endpoint>, const DocPeer*> claimed;
    for (const DocTrunk& trunk : d.trunks) {
        if (!trunk.sip_interface || !trunk.sip_interface->index) continue;
        const std::size_t sip = *trunk.sip_interface->index;
        const DocInterface* const interface = interface_of(d, d.sip_interfaces[sip]);
        const auto& transports = d.sip_interfaces[sip].transports;
        if (trunk.transport && !transports.empty() &&
            std::ranges::find(transports, *trunk.transport) == transports.end())
            problems.push_back({pointer(trunk.path, "transport"),
                                "the sip-interface " + quoted(d.sip_interfaces[sip].name) + " has no " +
                                    std::string(transport_name(*trunk.transport)) + "; add it to its transports"});
        // Between one pong's time and the next ping there has to be some.
        constexpr std::uint32_t kLeastKeepAlive = 10;
        if (trunk.keep_alive_s != 0 && trunk.keep_alive_s < kLeastKeepAlive)
            problems.push_back({pointer(trunk.path, "keep-alive-s"),
                                std::to_string(trunk.keep_alive_s) + " is too often; it must be at least " +
                                    std::to_string(kLeastKeepAlive) + ", or 0 for none"});
        if (trunk.keep_alive_s != 0 && !transports.empty() && std::ranges::none_of(transports, is_stream))
            problems.push_back({pointer(trunk.path, "keep-alive-s"), "has no connection to keep: the sip-interface " +
                                                                         quoted(d.sip_interfaces[sip].name) +
                                                                         " has neither tcp nor tls"});
        const auto& profile = d.sip_interfaces[sip].tls_profile;
        const bool verifiable = profile && profile->index && !d.tls_profiles[*profile->index].authorities.empty();
        const bool named = !trunk.tls.name.empty() || trunk.says_verify;
        if (trunk.has_tls && named && trunk.tls.verify && !verifiable)
            problems.push_back({pointer(trunk.path, "tls"),
                                "cannot be verified: the sip-interface's tls-profile has no \"authorities\""});
        for (const DocPeer& peer : trunk.peers) {
            if (interface != nullptr) check_peer(d, peer, d.sip_interfaces[sip], *interface, problems);
            const auto [other, fresh] = claimed.try_emplace({sip, peer.endpoint}, &peer);
            if (!fresh)
                problems.push_back({peer.path, peer.endpoint.text() + " is already the peer of " + other->second->path +
                                                   "; a peer of a sip-interface belongs to one trunk, once"});
        }
    }
}

void check_routes(const Document& d, Problems& problems) {
    for (std::size_t i = 0; i < d.routes.size(); ++i) {
        const DocRoute& route = d.routes[i];
        bool reported = false;
        for (std::size_t j = 0; j < i; ++j) {
            const DocRoute& earlier = d.routes[j];
            if (!route.name.empty() && earlier.name == route.name)
                problems.push_back(
                    {pointer(route.path, "name"), quoted(route.name) + " is already the name of " + earlier.path});
            if (reported || !takes_all_of(d, earlier, route)) continue;
            problems.push_back({route.path, "is never reached: " + earlier.path + " " + quoted(earlier.name) +
                                                " takes all that it would; put it before, or remove it"});
            reported = true;
        }
    }
}

}  // namespace sallyport::config
