#include "controlplane/sip/uri.h"

#include <array>
#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;

TEST_GROUP(Uri) {
    Uri parse(std::string_view text) {
        const auto u = Uri::parse(text);
        STRCMP_EQUAL("", u ? "" : std::string(u.error()).c_str());
        return *u;
    }
    void refuse(std::string_view text) { CHECK_FALSE_TEXT(Uri::parse(text).has_value(), std::string(text).c_str()); }
    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), std::string(actual).c_str());
    }
    void same(std::string_view a, std::string_view b) {
        CHECK_TEXT(equivalent(parse(a), parse(b)), std::string(a).c_str());
        CHECK_TEXT(equivalent(parse(b), parse(a)), std::string(b).c_str());
    }
    void differ(std::string_view a, std::string_view b) {
        CHECK_FALSE_TEXT(equivalent(parse(a), parse(b)), std::string(a).c_str());
        CHECK_FALSE_TEXT(equivalent(parse(b), parse(a)), std::string(b).c_str());
    }
};

TEST(Uri, TakesASipUriApart) {
    const auto u = parse("sip:alice:secret@example.com:5070;transport=udp;lr?subject=x&to=y");
    CHECK(u.scheme == UriScheme::kSip);
    equal("alice", u.user);
    equal("secret", u.password);
    equal("example.com", u.host.host);
    UNSIGNED_LONGS_EQUAL(5070, u.host.port);
    equal("udp", u.params.value("Transport"));
    CHECK(u.lr());
    equal("subject=x&to=y", u.headers);
}

TEST(Uri, HostsOfEachKind) {
    CHECK(parse("sip:example.com").host.kind == HostKind::kName);
    CHECK_FALSE(parse("sip:example.com").has_user);
    CHECK(parse("sips:a@192.0.2.1").host.kind == HostKind::kIpv4);
    const auto six = parse("sip:a@[2001:db8::1]:5061;lr");
    CHECK(six.host.kind == HostKind::kIpv6);
    equal("2001:db8::1", six.host.host);
    UNSIGNED_LONGS_EQUAL(5061, six.host.port);
    CHECK(six.host.address() == IpAddress::parse("2001:db8::1"));
    CHECK_FALSE(parse("sip:example.com").host.address().has_value());
}

TEST(Uri, SchemesAreNotCaseSensitive) {
    CHECK(parse("SIP:a@b").scheme == UriScheme::kSip);
    CHECK(parse("SipS:a@b").scheme == UriScheme::kSips);
    CHECK(parse("TEL:+1").scheme == UriScheme::kTel);
}

TEST(Uri, TelUris) {
    const auto u = parse("tel:+1-201-555-0123;phone-context=example.com");
    equal("+1-201-555-0123", u.opaque);
    equal("example.com", u.params.value("phone-context"));
    refuse("tel:");
    refuse("tel:hello");
    refuse("tel:+");
}

TEST(Uri, OtherSchemesStayWhole) {
    const auto u = parse("urn:service:sos");
    CHECK(u.scheme == UriScheme::kOther);
    equal("service:sos", u.opaque);
}

TEST(Uri, RefusesWhatIsNone) {
    for (const auto text : {"",
                            "sip:",
                            "sip:@host",
                            "alice@example.com",
                            "*",
                            "sip:a@",
                            "sip:a@host:",
                            "sip:a@host:0",
                            "sip:a@host:65536",
                            "sip:a@host:5060x",
                            "sip:a@[::1",
                            "sip:a@[nonsense]",
                            "sip:a@ho st",
                            "sip:a@host ",
                            "sip:a%4@host",
                            "sip:a%zz@host",
                            "sip:a@b@c",
                            "sip:a\r\n@host",
                            "sip:a@1.2.3.4.5",
                            "sip:a@999.1.1.1",
                            "sip:a@h\"",
                            "<sip:a@h>",
                            "1sip:a@h",
                            "nonesuch:"})
        refuse(text);
}

// RFC 5118 §4.10: a third colon before the IPv4 part comes from the grammar of RFC 3261, and means nothing.
TEST(Uri, AThirdColonBeforeAnIpv4PartIsRead) {
    const auto u = parse("sip:a@[2001:db8:::192.0.2.1]:5070");
    CHECK(u.host.kind == HostKind::kIpv6);
    CHECK(u.host.address() == IpAddress::parse("2001:db8::192.0.2.1"));
    UNSIGNED_LONGS_EQUAL(5070, u.host.port);
    same("sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::c000:201]");
    for (const auto text :
         {"sip:a@[2001:db8:::1]", "sip:a@[2001:db8::::192.0.2.1]", "sip:a@[:::]", "sip:a@[1::2:::192.0.2.1]",
          "sip:a@[2001:db8:::192.0.2]", "sip:a@[2001:db8:::1:192.0.2.1]", "sip:a@2001:db8:::192.0.2.1"})
        refuse(text);
}

// RFC 3261 §19.1.4, the RFC's own examples first.
TEST(Uri, EquivalentOnes) {
    same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp");
    same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5");
    same("sip:carol@chicago.com", "sip:carol@chicago.com;security=on");
    same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on");
    same("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com");
    same("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x");
    same("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]");
    same("tel:+1-201-555-0123", "tel:+12015550123");
    // Not allowed, but like itself, also in other words.
    same("sip:a@b;user=x;user=y", "sip:a@b;user=x;user=y");
    same("sip:a@b;user=x;user=y", "sip:a@B;user=x;user=y");
    same("tel:+1;ext=2;ext=3", "TEL:+1;ext=2;ext=3");
}

TEST(Uri, DifferentOnes) {
    differ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP");
    differ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060");
    differ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp");
    differ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp");
    differ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting");
    differ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4");
    differ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off");
    differ("sip:a@b", "sips:a@b");
    differ("sip:a:x@b", "sip:a@b");
    differ("sip:a@b;maddr=192.0.2.1", "sip:a@b");
    differ("sip:a%40b@c", "sip:a@c");
    differ("sip:b", "sip:a@b");
    differ("tel:+12015550123", "tel:+12015550124");
    differ("tel:5550123;phone-context=+1", "tel:5550123");
    differ("urn:service:sos", "urn:service:sos.fire");
}

TEST(Uri, RewritesTheHostAndKeepsTheUserByteByByte) {
    const std::array<std::string_view, 2> drop = {"maddr", "received"};
    std::string out;
    append_rewritten(out, parse("sip:%61+1;x:pw@inner.example:5062;MAddr=10.0.0.1;user=phone;lr?to=inner"),
                     {.host = "192.0.2.1", .port = 5060, .drop_params = drop});
    equal("sip:%61+1;x@192.0.2.1:5060;user=phone;lr", out);

    out.clear();
    append_rewritten(out, parse("sips:inner.example;lr"),
                     {.host = "2001:db8::1", .keep_params = false, .drop_params = {}});
    equal("sips:[2001:db8::1]", out);

    out.clear();
    append_rewritten(out, parse("tel:+1;phone-context=x"), {.host = "h", .drop_params = {}});
    equal("tel:+1;phone-context=x", out);
}

TEST(Uri, EscapesAUserPart) {
    std::string out;
    append_user_escaped(out, "a b@c:%;=\r\n");
    equal("a%20b%40c%3A%25;=%0D%0A", out);
    CHECK(Uri::parse("sip:" + out + "@h").has_value());
}
