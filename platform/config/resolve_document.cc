#include <algorithm>

#include "platform/config/document.h"

namespace sallyport::config {

namespace {

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& objects) {
    std::vector<std::string> out;
    out.reserve(objects.size());
    for (const T& o : objects) out.push_back(o.name);
    return out;
}

template <typename T>
void resolve_reference(std::optional<Reference>& reference, const std::vector<T>& objects, const char* kind,
                       Problems& problems) {
    if (!reference) return;
    const auto found = std::ranges::find(objects, reference->name, &T::name);
    if (found != objects.end()) {
        reference->index = static_cast<std::size_t>(found - objects.begin());
        return;
    }
    problems.push_back({reference->path, "there is no " + std::string(kind) + " " + quoted(reference->name) +
                                             suggestion(reference->name, names_of(objects))});
}

void resolve_rules(DocRulesInUse& rules, const Document& d, Problems& problems) {
    const auto each = [&](std::vector<Reference>& references, const auto& objects, const char* kind) {
        for (Reference& r : references) {
            std::optional<Reference> one(std::move(r));
            resolve_reference(one, objects, kind, problems);
            r = std::move(*one);
        }
    };
    each(rules.inbound_rules, d.header_rules, "list of header rules");
    each(rules.outbound_rules, d.header_rules, "list of header rules");
    each(rules.inbound_numbers, d.number_rules, "set of number rules");
    each(rules.outbound_numbers, d.number_rules, "set of number rules");
}

template <typename T>
void insert_by_name(std::vector<T>& objects, T object) {
    objects.insert(std::ranges::lower_bound(objects, object.name, {}, &T::name), std::move(object));
}

// An interface that no realm names gets a realm of its name.
void add_implicit_realms(Document& d, Problems& problems) {
    for (const DocInterface& i : d.interfaces) {
        const bool used = std::ranges::any_of(d.realms, [&](const DocRealm& r) {
            // A reference that cannot be read could have meant this one.
            return r.interface ? r.interface->name == i.name : r.name == i.name;
        });
        if (used) continue;
        const auto taken = std::ranges::find(d.realms, i.name, &DocRealm::name);
        if (taken != d.realms.end()) {
            problems.push_back(
                {i.path, "no realm is on this interface, and the name of the realm that it would get is taken by " +
                             taken->path + "; add a realm with \"interface\": " + quoted(i.name)});
            continue;
        }
        DocRealm realm;
        realm.name = i.name;
        realm.path = i.path;
        realm.implicit = true;
        realm.interface = Reference{i.name, i.path, std::nullopt};
        realm.default_addresses = true;
        realm.media_ports = PortRange{20000, 39999};
        realm.latching = Latching::kAddress;
        insert_by_name(d.realms, std::move(realm));
    }
}

// A realm that no sip-interface names gets one of its name.
void add_implicit_sip_interfaces(Document& d, Problems& problems) {
    for (const DocRealm& r : d.realms) {
        const bool used = std::ranges::any_of(d.sip_interfaces, [&](const DocSipInterface& s) {
            return s.realm ? s.realm->name == r.name : s.name == r.name;
        });
        if (used) continue;
        const auto taken = std::ranges::find(d.sip_interfaces, r.name, &DocSipInterface::name);
        if (taken != d.sip_interfaces.end()) {
            problems.push_back({r.path, "no sip-interface is in the realm " + quoted(r.name) +
                                            ", and the name of the one that it would get is taken by " + taken->path +
                                            "; add a sip-interface with \"realm\": " + quoted(r.name)});
            continue;
        }
        DocSipInterface sip;
        sip.name = r.name;
        sip.path = r.path;
        sip.implicit = true;
        sip.realm = Reference{r.name, r.path, std::nullopt};
        sip.default_address = true;
        sip.port = 5060;
        sip.transports = kDefaultTransports;
        sip.tls_port = 5061;
        insert_by_name(d.sip_interfaces, std::move(sip));
    }
}

}  // namespace

Timers DocTimers::over(const Timers& inherited) const {
    auto out = inherited;
    out.t1 = t1.value_or(out.t1);
    out.t2 = t2.value_or(out.t2);
    out.t4 = t4.value_or(out.t4);
    out.timer_b = timer_b.value_or(out.timer_b);
    out.timer_c = timer_c.value_or(out.timer_c);
    out.no_answer = no_answer.value_or(out.no_answer);
    out.max_call_duration = max_call_duration.value_or(out.max_call_duration);
    return out;
}

// The numbers are no inheritance: those of a realm hold for all in it together, beside each trunk's own.
Limits DocLimits::over(const Limits& inherited) const {
    auto out = limits;
    if (out.refuse_with == 0) out.refuse_with = inherited.refuse_with;
    return out;
}

void resolve(Document& d, Problems& problems) {
    add_implicit_realms(d, problems);
    add_implicit_sip_interfaces(d, problems);

    for (DocRealm& r : d.realms) {
        resolve_reference(r.interface, d.interfaces, "interface", problems);
        resolve_rules(r.rules, d, problems);
        if (!r.default_addresses || !r.interface || !r.interface->index) continue;
        const auto& address = d.interfaces[*r.interface->index].address;
        if (address) r.media_addresses.push_back({address->address, r.path});
    }
    for (DocSipInterface& s : d.sip_interfaces) {
        resolve_reference(s.realm, d.realms, "realm", problems);
        resolve_reference(s.tls_profile, d.tls_profiles, "TLS profile", problems);
        if (!s.default_address || !s.realm || !s.realm->index) continue;
        const DocRealm& r = d.realms[*s.realm->index];
        if (!r.interface || !r.interface->index) continue;
        const auto& address = d.interfaces[*r.interface->index].address;
        if (address) s.address = DocAddress{address->address, s.path};
    }
    for (DocTrunk& t : d.trunks) {
        resolve_reference(t.sip_interface, d.sip_interfaces, "sip-interface", problems);
        resolve_rules(t.rules, d, problems);
    }
    for (DocRoute& r : d.routes) {
        resolve_reference(r.from_trunk, d.trunks, "trunk", problems);
        resolve_reference(r.from_realm, d.realms, "realm", problems);
        resolve_reference(r.to_trunk, d.trunks, "trunk", problems);
    }
}

}  // namespace sallyport::config
