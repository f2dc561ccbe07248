// Signalling over IPv6: literals in brackets where the grammar has them and bare in `received` (RFC 3261 §25.1, RFC
// 5118), any family to any, with media over IPv4.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;

namespace {

struct Place {
    const char* gate;
    const char* peer;
    const char* media;
};
constexpr Place kAccess{"[2001:db8:a::1]:5060", "2001:db8:a::10", "192.0.2.10"};
constexpr Place kCore{"[2001:db8:b::1]:5060", "2001:db8:b::10", "198.51.100.10"};

bool in_any(const std::vector<std::string>& wire, const std::string& text) {
    return std::ranges::any_of(wire, [&](const auto& bytes) { return bytes.contains(text); });
}

}  // namespace

TEST_GROUP_BASE(Ipv6, WorldTest) {
    // Before start().
    Ua& move_to_ipv6(World& w, std::size_t side) {
        const auto& place = side == 0 ? kAccess : kCore;
        w.view.sip_interfaces[side].local = *Endpoint::parse(place.gate);
        w.view.trunks[side].peers = {Endpoint(*IpAddress::parse(place.peer), 5060)};
        auto& ua = side == 0 ? w.access("pbx.inner.example", place.peer) : w.core("carrier.secret.example", place.peer);
        ua.media_address = place.media;
        return ua;
    }
};

TEST(Ipv6, literals_have_brackets_and_received_has_none) {
    auto& phone = move_to_ipv6(world, 0);
    auto& far = move_to_ipv6(world, 1);
    world.start();
    const auto call = connect(world, phone, far);
    CHECK(call.callee != nullptr);
    const auto invite = far.received.at(0);
    STRCMP_EQUAL("sip:4930123@[2001:db8:b::10]", invite.uri().c_str());
    CHECK(invite.get("Via").starts_with("SIP/2.0/UDP [2001:db8:b::1]:5060;rport;branch="));
    STRCMP_EQUAL("<sip:[2001:db8:b::1]:5060>", invite.get("Contact").c_str());
    CHECK(invite.get("From").contains("@[2001:db8:b::1]>"));
    STRCMP_EQUAL("<sip:4930123@[2001:db8:b::10]>", invite.get("To").c_str());
    const auto* ok = phone.last(200);
    CHECK(ok != nullptr);
    CHECK(ok->get("Via").contains(";received=2001:db8:a::10;rport=5060"));
    STRCMP_EQUAL("<sip:[2001:db8:a::1]:5060>", ok->get("Contact").c_str());
    // Media is IPv4 whatever the signalling is.
    CHECK(call.callee->remote_sdp.contains("c=IN IP4 198.51.100.1\r\n"));
    CHECK(call.caller->remote_sdp.contains("c=IN IP4 192.0.2.1\r\n"));
    far.bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    STRCMP_EQUAL("[2001:db8:a::10]:5060", world.records.at(0).caller.peer.c_str());
    check_clean();
}

TEST(Ipv6, a_call_from_each_family_and_transport_to_each) {
    const auto each = {Transport::kUdp, Transport::kTcp};
    for (int families = 0; families < 4; ++families)
        for (const auto in : each)
            for (const auto out : each) {
                World w;
                auto& phone = (families & 1) != 0 ? move_to_ipv6(w, 0) : w.access();
                auto& far = (families & 2) != 0 ? move_to_ipv6(w, 1) : w.core();
                phone.transport = in;
                far.transport = out;
                w.view.trunks[1].transport = out;
                w.start();
                const auto call = connect(w, phone, far);
                CHECK(call.callee != nullptr);
                phone.reinvite(*call.caller, phone.sdp({.direction = "sendonly", .version = 2}));
                w.run_for(1s);
                CHECK(call.callee->remote_sdp.contains("a=sendonly"));
                families % 2 == 0 ? phone.bye(*call.caller) : far.bye(*call.callee);
                w.run_for(1s);
                CHECK(call.caller->state == UaCall::State::kEnded);
                far.script.answer = false;
                auto& second = phone.invite("4930124");
                w.run_for(1s);
                phone.cancel(second);
                w.run_for(1s);
                LONGS_EQUAL(487, second.initial_status);
                w.run_for(70s);
                STRCMP_EQUAL("", w.problems().c_str());
                STRCMP_EQUAL("", w.leftovers().c_str());
                STRCMP_EQUAL("", w.leaks().c_str());
            }
}

TEST(Ipv6, record_routes_with_literals_lead_the_dialog) {
    auto& far = move_to_ipv6(world, 1);
    auto& proxy = world.core("proxy.secret.example", "2001:db8:b::99");
    far.script.headers = {{"Record-Route", "<sip:[2001:DB8:B:0::99]:5070;lr>"}};
    proxy.self.port = 5070;
    proxy.strays_expected = true;
    world.start();
    pbx().invite("4930123");
    world.run_for(2s);
    CHECK(pbx().calls[0]->state == UaCall::State::kUp);
    pbx().bye(*pbx().calls[0]);
    world.run_for(1s);
    LONGS_EQUAL(0, far.count_requests("ACK"));
    CHECK(proxy.count_requests("ACK") >= 1);
    CHECK(proxy.count_requests("BYE") >= 1);
    STRCMP_EQUAL("<sip:[2001:DB8:B:0::99]:5070;lr>", proxy.received.at(0).get("Route").c_str());
    STRCMP_EQUAL("sip:bob@[2001:db8:b::10]:5060", proxy.received.at(0).uri().c_str());
}

// There is no way from one family to the other: requests go to where the peer's messages come from.
TEST(Ipv6, a_contact_of_the_other_family_is_not_gone_to) {
    auto& far = move_to_ipv6(world, 1);
    far.contact_instead = "<sip:bob@203.0.113.7:5070>";
    pbx().contact_instead = "<sip:alice@[2001:db8:a::77]:5070>";
    world.start();
    const auto call = connect(world, pbx(), far);
    CHECK(call.callee != nullptr && call.callee->acked);
    far.bye(*call.callee);
    world.run_for(1s);
    CHECK(call.caller->ended_by_peer);
    CHECK(in_any(far.wire, "ACK sip:bob@203.0.113.7:5070 SIP/2.0\r\n"));
    CHECK(in_any(pbx().wire, "BYE sip:alice@[2001:db8:a::77]:5070 SIP/2.0\r\n"));
    world.run_for(70s);
    STRCMP_EQUAL("", world.problems().c_str());
    STRCMP_EQUAL("", world.leftovers().c_str());
}

// RFC 5118 §4.4: nothing of the address is lost when the port stands behind it; §4.5: brackets in `received` are read.
TEST(Ipv6, a_via_with_a_literal_without_port_and_with_brackets_in_received_is_understood) {
    auto& phone = move_to_ipv6(world, 0);
    world.start();
    auto options = phone.bare_request("OPTIONS", "gate");
    options.start = "OPTIONS sip:[2001:db8:a::1] SIP/2.0";
    options.remove("Via");
    options.add("Via", "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8:9::255];branch=z9hG4bKas3-111");
    phone.strays_expected = true;
    phone.send_raw(options.write());
    world.run_for(1s);
    CHECK(!phone.received.empty());
    STRCMP_EQUAL("SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111;received=2001:db8:a::10",
                 phone.received.at(0).get("Via").c_str());
}

TEST(Ipv6, addresses_of_one_side_are_hidden_from_the_other_however_they_are_written) {
    auto& phone = move_to_ipv6(world, 0);
    auto& far = move_to_ipv6(world, 1);
    world.view.realms[0].trust = config::Trust::kTrusted;
    world.view.realms[0].pass_unknown_headers = world.view.realms[1].pass_unknown_headers = true;
    phone.script.headers = {{"Subject", "from 2001:0db8:000a:0:0:0:0:0010"},
                            {"X-Plain", "a call"},
                            {"X-Where", "[2001:DB8:A::10]:5060"},
                            {"X-Prefix", "2001:db8:a::f10"},
                            {"P-Asserted-Identity", "<sip:boss@[2001:db8:a:0::10]>"}};
    world.start();
    const auto call = connect(world, phone, far);
    CHECK(call.callee != nullptr);
    const auto& invite = far.received.at(0);
    STRCMP_EQUAL("", invite.get("Subject").c_str());
    STRCMP_EQUAL("", invite.get("X-Where").c_str());
    STRCMP_EQUAL("a call", invite.get("X-Plain").c_str());
    STRCMP_EQUAL("2001:db8:a::f10", invite.get("X-Prefix").c_str());  // another one
    STRCMP_EQUAL("<sip:boss@[2001:db8:b::1]>", invite.get("P-Asserted-Identity").c_str());
    phone.bye(*call.caller);
    check_clean();
}

}  // namespace sallyport::scenario
