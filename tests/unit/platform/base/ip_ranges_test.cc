#include "platform/base/ip_ranges.h"

#include <utility>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(IpRanges) {};

TEST(IpRanges, link_local_and_mapped_addresses) {
    for (const auto* link_local : {"fe80::1", "febf::1", "169.254.0.1"})
        CHECK_TRUE_TEXT(is_link_local(*IpAddress::parse(link_local)), link_local);
    for (const auto* other : {"fec0::1", "fd00::1", "2001:db8::fe80", "169.253.0.1", "0.0.0.0"})
        CHECK_FALSE_TEXT(is_link_local(*IpAddress::parse(other)), other);
    CHECK_TRUE(is_v4_mapped(*IpAddress::parse("::ffff:192.0.2.1")));
    for (const auto* other : {"::fffe:192.0.2.1", "::192.0.2.1", "1::ffff:192.0.2.1", "192.0.2.1"})
        CHECK_FALSE_TEXT(is_v4_mapped(*IpAddress::parse(other)), other);
}

TEST(IpRanges, network_has_no_bits_of_the_host) {
    for (const auto& [prefix, network] : {std::pair{"192.0.2.129/25", "192.0.2.128"},
                                          {"192.0.2.129/32", "192.0.2.129"},
                                          {"192.0.2.129/0", "0.0.0.0"},
                                          {"2001:db8:ffff:ffff:1::1/49", "2001:db8:ffff:8000::"},
                                          {"2001:db8::1/128", "2001:db8::1"},
                                          {"::1/0", "::"}})
        STRCMP_EQUAL(network, network_of(*IpPrefix::parse(prefix)).text().c_str());
}
