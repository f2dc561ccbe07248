#include "controlplane/routing/router.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::routing;

namespace {

Endpoint at(const char* text) { return *Endpoint::parse(text); }

// Two realms and interfaces: 0 access (untrusted), 1 core.
config::ControlView view() {
    config::ControlView v;
    v.realms.resize(2);
    v.realms[0].name = "access";
    v.realms[1].name = "core";
    v.sip_interfaces.push_back({"access-sip", 0, at("192.0.2.1:5060"), "tap0"});
    v.sip_interfaces.push_back({"core-sip", 1, at("198.51.100.1:5060"), "tap1"});
    v.trunks.push_back({"pbx", 0, {at("192.0.2.10:5060")}});
    v.trunks.push_back({"pbx-2", 0, {at("192.0.2.10:5070"), at("192.0.2.11:5060")}});
    v.trunks.push_back({"carrier", 1, {at("198.51.100.10:5060"), at("198.51.100.11:5060")}});
    return v;
}

config::Route route(const char* name, std::optional<std::uint16_t> trunk, std::optional<std::uint16_t> realm,
                    const char* prefix, std::uint16_t to) {
    return {name, trunk, realm, prefix, to};
}

}  // namespace

TEST_GROUP(Router) {};

TEST(Router, a_source_is_known_by_interface_and_endpoint_and_then_by_address) {
    const auto v = view();
    Router router(v);
    auto s = router.identify(0, at("192.0.2.10:5060"));
    CHECK_TRUE(s.kind == Source::Kind::kTrunk);
    LONGS_EQUAL(0, s.trunk);
    LONGS_EQUAL(1, router.identify(0, at("192.0.2.10:5070")).trunk);
    // Another port of an address that two trunks have: the first in order.
    s = router.identify(0, at("192.0.2.10:40000"));
    CHECK_TRUE(s.kind == Source::Kind::kTrunk);
    LONGS_EQUAL(0, s.trunk);
    LONGS_EQUAL(1, router.identify(0, at("192.0.2.11:1024")).trunk);
    s = router.identify(1, at("198.51.100.11:5060"));
    LONGS_EQUAL(2, s.trunk);
    LONGS_EQUAL(1, s.realm);
    LONGS_EQUAL(0, router.counters().unknown_dropped);
    // The same address on the other interface is somebody else.
    CHECK_TRUE(router.identify(1, at("192.0.2.10:5060")).kind == Source::Kind::kUnknown);
    LONGS_EQUAL(1, router.counters().unknown_dropped);
}

TEST(Router, unknown_sources_are_dropped_or_forbidden_by_setting_and_counted) {
    auto v = view();
    v.realms[1].unknown_source = config::UnknownSource::kForbid;
    Router router(v);
    auto s = router.identify(0, at("192.0.2.99:5060"));
    CHECK_TRUE(s.kind == Source::Kind::kUnknown && !s.forbid);
    s = router.identify(1, at("198.51.100.99:5060"));
    CHECK_TRUE(s.kind == Source::Kind::kUnknown && s.forbid);
    LONGS_EQUAL(1, router.counters().unknown_dropped);
    LONGS_EQUAL(1, router.counters().unknown_forbidden);
    const auto target = router.route(s, "100");
    CHECK_FALSE(target.has_value());
    LONGS_EQUAL(403, target.error().status);
}

TEST(Router, an_open_realm_takes_unknown_addresses) {
    auto v = view();
    v.realms[0].open = true;
    v.routes.push_back(route("open", std::nullopt, 0, "", 2));
    Router router(v);
    const auto s = router.identify(0, at("192.0.2.99:5060"));
    CHECK_TRUE(s.kind == Source::Kind::kOpenRealm);
    CHECK_TRUE(router.route(s, "100").has_value());
    LONGS_EQUAL(0, router.counters().unknown_dropped);
}

TEST(Router, the_first_route_that_matches_decides) {
    auto v = view();
    v.routes.push_back(route("emergency", std::nullopt, std::nullopt, "112", 1));
    v.routes.push_back(route("abroad", 0, std::nullopt, "00", 2));
    v.routes.push_back(route("pbx-out", 0, std::nullopt, "", 1));
    v.routes.push_back(route("never", 0, std::nullopt, "", 2));
    v.routes.push_back(route("core-in", std::nullopt, 1, "+49", 0));
    Router router(v);
    const auto pbx = router.identify(0, at("192.0.2.10:5060"));
    const auto carrier = router.identify(1, at("198.51.100.10:5060"));
    LONGS_EQUAL(0, router.route(carrier, "112")->route);
    LONGS_EQUAL(1, router.route(pbx, "0049891234")->route);
    const auto out = router.route(pbx, "100");
    LONGS_EQUAL(2, out->route);
    LONGS_EQUAL(1, out->trunk);
    LONGS_EQUAL(0, out->sip_interface);
    LONGS_EQUAL(0, out->realm);
    const auto in = router.route(carrier, "+4989100");
    LONGS_EQUAL(4, in->route);
    CHECK_TRUE(in->peer == at("192.0.2.10:5060"));
    LONGS_EQUAL(1, router.route_hits(1));
    LONGS_EQUAL(0, router.route_hits(3));
    LONGS_EQUAL(2, router.trunk_counters(0).calls_in);
    LONGS_EQUAL(1, router.trunk_counters(0).calls_out);
    LONGS_EQUAL(2, router.trunk_counters(2).calls_in);
}

TEST(Router, a_number_is_compared_as_the_next_hop_reads_it) {
    const std::pair<const char*, const char*> cases[] = {
        {"sip:00123@gw", "00123"},
        {"sip:%30%30123@gw", "00123"},
        {"sip:%2b1900@gw", "+1900"},
        {"tel:+1-900-555.0(1)", "+190055501"},
        {"tel:+1-900;phone-context=a-b", "+1900"},
        {"sip:+1-900@gw;user=phone", "+1900"},
        {"sip:+1-900;ext=1-2@gw;user=Phone", "+1900;ext=1-2"},
        {"sip:(%2D)00-1@gw;user=phone", "001"},
        {"sip:anna-lena@gw", "anna-lena"},
        {"sip:gw", ""},
    };
    for (const auto& [uri, number] : cases) {
        const auto parsed = sip::Uri::parse(uri);
        CHECK_TEXT(parsed.has_value(), uri);
        STRCMP_EQUAL_TEXT(number, called_number(*parsed).c_str(), uri);
    }
}

TEST(Router, the_first_peer_of_the_trunk_gets_the_call) {
    auto v = view();
    v.routes.push_back(route("out", 0, std::nullopt, "", 2));
    Router router(v);
    const auto target = router.route(router.identify(0, at("192.0.2.10:5060")), "");
    CHECK_TRUE(target->peer == at("198.51.100.10:5060"));
    LONGS_EQUAL(1, target->sip_interface);
    LONGS_EQUAL(1, target->realm);
}

TEST(Router, without_a_route_it_is_404_and_counted) {
    auto v = view();
    v.routes.push_back(route("core-in", 2, std::nullopt, "+49", 0));
    Router router(v);
    const auto carrier = router.identify(1, at("198.51.100.10:5060"));
    const auto refused = router.route(carrier, "+4");
    CHECK_FALSE(refused.has_value());
    LONGS_EQUAL(404, refused.error().status);
    CHECK_FALSE(router.route(router.identify(0, at("192.0.2.10:5060")), "+491").has_value());
    LONGS_EQUAL(2, router.counters().no_route);
    LONGS_EQUAL(1, router.trunk_counters(2).refused_in);
    LONGS_EQUAL(0, router.trunk_counters(2).calls_in);
}

TEST(Router, requests_that_are_no_call_take_the_same_routes_and_are_counted_apart) {
    auto v = view();
    v.routes.push_back(route("out", 0, std::nullopt, "49", 2));
    Router router(v);
    const auto source = router.identify(0, at("192.0.2.10:5060"));
    CHECK_TRUE(router.route(source, "4930", Router::What::kRequest).has_value());
    CHECK_FALSE(router.route(source, "1", Router::What::kRequest).has_value());
    LONGS_EQUAL(1, router.trunk_counters(0).requests_in);
    LONGS_EQUAL(1, router.trunk_counters(2).requests_out);
    LONGS_EQUAL(0, router.trunk_counters(0).calls_in);
    LONGS_EQUAL(0, router.trunk_counters(0).refused_in);
    LONGS_EQUAL(0, router.trunk_counters(2).calls_out);
    LONGS_EQUAL(1, router.counters().no_route);
}
