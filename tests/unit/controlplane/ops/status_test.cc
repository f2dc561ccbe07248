#include "controlplane/ops/status.h"

#include <map>
#include <set>
#include <string>

#include "platform/config/effective.h"
#include "platform/os/log.h"
#include "tests/support/fake_random.h"
#include "tests/unit/controlplane/store/temporary_folder.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

namespace {

constexpr const char* kDocument = R"({
  "interfaces": {
    "access": {"port": "net_null0", "address": "192.0.2.1/24"},
    "core": {"port": "net_null1", "address": "198.51.100.1/24"}
  },
  "trunks": {
    "pbx": {"sip-interface": "access", "peers": ["192.0.2.10:5060"]},
    "carrier": {"sip-interface": "core", "peers": ["198.51.100.10:5060"]}
  },
  "routes": [{"name": "out", "from": {"trunk": "pbx"}, "to": {"trunk": "carrier"}}]
})";

std::string invite(const std::string& id = "inner-call-id") {
    const std::string body =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\n"
        "a=rtpmap:8 PCMA/8000\r\n";
    return "INVITE sip:4930@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK" + id +
           "\r\n"
           "Max-Forwards: 70\r\nFrom: <sip:1001@192.0.2.10>;tag=f\r\nTo: <sip:4930@192.0.2.1>\r\n"
           "Call-ID: " +
           id +
           "\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@192.0.2.10:5060>\r\n"
           "Content-Type: application/sdp\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_GROUP(Status) {
    config::ControlView view = config::make_effective(kDocument).value().control;
    test::FakeRandom random{1};
    call::Outbox outbox;
    Now now{Instant{1h}, WallTime{std::chrono::days(20000)}};
    call::Engine engine{view, random, 0, outbox, now};

    ops::Sight sight() const { return {view, engine, nullptr, now}; }
    void call_comes() {
        engine.on_dataplane_session(now, true);
        engine.flush(now);
        // The dataplane answers the list with an empty one, under the transaction that asked.
        for (const wire::FlowCommand& c : outbox.flow_commands) {
            if (c.type != wire::CommandType::kList) continue;
            wire::FlowEvent end;
            end.type = wire::EventType::kListEnd;
            end.transaction = c.transaction;
            engine.on_flow_event(now, end);
        }
        outbox.clear();
        invite_comes("inner-call-id");
    }
    void invite_comes(const std::string& id) {
        const std::string text = invite(id);
        engine.on_message(now, {0, Endpoint::parse("192.0.2.10:5060").value()},
                          std::as_bytes(std::span(text.data(), text.size())));
        engine.flush(now);
    }
};

TEST(Status, an_idle_engine_has_an_empty_list_of_calls) {
    STRCMP_EQUAL("{\"calls\":[],\"limit\":1000,\"total\":0}", json::write_line(ops::calls(sight())).c_str());
}

TEST(Status, a_call_is_shown_from_where_to_where) {
    call_comes();
    now.wall += 1500ms;
    const json::Value all = ops::calls(sight());
    LONGS_EQUAL(1, all["total"].asUInt());
    const json::Value& c = all["calls"][0];
    STRCMP_EQUAL("trying", c["state"].asCString());
    STRCMP_EQUAL("pbx", c["from"]["trunk"].asCString());
    STRCMP_EQUAL("access", c["from"]["realm"].asCString());
    STRCMP_EQUAL("1001", c["from"]["user"].asCString());
    STRCMP_EQUAL("carrier", c["to"]["trunk"].asCString());
    STRCMP_EQUAL("4930", c["to"]["user"].asCString());
    LONGS_EQUAL(1500, c["setup-ms"].asInt64());
    CHECK_FALSE(c.isMember("duration-ms"));
}

TEST(Status, callers_with_very_long_names_leave_the_answer_short_enough) {
    call_comes();
    for (int i = 0; i < 600; ++i) {
        std::string text = invite("long" + std::to_string(i));
        for (const std::string_view name : {"sip:1001@192.0.2.10>;tag", "sip:4930@192.0.2.1 SIP"})
            text.insert(text.find(name) + 8, std::string(1000, '9'));
        engine.on_message(now, {0, Endpoint::parse("192.0.2.10:5060").value()},
                          std::as_bytes(std::span(text.data(), text.size())));
    }
    engine.flush(now);
    const json::Value all = ops::calls(sight());
    LONGS_EQUAL(601, all["total"].asUInt());
    CHECK(all["calls"].size() > 300);
    CHECK(all["calls"].size() < 601);
    CHECK(json::write_line(all).size() < std::size_t{1} << 20);
}

TEST(Status, a_visitor_that_has_seen_enough_costs_no_more_views) {
    call_comes();
    invite_comes("another");
    LONGS_EQUAL(2, ops::calls(sight())["calls"].size());
    int seen = 0;
    engine.visit_calls([&](const call::CallView&) { return ++seen < 1; });
    LONGS_EQUAL(1, seen);
}

TEST(Status, one_call_has_both_legs_and_its_times) {
    call_comes();
    const std::string id = ops::calls(sight())["calls"][0]["id"].asString();
    const auto c = ops::call(sight(), id);
    CHECK(c.has_value());
    STRCMP_EQUAL("2024-10-04T00:00:00.000Z", (*c)["invite-time"].asCString());
    STRCMP_EQUAL("out", (*c)["route"].asCString());
    LONGS_EQUAL(2, (*c)["legs"].size());
    STRCMP_EQUAL("inner-call-id", (*c)["legs"][0]["call-id"].asCString());
    STRCMP_EQUAL("192.0.2.1:5060", (*c)["legs"][0]["signalling-local"].asCString());
    STRCMP_EQUAL("198.51.100.10:5060", (*c)["legs"][1]["signalling-remote"].asCString());
    CHECK((*c)["legs"][1]["call-id"].asString() != "inner-call-id");
}

TEST(Status, a_call_that_is_not_there_is_none) { CHECK_FALSE(ops::call(sight(), "nonsense").has_value()); }

TEST(Status, every_counter_has_a_name_of_its_own_and_says_what_it_counts) {
    const testing::TemporaryFolder folder;
    os::EventLoop loop;
    const net::UdpTransport transport(loop, {});
    const net::StunKeepAlive stun([](const transaction::Path&) { return true; });
    const net::StreamTransport streams(loop, {});
    const ops::Certificates certificates(view, {}, {});
    const net::DataplaneSession session(loop, folder / "dataplane.sock", {});
    const auto store = store::CallStore::open(
        {.table_path = folder / "calls.state", .records_path = folder / "calls.jsonl", .max_calls = 1}, [] {});
    CHECK(store.has_value());
    std::set<std::string> names;
    const ops::Costs costs{{.monotonic = [] { return Instant(); }, .cpu = [] { return Duration(); }}};
    const call::Intake intake{call::Intake::Handlers{}};
    const json::Value all =
        ops::counters({engine, intake, transport, stun, streams, certificates, session, **store, costs}, now);
    for (const json::Value& c : all["counters"]) {
        const std::string name = c["name"].asString();
        CHECK_TEXT(names.insert(name).second, name.c_str());
        CHECK_TEXT(!c["help"].asString().empty(), name.c_str());
    }
    CHECK(names.contains("sip-requests-received"));
    CHECK(names.contains("records-queued"));
}

TEST(Status, what_datagrams_cost_is_told_apart_from_the_end_of_their_turn) {
    const testing::TemporaryFolder folder;
    os::EventLoop loop;
    const net::UdpTransport transport(loop, {});
    const net::StunKeepAlive stun([](const transaction::Path&) { return true; });
    const net::StreamTransport streams(loop, {});
    const ops::Certificates certificates(view, {}, {});
    const net::DataplaneSession session(loop, folder / "dataplane.sock", {});
    const auto store = store::CallStore::open(
        {.table_path = folder / "calls.state", .records_path = folder / "calls.jsonl", .max_calls = 1}, [] {});
    CHECK(store.has_value());
    Duration spent{};
    ops::Costs costs{{.monotonic = [&] { return Instant{spent}; }, .cpu = [&] { return spent; }}};
    const auto work = [&](ops::CostMeter& meter, Duration time) {
        meter.begin();
        spent += time;
        meter.end();
    };
    for (const auto time : {30ms, 6ms, 2ms}) work(costs.datagram, time);
    work(costs.turn_end, 21ms);
    std::map<std::string, std::uint64_t> found;
    const call::Intake intake{call::Intake::Handlers{}};
    const json::Value all =
        ops::counters({engine, intake, transport, stun, streams, certificates, session, **store, costs}, now);
    for (const json::Value& c : all["counters"]) found[c["name"].asString()] = c["value"].asUInt64();
    LONGS_EQUAL(30000, found["sip-datagram-slowest-us"]);
    LONGS_EQUAL(3, found["sip-datagrams-above-1ms"]);
    LONGS_EQUAL(2, found["sip-datagrams-above-5ms"]);
    LONGS_EQUAL(1, found["sip-datagrams-above-20ms"]);
    LONGS_EQUAL(21000, found["turn-end-slowest-us"]);
    LONGS_EQUAL(1, found["turn-ends-above-20ms"]);
    LONGS_EQUAL(1, found["turns"]);
}

TEST(Status, trunks_show_their_addresses_and_attempts) {
    call_comes();
    const json::Value all = ops::trunks(sight());
    LONGS_EQUAL(2, all["trunks"].size());
    const json::Value& carrier = all["trunks"][0];
    STRCMP_EQUAL("carrier", carrier["name"].asCString());
    STRCMP_EQUAL("core", carrier["realm"].asCString());
    STRCMP_EQUAL("198.51.100.1:5060", carrier["local"].asCString());
    STRCMP_EQUAL("198.51.100.10:5060", carrier["peers"][0].asCString());
    LONGS_EQUAL(1, carrier["calls-out"].asUInt());
    LONGS_EQUAL(0, carrier["failed-out"].asUInt());  // it is not over yet
    LONGS_EQUAL(0, all["trunks"][1]["failed-in"].asUInt());
    LONGS_EQUAL(1, engine.trunks().at(0).unanswered_out);
    LONGS_EQUAL(1, all["trunks"][1]["calls-in"].asUInt());
}
