#include "platform/config/effective.h"

#include <algorithm>

#include "platform/config/document.h"
#include "platform/config/meaning.h"

namespace sallyport::config {

namespace {

// From here on the document has no problem: every reference is resolved, every value is there.

std::uint16_t index_of(const std::optional<Reference>& reference) {
    return static_cast<std::uint16_t>(reference.value().index.value());
}

void add_further(Interface& interface, const IpAddress& address) {
    const IpPrefix single{address, static_cast<std::uint8_t>(address.is_v6() ? 128 : 32)};
    if (address == interface.address.address || (interface.address6 && address == interface.address6->address)) return;
    if (std::ranges::find(interface.further_addresses, single) == interface.further_addresses.end())
        interface.further_addresses.push_back(single);
}

RulesInUse rules_in_use(const DocRulesInUse& rules) {
    const auto indices = [](const std::vector<Reference>& references) {
        std::vector<std::uint16_t> out;
        out.reserve(references.size());
        for (const Reference& r : references) out.push_back(static_cast<std::uint16_t>(r.index.value()));
        return out;
    };
    return {indices(rules.inbound_rules), indices(rules.outbound_rules), indices(rules.inbound_numbers),
            indices(rules.outbound_numbers)};
}

MediaRealm media_realm(const DocRealm& r) {
    MediaRealm out;
    out.name = r.name;
    out.interface = index_of(r.interface);
    for (const DocAddress& a : r.media_addresses) out.media_addresses.push_back(a.address);
    out.media_ports = r.media_ports.value();
    out.latching = r.latching.value();
    out.latching_prefix = r.latching_prefix.value();
    out.dscp = r.dscp;
    return out;
}

// The number of a set of timers in the view, where each stands once.
std::uint16_t timers_in(ControlView& view, const Timers& timers) {
    if (timers == static_cast<const Timers&>(view.system)) return 0;
    const auto found = std::ranges::find(view.timers, timers);
    const auto index = found - view.timers.begin();
    if (found == view.timers.end()) view.timers.push_back(timers);
    return static_cast<std::uint16_t>(index + 1);
}

SignallingRealm signalling_realm(const DocRealm& r) {
    SignallingRealm out;
    out.name = r.name;
    out.media = media_realm(r);
    out.trust = r.trust;
    out.open = r.open;
    out.unknown_source = r.unknown_source;
    out.pass_unknown_headers = r.pass_unknown_headers;
    out.rules = rules_in_use(r.rules);
    out.methods = r.methods;
    out.pass_unknown_methods = r.pass_unknown_methods;
    return out;
}

Effective to_views(const Document& d) {
    Effective out;
    out.dataplane.system = d.dataplane;
    out.control.system = d.signalling;
    out.control.connections = d.connections;
    for (const DocInterface& i : d.interfaces)
        out.dataplane.interfaces.push_back(
            {i.name, i.port.value(), i.vlan.value(), i.address.value(), i.address6, {}, i.gateway, i.gateway6, {}});
    for (const DocRealm& r : d.realms) {
        out.dataplane.realms.push_back(media_realm(r));
        auto& realm = out.control.realms.emplace_back(signalling_realm(r));
        realm.timers = timers_in(out.control, r.timers.over(out.control.system));
        realm.limits = r.limits.over({});
        for (const DocAddress& a : r.media_addresses)
            add_further(out.dataplane.interfaces[index_of(r.interface)], a.address);
    }
    for (const DocSipInterface& s : d.sip_interfaces) {
        Interface& interface = out.dataplane.interfaces[out.dataplane.realms[index_of(s.realm)].interface];
        add_further(interface, s.address.value().address);
        const Endpoint local(s.address->address, s.port.value());
        SipInterface sip{s.name, index_of(s.realm), local, interface.name, s.transports, s.tls_port.value(), {}};
        if (sip.has(Transport::kTls)) sip.tls_profile = index_of(s.tls_profile);
        interface.signalling.push_back(local);
        if (sip.has(Transport::kTls)) interface.signalling.push_back(sip.at(Transport::kTls));
        out.control.sip_interfaces.push_back(std::move(sip));
    }
    for (const DocTlsProfile& t : d.tls_profiles) {
        out.control.tls_profiles.push_back(t.profile);
        TlsFiles files{t.name, {}, t.authorities};
        for (const auto& [certificate, key] : t.pairs) files.pairs.push_back({certificate, key});
        out.tls_files.push_back(std::move(files));
    }
    for (const DocTrunk& t : d.trunks) {
        const auto sip_interface = index_of(t.sip_interface);
        Trunk trunk{t.name, sip_interface,
                    {},     t.transport.value_or(out.control.sip_interfaces[sip_interface].transports.front()),
                    t.tls,  std::chrono::seconds(t.keep_alive_s)};
        trunk.rules = rules_in_use(t.rules);
        for (const DocPeer& p : t.peers) trunk.peers.push_back(p.endpoint);
        const auto& realm = out.control.realms[out.control.sip_interfaces[sip_interface].realm];
        trunk.timers = timers_in(out.control, t.timers.over(out.control.timers_at(realm.timers)));
        trunk.limits = t.limits.over(realm.limits);
        out.control.trunks.push_back(std::move(trunk));
    }
    for (const DocHeaderRules& list : d.header_rules) out.control.header_rules.push_back({list.name, list.rules});
    for (const DocNumberRules& n : d.number_rules) out.control.number_rules.push_back(n.rules);
    for (const DocRoute& r : d.routes) {
        Route route;
        route.name = r.name;
        if (r.from_trunk) route.from_trunk = index_of(r.from_trunk);
        if (r.from_realm) route.from_realm = index_of(r.from_realm);
        route.called_prefix = r.called_prefix.value();
        route.to_trunk = index_of(r.to_trunk);
        out.control.routes.push_back(std::move(route));
    }
    return out;
}

}  // namespace

std::expected<Effective, Problems> make_effective(std::string_view document, SchemaCheck& schema) {
    if (document.size() > kMaxDocumentBytes)
        return std::unexpected(Problems{{"", "is larger than " + std::to_string(kMaxDocumentBytes) + " bytes"}});
    const auto value = json::parse(document);
    if (!value) return std::unexpected(Problems{{"", "is not JSON: " + value.error()}});

    Problems problems;
    schema.check(*value, problems);
    Document d = read_document(*value, problems);
    resolve(d, problems);
    check_interfaces(d, problems);
    check_realms(d, problems);
    check_tls_profiles(d, problems);
    check_sip_interfaces(d, problems);
    check_trunks(d, problems);
    check_routes(d, problems);
    check_timers(d, problems);
    check_limits(d, problems);
    check_header_rules(d, problems);
    check_number_rules(d, problems);
    if (problems.empty()) {
        Effective effective = to_views(d);
        const std::size_t bytes = std::max(json::write_line(to_json(effective.dataplane)).size(),
                                           json::write_line(to_json(effective.control)).size());
        if (bytes <= kMaxViewBytes) return effective;
        problems.push_back({"", "makes a view of " + std::to_string(bytes) + " bytes, more than " +
                                    std::to_string(kMaxViewBytes) + "; it needs fewer trunks, peers, routes or rules"});
    }
    sort_problems(problems);
    return std::unexpected(std::move(problems));
}

std::expected<Effective, Problems> make_effective(std::string_view document) {
    SchemaCheck schema;
    return make_effective(document, schema);
}

}  // namespace sallyport::config
