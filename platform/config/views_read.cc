#include <algorithm>
#include <limits>
#include <type_traits>

#include "platform/config/view_names.h"
#include "platform/config/views.h"
#include "platform/regex/regex.h"

// Views travel between processes of one build. Nothing is taken on trust for that: a key that is missing, too much or
// out of range refuses the whole, with its path.

namespace sallyport::config {

namespace {

using json::Value;

// Reads one object. The first fault is kept; `done` also finds keys that nobody asked for.
class In {
public:
    In(const Value& v, std::string path, std::string& error) : v_(v), path_(std::move(path)), error_(error) {
        if (!v_.isObject()) fail("", "is not an object");
    }

    template <typename T>
        requires std::is_unsigned_v<T>
    void get(const char* key, T& out, std::uint64_t most = std::numeric_limits<T>::max()) {
        const Value& v = take(key);
        if (v.isBool() || !v.isUInt64() || v.asUInt64() > most) return fail(key, "is not a number of that range");
        out = static_cast<T>(v.asUInt64());
    }
    void get(const char* key, bool& out) {
        const Value& v = take(key);
        if (!v.isBool()) return fail(key, "is neither true nor false");
        out = v.asBool();
    }
    void get(const char* key, std::string& out) {
        const Value& v = take(key);
        if (!v.isString()) return fail(key, "is not a string");
        out = v.asString();
    }
    template <typename T>
        requires requires(std::string_view t) { T::parse(t); }
    void get(const char* key, T& out) {
        parse(take(key), key, out);
    }
    template <typename Rep, typename Period>
    void get(const char* key, std::chrono::duration<Rep, Period>& out) {
        std::uint64_t n = 0;
        get(key, n, std::numeric_limits<std::uint32_t>::max());
        out = std::chrono::duration<Rep, Period>(n);
    }
    template <typename T>
        requires std::is_enum_v<T>
    void get(const char* key, T& out, std::initializer_list<T> all) {
        const Value& v = take(key);
        for (const T candidate : all) {
            if (!v.isString() || v.asString() != name_of(candidate)) continue;
            out = candidate;
            return;
        }
        fail(key, "has no meaning");
    }
    void get(const char* key, std::vector<Transport>& out) {
        const Value& v = take(key);
        out.clear();
        for (const Value& item : v) {
            const auto t = item.isString() ? transport_named(item.asString()) : std::nullopt;
            if (!t || std::ranges::find(out, *t) != out.end()) return fail(key, "holds what is no transport");
            out.push_back(*t);
        }
        if (out.empty()) fail(key, "is empty");
    }
    void get(const char* key, MethodSet& out) {
        const Value& v = take(key);
        if (!v.isArray()) return fail(key, "is not a list");
        out = MethodSet();
        for (const Value& item : v) {
            const auto m = item.isString() ? passed_method_named(item.asString()) : std::nullopt;
            if (!m) return fail(key, "holds what is no method that may pass");
            out.add(*m);
        }
    }
    template <typename T>
    void get(const char* key, std::vector<T>& out) {
        const Value& v = take(key);
        if (!v.isArray()) return fail(key, "is not a list");
        for (const Value& item : v) {
            T element{};
            if constexpr (std::is_unsigned_v<T>) {
                if (!item.isUInt64() || item.asUInt64() > std::numeric_limits<T>::max())
                    return fail(key, "holds something else than a number");
                element = static_cast<T>(item.asUInt64());
            } else if constexpr (requires(std::string_view t) { T::parse(t); }) {
                parse(item, key, element);
            } else if constexpr (std::is_same_v<T, std::string>) {
                if (!item.isString()) return fail(key, "holds something else than a string");
                element = item.asString();
            } else {
                In in(item, path_ + "/" + key, error_);
                read(in, element);
                in.done();
            }
            out.push_back(std::move(element));
        }
    }
    template <typename T>
    void get_object(const char* key, T& out) {
        In in(take(key), path_ + "/" + key, error_);
        read(in, out);
        in.done();
    }
    template <typename T>
    void get_object_if(const char* key, T& out) {
        if (v_.isObject() && v_.isMember(key)) get_object(key, out);
    }
    template <typename T>
    void get_if(const char* key, std::optional<T>& out) {
        if (!v_.isObject() || !v_.isMember(key)) return;
        T value{};
        get(key, value);
        out = value;
    }
    void done() {
        if (v_.isObject() && v_.size() > taken_) fail("", "has a key that this build does not know");
    }
    void fail(const char* key, const char* what) {
        if (error_.empty()) error_ = "view" + path_ + (*key != '\0' ? std::string("/") + key : "") + " " + what;
    }

private:
    const Value& take(const char* key) {
        if (!v_.isObject() || !v_.isMember(key)) return Value::nullSingleton();
        ++taken_;
        return v_[key];
    }
    template <typename T>
    void parse(const Value& v, const char* key, T& out) {
        const auto parsed = v.isString() ? T::parse(v.asString()) : std::nullopt;
        if (!parsed) return fail(key, "is not an address of that form");
        out = *parsed;
    }
    static void read(In& in, Interface& i);
    static void read(In& in, MediaRealm& r);
    static void read(In& in, Limits& l);
    static void read(In& in, Timers& t);
    static void read(In& in, SignallingRealm& r);
    static void read(In& in, TlsProfile& t);
    static void read(In& in, SipInterface& s);
    static void read(In& in, Trunk& t);
    static void read(In& in, Route& r);
    static void read(In& in, RulesInUse& r);
    static void read(In& in, RuleCondition& c);
    static void read(In& in, HeaderRule& r);
    static void read(In& in, HeaderRuleList& l);
    static void read(In& in, NumberStep& s);
    static void read(In& in, NumberRules& n);
    static void read(In& in, DataplaneSystem& s);
    static void read(In& in, SignallingSystem& s);
    static void read(In& in, ConnectionBounds& b);

    const Value& v_;
    std::string path_;
    std::string& error_;
    Json::ArrayIndex taken_ = 0;
};

void In::read(In& in, Interface& i) {
    in.get("name", i.name);
    in.get("port", i.port);
    in.get("vlan", i.vlan, 4094);
    in.get("address", i.address);
    in.get_if("address6", i.address6);
    in.get("further-addresses", i.further_addresses);
    in.get_if("gateway", i.gateway);
    in.get_if("gateway6", i.gateway6);
    in.get("signalling", i.signalling);
    if (!i.address.address.is_v4()) in.fail("address", "is no IPv4 address");
    if (i.address6 && !i.address6->address.is_v6()) in.fail("address6", "is no IPv6 address");
}

void In::read(In& in, MediaRealm& r) {
    in.get("name", r.name);
    in.get("interface", r.interface);
    in.get("media-addresses", r.media_addresses);
    in.get("first-port", r.media_ports.first);
    in.get("last-port", r.media_ports.last);
    in.get("latching", r.latching, {Latching::kExact, Latching::kAddress, Latching::kPrefix});
    in.get("latching-prefix", r.latching_prefix, 32);
    in.get("dscp", r.dscp, 63);
    if (r.media_addresses.empty()) in.fail("media-addresses", "is empty");
    if (r.media_ports.first % 2 != 0 || r.media_ports.last % 2 != 1 || r.media_ports.first >= r.media_ports.last)
        in.fail("first-port", "and last-port are not a pool of pairs");
}

void In::read(In& in, Limits& l) {
    in.get("max-calls", l.max_calls);
    in.get("max-calls-in", l.max_calls_in);
    in.get("max-calls-out", l.max_calls_out);
    in.get("calls-per-second", l.calls_per_second);
    in.get("calls-per-second-in", l.calls_per_second_in);
    in.get("calls-per-second-out", l.calls_per_second_out);
    in.get("burst", l.burst);
    in.get("refuse-with", l.refuse_with);
    if (l.refuse_with != 503 && l.refuse_with != 480) in.fail("refuse-with", "is neither 503 nor 480");
}

void In::read(In& in, Timers& t) {
    in.get("t1-ms", t.t1);
    in.get("t2-ms", t.t2);
    in.get("t4-ms", t.t4);
    in.get("timer-b-ms", t.timer_b);
    in.get("timer-c-s", t.timer_c);
    in.get("no-answer-s", t.no_answer);
    in.get("max-call-duration-s", t.max_call_duration);
    if (t.t1.count() == 0 || t.t2 < t.t1) in.fail("t1-ms", "is zero, or above t2-ms");
}

void In::read(In& in, SignallingRealm& r) {
    in.get("name", r.name);
    in.get_object("media", r.media);
    in.get("trust", r.trust, {Trust::kTrusted, Trust::kUntrusted});
    in.get("open", r.open);
    in.get("unknown-source", r.unknown_source, {UnknownSource::kDrop, UnknownSource::kForbid});
    in.get("pass-unknown-headers", r.pass_unknown_headers);
    in.get("timers", r.timers);
    in.get_object_if("limits", r.limits);
    in.get_object_if("rules", r.rules);
    in.get("methods", r.methods);
    in.get("pass-unknown-methods", r.pass_unknown_methods);
}

void In::read(In& in, TlsProfile& t) {
    in.get("name", t.name);
    in.get("clients", t.clients, {TlsClients::kNone, TlsClients::kOptional, TlsClients::kRequired});
    in.get("only-1.3", t.only_13);
}

void In::read(In& in, SipInterface& s) {
    in.get("name", s.name);
    in.get("realm", s.realm);
    in.get("local", s.local);
    in.get("device", s.device);
    in.get("transports", s.transports);
    in.get("tls-port", s.tls_port);
    in.get_if("tls-profile", s.tls_profile);
    if (s.has(Transport::kTls) && !s.tls_profile) in.fail("tls-profile", "is missing");
}

void In::read(In& in, Trunk& t) {
    in.get("name", t.name);
    in.get("sip-interface", t.sip_interface);
    in.get("peers", t.peers);
    in.get("transport", t.transport, {Transport::kUdp, Transport::kTcp, Transport::kTls});
    in.get("tls-verify", t.tls.verify);
    in.get("tls-name", t.tls.name);
    in.get("tls-wildcards", t.tls.wildcards);
    in.get("keep-alive-s", t.keep_alive);
    in.get("timers", t.timers);
    in.get_object_if("limits", t.limits);
    in.get_object_if("rules", t.rules);
    if (t.peers.empty()) in.fail("peers", "is empty");
}

void In::read(In& in, Route& r) {
    in.get("name", r.name);
    in.get_if("from-trunk", r.from_trunk);
    in.get_if("from-realm", r.from_realm);
    in.get("called-prefix", r.called_prefix);
    in.get("to-trunk", r.to_trunk);
}

void In::read(In& in, RulesInUse& r) {
    in.get("inbound-rules", r.inbound_rules);
    in.get("outbound-rules", r.outbound_rules);
    in.get("inbound-numbers", r.inbound_numbers);
    in.get("outbound-numbers", r.outbound_numbers);
}

// The reader compiles it without looking.
void check_expression(In& in, const std::optional<std::string>& match, const std::string& value) {
    const auto pieces = GroupTemplate::parse(value);
    std::size_t groups = 0;
    if (match) {
        const auto compiled = Regex::compile(*match);
        if (!compiled) return in.fail("match", "is no regular expression");
        groups = compiled->groups();
    }
    if (!pieces || pieces->highest() > groups) in.fail("value", "names a group that there is not");
}

void In::read(In& in, RuleCondition& c) {
    in.get("header", c.header);
    in.get_if("match", c.match);
    in.get("not", c.negated);
}

void In::read(In& in, HeaderRule& r) {
    in.get("header", r.header);
    in.get("action", r.action, {RuleAction::kAdd, RuleAction::kSet, RuleAction::kRemove, RuleAction::kRewrite});
    in.get("part", r.part,
           {RulePart::kValue, RulePart::kUri, RulePart::kUriUser, RulePart::kUriHost, RulePart::kDisplayName,
            RulePart::kParameter});
    in.get("parameter", r.parameter);
    in.get_if("match", r.match);
    in.get("value", r.value);
    in.get("on", r.on, {RuleOn::kBoth, RuleOn::kRequest, RuleOn::kResponse});
    in.get("methods", r.methods);
    in.get("codes", r.codes);
    RuleCondition condition;
    in.get_object_if("if", condition);
    if (!condition.header.empty()) r.condition = std::move(condition);
    const bool makes = r.action == RuleAction::kAdd || r.action == RuleAction::kSet;
    if (r.condition) check_expression(in, r.condition->match, makes ? r.value : "");
    if (!makes || !r.condition) check_expression(in, r.match, r.value);
}

void In::read(In& in, HeaderRuleList& l) {
    in.get("name", l.name);
    in.get("rules", l.rules);
    if (l.rules.size() > kMaxRules) in.fail("rules", "has too many");
}

void In::read(In& in, NumberStep& s) {
    in.get_if("prefix", s.prefix);
    in.get("strip", s.strip);
    in.get("add", s.add);
    in.get_if("match", s.match);
    in.get("replace", s.replace);
    in.get("in", s.in);
    if (s.prefix.has_value() == s.match.has_value()) in.fail("match", "and prefix exclude each other");
    if (s.prefix && s.strip > s.prefix->size()) in.fail("strip", "is more than prefix");
    check_expression(in, s.match, s.replace);
}

void In::read(In& in, NumberRules& n) {
    in.get("name", n.name);
    in.get("called", n.called);
    in.get("calling", n.calling);
    in.get("phone-context", n.phone_context);
}

void In::read(In& in, DataplaneSystem& s) {
    in.get("worker-cores", s.worker_cores);
    in.get("memory-mb", s.memory_mb);
    in.get("huge-pages", s.huge_pages, {HugePages::kAuto, HugePages::kOn, HugePages::kOff});
    in.get("max-flows", s.max_flows);
    in.get("doze-us", s.doze);
}

void In::read(In& in, SignallingSystem& s) {
    in.get("product", s.product);
    in.get("max-calls", s.max_calls);
    in.get("max-subscriptions", s.max_subscriptions);
    read(in, static_cast<Timers&>(s));
    in.get("media-timeout-s", s.media_timeout);
}

void In::read(In& in, ConnectionBounds& b) {
    visit_bounds(b, [&](const char* key, auto& bound, auto unit) {
        std::uint32_t number = 0;
        in.get(key, number);
        if (number == 0) in.fail(key, "is not possible");
        bound = number * unit;
    });
}

// Indices are in range by construction, also for a reader that did not make them.
template <typename T, typename Member>
void within(In& in, const std::vector<T>& items, Member member, std::size_t size, const char* key) {
    for (const T& item : items)
        if (std::size_t{item.*member} >= size) in.fail(key, "names an object that does not exist");
}

void check_rules(In& in, const RulesInUse& rules, const ControlView& view) {
    const auto check = [&](const std::vector<std::uint16_t>& indices, std::size_t size) {
        for (const auto i : indices)
            if (i >= size) in.fail("rules", "name a list that does not exist");
    };
    check(rules.inbound_rules, view.header_rules.size());
    check(rules.outbound_rules, view.header_rules.size());
    check(rules.inbound_numbers, view.number_rules.size());
    check(rules.outbound_numbers, view.number_rules.size());
}

}  // namespace

std::expected<DataplaneView, std::string> dataplane_view_from_json(const Value& value) {
    DataplaneView out;
    std::string error;
    In in(value, "", error);
    in.get_object("system", out.system);
    in.get("interfaces", out.interfaces);
    in.get("realms", out.realms);
    in.done();
    within(in, out.realms, &MediaRealm::interface, out.interfaces.size(), "realms/interface");
    if (!error.empty()) return std::unexpected(error);
    return out;
}

std::expected<ControlView, std::string> control_view_from_json(const Value& value) {
    ControlView out;
    std::string error;
    In in(value, "", error);
    in.get_object("system", out.system);
    in.get_object("connections", out.connections);
    in.get("realms", out.realms);
    in.get("tls-profiles", out.tls_profiles);
    in.get("sip-interfaces", out.sip_interfaces);
    in.get("trunks", out.trunks);
    in.get("routes", out.routes);
    in.get("timers", out.timers);
    in.get("header-rules", out.header_rules);
    in.get("number-rules", out.number_rules);
    in.done();
    within(in, out.sip_interfaces, &SipInterface::realm, out.realms.size(), "sip-interfaces/realm");
    within(in, out.trunks, &Trunk::sip_interface, out.sip_interfaces.size(), "trunks/sip-interface");
    within(in, out.routes, &Route::to_trunk, out.trunks.size(), "routes/to-trunk");
    within(in, out.realms, &SignallingRealm::timers, out.timers.size() + 1, "realms/timers");
    within(in, out.trunks, &Trunk::timers, out.timers.size() + 1, "trunks/timers");
    for (const SipInterface& s : out.sip_interfaces)
        if (s.tls_profile && *s.tls_profile >= out.tls_profiles.size())
            in.fail("sip-interfaces/tls-profile", "does not exist");
    for (const Route& r : out.routes) {
        if (r.from_trunk && *r.from_trunk >= out.trunks.size()) in.fail("routes/from-trunk", "does not exist");
        if (r.from_realm && *r.from_realm >= out.realms.size()) in.fail("routes/from-realm", "does not exist");
    }
    for (const SignallingRealm& r : out.realms) check_rules(in, r.rules, out);
    for (const Trunk& t : out.trunks) check_rules(in, t.rules, out);
    if (!error.empty()) return std::unexpected(error);
    return out;
}

}  // namespace sallyport::config
