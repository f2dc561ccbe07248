#include "controlplane/flow/port_pool.h"

#include <set>
#include <utility>

#include "tests/support/fake_random.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::flow;
using namespace std::chrono_literals;

namespace {

config::SignallingRealm realm(std::uint16_t first, std::uint16_t last, std::initializer_list<const char*> addresses) {
    config::SignallingRealm r;
    for (const char* a : addresses) r.media.media_addresses.push_back(*IpAddress::parse(a));
    r.media.media_ports = {first, last};
    return r;
}

}  // namespace

TEST_GROUP(PortPool) {
    test::FakeRandom random{7};
    Instant now{};
};

TEST(PortPool, every_pair_is_even_and_odd_and_handed_out_once) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20009, {"192.0.2.1", "192.0.2.2"})};
    PortPools pools(realms, random);
    LONGS_EQUAL(10, pools.stats(0).pairs);
    std::set<std::pair<IpAddress, std::uint16_t>> seen;
    for (int i = 0; i < 10; ++i) {
        const auto pair = pools.allocate(0, now);
        CHECK_TRUE(pair.has_value());
        LONGS_EQUAL(0, pair->rtp_port % 2);
        LONGS_EQUAL(pair->rtp_port + 1, pair->rtcp_port());
        CHECK_TRUE(pair->rtp_port >= 20000 && pair->rtcp_port() <= 20009);
        CHECK_TRUE(seen.emplace(pair->address, pair->rtp_port).second);
    }
    const auto none = pools.allocate(0, now);
    CHECK_FALSE(none.has_value());
    CHECK_TRUE(none.error() == PoolError::kExhausted);
    LONGS_EQUAL(1, pools.stats(0).exhausted);
    LONGS_EQUAL(10, pools.stats(0).in_use);
    CHECK_TRUE(pools.allocate(1, now).error() == PoolError::kUnknownRealm);
}

TEST(PortPool, a_range_that_is_not_aligned_loses_its_ends) {
    const std::vector<config::SignallingRealm> realms{realm(20001, 20006, {"192.0.2.1"}), realm(5, 5, {"192.0.2.1"})};
    PortPools pools(realms, random);
    LONGS_EQUAL(2, pools.stats(0).pairs);  // 20002/3, 20004/5; 20006 has no partner
    LONGS_EQUAL(0, pools.stats(1).pairs);
    CHECK_FALSE(pools.allocate(1, now).has_value());
}

TEST(PortPool, the_highest_port_is_used) {
    const std::vector<config::SignallingRealm> realms{realm(65534, 65535, {"192.0.2.1"})};
    PortPools pools(realms, random);
    LONGS_EQUAL(65534, pools.allocate(0, now)->rtp_port);
}

TEST(PortPool, a_pair_rests_after_use) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20001, {"192.0.2.1"})};
    PortPools pools(realms, random, 4s);
    const auto pair = *pools.allocate(0, now);
    CHECK_TRUE(pools.release(pair, now));
    LONGS_EQUAL(1, pools.stats(0).resting);
    CHECK_FALSE(pools.allocate(0, now + 3999ms).has_value());
    CHECK_TRUE(pools.allocate(0, now + 4s).has_value());
}

TEST(PortPool, a_rest_is_over_by_time_alone) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20009, {"192.0.2.1"})};
    PortPools pools(realms, random, 4s);
    LONGS_EQUAL(0, pools.resting(0, now));
    std::vector<PortPair> pairs;
    for (int i = 0; i < 5; ++i) pairs.push_back(*pools.allocate(0, now));
    for (int i = 0; i < 5; ++i) pools.release(pairs[static_cast<std::size_t>(i)], now + i * 1s);
    LONGS_EQUAL(5, pools.resting(0, now + 3999ms));
    LONGS_EQUAL(4, pools.resting(0, now + 4s));
    LONGS_EQUAL(1, pools.resting(0, now + 7s));
    LONGS_EQUAL(0, pools.resting(0, now + 8s));
}

TEST(PortPool, releasing_twice_or_something_foreign_does_nothing) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20003, {"192.0.2.1"})};
    PortPools pools(realms, random, 4s);
    const auto pair = *pools.allocate(0, now);
    CHECK_TRUE(pools.release(pair, now));
    CHECK_FALSE(pools.release(pair, now));
    CHECK_FALSE(pools.release({0, *IpAddress::parse("192.0.2.9"), 20000}, now));
    CHECK_FALSE(pools.release({0, *IpAddress::parse("192.0.2.1"), 20001}, now));
    CHECK_FALSE(pools.release({0, *IpAddress::parse("192.0.2.1"), 20004}, now));
    CHECK_FALSE(pools.release({3, *IpAddress::parse("192.0.2.1"), 20000}, now));
    CHECK_FALSE(pools.release({}, now));
    LONGS_EQUAL(1, pools.stats(0).resting);
}

TEST(PortPool, a_reserved_pair_is_taken_and_can_be_given_back) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20003, {"192.0.2.1"})};
    PortPools pools(realms, random);
    const PortPair pair{0, *IpAddress::parse("192.0.2.1"), 20002};
    CHECK_TRUE(pools.reserve(pair));
    CHECK_FALSE(pools.reserve(pair));
    LONGS_EQUAL(20000, pools.allocate(0, now)->rtp_port);
    CHECK_FALSE(pools.allocate(0, now).has_value());
    pools.unreserve(pair);
    LONGS_EQUAL(20002, pools.allocate(0, now)->rtp_port);
    CHECK_FALSE(pools.reserve({0, *IpAddress::parse("192.0.2.1"), 20004}));
}

TEST(PortPool, the_order_is_not_guessable) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 29999, {"192.0.2.1"})};
    PortPools pools(realms, random);
    int neighbours = 0;
    std::uint16_t last = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto port = pools.allocate(0, now)->rtp_port;
        neighbours += port == last + 2 ? 1 : 0;
        last = port;
    }
    CHECK_TRUE(neighbours < 10);
}

TEST(PortPool, a_long_random_life_loses_no_pair) {
    const std::vector<config::SignallingRealm> realms{realm(20000, 20199, {"192.0.2.1"})};
    PortPools pools(realms, random, 1s);
    std::vector<PortPair> held;
    for (int i = 0; i < 20'000; ++i) {
        now += 10ms;
        if (random.chance(55)) {
            if (const auto pair = pools.allocate(0, now)) held.push_back(*pair);
        } else if (!held.empty()) {
            const auto at = random.below(static_cast<std::uint32_t>(held.size()));
            CHECK_TRUE(pools.release(held[at], now));
            held.erase(held.begin() + at);
        }
        LONGS_EQUAL(held.size(), pools.stats(0).in_use);
    }
    for (const auto& pair : held) pools.release(pair, now);
    std::size_t all = 0;
    for (now += 2s; pools.allocate(0, now); ++all) {
    }
    LONGS_EQUAL(100, all);
}
