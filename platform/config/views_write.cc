#include "platform/config/view_names.h"
#include "platform/config/views.h"

namespace sallyport::config {

namespace {

using json::Value;

template <typename T>
Value numbers(const std::vector<T>& values) {
    Value out(Json::arrayValue);
    for (const T v : values) out.append(Json::UInt64{v});
    return out;
}

template <typename T>
Value texts(const std::vector<T>& values) {
    Value out(Json::arrayValue);
    for (const T& v : values) out.append(v.text());
    return out;
}

template <typename T>
Value list(const std::vector<T>& values, Value (*write)(const T&)) {
    Value out(Json::arrayValue);
    for (const T& v : values) out.append(write(v));
    return out;
}

Value write(const Interface& i) {
    Value out(Json::objectValue);
    out["name"] = i.name;
    out["port"] = i.port;
    out["vlan"] = i.vlan;
    out["address"] = i.address.text();
    if (i.address6) out["address6"] = i.address6->text();
    out["further-addresses"] = texts(i.further_addresses);
    if (i.gateway) out["gateway"] = i.gateway->text();
    if (i.gateway6) out["gateway6"] = i.gateway6->text();
    out["signalling"] = texts(i.signalling);
    return out;
}

Value strings(const std::vector<std::string>& values) {
    Value out(Json::arrayValue);
    for (const auto& v : values) out.append(v);
    return out;
}

Value write(const RulesInUse& r) {
    Value out(Json::objectValue);
    out["inbound-rules"] = numbers(r.inbound_rules);
    out["outbound-rules"] = numbers(r.outbound_rules);
    out["inbound-numbers"] = numbers(r.inbound_numbers);
    out["outbound-numbers"] = numbers(r.outbound_numbers);
    return out;
}

Value write(const RuleCondition& c) {
    Value out(Json::objectValue);
    out["header"] = c.header;
    if (c.match) out["match"] = *c.match;
    out["not"] = c.negated;
    return out;
}

Value write(const HeaderRule& r) {
    Value out(Json::objectValue);
    out["header"] = r.header;
    out["action"] = name_of(r.action);
    out["part"] = name_of(r.part);
    out["parameter"] = r.parameter;
    if (r.match) out["match"] = *r.match;
    out["value"] = r.value;
    out["on"] = name_of(r.on);
    out["methods"] = strings(r.methods);
    out["codes"] = strings(r.codes);
    if (r.condition) out["if"] = write(*r.condition);
    return out;
}

Value write(const HeaderRuleList& l) {
    Value out(Json::objectValue);
    out["name"] = l.name;
    out["rules"] = list<HeaderRule>(l.rules, write);
    return out;
}

Value write(const NumberStep& s) {
    Value out(Json::objectValue);
    if (s.prefix) out["prefix"] = *s.prefix;
    out["strip"] = s.strip;
    out["add"] = s.add;
    if (s.match) out["match"] = *s.match;
    out["replace"] = s.replace;
    out["in"] = strings(s.in);
    return out;
}

Value write(const NumberRules& n) {
    Value out(Json::objectValue);
    out["name"] = n.name;
    out["called"] = list<NumberStep>(n.called, write);
    out["calling"] = list<NumberStep>(n.calling, write);
    out["phone-context"] = n.phone_context;
    return out;
}

Value write(const MediaRealm& r) {
    Value out(Json::objectValue);
    out["name"] = r.name;
    out["interface"] = r.interface;
    out["media-addresses"] = texts(r.media_addresses);
    out["first-port"] = r.media_ports.first;
    out["last-port"] = r.media_ports.last;
    out["latching"] = name_of(r.latching);
    out["latching-prefix"] = r.latching_prefix;
    out["dscp"] = r.dscp;
    return out;
}

Value write(const Limits& l) {
    Value out(Json::objectValue);
    out["max-calls"] = l.max_calls;
    out["max-calls-in"] = l.max_calls_in;
    out["max-calls-out"] = l.max_calls_out;
    out["calls-per-second"] = l.calls_per_second;
    out["calls-per-second-in"] = l.calls_per_second_in;
    out["calls-per-second-out"] = l.calls_per_second_out;
    out["burst"] = l.burst;
    out["refuse-with"] = l.refuse_with;
    return out;
}

void write(Value& out, const Timers& t) {
    out["t1-ms"] = Json::Int64{t.t1.count()};
    out["t2-ms"] = Json::Int64{t.t2.count()};
    out["t4-ms"] = Json::Int64{t.t4.count()};
    out["timer-b-ms"] = Json::Int64{t.timer_b.count()};
    out["timer-c-s"] = Json::Int64{t.timer_c.count()};
    out["no-answer-s"] = Json::Int64{t.no_answer.count()};
    out["max-call-duration-s"] = Json::Int64{t.max_call_duration.count()};
}

Value write(const Timers& t) {
    Value out(Json::objectValue);
    write(out, t);
    return out;
}

Value names_of(MethodSet methods) {
    Value out(Json::arrayValue);
    for (const auto name : kPassedMethodNames)
        if (methods.has(*passed_method_named(name))) out.append(std::string(name));
    return out;
}

Value write(const SignallingRealm& r) {
    Value out(Json::objectValue);
    out["name"] = r.name;
    out["media"] = write(r.media);
    out["trust"] = name_of(r.trust);
    out["open"] = r.open;
    out["unknown-source"] = name_of(r.unknown_source);
    out["pass-unknown-headers"] = r.pass_unknown_headers;
    out["timers"] = r.timers;
    if (r.limits != Limits{}) out["limits"] = write(r.limits);
    if (r.rules != RulesInUse{}) out["rules"] = write(r.rules);
    out["methods"] = names_of(r.methods);
    out["pass-unknown-methods"] = r.pass_unknown_methods;
    return out;
}

Value write(const TlsProfile& t) {
    Value out(Json::objectValue);
    out["name"] = t.name;
    out["clients"] = name_of(t.clients);
    out["only-1.3"] = t.only_13;
    return out;
}

Value write(const SipInterface& s) {
    Value out(Json::objectValue);
    out["name"] = s.name;
    out["realm"] = s.realm;
    out["local"] = s.local.text();
    out["device"] = s.device;
    for (const auto t : s.transports) out["transports"].append(name_of(t));
    out["tls-port"] = s.tls_port;
    if (s.tls_profile) out["tls-profile"] = *s.tls_profile;
    return out;
}

Value write(const Trunk& t) {
    Value out(Json::objectValue);
    out["name"] = t.name;
    out["sip-interface"] = t.sip_interface;
    out["peers"] = texts(t.peers);
    out["transport"] = name_of(t.transport);
    out["tls-verify"] = t.tls.verify;
    out["tls-name"] = t.tls.name;
    out["tls-wildcards"] = t.tls.wildcards;
    out["keep-alive-s"] = Json::Int64{t.keep_alive.count()};
    out["timers"] = t.timers;
    if (t.limits != Limits{}) out["limits"] = write(t.limits);
    if (t.rules != RulesInUse{}) out["rules"] = write(t.rules);
    return out;
}

Value write(const Route& r) {
    Value out(Json::objectValue);
    out["name"] = r.name;
    if (r.from_trunk) out["from-trunk"] = *r.from_trunk;
    if (r.from_realm) out["from-realm"] = *r.from_realm;
    out["called-prefix"] = r.called_prefix;
    out["to-trunk"] = r.to_trunk;
    return out;
}

}  // namespace

Value to_json(const DataplaneView& view) {
    Value out(Json::objectValue);
    Value& s = out["system"];
    s["worker-cores"] = numbers(view.system.worker_cores);
    s["memory-mb"] = view.system.memory_mb;
    s["huge-pages"] = name_of(view.system.huge_pages);
    s["max-flows"] = view.system.max_flows;
    s["doze-us"] = Json::Int64{view.system.doze.count()};
    out["interfaces"] = list<Interface>(view.interfaces, write);
    out["realms"] = list<MediaRealm>(view.realms, write);
    return out;
}

Value to_json(const ControlView& view) {
    Value out(Json::objectValue);
    Value& s = out["system"];
    s["product"] = view.system.product;
    s["max-calls"] = view.system.max_calls;
    s["max-subscriptions"] = view.system.max_subscriptions;
    write(s, static_cast<const Timers&>(view.system));
    s["media-timeout-s"] = Json::Int64{view.system.media_timeout.count()};
    visit_bounds(view.connections, [&](const char* key, const auto& bound, auto unit) {
        out["connections"][key] = static_cast<Json::UInt64>(bound / unit);
    });
    out["realms"] = list<SignallingRealm>(view.realms, write);
    out["tls-profiles"] = list<TlsProfile>(view.tls_profiles, write);
    out["sip-interfaces"] = list<SipInterface>(view.sip_interfaces, write);
    out["trunks"] = list<Trunk>(view.trunks, write);
    out["routes"] = list<Route>(view.routes, write);
    out["timers"] = list<Timers>(view.timers, write);
    out["header-rules"] = list<HeaderRuleList>(view.header_rules, write);
    out["number-rules"] = list<NumberRules>(view.number_rules, write);
    return out;
}

}  // namespace sallyport::config
