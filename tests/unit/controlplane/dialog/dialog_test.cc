#include "controlplane/dialog/dialog.h"

#include <string>

#include <CppUTest/TestHarness.h>

namespace sallyport::dialog {

namespace {

std::string crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

std::string invite(std::string_view contact, std::string_view record_routes = "") {
    return crlf(
        "INVITE sip:bob@192.0.2.1 SIP/2.0\n"
        "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\n"
        "From: \"A, B\" <sip:alice@a.example;x=1>;tag=their;other=2\n"
        "To: <sip:bob@192.0.2.1>\n"
        "Call-ID: abc\n"
        "CSeq: 7 INVITE\n" +
        std::string(record_routes) + std::string(contact) + "Content-Length: 0\n\n");
}

std::string response(unsigned status, std::string_view tag, std::string_view headers) {
    return crlf("SIP/2.0 " + std::to_string(status) +
                " Text\n"
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\n"
                "From: <sip:a@192.0.2.1>;tag=ours\n"
                "To: <sip:bob@192.0.2.20>;tag=" +
                std::string(tag) + "\nCall-ID: own\nCSeq: 1 INVITE\n" + std::string(headers) + "Content-Length: 0\n\n");
}

}  // namespace

TEST_GROUP(Dialog) {
    std::string text;
    sip::Message message;
    sip::MessageWriter writer;
    std::string written;
    sip::Message out;
    const sip::Message& parse(std::string t) {
        text = std::move(t);
        CHECK(message.parse(text).has_value());
        return message;
    }
    const sip::Message& request(const Dialog& d, std::string_view method = "BYE") {
        begin_request(writer, d, {method, 3, "z9hG4bKx", "SIP/2.0/UDP 192.0.2.1:5060"});
        written = writer.finish();
        CHECK(out.parse(written).has_value());
        return out;
    }
};

TEST(Dialog, uas_takes_its_state_from_the_invite) {
    const auto d = accept(parse(invite("Contact: <sip:alice@192.0.2.10:5070>\n",
                                       "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\n")),
                          "ours");
    CHECK(d.has_value());
    STRCMP_EQUAL("their", std::string(d->remote_tag()).c_str());
    STRCMP_EQUAL("\"A, B\" <sip:alice@a.example;x=1>;other=2", std::string(d->remote()).c_str());
    STRCMP_EQUAL("sip:alice@192.0.2.10:5070", std::string(d->remote_target()).c_str());
    LONGS_EQUAL(2, d->routes.size());
    STRCMP_EQUAL("<sip:p1.example;lr>", d->routes[0].c_str());  // in order, §12.1.1
    LONGS_EQUAL(7, *d->remote_cseq);
}

TEST(Dialog, an_invite_without_contact_is_refused) {
    CHECK(!accept(parse(invite("")), "ours").has_value());
    CHECK(!accept(parse(invite("Contact: <tel:+49301>\n")), "ours").has_value());
}

TEST(Dialog, uac_reverses_the_record_routes_of_the_response) {
    auto d = make("own", "ours", "<sip:a@192.0.2.1>", "<sip:bob@192.0.2.20>", "sip:bob@192.0.2.20", 1);
    CHECK(establish(d, parse(response(200, "t1",
                                      "Record-Route: <sip:near.example;lr>\nRecord-Route: <sip:far.example;lr>\n"
                                      "Contact: <sip:bob@192.0.2.21>\n")))
              .has_value());
    // RFC 3261 §12.1.2: reversed, for each proxy puts itself before those that the request has passed already.
    STRCMP_EQUAL("<sip:far.example;lr>", d.routes[0].c_str());
    STRCMP_EQUAL("sip:bob@192.0.2.21", std::string(d.remote_target()).c_str());
    STRCMP_EQUAL("t1", std::string(d.remote_tag()).c_str());
}

TEST(Dialog, a_2xx_needs_a_contact_and_a_provisional_does_not) {
    auto d = make("own", "ours", "<sip:a@192.0.2.1>", "<sip:bob@192.0.2.20>", "sip:bob@192.0.2.20", 1);
    CHECK(establish(d, parse(response(180, "t1", ""))).has_value());
    STRCMP_EQUAL("sip:bob@192.0.2.20", std::string(d.remote_target()).c_str());
    CHECK(!establish(d, parse(response(200, "t1", ""))).has_value());
}

TEST(Dialog, loose_routing_keeps_the_target_in_the_request_line) {
    Dialog d = make("own", "ours", "<sip:a@192.0.2.1>", "<sip:b@b>", "sip:b@192.0.2.30", 1);
    d.set_remote_tag("t");
    d.routes = {"<sip:192.0.2.40;lr>", "<sip:192.0.2.41;lr>"};
    const auto& r = request(d);
    STRCMP_EQUAL("sip:b@192.0.2.30", std::string(r.request_uri()).c_str());
    STRCMP_EQUAL("<sip:192.0.2.40;lr>", std::string(r.value(sip::HeaderId::kRoute)).c_str());
    CHECK(next_hop(d, IpFamily::kIpv4).value().remote == Endpoint(*IpAddress::parse("192.0.2.40"), 5060));
}

TEST(Dialog, a_strict_router_becomes_the_request_line_and_the_target_the_last_route) {
    Dialog d = make("own", "ours", "<sip:a@192.0.2.1>", "<sip:b@b>", "sip:b@192.0.2.30", 1);
    d.routes = {"<sip:192.0.2.40>", "<sip:192.0.2.41;lr>"};
    const auto& r = request(d);
    STRCMP_EQUAL("sip:192.0.2.40", std::string(r.request_uri()).c_str());
    std::string routes;
    for (const auto route : r.values(sip::HeaderId::kRoute)) routes += std::string(route) + " ";
    STRCMP_EQUAL("<sip:192.0.2.41;lr> <sip:b@192.0.2.30> ", routes.c_str());
    CHECK(r.to_tag().empty());
}

TEST(Dialog, next_hop_is_no_name_and_no_address_that_could_hurt) {
    Dialog d;
    for (const auto* target : {"sip:b@host.example", "sip:b@127.0.0.1", "sip:b@0.0.0.0", "sip:b@224.0.0.1"}) {
        d.set_remote_target(target);
        CHECK(!next_hop(d, IpFamily::kIpv4).has_value());
    }
    d.set_remote_target("sip:b@192.0.2.30:5090");
    CHECK(next_hop(d, IpFamily::kIpv4).value().remote == Endpoint(*IpAddress::parse("192.0.2.30"), 5090));
}

TEST(Dialog, next_hop_is_of_the_family_of_the_leg) {
    Dialog d;
    d.set_remote_target("sip:b@[2001:DB8::30]:5090");
    CHECK(next_hop(d, IpFamily::kIpv6).value().remote == *Endpoint::parse("[2001:db8::30]:5090"));
    CHECK(!next_hop(d, IpFamily::kIpv4).has_value());
    d.routes = {"<sip:[2001:db8::40];lr>"};
    CHECK(next_hop(d, IpFamily::kIpv6).value().remote == *Endpoint::parse("[2001:db8::40]:5060"));
    d.routes = {"<sip:192.0.2.40;lr>"};
    CHECK(!next_hop(d, IpFamily::kIpv6).has_value());
    d.routes.clear();
    for (const auto* target :
         {"sip:b@[::1]", "sip:b@[::]", "sip:b@[ff02::1]", "sip:b@[fe80::10]", "sip:b@[::ffff:192.0.2.30]"}) {
        d.set_remote_target(target);
        CHECK_TEXT(!next_hop(d, IpFamily::kIpv6).has_value(), target);
    }
}

TEST(Dialog, next_hop_says_which_transport_the_uri_asks_for) {
    const struct {
        const char* target;
        std::uint16_t port;
        std::optional<Transport> transport;
    } kCases[] = {{"sip:b@192.0.2.30", 5060, std::nullopt},
                  {"sip:b@192.0.2.30;transport=TCP", 5060, Transport::kTcp},
                  {"sip:b@192.0.2.30;transport=tls", 5061, Transport::kTls},
                  {"sip:b@192.0.2.30:5070;transport=udp", 5070, Transport::kUdp},
                  {"sip:b@192.0.2.30;transport=sctp", 5060, std::nullopt},
                  {"sips:b@192.0.2.30;transport=tcp", 5061, Transport::kTls}};
    for (const auto& c : kCases) {
        Dialog d;
        d.set_remote_target(c.target);
        const auto hop = next_hop(d, IpFamily::kIpv4).value();
        CHECK(hop.transport == c.transport);
        LONGS_EQUAL(c.port, hop.remote.port);
    }
}

TEST(Dialog, cseq_only_grows) {
    Dialog d;
    CHECK(take_cseq(d, 5));
    CHECK(!take_cseq(d, 5));
    CHECK(!take_cseq(d, 4));
    CHECK(take_cseq(d, 9));
}

TEST(Dialog, a_bad_contact_does_not_refresh_the_target) {
    Dialog d;
    d.set_remote_target("sip:old@192.0.2.1");
    CHECK(!refresh_target(d, parse(invite("Contact: <mailto:a@b>\n"))).has_value());
    STRCMP_EQUAL("sip:old@192.0.2.1", std::string(d.remote_target()).c_str());
    CHECK(refresh_target(d, parse(invite("Contact: <sip:new@192.0.2.1>\n"))).has_value());
    STRCMP_EQUAL("sip:new@192.0.2.1", std::string(d.remote_target()).c_str());
}

TEST(Dialog, comes_back_from_its_bytes_and_from_no_part_of_them) {
    const auto d =
        accept(parse(invite("Contact: <sip:a@192.0.2.10>\n", "Record-Route: <sip:p1.example;lr>\n")), "ours");
    const Ids same{d->call_id(), d->local_tag(), d->remote_tag()};
    std::size_t length = SIZE_MAX;
    for (const auto& ids : {Ids{}, same}) {
        std::vector<std::byte> bytes;
        ByteWriter w(bytes);
        write(w, *d, ids);
        w.done();
        ByteReader r(bytes);
        CHECK(read_dialog(r, ids) == *d);
        CHECK(!r.failed());
        CHECK(bytes.size() < length);
        length = bytes.size();
        for (std::size_t n = 0; n < bytes.size(); ++n) {
            ByteReader part(std::span<const std::byte>(bytes).first(n));
            read_dialog(part, ids);
            CHECK(part.failed());
        }
    }
}

TEST(Dialog, what_it_keeps_of_a_peer_is_bounded) {
    const std::string contact = "Contact: <sip:alice@192.0.2.10>\n";
    const auto with = [&](std::string_view what, std::string_view by) {
        auto t = invite(contact);
        return t.replace(t.find(what), what.size(), by);
    };
    const auto reason = [&](const std::string& t) {
        const auto d = accept(parse(t), "ours");
        return d ? std::string() : std::string(d.error());
    };
    const std::string identifier(kMaxIdentifier, 'i');
    STRCMP_EQUAL("", reason(with("Call-ID: abc", "Call-ID: " + identifier)).c_str());
    STRCMP_EQUAL("Call-ID is too long", reason(with("Call-ID: abc", "Call-ID: x" + identifier)).c_str());
    STRCMP_EQUAL("", reason(with("tag=their", "tag=" + identifier)).c_str());
    STRCMP_EQUAL("From tag is too long", reason(with("tag=their", "tag=x" + identifier)).c_str());
    STRCMP_EQUAL("From is too long", reason(with("A, B", std::string(kMaxAddress, 'n'))).c_str());
    STRCMP_EQUAL("To is too long", reason(with("To: <", "To: " + std::string(kMaxAddress, 'n') + " <")).c_str());

    auto d = make("own", "ours", "<sip:a@192.0.2.1>", "<sip:bob@192.0.2.20>", "sip:bob@192.0.2.20", 1);
    const auto before = d;
    CHECK(!establish(d, parse(response(200, "x" + identifier, contact))).has_value());
    CHECK(d == before);
    CHECK(establish(d, parse(response(200, identifier, contact))).has_value());
}

}  // namespace sallyport::dialog
