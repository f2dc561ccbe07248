#pragma once
// The lab's default configuration as the control plane sees it, access-pbx <-> core-carrier, with tables small enough
// to make an engine for each input of a fuzzer.

#include <string>

#include "platform/config/views.h"

namespace sallyport::test {

inline config::ControlView gate_view() {
    const auto realm = [](const char* name, const char* address) {
        config::SignallingRealm r;
        r.name = r.media.name = name;
        r.media.media_addresses = {*IpAddress::parse(address)};
        r.media.media_ports = {20000, 20099};
        return r;
    };
    const auto trunk = [](const char* name, std::uint16_t sip_interface, const char* peer) {
        return config::Trunk{name, sip_interface, {*Endpoint::parse(peer)}};
    };
    const auto route = [](const char* name, std::uint16_t from, std::uint16_t to) {
        config::Route r;
        r.name = name;
        r.from_trunk = from;
        r.to_trunk = to;
        return r;
    };
    config::ControlView v;
    v.system.max_calls = 10;
    v.system.no_answer = std::chrono::seconds(180);
    v.realms = {realm("access", "192.0.2.1"), realm("core", "198.51.100.1")};
    v.realms[1].trust = config::Trust::kTrusted;
    v.sip_interfaces = {{"access", 0, *Endpoint::parse("192.0.2.1:5060"), "access"},
                        {"core", 1, *Endpoint::parse("198.51.100.1:5060"), "core"}};
    v.trunks = {trunk("access-pbx", 0, "192.0.2.10:5060"), trunk("core-carrier", 1, "198.51.100.10:5060")};
    v.routes = {route("to-carrier", 0, 1), route("to-pbx", 1, 0)};
    return v;
}

}  // namespace sallyport::test
