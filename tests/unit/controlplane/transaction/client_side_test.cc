#include <array>
#include <string>

#include "controlplane/transaction/transaction_layer.h"
#include "tests/unit/controlplane/transaction/layer_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace sallyport::transaction::test;
using namespace std::chrono_literals;

TEST_GROUP(ClientSide) {
    Bench b;
    std::string branch;

    ClientId start(std::string_view method, std::string_view more = "") {
        branch = std::string(b.layer->make_branch().view());
        const auto id = b.layer->send_request(b.now, b.peer, b.request(method, branch, more), 77);
        CHECK(id.has_value());
        return *id;
    }
    void sent(std::string_view expected) { STRCMP_EQUAL(std::string(expected).c_str(), b.sent().c_str()); }
    void heard(std::string_view expected) { STRCMP_EQUAL(std::string(expected).c_str(), b.tu.heard().c_str()); }
    void line(std::string_view name, std::string_view expected) {
        STRCMP_EQUAL(std::string(expected).c_str(), b.line(name).c_str());
    }
};

TEST(ClientSide, AnInviteIsRepeatedUntilTimerB) {
    const auto id = start("INVITE");
    sent("INVITE sip:bob@192.0.2.10:5060 SIP/2.0");
    std::string times;
    const auto began = b.now;
    while (b.layer->alive(id) && b.now - began < 60s) {
        b.pass(100ms);
        if (!b.sent().empty()) times += std::to_string((b.now - began) / 100ms) + " ";
    }
    STRCMP_EQUAL("5 15 35 75 155 315 ", times.c_str());
    heard("client timeout");
    CHECK(b.now - began >= 32s);
    CHECK(b.now - began <= 32100ms);
    UNSIGNED_LONGS_EQUAL(6, b.layer->counters().retransmissions_sent);
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().timeouts);
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ClientSide, OtherRequestsAreRepeatedAtMostEachT2) {
    const auto id = start("OPTIONS");
    b.sent();
    std::string times;
    const auto began = b.now;
    while (b.layer->alive(id) && b.now - began < 60s) {
        b.pass(100ms);
        if (!b.sent().empty()) times += std::to_string((b.now - began) / 100ms) + " ";
    }
    STRCMP_EQUAL("5 15 35 75 115 155 195 235 275 315 ", times.c_str());
    heard("client timeout");
}

TEST(ClientSide, AProvisionalEndsTheRetransmissionOfAnInvite) {
    start("INVITE");
    b.sent();
    CHECK(b.receive(b.response(180, branch, "INVITE")));
    heard("response 180");
    b.pass(120s);
    sent("");
    heard("");
    UNSIGNED_LONGS_EQUAL(1, b.layer->client_transactions());
}

TEST(ClientSide, AFailureIsAcknowledgedByTheLayerFromTheStoredInvite) {
    start("INVITE", "Route: <sip:p1;lr>\nRoute: <sip:p2;lr>\nContact: <sip:a@192.0.2.1>\n");
    b.sent();
    b.receive(b.response(486, branch, "INVITE", "busy"));
    heard("response 486");
    sent("ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    line("Via", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" + branch + ";rport");
    line("CSeq", "CSeq: 5 ACK");
    line("To", "To: <sip:b@192.0.2.10>;tag=busy");
    line("From", "From: <sip:a@192.0.2.1>;tag=ours");
    line("Call-ID", "Call-ID: call-1");
    line("Route", "Route: <sip:p1;lr>");
    CHECK(b.last_sent.find("Route: <sip:p2;lr>\r\n") != std::string::npos);
    line("Contact", "");
    line("Max-Forwards", "Max-Forwards: 70");
    // Retransmitted because the ACK was lost: acknowledged again, not passed again.
    b.pass(500ms);
    b.receive(b.response(486, branch, "INVITE", "busy"));
    sent("ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    heard("");
    b.pass(32s);
    heard("client end");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
}

TEST(ClientSide, Each2xxIsPassedUntilTimerM) {
    start("INVITE");
    b.receive(b.response(200, branch, "INVITE", "fork1"));
    b.pass(1s);
    b.receive(b.response(200, branch, "INVITE", "fork1"));
    b.receive(b.response(200, branch, "INVITE", "fork2"));
    heard("response 200, response 200, response 200");
    b.sent();
    b.pass(32s);
    heard("client end");
    b.receive(b.response(200, branch, "INVITE", "fork1"));
    heard("");
    UNSIGNED_LONGS_EQUAL(1, b.layer->counters().stray_responses);
    sent("");  // RFC 6026 §8.2: strays go nowhere
}

TEST(ClientSide, AFinalResponseToAnotherMethodIsPassedOnce) {
    start("BYE");
    b.sent();
    b.receive(b.response(200, branch, "BYE"));
    b.receive(b.response(200, branch, "BYE"));
    heard("response 200");
    b.pass(4900ms);
    heard("");
    b.pass(200ms);
    heard("client end");
    sent("");
}

TEST(ClientSide, StrayResponsesAreDroppedAndCounted) {
    start("INVITE");
    b.sent();
    const auto stray = [&](std::string text, Path from) {
        const auto before = b.layer->counters().stray_responses;
        CHECK(b.receive(text, from));
        UNSIGNED_LONGS_EQUAL(before + 1, b.layer->counters().stray_responses);
        heard("");
    };
    stray(b.response(200, "z9hG4bKunknown", "INVITE"), b.peer);
    stray(b.response(200, branch, "BYE"), b.peer);                     // another method
    stray(b.response(200, branch, "INVITE"), Path{2, b.peer.remote});  // another listener
    auto two = b.response(200, branch, "INVITE");
    two.insert(two.find("From:"), "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKinner\r\n");
    stray(two, b.peer);
    b.receive(b.response(200, branch, "INVITE"));
    heard("response 200");
}

TEST(ClientSide, CancelWaitsForAProvisional) {
    const auto id = start("INVITE", "Route: <sip:p1;lr>\n");
    b.sent();
    const std::array<sip::ExtraHeader, 1> extra = {{{"Reason", "SIP;cause=200;text=\"elsewhere\""}}};
    CHECK(b.layer->cancel(b.now, id, extra));
    CHECK_FALSE(b.layer->cancel(b.now, id));
    sent("");
    b.receive(b.response(100, branch, "INVITE"));
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");
    heard("response 100");
    line("Via", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" + branch + ";rport");
    line("CSeq", "CSeq: 5 CANCEL");
    line("To", "To: <sip:b@192.0.2.10>");
    line("From", "From: <sip:a@192.0.2.1>;tag=ours");
    line("Call-ID", "Call-ID: call-1");
    line("Route", "Route: <sip:p1;lr>");
    line("Reason", "Reason: SIP;cause=200;text=\"elsewhere\"");
    // Its own retransmissions and its 200 are the layer's matter.
    b.pass(600ms);
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");
    b.receive(b.response(200, branch, "CANCEL"));
    heard("");
    b.receive(b.response(487, branch, "INVITE"));
    heard("response 487");
    sent("ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    b.pass(40s);
    heard("client end");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ClientSide, CancelInProceedingGoesOutAtOnce) {
    const auto id = start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));
    b.sent();
    CHECK(b.layer->cancel(b.now, id));
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");
}

TEST(ClientSide, AFinalResponseOvertakesTheCancelThatWaits) {
    const auto id = start("INVITE");
    CHECK(b.layer->cancel(b.now, id));
    b.sent();
    b.receive(b.response(200, branch, "INVITE"));
    heard("response 200");
    sent("");  // nothing to cancel: the TU sends ACK and BYE
    CHECK_FALSE(b.layer->cancel(b.now, id));
}

TEST(ClientSide, A2xxThatCrossesTheCancelIsPassed) {
    const auto id = start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));
    b.layer->cancel(b.now, id);
    b.receive(b.response(200, branch, "INVITE"));
    b.receive(b.response(481, branch, "CANCEL"));
    heard("response 180, response 200");
    b.pass(40s);
    heard("client end");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
}

TEST(ClientSide, ACancelThatNobodyHearsEndsTheInvite) {
    const auto id = start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));
    b.pass(90s);
    CHECK(b.layer->cancel(b.now, id));
    b.pass(31900ms);
    heard("response 180");
    b.pass(200ms);
    heard("client cancelled");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
}

TEST(ClientSide, NothingElseCanBeCancelled) {
    const auto bye = start("BYE");
    CHECK_FALSE(b.layer->cancel(b.now, bye));
    CHECK_FALSE(b.layer->cancel(b.now, ClientId{}));
    CHECK_FALSE(b.layer->cancel(b.now, ClientId{9, 9}));
}

TEST(ClientSide, ExtraHeadersOfACancelCannotBreakOut) {
    const auto id = start("INVITE");
    b.receive(b.response(180, branch, "INVITE"));
    b.sent();
    const std::array<sip::ExtraHeader, 1> evil = {{{"Reason", "x\r\nX-Evil: 1"}}};
    b.layer->cancel(b.now, id, evil);
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");
    CHECK(b.last_sent.find("Evil") == std::string::npos);
}

TEST(ClientSide, SendErrorsEndTheirOwnTransactionOnly) {
    const auto first = start("INVITE");
    sent("INVITE sip:bob@192.0.2.10:5060 SIP/2.0");
    const auto entry = b.last_entry;
    const auto second = start("INVITE");
    b.layer->on_send_error(b.now, entry);
    heard("client transport error");
    CHECK_FALSE(b.layer->alive(first));
    CHECK(b.layer->alive(second));
    b.layer->on_send_error(b.now, entry);  // once more: it is dead
    heard("");
    b.layer->on_send_error(b.now, SendQueue::Entry{});
    heard("");
}

TEST(ClientSide, UnreachableEndsThoseThatWaitForThatPeer) {
    start("INVITE");
    const auto ringing = branch;
    b.receive(b.response(180, ringing, "INVITE"));
    start("OPTIONS");
    start("INVITE");
    b.tu.heard();
    b.layer->on_unreachable(b.now, {2, b.peer.remote});
    b.layer->on_unreachable(b.now, {1, *Endpoint::parse("192.0.2.10:5061")});
    heard("");
    b.layer->on_unreachable(b.now, b.peer);
    heard("client transport error, client transport error");
    UNSIGNED_LONGS_EQUAL(1, b.layer->client_transactions());  // the one that rings has been reached
}

// Slots are used again, and leave the wait in any order: by a response, by the TU, by an ICMP error.
TEST(ClientSide, UnreachableEndsNoneThatNoLongerWaits) {
    std::vector<ClientId> ids;
    std::vector<std::string> branches;
    for (int i = 0; i < 6; ++i) {
        ids.push_back(start("INVITE"));
        branches.push_back(branch);
    }
    b.receive(b.response(486, branches[2], "INVITE"));
    b.layer->forget(ids[0]);
    b.layer->forget(ids[5]);
    b.receive(b.response(100, branches[4], "INVITE"));
    start("OPTIONS");
    b.receive(b.response(100, branch, "OPTIONS"));
    // These two are in the places of those that were forgotten.
    const Path other{1, *Endpoint::parse("192.0.2.20:5060")};
    const auto elsewhere =
        b.layer->send_request(b.now, other, b.request("OPTIONS", b.layer->make_branch().view())).value();
    b.tu.heard();
    b.layer->on_unreachable(b.now, b.peer);
    heard("client transport error, client transport error, client transport error");
    CHECK_FALSE(b.layer->alive(ids[1]));
    CHECK(b.layer->alive(ids[2]));
    CHECK_FALSE(b.layer->alive(ids[3]));
    CHECK(b.layer->alive(ids[4]));
    b.layer->on_unreachable(b.now, b.peer);
    heard("");
    CHECK(b.layer->alive(elsewhere));
    b.layer->on_unreachable(b.now, other);
    heard("client transport error");
}

TEST(ClientSide, ForgottenMeansSilent) {
    const auto id = start("INVITE");
    b.sent();
    b.layer->forget(id);
    b.pass(40s);
    b.receive(b.response(200, branch, "INVITE"));
    sent("");
    heard("");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
}

TEST(ClientSide, ContextComesBackAndDiesWithTheTransaction) {
    const auto id = start("OPTIONS");
    UNSIGNED_LONGS_EQUAL(77, *b.layer->context(id));
    b.layer->set_context(id, 78);
    UNSIGNED_LONGS_EQUAL(78, *b.layer->context(id));
    b.receive(b.response(200, branch, "OPTIONS"));
    b.pass(6s);
    CHECK_FALSE(b.layer->context(id).has_value());
    const auto next = start("OPTIONS");  // takes the slot
    UNSIGNED_LONGS_EQUAL(id.index, next.index);
    CHECK_FALSE(b.layer->alive(id));
    CHECK(b.layer->alive(next));
}

TEST(ClientSide, AFullTableRefusesTheTu) {
    Bench small({.max_client_transactions = 2});
    const auto go = [&] {
        const std::string br(small.layer->make_branch().view());
        return small.layer->send_request(small.now, small.peer, small.request("OPTIONS", br)).has_value();
    };
    CHECK(go());
    CHECK(go());
    CHECK_FALSE(go());
    UNSIGNED_LONGS_EQUAL(1, small.layer->counters().client_table_full);
    small.pass(40s);
    CHECK(go());
}

TEST(ClientSide, ACancelForWhichThereIsNoRoomIsSentAllTheSame) {
    Bench small({.max_client_transactions = 1});
    const std::string br(small.layer->make_branch().view());
    const auto id = small.layer->send_request(small.now, small.peer, small.request("INVITE", br));
    small.receive(small.response(180, br, "INVITE"));
    small.sent();
    CHECK(small.layer->cancel(small.now, *id));
    STRCMP_EQUAL("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0", small.sent().c_str());
    small.pass(33s);
    STRCMP_EQUAL("response 180, client cancelled", small.tu.heard().c_str());
}

TEST(ClientSide, RefusesWhatIsNoRequestOfATransaction) {
    const std::string br(b.layer->make_branch().view());
    CHECK_FALSE(b.layer->send_request(b.now, b.peer, b.request("ACK", br)).has_value());
    CHECK_FALSE(b.layer->send_request(b.now, b.peer, b.request("CANCEL", br)).has_value());
    CHECK_FALSE(b.layer->send_request(b.now, b.peer, b.request("BYE", "mybranch")).has_value());
    CHECK_FALSE(b.layer->send_request(b.now, b.peer, b.response(200, br, "BYE")).has_value());
    CHECK_FALSE(b.layer->send_request(b.now, b.peer, "").has_value());
    sent("");
}

TEST(ClientSide, BranchesCarryTheShardAndNeverRepeat) {
    Bench shard({.shard = 0xab});
    std::string previous;
    for (int i = 0; i < 100; ++i) {
        const std::string br(shard.layer->make_branch().view());
        CHECK(br.starts_with("z9hG4bK00ab"));
        CHECK(br != previous);
        UNSIGNED_LONGS_EQUAL(Branch::kSize, br.size());
        CHECK(sip::is_token(br));
        previous = br;
    }
}

TEST(ClientSide, AnInheritedInviteIsCancelledAndItsFailureAcknowledged) {
    branch = b.layer->make_branch().view();
    const auto cancel = b.request("CANCEL", branch, "Route: <sip:192.0.2.9;lr>\nUser-Agent: Gate\n");
    CHECK(b.layer->cancel_inherited(b.now, b.peer, cancel));
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");
    line("CSeq", "CSeq: 5 CANCEL");
    line("User-Agent", "User-Agent: Gate");
    b.pass(600ms);
    sent("CANCEL sip:bob@192.0.2.10:5060 SIP/2.0");  // lost, so again
    b.receive(b.response(200, branch, "CANCEL"));
    b.receive(b.response(487, branch, "INVITE"));
    sent("ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    line("CSeq", "CSeq: 5 ACK");
    line("To", "To: <sip:b@192.0.2.10>;tag=theirs");
    line("Route", "Route: <sip:192.0.2.9;lr>");
    CHECK(b.last_sent.find("branch=" + branch) != std::string::npos);
    b.receive(b.response(487, branch, "INVITE"));
    sent("ACK sip:bob@192.0.2.10:5060 SIP/2.0");
    heard("");  // the TU has never known of it
    b.pass(33s);
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ClientSide, AnInheritedInviteThatIsNeverAnsweredEndsAfter64T1) {
    branch = b.layer->make_branch().view();
    CHECK(b.layer->cancel_inherited(b.now, b.peer, b.request("CANCEL", branch)));
    b.pass(33s);
    heard("");
    UNSIGNED_LONGS_EQUAL(0, b.layer->client_transactions());
    UNSIGNED_LONGS_EQUAL(0, b.wheel.size());
}

TEST(ClientSide, OnlyACancelCancelsAnInheritedInvite) {
    branch = b.layer->make_branch().view();
    CHECK_FALSE(b.layer->cancel_inherited(b.now, b.peer, b.request("BYE", branch)));
    CHECK_FALSE(b.layer->cancel_inherited(b.now, b.peer, "CANCEL"));
    sent("");
}

TEST(ClientSide, TheOldestThatLingerEndBeforeTheirTimeWhenTooManyDo) {
    TransactionSettings settings;
    settings.max_lingering_client_transactions = 1;
    Bench few(settings);
    const auto begin = [&](std::string_view method) {
        branch = std::string(few.layer->make_branch().view());
        return few.layer->send_request(few.now, few.peer, few.request(method, branch)).value();
    };
    const auto waiting = begin("INVITE");
    const auto accepted = begin("INVITE");
    few.receive(few.response(200, branch, "INVITE"));
    const auto failed = begin("INVITE");
    few.receive(few.response(486, branch, "INVITE"));
    const auto other = begin("BYE");
    few.receive(few.response(200, branch, "BYE"));
    few.tu.heard();
    few.layer->trim(few.now);
    STRCMP_EQUAL("client end, client end", few.tu.heard().c_str());
    CHECK(few.layer->alive(waiting));
    CHECK_FALSE(few.layer->alive(accepted));
    CHECK_FALSE(few.layer->alive(failed));
    CHECK(few.layer->alive(other));
    UNSIGNED_LONGS_EQUAL(2, few.layer->counters().lingering_cut);
}
