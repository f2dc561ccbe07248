#include <algorithm>
#include <charconv>

#include "platform/config/document.h"
#include "platform/config/fields.h"

namespace sallyport::config {

namespace {

using json::Value;

constexpr PortRange kDefaultPool{20000, 39999};

// What a text may be. kNone: of either family.
struct Wanted {
    IpFamily family = IpFamily::kNone;
    const char* example = "192.0.2.1";
};

// The family is the wanted one, or the problem says so.
bool of_family(const IpAddress& address, const Wanted& wanted, const std::string& text, const std::string& path,
               Problems& problems) {
    if (wanted.family == IpFamily::kNone || wanted.family == address.family()) return true;
    problems.push_back({path, quoted(text) + " is not an IPv" + (wanted.family == IpFamily::kIpv4 ? "4" : "6") +
                                  " address, and only these are possible here; write it like " +
                                  quoted(wanted.example)});
    return false;
}

// Reads an address, or says why not.
std::optional<IpAddress> read_address(const Value& v, const Wanted& wanted, const std::string& path,
                                      Problems& problems) {
    if (!v.isString()) return std::nullopt;
    const auto address = IpAddress::parse(v.asString());
    if (!address) {
        problems.push_back(
            {path, quoted(v.asString()) + " is not an address; write it like " + quoted(wanted.example)});
        return std::nullopt;
    }
    if (!of_family(*address, wanted, v.asString(), path, problems)) return std::nullopt;
    return address;
}

std::optional<IpPrefix> read_network(const Value& v, const Wanted& wanted, const std::string& path,
                                     Problems& problems) {
    if (!v.isString()) return std::nullopt;
    const auto prefix = IpPrefix::parse(v.asString());
    if (!prefix) {
        problems.push_back({path, quoted(v.asString()) +
                                      " is not an address with the length of its network; write it like " +
                                      quoted(wanted.example)});
        return std::nullopt;
    }
    if (!of_family(prefix->address, wanted, v.asString(), path, problems)) return std::nullopt;
    return prefix;
}

std::optional<Endpoint> read_endpoint(const Value& v, const std::string& path, Problems& problems) {
    if (!v.isString()) return std::nullopt;
    const auto endpoint = Endpoint::parse(v.asString());
    if (endpoint && endpoint->port != 0) return endpoint;
    const bool v6 = std::ranges::count(v.asString(), ':') > 1;
    problems.push_back({path, quoted(v.asString()) + " is not an address with a port; write it like " +
                                  quoted(v6 ? "[2001:db8::10]:5060" : "192.0.2.10:5060")});
    return std::nullopt;
}

// "20000-39999". What is not of this form has been reported by the schema.
std::optional<PortRange> read_ports(const Value& v, const std::string& path, Problems& problems) {
    if (!v.isString()) return std::nullopt;
    const std::string text = v.asString();
    unsigned first = 0;
    unsigned last = 0;
    const char* const end = text.data() + text.size();
    const auto a = std::from_chars(text.data(), end, first);
    if (a.ec != std::errc{} || a.ptr == end || *a.ptr != '-') return std::nullopt;
    const auto b = std::from_chars(a.ptr + 1, end, last);
    if (b.ec != std::errc{} || b.ptr != end) return std::nullopt;
    if (first < 1024 || last > 65535) {
        problems.push_back({path, quoted(text) + " is not possible; ports of media are from 1024 to 65535"});
        return std::nullopt;
    }
    if (first >= last) {
        problems.push_back({path, quoted(text) + " ends before it begins; write the lower port first"});
        return std::nullopt;
    }
    // RFC 3550 §11: RTP on an even port, its RTCP on the odd one above.
    if (first % 2 != 0 || last % 2 != 1) {
        const unsigned even = first + first % 2;
        const unsigned odd = last % 2 == 1 ? last : last - 1;
        std::string advice;
        if (even < odd) advice = ": \"" + std::to_string(even) + "-" + std::to_string(odd) + "\"";
        problems.push_back(
            {path, quoted(text) + " cannot be cut into pairs for RTP and RTCP; begin even and end odd" + advice});
        return std::nullopt;
    }
    return PortRange{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

// Media is IPv4.
std::vector<DocAddress> read_addresses(const Value& v, const std::string& path, Problems& problems) {
    std::vector<DocAddress> out;
    if (!v.isArray()) return out;
    for (Json::ArrayIndex i = 0; i < v.size(); ++i) {
        const std::string at = pointer(path, i);
        if (const auto address = read_address(v[i], {IpFamily::kIpv4}, at, problems)) out.push_back({*address, at});
    }
    return out;
}

DocInterface read_interface(const std::string& name, const Fields& f) {
    DocInterface out;
    out.name = name;
    out.path = f.path();
    out.port = f.text("port");
    out.vlan = f.number<std::uint16_t>("vlan", 0);
    const Wanted v4{IpFamily::kIpv4, "192.0.2.1/24"};
    const Wanted v6{IpFamily::kIpv6, "2001:db8::1/64"};
    out.address = read_network(f.value("address"), v4, f.at("address"), f.problems());
    out.has_gateway = f.has("gateway");
    out.gateway = read_address(f.value("gateway"), {IpFamily::kIpv4}, f.at("gateway"), f.problems());
    out.has_address6 = f.has("address6");
    out.address6 = read_network(f.value("address6"), v6, f.at("address6"), f.problems());
    out.has_gateway6 = f.has("gateway6");
    out.gateway6 = read_address(f.value("gateway6"), {IpFamily::kIpv6, "2001:db8::ff"}, f.at("gateway6"), f.problems());
    return out;
}

template <typename T>
std::optional<T> read_time(const Fields& f, const char* key) {
    const auto count = f.has(key) ? f.number<std::uint32_t>(key, 0) : std::nullopt;
    return count ? std::optional(T(*count)) : std::nullopt;
}

DocTimers read_timers(const Fields& f) {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    DocTimers out;
    out.path = f.path();
    out.t1 = read_time<milliseconds>(f, "t1-ms");
    out.t2 = read_time<milliseconds>(f, "t2-ms");
    out.t4 = read_time<milliseconds>(f, "t4-ms");
    out.timer_b = read_time<milliseconds>(f, "timer-b-ms");
    out.timer_c = read_time<seconds>(f, "timer-c-s");
    out.no_answer = read_time<seconds>(f, "no-answer-s");
    out.max_call_duration = read_time<seconds>(f, "max-call-duration-s");
    return out;
}

DocLimits read_limits(const Fields& f) {
    DocLimits out;
    out.path = f.path();
    auto& l = out.limits;
    l.max_calls = f.plain_number<std::uint32_t>("max-calls", 0);
    l.max_calls_in = f.plain_number<std::uint32_t>("max-calls-in", 0);
    l.max_calls_out = f.plain_number<std::uint32_t>("max-calls-out", 0);
    l.calls_per_second = f.plain_number<std::uint32_t>("calls-per-second", 0);
    l.calls_per_second_in = f.plain_number<std::uint32_t>("calls-per-second-in", 0);
    l.calls_per_second_out = f.plain_number<std::uint32_t>("calls-per-second-out", 0);
    l.burst = f.plain_number<std::uint32_t>("burst", 0);
    const auto refuse = f.text("refuse-with");
    l.refuse_with = refuse == "480" ? 480 : refuse == "503" ? 503 : 0;
    return out;
}

MethodSet read_methods(const Value& v) {
    MethodSet out;
    for (Json::ArrayIndex i = 0; v.isArray() && i < v.size(); ++i) {
        const auto one = v[i].isString() ? passed_method_named(v[i].asString()) : std::nullopt;
        if (one) out.add(*one);
    }
    return out;
}

DocRealm read_realm(const std::string& name, const Fields& f) {
    DocRealm out;
    out.name = name;
    out.path = f.path();
    out.interface = f.reference("interface", &name);
    out.default_addresses = !f.has("media-addresses");
    out.media_addresses = read_addresses(f.value("media-addresses"), f.at("media-addresses"), f.problems());
    out.media_ports = f.has("media-ports") ? read_ports(f.value("media-ports"), f.at("media-ports"), f.problems())
                                           : std::optional(kDefaultPool);
    out.trust = f.text("trust") == "trusted" ? Trust::kTrusted : Trust::kUntrusted;
    const std::string latching = f.has("latching") ? f.text("latching").value_or("") : "address";
    if (latching == "exact") out.latching = Latching::kExact;
    if (latching == "address") out.latching = Latching::kAddress;
    if (latching == "prefix") out.latching = Latching::kPrefix;
    out.has_latching_prefix = f.has("latching-prefix");
    out.latching_prefix = f.number<std::uint8_t>("latching-prefix", 0);
    out.dscp = f.plain_number<std::uint8_t>("dscp", 46);
    out.open = f.flag("open", false);
    out.unknown_source = f.text("unknown-source") == "403" ? UnknownSource::kForbid : UnknownSource::kDrop;
    out.pass_unknown_headers = f.flag("pass-unknown-headers", out.trust == Trust::kTrusted);
    out.timers = read_timers(Fields(f.value("timers"), f.at("timers"), f.problems()));
    out.limits = read_limits(Fields(f.value("limits"), f.at("limits"), f.problems()));
    out.rules = read_rules_in_use(f);
    if (f.has("methods")) out.methods = read_methods(f.value("methods"));
    out.pass_unknown_methods = f.flag("pass-unknown-methods", out.trust == Trust::kTrusted);
    return out;
}

std::vector<Transport> read_transports(const Value& v) {
    std::vector<Transport> out;
    for (Json::ArrayIndex i = 0; v.isArray() && i < v.size(); ++i) {
        const auto one = v[i].isString() ? transport_named(v[i].asString()) : std::nullopt;
        if (one && std::ranges::find(out, *one) == out.end()) out.push_back(*one);
    }
    return out;
}

DocTlsProfile read_tls_profile(const std::string& name, const Fields& f) {
    DocTlsProfile out;
    out.name = out.profile.name = name;
    out.path = f.path();
    const auto clients = f.text("clients");
    if (clients == "optional") out.profile.clients = TlsClients::kOptional;
    if (clients == "required") out.profile.clients = TlsClients::kRequired;
    out.profile.only_13 = f.text("least-version") == "1.3";
    const Value& pairs = f.value("certificates");
    for (Json::ArrayIndex i = 0; pairs.isArray() && i < pairs.size(); ++i) {
        const Fields pair(pairs[i], pointer(f.at("certificates"), i), f.problems());
        out.pairs.emplace_back(pair.text("certificate").value_or(""), pair.text("key").value_or(""));
    }
    out.authorities = f.text("authorities").value_or("");
    return out;
}

DocSipInterface read_sip_interface(const std::string& name, const Fields& f) {
    DocSipInterface out;
    out.name = name;
    out.path = f.path();
    out.realm = f.reference("realm", &name);
    out.default_address = !f.has("address");
    if (const auto address = read_address(f.value("address"), {}, f.at("address"), f.problems()))
        out.address = DocAddress{*address, f.at("address")};
    out.port = f.number<std::uint16_t>("port", 5060);
    if (out.port == 0) out.port.reset();
    out.transports = f.has("transports") ? read_transports(f.value("transports")) : kDefaultTransports;
    out.tls_profile = f.reference("tls-profile");
    out.tls_port = f.number<std::uint16_t>("tls-port", 5061);
    if (out.tls_port == 0) out.tls_port.reset();
    return out;
}

DocTrunk read_trunk(const std::string& name, const Fields& f) {
    DocTrunk out;
    out.name = name;
    out.path = f.path();
    out.sip_interface = f.reference("sip-interface");
    out.has_transport = f.has("transport");
    if (const auto transport = f.text("transport")) out.transport = transport_named(*transport);
    out.keep_alive_s = f.plain_number<std::uint32_t>("keep-alive-s", 0);
    out.has_tls = f.has("tls");
    const Fields tls(f.value("tls"), f.at("tls"), f.problems());
    out.says_verify = tls.has("verify");
    out.tls.verify = tls.flag("verify", true);
    out.tls.name = tls.text("name").value_or("");
    out.tls.wildcards = tls.flag("wildcards", false);
    out.timers = read_timers(Fields(f.value("timers"), f.at("timers"), f.problems()));
    out.limits = read_limits(Fields(f.value("limits"), f.at("limits"), f.problems()));
    out.rules = read_rules_in_use(f);
    const Value& peers = f.value("peers");
    for (Json::ArrayIndex i = 0; peers.isArray() && i < peers.size(); ++i) {
        const std::string at = pointer(f.at("peers"), i);
        if (const auto endpoint = read_endpoint(peers[i], at, f.problems())) out.peers.push_back({*endpoint, at});
    }
    return out;
}

DocRoute read_route(const Fields& f) {
    DocRoute out;
    out.name = f.text("name").value_or("");
    out.path = f.path();
    const Fields from(f.value("from"), f.at("from"), f.problems());
    out.from_trunk = from.reference("trunk");
    out.from_realm = from.reference("realm");
    out.from_readable = !f.has("from") || out.from_trunk.has_value() != out.from_realm.has_value();
    const Fields match(f.value("match"), f.at("match"), f.problems());
    out.called_prefix = match.has("called-prefix") ? match.text("called-prefix") : std::optional<std::string>("");
    const Fields to(f.value("to"), f.at("to"), f.problems());
    out.to_trunk = to.reference("trunk");
    return out;
}

void read_connections(const Fields& f, ConnectionBounds& out) {
    visit_bounds(out, [&](const char* key, auto& bound, auto unit) {
        const auto otherwise = static_cast<std::uint32_t>(bound / unit);
        bound = f.plain_number<std::uint32_t>(key, otherwise) * unit;
    });
}

void read_system(const Fields& f, Document& out) {
    constexpr std::uint32_t kDefaultMaxCalls = 2000;
    out.max_calls = f.number<std::uint32_t>("max-calls", kDefaultMaxCalls);
    if (out.max_calls == 0) out.max_calls.reset();
    out.signalling.product = f.has("product") ? f.text("product").value_or("") : "Sallyport";
    out.signalling.max_calls = out.max_calls.value_or(kDefaultMaxCalls);
    out.signalling.max_subscriptions = f.plain_number<std::uint32_t>("max-subscriptions", 10000);
    Timers defaults;
    defaults.no_answer = std::chrono::seconds(180);
    defaults.max_call_duration = std::chrono::hours(12);
    out.timers = read_timers(f);
    static_cast<Timers&>(out.signalling) = out.timers.over(defaults);
    out.signalling.media_timeout = std::chrono::seconds(f.plain_number<std::uint32_t>("media-timeout-s", 0));

    // Two streams a call (audio and one more), each two directions of RTP and of RTCP.
    constexpr std::uint32_t kFlowsOfACall = 8;
    out.dataplane.max_flows = out.signalling.max_calls * kFlowsOfACall;
    out.dataplane.memory_mb = f.plain_number<std::uint32_t>("memory-mb", 0);
    out.dataplane.doze = std::chrono::microseconds(f.plain_number<std::uint32_t>("doze-us", 500));
    const auto huge = f.text("huge-pages");
    out.dataplane.huge_pages = huge == "on" ? HugePages::kOn : huge == "off" ? HugePages::kOff : HugePages::kAuto;
    for (const Value& core : f.value("worker-cores"))
        if (core.isUInt() && core.asUInt() < 1024)
            out.dataplane.worker_cores.push_back(static_cast<std::uint16_t>(core.asUInt()));
}

// Calls `read(name, fields)` for each entry of an object keyed by name; they come sorted by name.
template <typename Read>
void for_each_object(const Fields& root, const char* key, const Read& read) {
    const Value& objects = root.value(key);
    if (!objects.isObject()) return;
    for (const std::string& name : objects.getMemberNames())
        read(name, Fields(objects[name], pointer(root.at(key), name), root.problems()));
}

}  // namespace

Document read_document(const json::Value& document, Problems& problems) {
    Document out;
    const Fields root(document, "", problems);
    for_each_object(root, "interfaces",
                    [&](auto& n, const Fields& f) { out.interfaces.push_back(read_interface(n, f)); });
    for_each_object(root, "realms", [&](auto& n, const Fields& f) { out.realms.push_back(read_realm(n, f)); });
    for_each_object(root, "tls-profiles",
                    [&](auto& n, const Fields& f) { out.tls_profiles.push_back(read_tls_profile(n, f)); });
    for_each_object(root, "sip-interfaces",
                    [&](auto& n, const Fields& f) { out.sip_interfaces.push_back(read_sip_interface(n, f)); });
    for_each_object(root, "trunks", [&](auto& n, const Fields& f) { out.trunks.push_back(read_trunk(n, f)); });
    const Value& lists = root.value("header-rules");
    for (const std::string& name : lists.isObject() ? lists.getMemberNames() : Value::Members())
        out.header_rules.push_back(
            read_header_rules(name, lists[name], pointer(root.at("header-rules"), name), problems));
    for_each_object(root, "number-rules",
                    [&](auto& n, const Fields& f) { out.number_rules.push_back(read_number_rules(n, f)); });
    const Value& routes = root.value("routes");
    for (Json::ArrayIndex i = 0; routes.isArray() && i < routes.size(); ++i)
        out.routes.push_back(read_route(Fields(routes[i], pointer(root.at("routes"), i), problems)));
    read_connections(Fields(root.value("connections"), root.at("connections"), problems), out.connections);
    read_system(Fields(root.value("system"), root.at("system"), problems), out);
    return out;
}

}  // namespace sallyport::config
