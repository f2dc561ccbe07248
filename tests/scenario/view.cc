#include "tests/scenario/view.h"

namespace sallyport::scenario {

namespace {

constexpr std::string_view kAccessAddress = "192.0.2.1";
constexpr std::string_view kCoreAddress = "198.51.100.1";
IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

config::SignallingRealm realm(std::string name, std::string_view address) {
    config::SignallingRealm r;
    r.name = name;
    r.media.name = std::move(name);
    r.media.media_addresses = {ip(address)};
    r.media.media_ports = {20000, 29999};
    return r;
}

config::Trunk trunk(std::string name, std::uint16_t sip_interface, std::string_view peer) {
    config::Trunk t;
    t.name = std::move(name);
    t.sip_interface = sip_interface;
    t.peers = {Endpoint(ip(peer), 5060)};
    return t;
}

}  // namespace

config::ControlView default_view() {
    config::ControlView v;
    v.system.max_calls = 5000;
    v.system.max_subscriptions = 1000;
    v.system.no_answer = std::chrono::seconds(180);
    v.realms = {realm("access", kAccessAddress), realm("core", kCoreAddress)};
    v.realms[1].trust = config::Trust::kTrusted;
    v.sip_interfaces = {{"access", 0, Endpoint(ip(kAccessAddress), 5060), "access"},
                        {"core", 1, Endpoint(ip(kCoreAddress), 5060), "core"}};
    v.trunks = {trunk("access-pbx", 0, "192.0.2.10"), trunk("core-carrier", 1, "198.51.100.10")};
    config::Route out;
    out.name = "to-carrier";
    out.from_trunk = 0;
    out.to_trunk = 1;
    config::Route in;
    in.name = "to-pbx";
    in.from_trunk = 1;
    in.to_trunk = 0;
    v.routes = {out, in};
    return v;
}

}  // namespace sallyport::scenario
