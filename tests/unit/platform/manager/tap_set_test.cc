// In a network namespace of the test's own: needs the right to make one (root).
#include "platform/manager/tap_set.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "platform/os/child_process.h"
#include "platform/os/log.h"
#include "platform/os/netlink_monitor.h"
#include "platform/os/sysctl.h"
#include "platform/os/tap.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::manager;

namespace {

const bool g_quiet = (log::start("test"), log::set_level(log::Level::kError), true);

void in_own_namespace(const std::function<void()>& test) {
    bool made = false;
    std::exception_ptr failure;
    std::thread thread([&] {
        made = ::unshare(CLONE_NEWNET) == 0;
        try {
            if (made) test();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    thread.join();
    if (failure) std::rethrow_exception(failure);
    CHECK_TEXT(made, "no right to make a network namespace: run the tests as root");
}

config::Interface interface_of(const char* name, const char* address, const char* further, const char* gateway) {
    config::Interface out;
    out.name = name;
    out.address = *IpPrefix::parse(address);
    if (further != nullptr) out.further_addresses = {*IpPrefix::parse(further)};
    if (gateway != nullptr) out.gateway = IpAddress::parse(gateway);
    return out;
}

std::vector<config::Interface> two_interfaces() {
    return {interface_of("access", "192.0.2.1/24", "192.0.2.2/32", "192.0.2.254"),
            interface_of("core", "198.51.100.1/24", nullptr, "198.51.100.254")};
}

const std::array kMacs = {*os::MacAddress::parse("02:00:00:00:00:01"), *os::MacAddress::parse("02:00:00:00:00:02")};

std::vector<os::RouteChange> default_routes(IpFamily family = IpFamily::kIpv4) {
    std::vector<os::RouteChange> out;
    bool synced = false;
    auto monitor = os::NetlinkMonitor::open([&](const os::MonitorChange& change) {
        if (const auto* r = std::get_if<os::RouteChange>(&change);
            r != nullptr && r->destination.length == 0 && r->destination.address.family() == family) {
            out.push_back(*r);
        }
        if (const auto* m = std::get_if<os::MonitorMark>(&change)) synced = *m == os::MonitorMark::kSynced;
    });
    while (!synced) CHECK(monitor->read().has_value());
    return out;
}

}  // namespace

TEST_GROUP(TapSet) {};

TEST(TapSet, EachInterfaceGetsItsMacAddressesAndDefaultRoute) {
    CHECK(g_quiet);
    in_own_namespace([] {
        TapSet taps(two_interfaces(), std::move(*os::Netlink::open()));
        CHECK(taps.open_all().has_value());
        const auto handed = taps.hand_over();
        CHECK(handed.has_value());
        CHECK_EQUAL(2U, handed->size());
        for (int i = 0; i < 2; ++i) {  // a repetition changes nothing
            const auto done = taps.configure(kMacs);
            CHECK_TEXT(done.has_value(), done ? "" : done.error().c_str());
            auto netlink = os::Netlink::open();
            const auto access = netlink->link("access");
            CHECK(access->up);
            CHECK(access->mac == kMacs[0]);
            CHECK_EQUAL(2U, netlink->addresses(access->ifindex)->size());
            const auto routes = default_routes();
            CHECK_EQUAL(2U, routes.size());
            CHECK(routes[0].ifindex != routes[1].ifindex);
            CHECK(routes[0].metric != routes[1].metric);
        }
        taps.remove_all();
    });
}

std::string sysctl(const std::string& name) {
    std::ifstream file("/proc/sys/net/ipv6/conf/" + name);
    std::string out;
    file >> out;
    return out;
}

// Also where the namespace has switched IPv6 off, and again after the link was down.
TEST(TapSet, AnInterfaceWithIpv6GetsItsAddressesAndDefaultRouteAtOnceAndTheOtherHasNone) {
    in_own_namespace([] {
        CHECK(os::set_sysctl("net/ipv6/conf/default/disable_ipv6", "1").has_value());
        auto interfaces = two_interfaces();
        interfaces[0].address6 = IpPrefix::parse("2001:db8:a::1/64");
        interfaces[0].further_addresses.push_back(*IpPrefix::parse("2001:db8:a::2/128"));
        interfaces[0].gateway6 = IpAddress::parse("2001:db8:a::ff");
        TapSet taps(interfaces, std::move(*os::Netlink::open()));
        CHECK(taps.open_all().has_value());
        const auto held = taps.hand_over();
        auto macs = kMacs;
        for (int i = 0; i < 3; ++i) {
            if (i == 2) macs[0] = *os::MacAddress::parse("02:00:00:00:00:03");  // down and up again
            const auto done = taps.configure(macs);
            CHECK_TEXT(done.has_value(), done ? "" : done.error().c_str());
            auto netlink = os::Netlink::open();
            const auto access = netlink->link("access")->ifindex;
            const auto addresses = *netlink->addresses(access);
            CHECK_EQUAL(4U, addresses.size());
            for (const auto* one : {"2001:db8:a::1/64", "2001:db8:a::2/128"})
                CHECK_TEXT(std::ranges::find(addresses, *IpPrefix::parse(one)) != addresses.end(), one);
            const auto routes = default_routes(IpFamily::kIpv6);
            CHECK_EQUAL(1U, routes.size());
            CHECK_EQUAL(access, routes[0].ifindex);
            CHECK(routes[0].gateway == interfaces[0].gateway6);
            // Usable at once: a tentative address cannot be bound to (RFC 4862 §5.4).
            const os::UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            sockaddr_in6 to{};
            to.sin6_family = AF_INET6;
            const auto bytes = IpAddress::parse("2001:db8:a::2")->bytes();
            std::memcpy(&to.sin6_addr, bytes.data(), bytes.size());
            CHECK_EQUAL(0, ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to));
        }
        for (const auto* name : {"accept_ra", "autoconf", "accept_redirects", "forwarding", "router_solicitations"})
            STRCMP_EQUAL("0", sysctl(std::string("access/") + name).c_str());
        STRCMP_EQUAL("1", sysctl("core/disable_ipv6").c_str());
        taps.remove_all();
    });
}

TEST(TapSet, Ipv6ThatTheNewConfigurationDoesNotHaveGoes) {
    in_own_namespace([] {
        auto with = two_interfaces();
        for (auto& i : with) i.address6 = IpPrefix::parse("2001:db8:a::1/64");
        with[0].gateway6 = IpAddress::parse("fe80::1");
        {
            TapSet before(with, std::move(*os::Netlink::open()));
            CHECK(before.open_all().has_value());
            const auto done = before.configure(kMacs);
            CHECK_TEXT(done.has_value(), done ? "" : done.error().c_str());
            CHECK_EQUAL(1U, default_routes(IpFamily::kIpv6).size());
        }  // killed: its TAPs stay
        auto now = two_interfaces();
        now[1].address6 = IpPrefix::parse("2001:db8:b::1/64");
        TapSet taps(now, std::move(*os::Netlink::open()));
        const std::vector<std::string> stale{"access", "core"};
        taps.take_over(stale);
        CHECK(taps.open_all().has_value());
        CHECK(taps.configure(kMacs).has_value());
        CHECK_EQUAL(0U, default_routes(IpFamily::kIpv6).size());
        auto netlink = os::Netlink::open();
        CHECK_EQUAL(2U, netlink->addresses(netlink->link("access")->ifindex)->size());
        const auto core = *netlink->addresses(netlink->link("core")->ifindex);
        CHECK_EQUAL(2U, core.size());
        CHECK(std::ranges::find(core, *now[1].address6) != core.end());
        taps.remove_all();
    });
}

TEST(TapSet, ATakenOverTapLosesWhatTheNewConfigurationDoesNotHave) {
    in_own_namespace([] {
        {
            TapSet before(two_interfaces(), std::move(*os::Netlink::open()));
            CHECK(before.open_all().has_value());
            CHECK(before.configure(kMacs).has_value());
        }  // killed: its TAPs stay
        auto changed = two_interfaces();
        std::swap(changed[0], changed[1]);  // the metrics move
        changed[1] = interface_of("access", "192.0.2.1/24", "192.0.2.3/32", nullptr);
        changed[0].name = "core2";
        TapSet now(changed, std::move(*os::Netlink::open()));
        const std::vector<std::string> stale{"access", "core"};
        now.take_over(stale);
        CHECK(now.open_all().has_value());
        CHECK(now.configure(kMacs).has_value());
        auto netlink = os::Netlink::open();
        CHECK(!netlink->link("core"));
        const auto addresses = *netlink->addresses(netlink->link("access")->ifindex);
        CHECK_EQUAL(2U, addresses.size());
        CHECK(std::ranges::find(addresses, *IpPrefix::parse("192.0.2.3/32")) != addresses.end());
        const auto routes = default_routes();
        CHECK_EQUAL(1U, routes.size());
        CHECK_EQUAL(netlink->link("core2")->ifindex, routes[0].ifindex);
        now.remove_all();
        CHECK(!netlink->link("access"));
        CHECK(!netlink->link("core2"));
    });
}

TEST(TapSet, WhatWaitedForADeadReaderIsNotHandedOver) {
    in_own_namespace([] {
        TapSet taps(two_interfaces(), std::move(*os::Netlink::open()));
        CHECK(taps.open_all().has_value());
        CHECK(taps.configure(kMacs).has_value());
        // The kernel sends frames into the TAP: a ping to a neighbour asks by ARP.
        bool synced = false;
        auto monitor = os::NetlinkMonitor::open([&](const os::MonitorChange& c) {
            if (const auto* m = std::get_if<os::MonitorMark>(&c)) synced = *m == os::MonitorMark::kSynced;
        });
        while (!synced) CHECK(monitor->read().has_value());
        auto first = taps.hand_over();
        const auto index = os::Netlink::open()->link("access")->ifindex;
        for (std::uint32_t host = 10; host < 30; ++host)
            monitor->probe_neighbour(index, IpAddress::v4(0xC0000200 + host));
        std::array<char, 2048> frame{};
        int seen = 0;
        for (int i = 0; i < 100000 && seen < 5; ++i) seen += ::read((*first)[0].get(), frame.data(), frame.size()) > 0;
        CHECK_EQUAL(5, seen);
        const auto second = taps.hand_over();
        CHECK(::read((*second)[0].get(), frame.data(), frame.size()) < 0);
        taps.remove_all();
    });
}

TEST(TapSet, ATapThatAnotherHoldsIsAnErrorAndCannotBeHandedOver) {
    in_own_namespace([] {
        const auto other = os::open_tap("core");
        TapSet taps(two_interfaces(), std::move(*os::Netlink::open()));
        const std::vector<std::string> before{"core"};
        taps.take_over(before);
        const auto opened = taps.open_all();
        CHECK(!opened);
        STRCMP_EQUAL("TAP core: another process holds it", opened.error().c_str());
        CHECK(!taps.hand_over());
    });
}

TEST(TapSet, ADeviceOfSomebodyElseIsNeitherUsedNorRemoved) {
    in_own_namespace([] {
        CHECK(os::open_tap("core").has_value());  // persistent, and nobody holds it
        {
            TapSet taps(two_interfaces(), std::move(*os::Netlink::open()));
            const auto opened = taps.open_all();
            CHECK(!opened);
            CHECK(opened.error().starts_with("interface core: a device of that name exists; choose another name"));
            CHECK(taps.ours().empty());
            taps.remove_all();
        }
        CHECK(os::Netlink::open()->link("core").has_value());
        const auto no_tap = os::open_tap("lo");
        STRCMP_EQUAL("TAP lo: a device of that name exists and is no TAP; choose another name for the interface",
                     no_tap.error().c_str());
    });
}

TEST(TapSet, ATapThatSomebodyHasDeletedIsMadeAnew) {
    in_own_namespace([] {
        TapSet taps(two_interfaces(), std::move(*os::Netlink::open()));
        CHECK(taps.open_all().has_value());
        auto remove = os::Process::spawn({.arguments = {"/sbin/ip", "link", "delete", "access"}});
        CHECK(remove.has_value());
        while (!remove->ended()) std::this_thread::yield();
        STRCMP_EQUAL("ended with status 0", remove->reap().c_str());
        CHECK(!taps.configure(kMacs));
        CHECK(taps.open_all().has_value());
        CHECK(taps.configure(kMacs).has_value());
        STRCMP_EQUAL("access", os::tap_name((*taps.hand_over())[0].get()).c_str());
        taps.remove_all();
    });
}
