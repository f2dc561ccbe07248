#include <array>
#include <string>

#include "controlplane/transaction/transaction_layer.h"
#include "tests/unit/controlplane/transaction/layer_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace sallyport::transaction::test;
using namespace std::chrono_literals;

TEST_GROUP(ServerSide) {
    Bench b;

    ServerId receive(std::string_view text) {
        const auto before = b.tu.requests.size();
        CHECK(b.receive(text));
        UNSIGNED_LONGS_EQUAL(before + 1, b.tu.requests.size());
        return b.tu.requests.back();
    }
    void sent(std::string_view expected) { STRCMP_EQUAL(std::string(expected).c_str(), b.sent().c_str()); }
    void heard(std::string_view expected) { STRCMP_EQUAL(std::string(expected).c_str(), b.tu.heard().c_str()); }
    void line(std::string_view name, std::string_view expected) {
        STRCMP_EQUAL(std::string(expected).c_str(), b.line(name).c_str());
    }
};

TEST(ServerSide, ARetransmittedInviteGetsTheLastProvisional) {
    const auto invite = b.incoming("INVITE", "z9hG4bKa");
    const auto id = receive(invite);
    sent("");
    b.receive(invite);
    sent("");
    CHECK(b.respond(id, 100));
    CHECK(b.respond(id, 180));
    sent("SIP/2.0 100 X, SIP/2.0 180 X");
    b.receive(invite);
    sent("SIP/2.0 180 X");
    heard("request INVITE");
    UNSIGNED_LONGS_EQUAL(2, b.layer->counters().request_retransmissions_received);
    b.pass(300s);
    UNSIGNED_LONGS_EQUAL(1, b.layer->server_transactions());
}

TEST(ServerSide, AFailureIsRepeatedUntilItsAck) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    CHECK(b.respond(id, 486));
    sent("SIP/2.0 486 X");
    b.pass(1600ms);
    sent("SIP/2.0 486 X, SIP/2.0 486 X");
    b.receive(b.incoming("ACK", "z9hG4bKa", "ours"));
    b.receive(b.incoming("ACK", "z9hG4bKa", "ours"));
    b.receive(b.incoming("INVITE", "z9hG4bKa"));  // late duplicate
    heard("request INVITE");                      // the ACK is the layer's
    b.pass(4900ms);
    sent("");
    heard("");
    b.pass(200ms);
    heard("server end");
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ServerSide, NoAckIsReportedAfterTimerH) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.respond(id, 486);
    std::string times;
    const auto began = b.now;
    b.sent();
    while (b.layer->alive(id) && b.now - began < 60s) {
        b.pass(100ms);
        if (!b.sent().empty()) times += std::to_string((b.now - began) / 100ms) + " ";
    }
    STRCMP_EQUAL("5 15 35 75 115 155 195 235 275 315 ", times.c_str());
    heard("request INVITE, server no ack");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().acks_missing);
}

TEST(ServerSide, AcceptedAbsorbsTheInviteAndLeavesTheAckToTheTu) {
    const auto invite = b.incoming("INVITE", "z9hG4bKa");
    const auto id = receive(invite);
    CHECK(b.respond(id, 200));
    sent("SIP/2.0 200 X");
    b.receive(invite);
    b.pass(5s);
    sent("");  // RFC 6026: the 2xx is repeated by the TU alone
    CHECK(b.respond(id, 200));
    sent("SIP/2.0 200 X");
    CHECK_FALSE(b.respond(id, 486));
    CHECK_FALSE(b.respond(id, 180));
    b.receive(b.incoming("ACK", "z9hG4bKother", "ours"));
    b.receive(b.incoming("ACK", "z9hG4bKa", "ours"));  // with the INVITE's branch, as some phones do
    heard("request INVITE, ack, ack");
    b.pass(27100ms);
    heard("server end");
    CHECK_FALSE(b.respond(id, 200));
    sent("");
}

TEST(ServerSide, OtherRequestsRepeatTheirResponseUntilTimerJ) {
    const auto options = b.incoming("OPTIONS", "z9hG4bKa");
    const auto id = receive(options);
    b.receive(options);
    sent("");
    CHECK(b.respond(id, 200));
    CHECK_FALSE(b.respond(id, 500));
    b.receive(options);
    sent("SIP/2.0 200 X, SIP/2.0 200 X");
    b.pass(31900ms);
    heard("request OPTIONS");
    b.pass(200ms);
    heard("server end");
}

TEST(ServerSide, OtherRequestsGetNeitherProvisionalNor408) {
    const auto id = receive(b.incoming("OPTIONS", "z9hG4bKa"));
    CHECK_FALSE(b.respond(id, 100));
    CHECK_FALSE(b.respond(id, 183));
    CHECK(b.layer->alive(id));
    CHECK_FALSE(b.respond(id, 408));
    CHECK_FALSE(b.layer->alive(id));
    sent("");
    heard("request OPTIONS, server end");
}

TEST(ServerSide, ASilentTuIsReported) {
    receive(b.incoming("OPTIONS", "z9hG4bKa"));
    b.pass(33s);
    heard("request OPTIONS, server unanswered");
    sent("");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().unanswered);
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());
}

TEST(ServerSide, ResponsesGoToTheSourceFromTheListenerThatReceived) {
    const Path nat{3, *Endpoint::parse("203.0.113.5:40000")};
    b.receive(b.incoming("OPTIONS", "z9hG4bKa"), nat);
    b.respond(b.tu.requests.back(), 200);
    sent("SIP/2.0 200 X to 3 203.0.113.5:40000");
    line("Via", "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa;received=203.0.113.5;rport=40000");

    auto plain = b.incoming("OPTIONS", "z9hG4bKb");
    plain.replace(plain.find(";rport"), 6, "");
    plain.replace(plain.find("call-2"), 6, "call-3");
    b.receive(plain, nat);
    b.respond(b.tu.requests.back(), 200);
    sent("SIP/2.0 200 X to 3 203.0.113.5:5060");
    line("Via", "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKb;received=203.0.113.5");
}

TEST(ServerSide, WhatDiffersInBranchSentByMethodOrListenerIsAnotherTransaction) {
    const auto call = [&](std::string text, std::string_view id) {
        text.replace(text.find("call-2"), 6, id);  // else it would be a merged request
        return text;
    };
    receive(call(b.incoming("OPTIONS", "z9hG4bKa"), "1"));
    receive(call(b.incoming("OPTIONS", "z9hG4bKA"), "2"));
    receive(call(b.incoming("INFO", "z9hG4bKa"), "3"));
    auto port = call(b.incoming("OPTIONS", "z9hG4bKa"), "4");
    port.replace(port.find("192.0.2.10:5060"), 15, "192.0.2.10:5061");
    receive(port);
    b.receive(call(b.incoming("OPTIONS", "z9hG4bKa"), "5"), Path{2, b.peer.remote});
    UNSIGNED_LONGS_EQUAL(5, b.tu.requests.size());
    auto no_port = call(b.incoming("OPTIONS", "z9hG4bKa"), "1");
    no_port.replace(no_port.find(":5060"), 5, "");
    b.receive(no_port);  // the default port written out or not: the same
    UNSIGNED_LONGS_EQUAL(5, b.tu.requests.size());
}

TEST(ServerSide, RequestsWithoutTheCookieAreMatchedByTheirHeaders) {
    const auto invite = b.incoming("INVITE", "1");
    const auto id = receive(invite);
    b.receive(invite);
    heard("request INVITE");
    b.respond(id, 486, "ours");
    b.sent();
    b.receive(b.incoming("ACK", "1", "ours"));
    b.pass(6s);
    sent("");
    heard("server end");

    auto other = b.incoming("INVITE", "1");
    other.replace(other.find("CSeq: 9"), 7, "CSeq: 8");
    receive(other);
    b.receive(b.incoming("CANCEL", "1"));
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().unmatched_cancels);  // of CSeq 9
}

TEST(ServerSide, ACancelIsAnsweredAndTold) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.respond(id, 180, "tag180");
    b.sent();
    const auto cancel = b.incoming("CANCEL", "z9hG4bKa");
    b.receive(cancel);
    sent("SIP/2.0 200 OK");
    line("To", "To: <sip:b@192.0.2.1>;tag=tag180");  // RFC 3261 §9.2
    line("CSeq", "CSeq: 9 CANCEL");
    heard("request INVITE, cancel");
    b.receive(cancel);
    sent("SIP/2.0 200 OK");
    heard("");
    CHECK(b.respond(id, 487, "tag180"));
    sent("SIP/2.0 487 X");
    b.receive(b.incoming("ACK", "z9hG4bKa", "tag180"));
    b.pass(40s);
    heard("server end");
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());
}

TEST(ServerSide, ACancelBeforeAnyTagTakesTheOneThatTheTuAnnounced) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.layer->set_to_tag(id, "early");
    b.respond(id, 100);
    b.receive(b.incoming("CANCEL", "z9hG4bKa"));
    b.sent();
    line("To", "To: <sip:b@192.0.2.1>;tag=early");
}

TEST(ServerSide, ACancelAfterAFinalResponseChangesNothing) {
    for (const unsigned status : {200U, 486U}) {
        Bench c;
        c.receive(c.incoming("INVITE", "z9hG4bKa"));
        c.respond(c.tu.requests.back(), status);
        c.sent();
        c.receive(c.incoming("CANCEL", "z9hG4bKa"));
        STRCMP_EQUAL("SIP/2.0 200 OK", c.sent().c_str());
        STRCMP_EQUAL("request INVITE", c.tu.heard().c_str());
    }
}

TEST(ServerSide, ACancelForNothingGets481WithoutState) {
    receive(b.incoming("INVITE", "z9hG4bKa"));
    b.receive(b.incoming("CANCEL", "z9hG4bKb"));
    sent("SIP/2.0 481 Call/Transaction Does Not Exist");
    UNSIGNED_LONGS_EQUAL(1, b.layer->server_transactions());
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().unmatched_cancels);
    b.receive(b.incoming("CANCEL", "z9hG4bKa"), Path{2, b.peer.remote});  // from the other side
    heard("request INVITE");
}

TEST(ServerSide, AnAckToNobodyIsTheTus) {
    b.receive(b.incoming("ACK", "z9hG4bKx", "tag"));
    heard("ack");
    sent("");
}

TEST(ServerSide, StatelessAnswersRecogniseTheirAck) {
    const auto invite = b.incoming("INVITE", "z9hG4bKa");
    b.message->parse(invite);
    b.layer->reject(b.peer, *b.message, 403, "Forbidden", std::array{sip::ExtraHeader{"X-Why", "because"}});
    sent("SIP/2.0 403 Forbidden");
    line("X-Why", "X-Why: because");
    const auto to = b.line("To");
    const auto tag = to.substr(to.find("tag=") + 4);
    UNSIGNED_LONGS_EQUAL(16, tag.size());
    b.layer->reject(b.peer, *b.message, 403, "Forbidden");  // retransmitted
    b.sent();
    STRCMP_EQUAL(to.c_str(), b.line("To").c_str());

    b.receive(b.incoming("ACK", "z9hG4bKa", tag));
    heard("");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().stray_acks);
    b.receive(b.incoming("ACK", "z9hG4bKb", tag));
    heard("ack");
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());

    const auto ack = b.incoming("ACK", "z9hG4bKc");
    b.message->parse(ack);
    b.layer->reject(b.peer, *b.message, 403, "Forbidden");
    sent("");
}

TEST(ServerSide, AFullTableAnswers503WithRetryAfter) {
    Bench small({.max_server_transactions = 1, .retry_after_s = 17});
    small.receive(small.incoming("INVITE", "z9hG4bKa"));
    auto other = small.incoming("INVITE", "z9hG4bKb");
    other.replace(other.find("call-2"), 6, "call-3");
    small.receive(other);
    STRCMP_EQUAL("SIP/2.0 503 Service Unavailable", small.sent().c_str());
    STRCMP_EQUAL("Retry-After: 17", small.line("Retry-After").c_str());
    STRCMP_EQUAL("request INVITE", small.tu.heard().c_str());
    UNSIGNED_LONGS_EQUAL(1, small.layer->counters().server_table_full);
    // What is in the table goes on, and a CANCEL finds it although there is no room for its own transaction.
    small.receive(small.incoming("CANCEL", "z9hG4bKa"));
    STRCMP_EQUAL("SIP/2.0 200 OK", small.sent().c_str());
    STRCMP_EQUAL("cancel", small.tu.heard().c_str());
    small.respond(small.tu.requests.front(), 487);
    small.receive(small.incoming("ACK", "z9hG4bKa", "ours"));
    small.pass(6s);
    small.sent();
    // There is room now, but whoever sent this INVITE was refused, and may have heard it. Another attempt is welcome.
    small.receive(other);
    STRCMP_EQUAL("SIP/2.0 503 Service Unavailable", small.sent().c_str());
    UNSIGNED_LONGS_EQUAL(1, small.layer->counters().refused_again);
    UNSIGNED_LONGS_EQUAL(1, small.tu.requests.size());
    other.replace(other.find("z9hG4bKb"), 8, "z9hG4bKc");
    small.receive(other);
    UNSIGNED_LONGS_EQUAL(2, small.tu.requests.size());
}

TEST(ServerSide, AMergedRequestGets482) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.receive(b.incoming("INVITE", "z9hG4bKb"));
    sent("SIP/2.0 482 Loop Detected");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().merged_requests);
    auto fork = b.incoming("INVITE", "z9hG4bKc");
    fork.replace(fork.find("sip:bob"), 7, "sip:eve");
    receive(fork);  // forked to another number: wanted
    b.receive(b.incoming("INVITE", "z9hG4bKd", "dialog"));
    UNSIGNED_LONGS_EQUAL(3, b.tu.requests.size());  // in a dialog: never merged
    // Failed: the same again with a new branch is a new attempt.
    b.respond(id, 503);
    receive(b.incoming("INVITE", "z9hG4bKe"));
}

TEST(ServerSide, MalformedRequestsAreAnsweredWithTheReason) {
    auto text = b.incoming("INVITE", "z9hG4bKa");
    text.replace(text.find("CSeq: 9 INVITE"), 14, "CSeq: 9 BYE   ");
    CHECK_FALSE(b.receive(text));
    sent("SIP/2.0 400 CSeq method does not match the request");
    auto no_via = b.incoming("INVITE", "z9hG4bKa");
    no_via.replace(no_via.find("Via:"), 4, "Vib:");
    CHECK_FALSE(b.receive(no_via));
    sent("");
    UNSIGNED_LONGS_EQUAL(2, b.layer->counters().malformed);
    heard("");
}

TEST(ServerSide, SendErrorsEndTheTransaction) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.respond(id, 180);
    sent("SIP/2.0 180 X");
    b.layer->on_send_error(b.now, b.last_entry);
    heard("request INVITE, server transport error");
    CHECK_FALSE(b.layer->alive(id));
}

TEST(ServerSide, RefusesWhatIsNoResponse) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    for (const auto bytes : {"", "SIP/2.0", "SIP/2.0 ", "SIP/2.0 20", "SIP/2.0 abc X\r\n\r\n", "SIP/2.0 099 X\r\n\r\n",
                             "INVITE sip:a SIP/2.0\r\n\r\n"})
        CHECK_FALSE(b.layer->respond(b.now, id, bytes));
    CHECK_FALSE(b.respond(ServerId{}, 200));
    sent("");
    CHECK(b.layer->alive(id));
}

// A TU that answers, and lets go of everything, from within each event.
TEST(ServerSide, TheTuMayActFromWithinAnEvent) {
    struct Eager : Recorder {
        TransactionLayer* layer = nullptr;
        Bench* bench = nullptr;
        ClientId client;
        void on_request(Instant now, ServerId id, const Path& from, const sip::Message& m) override {
            Recorder::on_request(now, id, from, m);
            sip::MessageWriter w;
            layer->begin_response(id, w, 408, "X", "t");
            layer->respond(now, id, w.finish());  // ends a non-INVITE at once
        }
        void on_response(Instant now, ClientId id, const Path& from, const sip::Message& m) override {
            Recorder::on_response(now, id, from, m);
            layer->forget(id);
        }
        void on_client_failure(Instant now, ClientId id, ClientFailure why) override {
            Recorder::on_client_failure(now, id, why);
            CHECK(layer->context(id) == 5);
            CHECK_FALSE(layer->cancel(now, id));
            layer->forget(id);
            const std::string br(layer->make_branch().view());
            client = *layer->send_request(now, target, bench->request("OPTIONS", br), 6);  // takes the same slot
        }
        Path target;
    } eager;
    Bench c;
    TransactionLayer layer(c.settings, c.wheel, c.random, c.out, eager);
    eager.layer = &layer;
    eager.bench = &c;
    eager.target = c.peer;
    const auto options = c.incoming("OPTIONS", "z9hG4bKa");
    c.message->parse(options);
    layer.on_message(c.now, c.peer, *c.message);
    UNSIGNED_LONGS_EQUAL(0, layer.server_transactions());

    const std::string br(layer.make_branch().view());
    layer.send_request(c.now, c.peer, c.request("INVITE", br), 5);
    const auto busy = c.response(486, br, "INVITE");
    c.message->parse(busy);
    layer.on_message(c.now, c.peer, *c.message);
    UNSIGNED_LONGS_EQUAL(0, layer.client_transactions());

    layer.send_request(c.now, c.peer, c.request("INVITE", std::string(layer.make_branch().view())), 5);
    c.pass(32100ms);
    UNSIGNED_LONGS_EQUAL(1, layer.client_transactions());
    UNSIGNED_LONGS_EQUAL(6, *layer.context(eager.client));
}

TEST(ServerSide, AnInviteThatTheTuForgetsEnds) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    CHECK(b.respond(id, 180));
    b.pass(kLongestProceeding + 10ms);
    heard("request INVITE, server unanswered");
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ServerSide, ForgottenItIsGoneWithoutAWord) {
    const auto id = receive(b.incoming("INVITE", "z9hG4bKa"));
    b.layer->forget(id);
    CHECK(!b.layer->alive(id));
    UNSIGNED_LONGS_EQUAL(0, b.layer->server_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
    receive(b.incoming("INVITE", "z9hG4bKa"));  // a new one, neither a retransmission nor merged
    heard("request INVITE, request INVITE");
}

TEST(ServerSide, WhatEveryResponseWouldRepeatIsBounded) {
    const auto with = [this](std::size_t size) {
        auto text = b.incoming("OPTIONS", "z9hG4bK" + std::to_string(size));
        return text.insert(text.find(";rport"), ";x=" + std::string(size, 'v'));
    };
    b.receive(with(TransactionLayer::kMaxKept));
    heard("");
    b.layer->reject(b.peer, *b.message, 403, "Forbidden");
    auto malformed = with(TransactionLayer::kMaxKept);
    CHECK(!b.receive(malformed.replace(malformed.find("CSeq: 9"), 7, "CSeq: x")));
    sent("");
    UNSIGNED_LONGS_EQUAL(3, b.layer->counters().oversized_requests);
    receive(with(15000));
}

TEST(ServerSide, what_rests_absorbs_its_request_still_and_keeps_nothing_to_answer_with) {
    receive(b.incoming("INVITE", "z9hG4bKa"));
    const auto id = b.tu.requests.back();
    b.respond(id, 200);
    CHECK(b.layer->text_bytes() > 0);
    b.layer->rest(id);
    UNSIGNED_LONGS_EQUAL(0, b.layer->text_bytes());
    sip::MessageWriter w;
    CHECK_FALSE(b.layer->begin_response(id, w, 200, "OK", "tag"));
    b.tu.heard();
    b.sent();
    CHECK(b.receive(b.incoming("INVITE", "z9hG4bKa")));
    heard("");
    sent("");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().request_retransmissions_received);
    b.pass(33s);
    CHECK_FALSE(b.layer->alive(id));
    b.layer->rest(id);  // too late, no harm
}

TEST(ServerSide, TheTableIsBoundedInBytesToo) {
    Bench small({.max_server_transactions = 2, .mean_transaction_bytes = 1000});
    auto large = small.incoming("OPTIONS", "z9hG4bKa");
    CHECK(small.receive(large.insert(large.find(";rport"), ";x=" + std::string(3000, 'v'))));
    CHECK(small.receive(small.incoming("BYE", "z9hG4bKb", "ours")));
    STRCMP_EQUAL("SIP/2.0 503 Service Unavailable", small.sent().c_str());
    UNSIGNED_LONGS_EQUAL(1, small.layer->counters().server_table_full);
    small.layer->forget(small.tu.requests.front());
    CHECK(small.receive(small.incoming("BYE", "z9hG4bKc", "ours")));
    UNSIGNED_LONGS_EQUAL(2, small.tu.requests.size());
}

TEST(ServerSide, TheOldestThatLingerEndBeforeTheirTimeWhenTooManyDo) {
    TransactionSettings settings;
    settings.max_lingering_server_transactions = 3;
    Bench few(settings);
    std::vector<ServerId> ids;
    const auto request = [&](const char* method, int n) {
        // Each of a call of its own: they are not merged.
        auto text = few.incoming(method, "z9hG4bKa" + std::to_string(n));
        text.replace(text.find("call-2"), 6, "call-x" + std::to_string(n));
        few.receive(text);
        ids.push_back(few.tu.requests.back());
    };
    request("INVITE", 0);  // awaits its answer all the while
    request("INVITE", 1);  // and this one its ACK
    few.respond(ids[1], 486);
    for (int n = 2; n < 8; ++n) {
        request(n % 2 == 0 ? "INVITE" : "BYE", n);
        few.respond(ids.back(), 200);
    }
    few.tu.heard();
    few.layer->trim(few.now);
    UNSIGNED_LONGS_EQUAL(5, few.layer->server_transactions());
    STRCMP_EQUAL("server end, server end, server end", few.tu.heard().c_str());
    for (const std::size_t n : {2U, 3U, 4U}) CHECK_FALSE(few.layer->alive(ids[n]));
    for (const std::size_t n : {0U, 1U, 5U, 6U, 7U}) CHECK(few.layer->alive(ids[n]));
    UNSIGNED_LONGS_EQUAL(3, few.layer->counters().lingering_cut);
    // Those that have ended by themselves leave room.
    few.pass(33s);
    few.tu.heard();
    request("BYE", 8);
    few.respond(ids.back(), 200);
    few.layer->trim(few.now);
    CHECK(few.layer->alive(ids.back()));
    UNSIGNED_LONGS_EQUAL(3, few.layer->counters().lingering_cut);
}
