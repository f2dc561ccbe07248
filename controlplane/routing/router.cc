#include "controlplane/routing/router.h"

#include <algorithm>

namespace sallyport::routing {

std::string called_number(const sip::Uri& uri) {
    const bool tel = uri.scheme == sip::UriScheme::kTel;
    // RFC 3261 §19.1.4: a character equals its escape; for those of the reserved set ('+') it leaves that open, but
    // whoever dials the number reads it without escapes.
    auto out = sip::unescaped(tel ? uri.opaque : uri.user);
    // RFC 3966 §4: visual separators do not count; RFC 3261 §19.1.6: user=phone says that it is such a number.
    if (!tel && !sip::iequals(uri.params.value("user"), "phone")) return out;
    const auto number = out.begin() + static_cast<std::ptrdiff_t>(std::min(out.find(';'), out.size()));
    out.erase(std::remove_if(out.begin(), number, [](char c) { return std::string_view("-.()").contains(c); }), number);
    return out;
}

std::size_t Router::KeyHash::operator()(const Key& k) const { return EndpointHash()(k.peer) * 31 + k.sip_interface; }

Router::Router(const config::ControlView& view)
    : view_(view), trunk_counters_(view.trunks.size()), route_hits_(view.routes.size()) {
    for (std::size_t i = 0; i < view.trunks.size(); ++i) {
        const auto& trunk = view.trunks[i];
        for (const auto& peer : trunk.peers) {
            const auto index = static_cast<std::uint16_t>(i);
            // The first trunk in order keeps an address that several name.
            sources_.try_emplace({trunk.sip_interface, peer}, index);
            sources_.try_emplace({trunk.sip_interface, Endpoint(peer.address, 0)}, index);
        }
    }
}

std::optional<std::uint16_t> Router::trunk_at(std::uint16_t sip_interface, const Endpoint& peer) const {
    // The whole endpoint first: two PBXs may share an address. Then the address alone, because a peer need
    // not send from the port on which it listens.
    auto it = sources_.find({sip_interface, peer});
    if (it == sources_.end()) it = sources_.find({sip_interface, Endpoint(peer.address, 0)});
    return it == sources_.end() ? std::nullopt : std::optional(it->second);
}

Source Router::identify(std::uint16_t sip_interface, const Endpoint& source) {
    Source out;
    out.sip_interface = sip_interface;
    out.realm = view_.sip_interfaces.at(sip_interface).realm;
    const auto trunk = trunk_at(sip_interface, source);
    const auto& realm = view_.realms.at(out.realm);
    if (trunk) {
        out.kind = Source::Kind::kTrunk;
        out.trunk = *trunk;
    } else if (realm.open) {
        out.kind = Source::Kind::kOpenRealm;
    } else if (realm.unknown_source == config::UnknownSource::kForbid) {
        out.forbid = true;
        ++counters_.unknown_forbidden;
    } else {
        ++counters_.unknown_dropped;
    }
    return out;
}

std::expected<Target, Refusal> Router::route(const Source& source, std::string_view called, What what) {
    const bool call = what == What::kCall;
    if (source.kind == Source::Kind::kUnknown) return std::unexpected(Refusal{403, "Forbidden"});
    const bool from_trunk = source.kind == Source::Kind::kTrunk;
    for (std::size_t i = 0; i < view_.routes.size(); ++i) {
        const auto& route = view_.routes[i];
        if (route.from_trunk && (!from_trunk || *route.from_trunk != source.trunk)) continue;
        if (route.from_realm && *route.from_realm != source.realm) continue;
        if (!called.starts_with(route.called_prefix)) continue;
        const auto& trunk = view_.trunks.at(route.to_trunk);
        ++route_hits_[i];
        auto& out = trunk_counters_.at(route.to_trunk);
        ++(call ? out.calls_out : out.requests_out);
        if (from_trunk) {
            auto& in = trunk_counters_.at(source.trunk);
            ++(call ? in.calls_in : in.requests_in);
        }
        return Target{.route = static_cast<std::uint16_t>(i),
                      .trunk = route.to_trunk,
                      .sip_interface = trunk.sip_interface,
                      .realm = view_.sip_interfaces.at(trunk.sip_interface).realm,
                      .peer = trunk.peers.front(),
                      .transport = trunk.transport};
    }
    ++counters_.no_route;
    if (from_trunk && call) ++trunk_counters_.at(source.trunk).refused_in;
    return std::unexpected(Refusal{404, "No Route"});
}

}  // namespace sallyport::routing
