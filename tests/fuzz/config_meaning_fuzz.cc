// The checks by meaning, without the schema before them, which refuses most of what config_fuzz makes: documents of the
// goldens' kind with changes that the input makes (tests/fuzz/change.h).
//
// Oracles: reading, resolving and checking come to an end whatever stands where; problems are lines, each at a place;
// what has no problem names only what there is.

#include <string>
#include <string_view>

#include "platform/config/meaning.h"
#include "tests/fuzz/change.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kDocument = R"json({
  "interfaces": {
    "access": {"port": "net_null0", "address": "192.0.2.1/24", "gateway": "192.0.2.254"},
    "core": {"port": "net_null1", "vlan": 7, "address": "198.51.100.1/24", "address6": "2001:db8::1/64",
             "gateway6": "2001:db8::ff"}
  },
  "realms": {
    "phones": {"interface": "access", "media-addresses": ["192.0.2.1", "192.0.2.2"], "media-ports": "20000-29999",
               "latching": "prefix", "latching-prefix": 24, "dscp": 46, "open": true, "unknown-source": "403",
               "methods": ["MESSAGE"], "timers": {"t1-ms": 400, "timer-b-ms": 6400},
               "limits": {"max-calls": 90, "max-calls-in": 80, "calls-per-second": 40, "calls-per-second-out": 30}},
    "inner": {"interface": "core", "media-ports": "30000-30999", "trust": "trusted",
              "limits": {"burst": 5, "calls-per-second-in": 4}}
  },
  "tls-profiles": {
    "gate": {"certificates": [{"certificate": "/gate.pem", "key": "/gate.key"}], "authorities": "/ca.pem",
             "clients": "optional", "least-version": "1.3"}
  },
  "sip-interfaces": {
    "phones": {"realm": "phones", "address": "192.0.2.1", "port": 5060},
    "inner": {"realm": "inner", "port": 5070, "transports": ["tls", "udp"], "tls-profile": "gate", "tls-port": 5071},
    "sixth": {"realm": "inner", "address": "2001:db8::1", "port": 5060}
  },
  "trunks": {
    "pbx": {"sip-interface": "phones", "peers": ["192.0.2.10:5060", "192.0.2.11:5060"], "transport": "tcp",
            "keep-alive-s": 30, "timers": {"t2-ms": 2000, "no-answer-s": 60}, "limits": {"max-calls-out": 10}},
    "carrier": {"sip-interface": "inner", "peers": ["198.51.100.10:5060"], "inbound-rules": ["clean"],
                "outbound-numbers": ["plan"], "tls": {"name": "a.example", "wildcards": true}}
  },
  "header-rules": {
    "clean": [{"header": "s", "action": "rewrite", "part": "value", "match": "(a)", "value": "\\1", "on": "request",
               "methods": ["INVITE"]},
              {"header": "Diversion", "action": "remove", "part": "parameter", "parameter": "reason", "on": "both"},
              {"header": "X-A", "action": "add", "value": "\\1", "if": {"header": "From", "match": "(b)", "not": false}},
              {"header": "From", "action": "rewrite", "part": "uri-host", "value": "x"},
              {"header": "Date", "action": "set", "value": "x", "on": "response", "codes": ["4xx"]}]
  },
  "number-rules": {
    "plan": {"called": [{"match-prefix": "00", "strip": 2, "add": "+", "in": ["to"]}], "phone-context": "+49",
             "calling": [{"match": "0(.*)", "replace": "\\1"}]}
  },
  "routes": [
    {"name": "out", "from": {"trunk": "pbx"}, "match": {"called-prefix": "+49"}, "to": {"trunk": "carrier"}},
    {"name": "in", "from": {"realm": "inner"}, "to": {"trunk": "pbx"}}
  ],
  "connections": {"max": 1000, "max-per-source": 100, "handshake-s": 8, "message-bytes": 8192, "memory-mb": 16},
  "system": {"max-calls": 100, "worker-cores": [1], "t1-ms": 500, "t2-ms": 4000, "timer-b-ms": 32000}
})json";

void check_references(const Document& d) {
    const auto there = [](const std::optional<Reference>& r, std::size_t size) {
        FUZZ_CHECK(!r || (r->index && *r->index < size));
    };
    for (const auto& r : d.realms) there(r.interface, d.interfaces.size());
    for (const auto& s : d.sip_interfaces) {
        there(s.realm, d.realms.size());
        there(s.tls_profile, d.tls_profiles.size());
    }
    for (const auto& t : d.trunks) {
        there(t.sip_interface, d.sip_interfaces.size());
        for (const auto& r : t.rules.inbound_rules) there(r, d.header_rules.size());
        for (const auto& r : t.rules.outbound_numbers) there(r, d.number_rules.size());
    }
    for (const auto& r : d.routes) {
        there(r.from_trunk, d.trunks.size());
        there(r.from_realm, d.realms.size());
        there(r.to_trunk, d.trunks.size());
    }
}

}  // namespace
}  // namespace sallyport::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::config;
    static const auto right = sallyport::json::parse(kDocument).value();
    sallyport::fuzz::Input in(data, size);
    auto value = right;
    for (int changes = 0; changes < 6 && !in.empty(); ++changes) sallyport::fuzz::change(value, in);
    Problems problems;
    Document d = read_document(value, problems);
    resolve(d, problems);
    check_interfaces(d, problems);
    check_realms(d, problems);
    check_sip_interfaces(d, problems);
    check_trunks(d, problems);
    check_header_rules(d, problems);
    check_number_rules(d, problems);
    check_routes(d, problems);
    check_timers(d, problems);
    check_limits(d, problems);
    if (problems.empty()) check_references(d);
    sort_problems(problems);
    for (const auto& p : problems) {
        FUZZ_CHECK(!p.text.empty() && p.text.find('\n') == std::string::npos);
        FUZZ_CHECK(p.path.empty() || p.path.front() == '/');
    }
    FUZZ_CHECK(problems.empty() == text_of(problems).empty());
    return 0;
}
