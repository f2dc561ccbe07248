#include "controlplane/net/tls.h"

#include <sys/socket.h>

#include <array>
#include <string>

#include "platform/os/unique_fd.h"
#include "tests/support/certificates.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using config::TlsClients;
using net::TlsContext;
using net::TlsMaterial;
using net::TlsSession;
using net::TlsSettings;
using Status = net::TlsSession::Status;
using test::Authority;

namespace {

const Authority kAuthority("Sallyport Test Root");  // outside of the tests, which count what they leave

TlsMaterial material(const std::vector<std::string>& names, const std::string& common_name = "gate.example") {
    const auto made = kAuthority.make(common_name, names);
    return {.pairs = {{made.certificate, made.key}}, .authorities = kAuthority.certificate()};
}

std::shared_ptr<const TlsContext> context(const TlsMaterial& m, const TlsSettings& settings = {}) {
    auto made = TlsContext::make(m, settings);
    CHECK_TEXT(made.has_value(), made ? "" : made.error().c_str());
    return *made;
}

struct Ends {
    std::array<os::UniqueFd, 2> fds;
    std::unique_ptr<TlsSession> server;
    std::unique_ptr<TlsSession> client;
    Status server_status = Status::kRead;
    Status client_status = Status::kRead;

    Ends(const std::shared_ptr<const TlsContext>& of_server, const std::shared_ptr<const TlsContext>& of_client,
         const std::string& name = "gate.example", bool verify = true) {
        std::array<int, 2> pair{};
        LONGS_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()));
        for (std::size_t i = 0; i < 2; ++i) fds[i].reset(pair[i]);
        server = TlsSession::server(of_server, fds[0].get());
        client = TlsSession::client(of_client, fds[1].get(), name, verify, "peer");
        for (int i = 0; i < 10; ++i) {
            if (client_status == Status::kRead || client_status == Status::kWrite) client_status = client->handshake();
            if (server_status == Status::kRead || server_status == Status::kWrite) server_status = server->handshake();
        }
    }
    bool up() const { return server_status == Status::kDone && client_status == Status::kDone; }
    static std::string pass(TlsSession& from, TlsSession& to, const std::string& text) {
        std::size_t n = 0;
        CHECK(from.write(text, n) == Status::kDone);
        LONGS_EQUAL(text.size(), n);
        std::array<char, 4096> buffer{};
        CHECK(to.read(buffer, n) == Status::kDone);
        return {buffer.data(), n};
    }
};

}  // namespace

TEST_GROUP(Tls) {};

TEST(Tls, bytes_go_both_ways_over_a_verified_session) {
    const auto server = context(material({"DNS:gate.example"}));
    const auto client = context(material({"DNS:carrier.example"}));
    Ends ends(server, client);
    CHECK(ends.up());
    STRCMP_EQUAL("TLSv1.3", std::string(ends.client->protocol()).c_str());
    CHECK(ends.client->verified());
    CHECK(ends.client->peer_is("GATE.example", false));
    STRCMP_EQUAL("there", Ends::pass(*ends.client, *ends.server, "there").c_str());
    STRCMP_EQUAL("back", Ends::pass(*ends.server, *ends.client, "back").c_str());
    ends.client->close();
    std::array<char, 16> buffer{};
    std::size_t n = 0;
    CHECK(ends.server->read(buffer, n) == Status::kClosed);
}

TEST(Tls, a_session_is_resumed) {
    const auto server = context(material({"DNS:gate.example"}));
    const auto client = context(material({}));
    {
        Ends first(server, client);
        CHECK(first.up());
        CHECK_FALSE(first.client->resumed());
        Ends::pass(*first.server, *first.client, "with the ticket");  // TLS 1.3 gives it after the handshake
    }
    Ends second(server, client);
    CHECK(second.up());
    CHECK(second.client->resumed());
    CHECK(second.client->verified());
    CHECK(second.client->peer_is("gate.example", false));
}

TEST(Tls, a_peer_that_nobody_vouches_for_fails) {
    const Authority other("Somebody Else");
    const auto made = other.make("gate.example", {"DNS:gate.example"});
    const auto server = context({.pairs = {{made.certificate, made.key}}, .authorities = {}});
    const auto client = context(material({}));
    Ends ends(server, client);
    CHECK(ends.client_status == Status::kFailed);
    STRCMP_CONTAINS("the peer's certificate", ends.client->error().c_str());
    Ends unverified(server, client, "gate.example", false);
    CHECK(unverified.up());
    CHECK_FALSE(unverified.client->verified());
    // One that is over is no better.
    const auto late = kAuthority.make("gate.example", {"DNS:gate.example"}, -1);
    Ends expired(context({.pairs = {{late.certificate, late.key}}, .authorities = {}}), client);
    CHECK(expired.client_status == Status::kFailed);
    STRCMP_CONTAINS("expired", expired.client->error().c_str());
}

TEST(Tls, clients_show_a_certificate_where_it_is_asked_for) {
    const auto client = context(material({"URI:sip:carrier.example"}));
    for (const auto verify : {TlsClients::kNone, TlsClients::kOptional, TlsClients::kRequired}) {
        Ends ends(context(material({"DNS:gate.example"}), {.clients = verify}), client);
        CHECK(ends.up());
        CHECK_EQUAL(verify != TlsClients::kNone, ends.server->verified());
        CHECK_EQUAL(verify != TlsClients::kNone, ends.server->peer_is("carrier.example", false));
    }
    const Authority other("Somebody Else");
    const auto made = other.make("carrier.example", {});
    const auto stranger = context({.pairs = {{made.certificate, made.key}}, .authorities = kAuthority.certificate()});
    Ends refused(context(material({"DNS:gate.example"}), {.clients = TlsClients::kRequired}), stranger);
    CHECK(refused.server_status == Status::kFailed);
}

TEST(Tls, old_protocols_are_refused) {
    TlsSettings settings;
    settings.only_13 = true;
    const auto server = context(material({"DNS:gate.example"}), settings);
    const auto client = context(material({}));
    CHECK(Ends(server, client).up());
}

TEST(Tls, names_of_a_peer_are_those_of_rfc_5922) {
    struct Case {
        std::string common_name;
        std::vector<std::string> names;
        std::string asked;
        bool wildcards;
        bool is;
    };
    const std::vector<Case> cases = {
        {"example.com", {}, "example.com", false, true},
        {"example.com", {"DNS:other.com"}, "example.com", false, false},  // an alternative name beats it
        {"x", {"URI:sip:example.com"}, "example.com", false, true},
        {"x",
         {"URI:sip:example.com", "DNS:sip.example.com"},
         "sip.example.com",
         false,
         false},  // the URI is the identity
        {"x", {"URI:sip:user@example.com"}, "example.com", false, false},
        {"x", {"URI:sips:example.com"}, "example.com", false, false},
        {"x", {"URI:sip:example.com:5061"}, "example.com", false, true},
        {"x", {"DNS:*.example.com"}, "sip.example.com", false, false},
        {"x", {"DNS:*.example.com"}, "sip.example.com", true, true},
        {"x", {"DNS:*.example.com"}, "a.sip.example.com", true, false},
        {"x", {"DNS:*.example.com"}, "example.com", true, false},
        {"x", {"DNS:s*.example.com"}, "sip.example.com", true, false},
        {"x", {"URI:sip:*.example.com"}, "sip.example.com", true, false},  // §7.2: no wildcards in URIs
        {"*.example.com", {}, "sip.example.com", false, false},
        {"192.0.2.1", {}, "192.0.2.1", false, false},
        {"x", {"IP:192.0.2.1"}, "192.0.2.1", false, true},
        {"x", {"IP:2001:db8::1"}, "2001:db8::1", false, true},
        {"x", {"DNS:192.0.2.1"}, "192.0.2.1", false, false},
    };
    const auto client = context(material({}));
    for (const auto& c : cases) {
        Ends ends(context(material(c.names, c.common_name)), client, "gate.example");
        CHECK(ends.up());
        const auto text = c.common_name + " / " + (c.names.empty() ? "-" : c.names[0]) + " is " + c.asked;
        CHECK_EQUAL_TEXT(c.is, ends.client->peer_is(c.asked, c.wildcards), text.c_str());
    }
}

TEST(Tls, the_certificate_that_the_client_names_is_shown) {
    auto m = material({"DNS:one.example"});
    m.pairs.push_back(material({"DNS:two.example"}).pairs[0]);
    const auto server = context(m);
    const auto client = context(material({}));
    for (const std::string name : {"one.example", "two.example"}) {
        Ends ends(server, client, name);
        CHECK(ends.up());
        CHECK(ends.client->peer_is(name, false));
    }
    Ends ends(server, context(material({})), "nobody.example");
    CHECK(ends.client->peer_is("one.example", false));
}

TEST(Tls, what_cannot_be_used_is_told) {
    const auto good = material({"DNS:gate.example"}).pairs[0];
    const auto other = material({"DNS:gate.example"}).pairs[0];
    const struct {
        TlsMaterial material;
        const char* error;
    } cases[] = {
        {{}, "there is no certificate"},
        {{.pairs = {{"", good.key}}, .authorities = {}}, "certificate 1: the certificate cannot be read"},
        {{.pairs = {{good.chain, "x"}}, .authorities = {}}, "certificate 1: the key cannot be read"},
        {{.pairs = {good, {good.chain, other.key}}, .authorities = {}},
         "certificate 2: the key is not the certificate's"},
        {{.pairs = {good}, .authorities = "x"}, "there is no certificate among the authorities"},
    };
    for (const auto& c : cases) {
        const auto made = TlsContext::make(c.material, {});
        CHECK_FALSE(made.has_value());
        STRCMP_CONTAINS(c.error, made.error().c_str());
    }
    CHECK_FALSE(TlsContext::make({.pairs = {good}, .authorities = {}}, {.clients = TlsClients::kRequired}).has_value());
}

TEST(Tls, our_certificates_can_be_looked_at) {
    const auto ours = context(material({"DNS:gate.example", "URI:sip:example.com"}));
    const auto& shown = ours->certificates();
    LONGS_EQUAL(1, shown.size());
    STRCMP_EQUAL("CN=gate.example", shown[0].subject.c_str());
    STRCMP_EQUAL("CN=Sallyport Test Root", shown[0].issuer.c_str());
    LONGS_EQUAL(2, shown[0].names.size());
    STRCMP_EQUAL("URI:sip:example.com", shown[0].names[1].c_str());
    CHECK(shown[0].not_after - shown[0].not_before > std::chrono::days(30));
}
