#include "controlplane/net/socket_address.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(SocketAddress) {};

TEST(SocketAddress, a_source_is_an_address_or_a_network_of_ipv6) {
    const auto same = [](const char* a, const char* b) {
        return net::counted_as(*IpAddress::parse(a)) == net::counted_as(*IpAddress::parse(b));
    };
    CHECK(same("192.0.2.10", "192.0.2.10"));
    CHECK_FALSE(same("192.0.2.10", "192.0.2.11"));
    CHECK(same("2001:db8:0:1::10", "2001:db8:0:1:ffff::11"));
    CHECK_FALSE(same("2001:db8:0:1::10", "2001:db8:0:2::10"));
    CHECK_FALSE(same("::", "0.0.0.0"));
}
