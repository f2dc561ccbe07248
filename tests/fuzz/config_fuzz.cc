// The text of a configuration document, all the way to the views.
//
// Oracles: either views or problems, each a line; what is in force keeps what views.h promises: indices in range, pools
// of pairs, addresses of the interface; it survives the way to the process and back.

#include <algorithm>
#include <string>
#include <string_view>

#include "platform/base/ip_ranges.h"
#include "platform/config/effective.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::config {
namespace {

void check_problems(const Problems& problems) {
    FUZZ_CHECK(!problems.empty());
    for (const auto& p : problems) {
        FUZZ_CHECK(!p.text.empty() && p.text.find('\n') == std::string::npos);
        FUZZ_CHECK(p.path.empty() || p.path.front() == '/');
    }
    auto sorted = problems;
    sort_problems(sorted);
    FUZZ_CHECK(sorted == problems);
}

void check_realm(const DataplaneView& view, const MediaRealm& r) {
    FUZZ_CHECK(r.interface < view.interfaces.size() && !r.media_addresses.empty());
    FUZZ_CHECK(r.media_ports.first % 2 == 0 && r.media_ports.last % 2 == 1 && r.media_ports.first < r.media_ports.last);
    FUZZ_CHECK(r.dscp < 64 && r.latching_prefix <= 32);
    const auto& interface = view.interfaces[r.interface];
    for (const auto& a : r.media_addresses) FUZZ_CHECK(interface.address.contains(a));
}

void check_views(const Effective& e) {
    for (const auto& i : e.dataplane.interfaces) {
        FUZZ_CHECK(!i.name.empty() && !i.port.empty() && i.vlan < 4095);
        FUZZ_CHECK(!i.gateway || i.address.contains(*i.gateway));
        FUZZ_CHECK(i.address.address.is_v4() && (!i.address6 || i.address6->address.is_v6()));
        FUZZ_CHECK(!i.gateway6 || (i.address6 && (i.address6->contains(*i.gateway6) || is_link_local(*i.gateway6))));
        for (const auto& a : i.further_addresses)
            FUZZ_CHECK(a.address.is_v6() ? i.address6 && i.address6->contains(a.address) && a.length == 128
                                         : i.address.contains(a.address) && a.length == 32);
    }
    for (const auto& r : e.dataplane.realms) check_realm(e.dataplane, r);
    const auto& c = e.control;
    FUZZ_CHECK(c.realms.size() == e.dataplane.realms.size());
    for (std::size_t i = 0; i < c.realms.size(); ++i) FUZZ_CHECK(c.realms[i].name == e.dataplane.realms[i].name);
    for (const auto& s : c.sip_interfaces) {
        FUZZ_CHECK(s.realm < c.realms.size() && s.local.port != 0 && !s.transports.empty());
        FUZZ_CHECK(!s.has(Transport::kTls) || (s.tls_profile && s.tls_port != 0));
        FUZZ_CHECK(!s.tls_profile || *s.tls_profile < c.tls_profiles.size());
    }
    FUZZ_CHECK(e.tls_files.size() == c.tls_profiles.size());
    for (std::size_t i = 0; i < e.tls_files.size(); ++i)
        FUZZ_CHECK(e.tls_files[i].profile == c.tls_profiles[i].name && !e.tls_files[i].pairs.empty());
    for (const auto& t : c.trunks) {
        FUZZ_CHECK(t.sip_interface < c.sip_interfaces.size() && !t.peers.empty());
        FUZZ_CHECK(c.sip_interfaces[t.sip_interface].has(t.transport));
        const auto family = c.sip_interfaces[t.sip_interface].local.address.family();
        for (const auto& p : t.peers)
            FUZZ_CHECK(p.port != 0 && !p.address.is_unspecified() && p.address.family() == family &&
                       !is_v4_mapped(p.address));
    }
    for (const auto& r : c.routes) {
        FUZZ_CHECK(r.to_trunk < c.trunks.size() && (!r.from_trunk || *r.from_trunk < c.trunks.size()));
        FUZZ_CHECK(!r.from_realm || *r.from_realm < c.realms.size());
    }
    FUZZ_CHECK(c.system.t1.count() > 0 && c.system.t2 >= c.system.t1 && c.system.max_calls > 0);

    const auto dataplane = to_json(e.dataplane);
    const auto control = to_json(e.control);
    const auto dataplane_back = json::parse(json::write_line(dataplane));
    const auto control_back = json::parse(json::write_line(control));
    FUZZ_CHECK(dataplane_back && control_back);
    const auto d = dataplane_view_from_json(*dataplane_back);
    const auto s = control_view_from_json(*control_back);
    FUZZ_CHECK(d.has_value() && s.has_value());
    FUZZ_CHECK(to_json(*d) == dataplane && to_json(*s) == control);
}

}  // namespace
}  // namespace sallyport::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::config;
    static SchemaCheck schema;
    const auto e = make_effective({reinterpret_cast<const char*>(data), size}, schema);
    if (e)
        check_views(*e);
    else
        check_problems(e.error());
    return 0;
}
