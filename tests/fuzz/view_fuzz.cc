// A view as JSON, as a process reads it: the first byte of the input chooses which of the two, and whether the text is
// taken as it is or as changes to a view that is right (tests/fuzz/change.h).
//
// Oracles: a view that is taken keeps its promises, and is written and read again as the same; a refusal says why.

#include <string>
#include <string_view>

#include "platform/config/effective.h"
#include "tests/fuzz/change.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::config {
namespace {

using json::Value;

constexpr std::string_view kDocument = R"json({
  "interfaces": {
    "access": {"port": "net_null0", "address": "192.0.2.1/24", "gateway": "192.0.2.254"},
    "core": {"port": "net_null1", "address": "198.51.100.1/24", "address6": "2001:db8::1/64", "vlan": 7}
  },
  "realms": {"core": {"methods": ["MESSAGE", "PUBLISH"], "limits": {"max-calls": 9, "refuse-with": "480"},
                      "timers": {"t1-ms": 400}, "media-ports": "30000-30099"},
             "access": {"media-ports": "20000-20099", "outbound-rules": ["a"]}},
  "tls-profiles": {"t": {"certificates": [{"certificate": "/c.pem", "key": "/c.key"}], "authorities": "/a.pem", "clients": "none"}},
  "sip-interfaces": {"access": {"realm": "access", "transports": ["udp", "tls"], "tls-profile": "t"},
                     "core": {"realm": "core", "address": "2001:db8::1"}},
  "trunks": {"pbx": {"sip-interface": "access", "peers": ["192.0.2.10:5060"], "inbound-rules": ["a"], "keep-alive-s": 10,
                     "transport": "tls", "tls": {"name": "a.example"}, "timers": {"no-answer-s": 60},
                     "limits": {"burst": 3, "calls-per-second": 2}, "outbound-numbers": ["n"]}},
  "connections": {"max": 100, "idle-s": 60},
  "system": {"max-calls": 20},
  "header-rules": {"a": [{"header": "Date", "action": "remove", "codes": ["486"], "on": "response"},
                         {"header": "X-A", "action": "add", "value": "\\1", "methods": ["BYE"],
                          "if": {"header": "From", "match": "(b)"}},
                         {"header": "From", "action": "rewrite", "part": "uri-user", "match": "a", "value": "b"}]},
  "number-rules": {"n": {"called": [{"match-prefix": "0", "strip": 1, "in": ["to"]}],
                         "calling": [{"match": "0", "replace": "1"}]}},
  "routes": [{"name": "in", "from": {"realm": "core"}, "to": {"trunk": "pbx"}},
             {"name": "out", "from": {"trunk": "pbx"}, "match": {"called-prefix": "0"}, "to": {"trunk": "pbx"}}]
})json";

void check_control(const Value& value) {
    const auto view = control_view_from_json(value);
    if (!view) {
        FUZZ_CHECK(view.error().starts_with("view"));
        return;
    }
    for (const auto& s : view->sip_interfaces) FUZZ_CHECK(s.realm < view->realms.size());
    for (const auto& t : view->trunks) FUZZ_CHECK(t.sip_interface < view->sip_interfaces.size() && !t.peers.empty());
    const auto there = [](const std::vector<std::uint16_t>& lists, std::size_t size) {
        for (const auto i : lists) FUZZ_CHECK(i < size);
    };
    for (const auto& t : view->trunks) {
        there(t.rules.inbound_rules, view->header_rules.size());
        there(t.rules.outbound_rules, view->header_rules.size());
        there(t.rules.inbound_numbers, view->number_rules.size());
        there(t.rules.outbound_numbers, view->number_rules.size());
    }
    for (const auto& r : view->routes) {
        FUZZ_CHECK(r.to_trunk < view->trunks.size());
        FUZZ_CHECK(!r.from_trunk || *r.from_trunk < view->trunks.size());
        FUZZ_CHECK(!r.from_realm || *r.from_realm < view->realms.size());
    }
    const auto again = control_view_from_json(to_json(*view));
    FUZZ_CHECK(again && to_json(*again) == to_json(*view));
}

void check_dataplane(const Value& value) {
    const auto view = dataplane_view_from_json(value);
    if (!view) {
        FUZZ_CHECK(view.error().starts_with("view"));
        return;
    }
    for (const auto& r : view->realms) {
        FUZZ_CHECK(r.interface < view->interfaces.size() && !r.media_addresses.empty());
        FUZZ_CHECK(r.media_ports.first < r.media_ports.last && r.dscp < 64 && r.latching_prefix <= 32);
    }
    const auto again = dataplane_view_from_json(to_json(*view));
    FUZZ_CHECK(again && to_json(*again) == to_json(*view));
}

}  // namespace
}  // namespace sallyport::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::config;
    static const auto right = make_effective(kDocument).value();
    static const Value right_control = to_json(right.control);
    static const Value right_dataplane = to_json(right.dataplane);
    sallyport::fuzz::Input in(data, size);
    const auto how = in.byte();
    const bool control = (how & 1) != 0;
    if ((how & 2) != 0) {
        const auto value = sallyport::json::parse(in.rest());
        if (value) control ? check_control(*value) : check_dataplane(*value);
        return 0;
    }
    Value value = control ? right_control : right_dataplane;
    for (int changes = 0; changes < 4 && !in.empty(); ++changes) sallyport::fuzz::change(value, in);
    control ? check_control(value) : check_dataplane(value);
    return 0;
}
