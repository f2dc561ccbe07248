#include "controlplane/relay/way.h"

#include <algorithm>

namespace sallyport::relay {

transaction::Path way_to(const config::ControlView& view, const transaction::Path& peer, WayOf side,
                         const dialog::Dialog& dialog) {
    auto to = peer;
    const auto hop = dialog::next_hop(dialog, to.remote.address.family());
    if (!hop || (!side.trunk && !is_stream(to.transport))) return to;
    // RFC 3261 §26.2.2: a Contact that says no sips: leads nowhere else than where TLS is known to be.
    if (side.secure && hop->transport != Transport::kTls) return to;
    const auto transport = side.trunk ? hop->transport.value_or(to.transport) : to.transport;
    if (!view.sip_interfaces.at(to.sip_interface).has(transport)) return to;
    if (side.trunk && (transport != to.transport || hop->remote.address != to.remote.address)) to.connection = 0;
    to.remote = hop->remote;
    to.transport = transport;
    return to;
}

bool may_come(const config::ControlView& view, const transaction::Path& peer, std::optional<std::uint16_t> trunk,
              const dialog::Dialog* dialog, const transaction::Path& from) {
    if (from.sip_interface != peer.sip_interface) return false;
    if (from.connection != 0 && from.connection == peer.connection) return true;
    const auto is = [&](const Endpoint& there) { return there.address == from.remote.address; };
    if (is(peer.remote)) return true;
    if (!trunk) return false;
    if (std::ranges::any_of(view.trunks.at(*trunk).peers, is)) return true;
    const auto hop = dialog == nullptr ? std::nullopt : dialog::next_hop(*dialog, peer.remote.address.family());
    return hop && is(hop->remote);
}

}  // namespace sallyport::relay
