#include "platform/base/ip_address.h"

#include <cstring>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

std::string round_trip(const char* text) {
    const auto a = IpAddress::parse(text);
    return a ? a->text() : "refused";
}

}  // namespace

TEST_GROUP(IpAddress) {};

TEST(IpAddress, Ipv4TextIsStrict) {
    STRCMP_EQUAL("192.0.2.1", round_trip("192.0.2.1").c_str());
    STRCMP_EQUAL("255.255.255.255", round_trip("255.255.255.255").c_str());
    for (const auto* bad : {"", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..3.4",
                            "a.b.c.d", "1.2.3.-4", "0x1.2.3.4"})
        STRCMP_EQUAL("refused", round_trip(bad).c_str());
}

TEST(IpAddress, EveryOctetIsWrittenAtEveryPlace) {
    for (unsigned n = 0; n < 256; ++n) {
        const auto digits = std::to_string(n);
        for (const auto& text :
             {digits + ".0.10.255", "7." + digits + ".99.100", "0.0." + digits + ".1", "10.200.3." + digits})
            STRCMP_EQUAL(text.c_str(), round_trip(text.c_str()).c_str());
    }
}

// RFC 4291 §2.2 in, RFC 5952 §4 out.
TEST(IpAddress, Ipv6TextIsWrittenInItsCanonicalForm) {
    STRCMP_EQUAL("2001:db8::1", round_trip("2001:0DB8:0:0:0:0:0:1").c_str());
    STRCMP_EQUAL("::", round_trip("::").c_str());
    STRCMP_EQUAL("::1", round_trip("0:0:0:0:0:0:0:1").c_str());
    STRCMP_EQUAL("1::", round_trip("1::").c_str());
    STRCMP_EQUAL("2001:db8:0:1:1:1:1:1", round_trip("2001:db8:0:1:1:1:1:1").c_str());  // one group is not shortened
    STRCMP_EQUAL("2001:0:0:1::1", round_trip("2001:0:0:1:0:0:0:1").c_str());           // the longest run
    STRCMP_EQUAL("2001:db8::1:0:0:1", round_trip("2001:db8:0:0:1:0:0:1").c_str());     // the first of two alike
    STRCMP_EQUAL("::ffff:c000:201", round_trip("::ffff:192.0.2.1").c_str());
    for (const auto* bad : {":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "1:", ":1",
                            "1:2:3:4:5:6:7::8:9", "[::1]", "::1%eth0", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4"})
        STRCMP_EQUAL("refused", round_trip(bad).c_str());
}

TEST(IpAddress, EndpointNeedsAPortAndBracketsForIpv6) {
    const auto v4 = Endpoint::parse("192.0.2.1:5060");
    CHECK_TRUE(v4.has_value());
    LONGS_EQUAL(5060, v4->port);
    STRCMP_EQUAL("192.0.2.1:5060", v4->text().c_str());
    STRCMP_EQUAL("[2001:db8::1]:5061", Endpoint::parse("[2001:db8::1]:5061")->text().c_str());
    const auto* longest = "[2001:1db8:1001:1001:1001:1001:1001:1001]:65535";
    char text[Endpoint::kMaxText];
    LONGS_EQUAL(std::strlen(longest), Endpoint::parse(longest)->write(text));
    STRNCMP_EQUAL(longest, text, std::strlen(longest));
    LONGS_EQUAL(0, Endpoint().write(text));
    STRCMP_EQUAL("", Endpoint().text().c_str());
    for (const auto* bad :
         {"192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "2001:db8::1:5060", "[192.0.2.1]:5060", ":5060"})
        CHECK_FALSE(Endpoint::parse(bad).has_value());
}

TEST(IpAddress, PrefixContainsAndOverlaps) {
    const auto net = *IpPrefix::parse("192.0.2.129/25");
    CHECK_TRUE(net.contains(*IpAddress::parse("192.0.2.255")));
    CHECK_FALSE(net.contains(*IpAddress::parse("192.0.2.127")));
    CHECK_FALSE(net.contains(*IpAddress::parse("c000:281::")));
    CHECK_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("203.0.113.9")));
    CHECK_TRUE(net.overlaps(*IpPrefix::parse("192.0.0.0/16")));
    CHECK_TRUE(IpPrefix::parse("192.0.0.0/16")->overlaps(net));
    CHECK_FALSE(net.overlaps(*IpPrefix::parse("192.0.2.0/25")));
    CHECK_TRUE(IpPrefix::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::1")));
    CHECK_FALSE(IpPrefix::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::1")));
    for (const auto* bad : {"192.0.2.1", "192.0.2.1/33", "::/129", "/8", "192.0.2.1/"})
        CHECK_FALSE(IpPrefix::parse(bad).has_value());
}

TEST(IpAddress, ForeignBytesAreNotTakenForAnAddress) {
    CHECK_TRUE(IpAddress().well_formed());
    CHECK_TRUE(IpAddress::v4(0xC0000201).well_formed());
    auto record = IpAddress::v4(0xC0000201);
    auto* bytes = reinterpret_cast<unsigned char*>(&record);
    bytes[9] = 1;  // surplus byte behind an IPv4 address
    CHECK_FALSE(record.well_formed());
    record = IpAddress::v4(0xC0000201);
    bytes[16] = 5;  // no such family
    CHECK_FALSE(record.well_formed());
}

TEST(IpAddress, ClassesOfAddresses) {
    CHECK_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
    CHECK_TRUE(IpAddress::parse("::")->is_unspecified());
    CHECK_FALSE(IpAddress().is_unspecified());
    CHECK_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
    CHECK_TRUE(IpAddress::parse("::1")->is_loopback());
    CHECK_FALSE(IpAddress::parse("::2")->is_loopback());
    CHECK_TRUE(IpAddress::parse("239.1.1.1")->is_multicast());
    CHECK_FALSE(IpAddress::parse("240.0.0.1")->is_multicast());
    CHECK_TRUE(IpAddress::parse("ff02::1")->is_multicast());
}
