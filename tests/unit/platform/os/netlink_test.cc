// In a network namespace of the test's own: needs the right to make one (root).
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "platform/os/clock.h"
#include "platform/os/netlink.h"
#include "platform/os/netlink_monitor.h"
#include "platform/os/tap.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using std::chrono_literals::operator""s;

namespace {

// A namespace belongs to a thread: the test runs on one of its own, and the namespace goes with it.
void in_own_namespace(const std::function<void()>& test) {
    bool made = false;
    std::exception_ptr failure;
    std::thread thread([&] {
        made = ::unshare(CLONE_NEWNET) == 0;
        try {
            if (made) test();
        } catch (...) {
            failure = std::current_exception();  // a failed check, for the thread that runs the tests
        }
    });
    thread.join();
    if (failure) std::rethrow_exception(failure);
    CHECK_TEXT(made, "no right to make a network namespace: run the tests as root");
}

// What a receiver of the monitor keeps.
struct Mirror {
    std::map<std::string, os::LinkChange> links;
    std::vector<os::RouteChange> routes;
    std::map<IpAddress, os::NeighbourChange> neighbours;
    std::vector<IpPrefix> addresses;
    int resyncs = 0;
    int synced = 0;

    void operator()(os::MonitorMark mark) {
        if (mark == os::MonitorMark::kSynced) {
            ++synced;
            return;
        }
        ++resyncs;
        links.clear();
        routes.clear();
        neighbours.clear();
        addresses.clear();
    }
    void operator()(const os::LinkChange& c) { links[c.name] = c; }
    void operator()(const os::AddressChange& c) {
        std::erase(addresses, c.address);
        if (!c.removed && c.address.address.is_v4() && !c.address.address.is_loopback()) addresses.push_back(c.address);
    }
    void operator()(const os::RouteChange& c) {
        std::erase_if(routes, [&c](const auto& r) {
            return r.destination == c.destination && r.metric == c.metric &&
                   (c.replaces || (r.ifindex == c.ifindex && r.gateway == c.gateway));
        });
        if (!c.removed) routes.push_back(c);
    }
    void operator()(const os::NeighbourChange& c) { neighbours[c.address] = c; }

    const os::RouteChange* route(const char* destination) const {
        for (const auto& r : routes) {
            if (r.destination == *IpPrefix::parse(destination)) return &r;
        }
        return nullptr;
    }
};

struct Fixture {
    Mirror mirror;
    std::optional<os::NetlinkMonitor> monitor;
    std::optional<os::Netlink> netlink;
    os::UniqueFd tap;
    std::uint32_t ifindex = 0;

    Fixture() {
        auto opened = os::open_tap("t0");
        CHECK_TEXT(opened.has_value(), opened ? "" : opened.error().c_str());
        tap = std::move(*opened);
        netlink.emplace(std::move(*os::Netlink::open()));
        ifindex = netlink->link("t0")->ifindex;
        auto made = os::NetlinkMonitor::open([this](const os::MonitorChange& c) { std::visit(mirror, c); });
        CHECK(made.has_value());
        monitor.emplace(std::move(*made));
    }
    ~Fixture() {
        tap.reset();
        os::remove_tap("t0");
    }
    // Reads until `done`, for a bounded time.
    bool until(const std::function<bool()>& done) {
        for (const auto end = os::monotonic_now() + 5s; os::monotonic_now() < end;) {
            CHECK(monitor->read().has_value());
            if (done()) return true;
            std::this_thread::yield();
        }
        return false;
    }
    void configure() {
        CHECK(netlink->add_address(ifindex, *IpPrefix::parse("192.0.2.1/24")).has_value());
        CHECK(netlink->set_up(ifindex, true).has_value());
    }
};

}  // namespace

TEST_GROUP(Netlink) {};

TEST(Netlink, ALinkGetsMacAddressesAndRoutesAndRepeatingIsHarmless) {
    in_own_namespace([] {
        Fixture f;
        const auto mac = *os::MacAddress::parse("02:00:00:00:00:77");
        CHECK(f.netlink->set_mac(f.ifindex, mac).has_value());
        for (int i = 0; i < 2; ++i) f.configure();
        CHECK(f.netlink->add_address(f.ifindex, *IpPrefix::parse("192.0.2.2/32")).has_value());
        const os::RouteSpec route{.destination = *IpPrefix::parse("203.0.113.77/24"),
                                  .ifindex = f.ifindex,
                                  .gateway = IpAddress::parse("192.0.2.254"),
                                  .metric = 100};
        for (int i = 0; i < 2; ++i) CHECK(f.netlink->replace_route(route).has_value());
        const auto link = f.netlink->link("t0");
        CHECK(link->mac == mac);
        CHECK(link->up);
        CHECK_EQUAL(2U, f.netlink->addresses(f.ifindex)->size());
        CHECK(f.until([&] { return f.mirror.route("203.0.113.0/24") != nullptr; }));

        for (int i = 0; i < 2; ++i) CHECK(f.netlink->remove_route(route).has_value());
        for (int i = 0; i < 2; ++i) {
            CHECK(f.netlink->remove_address(f.ifindex, *IpPrefix::parse("192.0.2.2/32")).has_value());
        }
        CHECK_EQUAL(1U, f.netlink->addresses(f.ifindex)->size());
        CHECK(f.until([&] { return f.mirror.route("203.0.113.0/24") == nullptr; }));
    });
}

TEST(Netlink, AnErrorSaysWhatWasAskedFor) {
    in_own_namespace([] {
        auto netlink = os::Netlink::open();
        const auto link = netlink->link("absent");
        CHECK(!link);
        STRCMP_EQUAL("link absent: No such device", link.error().c_str());
        const auto address = netlink->add_address(4711, *IpPrefix::parse("192.0.2.1/24"));
        CHECK(!address);
        CHECK(address.error().find("192.0.2.1/24") != std::string::npos);
    });
}

TEST(Netlink, TheMonitorTellsWhatWasThereBeforeAndWhatChanges) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        // A second monitor that comes late sees the same.
        Mirror late;
        auto second = os::NetlinkMonitor::open([&](const os::MonitorChange& c) { std::visit(late, c); });
        CHECK(second.has_value());
        CHECK_EQUAL(1, late.resyncs);
        for (const auto end = os::monotonic_now() + 5s; late.synced == 0 && os::monotonic_now() < end;) {
            CHECK(second->read().has_value());
        }
        CHECK_EQUAL(1, late.synced);
        CHECK(late.links.contains("t0") && late.links["t0"].up);
        CHECK(late.links.contains("lo"));
        const auto* on_link = late.route("192.0.2.0/24");
        CHECK(on_link != nullptr && on_link->ifindex == f.ifindex && !on_link->gateway);
        CHECK_EQUAL(1U, late.addresses.size());

        CHECK(f.until([&] { return f.mirror.synced == 1 && f.mirror.route("192.0.2.0/24") != nullptr; }));
        const auto gateway = IpAddress::parse("192.0.2.254");
        CHECK(f.netlink
                  ->replace_route(
                      {.destination = {IpAddress::v4(0), 0}, .ifindex = f.ifindex, .gateway = gateway, .metric = 101})
                  .has_value());
        CHECK(f.until([&] { return f.mirror.route("0.0.0.0/0") != nullptr; }));
        CHECK(f.mirror.route("0.0.0.0/0")->gateway == gateway);
        CHECK_EQUAL(101U, f.mirror.route("0.0.0.0/0")->metric);
    });
}

TEST(Netlink, ARouteThatReplacesAnotherSaysSo) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        CHECK(f.until([&] { return f.mirror.synced == 1; }));
        for (const char* gateway : {"192.0.2.10", "192.0.2.20"}) {
            CHECK(f.netlink
                      ->replace_route({.destination = {IpAddress::v4(0), 0},
                                       .ifindex = f.ifindex,
                                       .gateway = IpAddress::parse(gateway),
                                       .metric = 100})
                      .has_value());
        }
        const auto is_new = [](const auto& r) { return r.gateway == IpAddress::parse("192.0.2.20"); };
        CHECK(f.until([&] { return std::ranges::any_of(f.mirror.routes, is_new); }));
        CHECK_EQUAL(1,
                    std::ranges::count(f.mirror.routes, IpPrefix{IpAddress::v4(0), 0}, &os::RouteChange::destination));
    });
}

// The kernel flushes the IPv4 routes of a link that goes down, and tells nobody.
TEST(Netlink, ANewSyncTellsWhatTheKernelDidNot) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        CHECK(f.until([&] { return f.mirror.synced == 1 && f.mirror.route("192.0.2.0/24") != nullptr; }));
        CHECK(f.netlink->set_up(f.ifindex, false).has_value());
        CHECK(f.until([&] { return !f.mirror.links["t0"].up; }));
        CHECK(f.monitor->resync().has_value());
        CHECK(f.until([&] { return f.mirror.synced == 2; }));
        CHECK_EQUAL(2, f.mirror.resyncs);
        CHECK(f.mirror.route("192.0.2.0/24") == nullptr);
        // One that is asked for while another runs comes after it.
        CHECK(f.monitor->resync().has_value());
        CHECK(f.monitor->resync().has_value());
        CHECK(f.until([&] { return f.mirror.synced >= 3 && f.mirror.synced == f.mirror.resyncs; }));
    });
}

TEST(Netlink, AProbeMakesTheKernelAskForANeighbourThatItHasNoEntryOf) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        CHECK(f.until([&] { return f.mirror.synced == 1; }));
        const auto peer = *IpAddress::parse("192.0.2.10");
        CHECK(!f.mirror.neighbours.contains(peer));
        f.monitor->probe_neighbour(f.ifindex, peer);

        // The kernel's ARP request comes out of the TAP; we answer as the peer.
        std::array<std::uint8_t, 2048> frame{};
        const auto is_request = [&](ssize_t n) {
            return n >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1 && frame[41] == 10;
        };
        CHECK(f.until([&] { return is_request(::read(f.tap.get(), frame.data(), frame.size())); }));
        CHECK(!f.mirror.neighbours[peer].resolved);
        const std::array<std::uint8_t, 6> mac{2, 0, 0, 0, 0, 0x10};
        std::array<std::uint8_t, 42> answer{};
        std::memcpy(&answer[0], &frame[6], 6);
        std::memcpy(&answer[6], mac.data(), 6);
        const std::array<std::uint8_t, 10> fixed{0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2};
        std::memcpy(&answer[12], fixed.data(), fixed.size());
        std::memcpy(&answer[22], mac.data(), 6);
        std::memcpy(&answer[28], &frame[38], 4);
        std::memcpy(&answer[32], &frame[22], 10);
        CHECK_EQUAL(static_cast<ssize_t>(answer.size()), ::write(f.tap.get(), answer.data(), answer.size()));
        CHECK(f.until([&] { return f.mirror.neighbours[peer].resolved; }));
        CHECK(f.mirror.neighbours[peer].mac == os::MacAddress{mac});
        CHECK(f.mirror.neighbours[peer].reachable);
        CHECK_EQUAL(0U, f.monitor->failed_probes());

        f.monitor->probe_neighbour(4711, peer);  // there is no such device
        CHECK(f.until([&] { return f.monitor->failed_probes() == 1; }));
    });
}

TEST(Netlink, AfterAnOverflowEverythingIsToldAnew) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        CHECK(f.until([&] { return f.mirror.synced == 1; }));
        // More changes than the queue holds, and nobody reads meanwhile.
        const auto make = [&](std::uint32_t n, int round) {
            return os::RouteSpec{.destination = {IpAddress::v4(0x0A000000U + (n << 8)), 24},
                                 .ifindex = f.ifindex,
                                 .gateway = IpAddress::parse(round % 2 == 0 ? "192.0.2.254" : "192.0.2.253")};
        };
        for (int round = 0; round < 200; ++round) {
            for (std::uint32_t n = 0; n < 100; ++n) CHECK(f.netlink->replace_route(make(n, round)).has_value());
        }
        CHECK(f.netlink->remove_route(make(0, 1)).has_value());
        CHECK(f.until(
            [&] { return f.monitor->overflows() > 0 && f.mirror.synced >= 2 && f.mirror.synced == f.mirror.resyncs; }));
        CHECK(f.mirror.resyncs >= 2);
        CHECK(f.until([&] { return f.mirror.route("10.0.0.0/24") == nullptr; }));
        CHECK(f.mirror.route("10.0.1.0/24") != nullptr);
        CHECK(f.mirror.route("192.0.2.0/24") != nullptr);
    });
}

TEST(Netlink, APersistentTapKeepsItsAddressAndHasOneHolder) {
    in_own_namespace([] {
        Fixture f;
        f.configure();
        CHECK(!os::open_tap("t0"));
        f.tap.reset();
        CHECK_EQUAL(1U, f.netlink->addresses(f.ifindex)->size());
        auto again = os::open_tap("t0");
        CHECK(again.has_value());
        CHECK(!os::remove_tap("t0"));  // somebody holds it
        again->reset();
        CHECK(os::remove_tap("t0").has_value());
        CHECK(os::remove_tap("t0").has_value());  // it is gone: fine
        CHECK(!f.netlink->link("t0"));
        CHECK(!os::open_tap("a-name-too-long-for-a-device"));
    });
}
