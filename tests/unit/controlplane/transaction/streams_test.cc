// What differs when a transaction goes over a stream: nothing is repeated, nothing lingers, and a stream that breaks
// costs no transaction.
#include <chrono>

#include "tests/unit/controlplane/transaction/layer_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace sallyport;
using namespace sallyport::transaction;
using transaction::test::Bench;

TEST_GROUP(TransactionsOverStreams) {
    Bench b;
    std::string branch;

    void setup() override {
        b.peer.transport = Transport::kTcp;
        b.peer.connection = 7;
    }
    ClientId start(std::string_view method, Path to) {
        branch = b.layer->make_branch().view();
        return b.layer->send_request(b.now, to, b.request(method, branch)).value();
    }
    ClientId start(std::string_view method) { return start(method, b.peer); }
    void heard(const char* text) { STRCMP_EQUAL(text, b.tu.heard().c_str()); }
    void sent(const char* text) { STRCMP_EQUAL(text, b.sent().c_str()); }
};

TEST(TransactionsOverStreams, no_request_is_repeated_and_it_times_out_all_the_same) {
    for (const auto* method : {"INVITE", "OPTIONS"}) {
        start(method);
        b.sent();
        b.pass(31999ms);
        sent("");
        heard("");
        b.pass(1ms);
        heard("client timeout");
    }
}

TEST(TransactionsOverStreams, a_client_ends_with_its_final_response) {
    start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));
    b.receive(b.response(486, branch, "INVITE"));
    heard("response 180, response 486, client end");
    sent("INVITE sip:bob@192.0.2.10:5060 SIP/2.0, ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    start("OPTIONS");
    b.receive(b.response(200, branch, "OPTIONS"));
    heard("response 200, client end");
    // A fork may give more than one 2xx (RFC 6026 §7.2), over whatever transport.
    start("INVITE");
    b.receive(b.response(200, branch, "INVITE"));
    b.receive(b.response(200, branch, "INVITE", "fork"));
    heard("response 200, response 200");
    UNSIGNED_LONGS_EQUAL(1, b.layer->client_transactions());
}

TEST(TransactionsOverStreams, no_response_is_repeated) {
    b.receive(b.incoming("INVITE", "z9hG4bKi"));
    CHECK(b.respond(b.tu.requests.back(), 486));
    b.sent();
    b.pass(10s);
    sent("");
    b.receive(b.incoming("ACK", "z9hG4bKi", "ours"));
    heard("request INVITE, server end");
    b.receive(b.incoming("INVITE", "z9hG4bKj"));
    CHECK(b.respond(b.tu.requests.back(), 486));
    b.pass(32s);
    heard("request INVITE, server no ack");
}

TEST(TransactionsOverStreams, responses_go_by_the_stream_that_the_request_came_on) {
    const Path from{1, *Endpoint::parse("192.0.2.10:40000"), Transport::kTls, 9};
    const Path expected{1, *Endpoint::parse("192.0.2.10:5060"), Transport::kTls, 9};  // when it is gone: sent-by
    b.receive(b.incoming("OPTIONS", "z9hG4bKo"), from);
    CHECK(b.respond(b.tu.requests.back(), 200));
    b.sent();
    CHECK(b.last_entry.path == expected);
    b.receive("OPTIONS sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.10;branch=z9hG4bKm;rport\n\n", from);
    b.sent();
    const Path by_default{1, *Endpoint::parse("192.0.2.10:5061"), Transport::kTls, 9};
    CHECK(b.last_entry.path == by_default);
}

TEST(TransactionsOverStreams, a_request_too_large_for_a_datagram_goes_by_tcp_and_back_when_nobody_takes_it) {
    TransactionSettings settings;
    settings.has_tcp = {true, true};
    Bench c(settings);
    const auto large = c.request("INVITE", "z9hG4bKlarge", "X: " + std::string(1300, 'x') + "\n");
    const auto id = c.layer->send_request(c.now, c.peer, large).value();
    c.sent();
    CHECK(c.last_entry.path.transport == Transport::kTcp);
    CHECK(c.layer->path(id).value() == c.last_entry.path);
    STRCMP_EQUAL("Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKlarge;rport", c.line("Via").c_str());
    c.pass(3s);
    STRCMP_EQUAL("", c.sent().c_str());
    c.layer->on_send_error(c.now, c.last_entry);
    c.sent();
    CHECK(c.last_entry.path == c.peer);
    STRCMP_EQUAL(large.c_str(), c.last_sent.c_str());
    c.pass(600ms);
    STRCMP_EQUAL("INVITE sip:bob@192.0.2.10:5060 SIP/2.0", c.sent().c_str());  // repeated
    c.receive(c.response(200, "z9hG4bKlarge", "INVITE"));
    STRCMP_EQUAL("response 200", c.tu.heard().c_str());
    // The peer is not asked again for a while.
    const auto again = c.request("OPTIONS", "z9hG4bKagain", "X: " + std::string(1300, 'x') + "\n");
    c.layer->send_request(c.now, c.peer, again);
    c.sent();
    CHECK(c.last_entry.path == c.peer);
    c.pass(TransactionLayer::kTcpRests);
    c.layer->send_request(c.now, c.peer, c.request("OPTIONS", "z9hG4bKlater", "X: " + std::string(1300, 'x') + "\n"));
    c.sent();
    CHECK(c.last_entry.path.transport == Transport::kTcp);
    LONGS_EQUAL(2, c.layer->counters().too_large_for_udp);
    LONGS_EQUAL(1, c.layer->counters().back_to_udp);
    // Where there is no TCP it stays a datagram.
    settings.has_tcp = {true, false};
    Bench d(settings);
    d.layer->send_request(d.now, d.peer, large);
    d.sent();
    CHECK(d.last_entry.path == d.peer);
}

TEST(TransactionsOverStreams, a_response_that_broke_with_its_stream_goes_by_another_once) {
    b.receive(b.incoming("INVITE", "z9hG4bKi"));
    CHECK(b.respond(b.tu.requests.back(), 486));
    b.sent();
    const auto entry = b.last_entry;
    b.layer->on_send_error(b.now, entry);
    b.sent();
    UNSIGNED_LONGS_EQUAL(0, b.last_entry.path.connection);
    STRCMP_EQUAL("192.0.2.10:5060", b.last_entry.path.remote.text().c_str());
    heard("request INVITE");
    b.layer->on_send_error(b.now, entry);
    heard("server transport error");
}

TEST(TransactionsOverStreams, what_waits_on_a_stream_that_breaks_is_sent_anew_once) {
    const auto by_number = start("INVITE");
    Path any = b.peer;
    any.connection = 0;
    const auto by_address = start("OPTIONS", any);
    b.sent();
    b.layer->on_stream(b.last_entry, 8);
    start("OPTIONS", any);  // not sent yet
    start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));  // this one is there: its response finds its way
    b.sent();
    b.tu.heard();

    Path broken = b.peer;
    broken.remote = *Endpoint::parse("192.0.2.10:40000");  // a stream that the peer made
    b.layer->on_unreachable(b.now, broken);
    sent("INVITE sip:bob@192.0.2.10:5060 SIP/2.0 to 1 192.0.2.10:5060");
    UNSIGNED_LONGS_EQUAL(0, b.last_entry.path.connection);
    b.layer->on_stream(b.last_entry, 8);
    b.layer->on_unreachable(b.now, broken);
    heard("");
    broken = any;  // one that we made
    broken.connection = 8;
    b.layer->on_unreachable(b.now, broken);
    heard("client transport error");  // the INVITE, for the second time
    sent("OPTIONS sip:bob@192.0.2.10:5060 SIP/2.0 to 1 192.0.2.10:5060");
    b.layer->on_stream(b.last_entry, 9);
    broken.connection = 9;
    CHECK_FALSE(b.layer->alive(by_number));
    CHECK(b.layer->alive(by_address));
    UNSIGNED_LONGS_EQUAL(2, b.layer->counters().sent_anew);
    b.layer->on_unreachable(b.now, broken);
    heard("client transport error");
    UNSIGNED_LONGS_EQUAL(2, b.layer->client_transactions());
}
