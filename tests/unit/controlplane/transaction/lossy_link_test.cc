// Two layers through a link that loses, doubles and reorders: every transaction ends, both sides in agreement
// with what they were told, and nothing is left 64*T1 later. The seed is printed with a failure.
#include <algorithm>
#include <deque>
#include <map>
#include <string>

#include "controlplane/transaction/transaction_layer.h"
#include "tests/unit/controlplane/transaction/layer_fixture.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace sallyport::transaction::test;
using namespace std::chrono_literals;

namespace {

struct Packet {
    Instant at;
    int to = 0;
    std::string bytes;
};

// A TU of either side. As server it answers after a while, as client it counts ends; it repeats 2xx until ACK
// and acknowledges each 2xx, as RFC 3261 §13 wants.
struct Side : TransactionUser {
    Bench bench;  // its layer is not used, its clock and message texts are
    std::unique_ptr<TransactionLayer> layer;
    sallyport::test::FakeRandom random;
    struct Pending {
        ServerId id;
        Instant answer_at = kNever;
        unsigned status = 0;
        bool acked = false;
        Instant repeat_at = kNever;
        Duration interval = 500ms;
        Instant give_up = kNever;
        std::string call;
    };
    std::deque<Pending> pending;
    struct Client {
        int finals = 0;
        int ends = 0;
        unsigned status = 0;
        std::string bytes;
    };
    std::map<std::pair<std::uint32_t, std::uint32_t>, Client> clients;
    int server_ends = 0;
    int server_starts = 0;
    int cancels = 0;
    std::map<std::string, unsigned> answered;  // by Call-ID: what the server said

    Side(std::uint64_t seed, std::uint16_t shard, TimerWheel& wheel, SendQueue& out) : random(seed) {
        layer = std::make_unique<TransactionLayer>(TransactionSettings{.shard = shard}, wheel, random, out, *this);
    }

    void on_request(Instant now, ServerId id, const Path&, const sip::Message& m) override {
        ++server_starts;
        const bool invite = m.method() == sip::Method::kInvite;
        constexpr std::array<unsigned, 4> kStatus = {200, 486, 200, 503};
        // Others than INVITE are answered in time; an INVITE may ring longer than Timer B.
        const auto delay = std::chrono::milliseconds(random.below(invite ? 40000 : 3000));
        auto& p = pending.emplace_back();
        p.id = id;
        p.answer_at = now + delay;
        p.status = kStatus[random.below(4)];
        p.acked = !invite;
        p.call = std::string(m.call_id());
        if (invite) respond(now, id, 100);
        if (invite && random.chance(50)) respond(now, id, 180);
    }
    void on_ack(Instant, const Path&, const sip::Message& m) override {
        for (auto& p : pending)
            if (p.call == m.call_id()) p.acked = true;
    }
    void on_cancel(Instant now, ServerId id, const Path&, const sip::Message&) override {
        ++cancels;
        for (auto& p : pending) {
            if (!(p.id == id)) continue;
            p.status = 487;
            p.answer_at = now;
        }
    }
    void on_response(Instant, ClientId id, const Path& from, const sip::Message& m) override {
        auto& c = clients[{id.index, id.generation}];
        if (m.status() < 200) return;
        ++c.finals;
        if (c.status != 0) UNSIGNED_LONGS_EQUAL(c.status, m.status());
        c.status = m.status();
        if (m.method() == sip::Method::kInvite && m.status() < 300) {
            const std::string br(layer->make_branch().view());
            sip::MessageWriter w;
            w.request("ACK", "sip:b@192.0.2.10");
            w.header("Via", {"SIP/2.0/UDP 192.0.2.1;branch=", br});
            w.copy_all(m, sip::HeaderId::kFrom);
            w.copy_all(m, sip::HeaderId::kTo);
            w.copy_all(m, sip::HeaderId::kCallId);
            w.header("CSeq", "5 ACK");
            layer->send(from, w.finish());
        }
    }
    void on_client_failure(Instant, ClientId id, ClientFailure) override { ++clients[{id.index, id.generation}].ends; }
    void on_client_terminated(Instant, ClientId id) override { ++clients[{id.index, id.generation}].ends; }
    void on_server_failure(Instant, ServerId, ServerFailure) override { ++server_ends; }
    void on_server_terminated(Instant, ServerId) override { ++server_ends; }

    bool respond(Instant now, ServerId id, unsigned status) {
        sip::MessageWriter w;
        if (!layer->begin_response(id, w, status, "X", status == 100 ? "" : "tag")) return false;
        return layer->respond(now, id, w.finish());
    }
    void turn(Instant now) {
        for (auto& p : pending) {
            if (p.answer_at <= now) {
                p.answer_at = kNever;
                if (respond(now, p.id, p.status)) answered[p.call] = p.status;
                if (p.status < 300 && !p.acked) {
                    p.repeat_at = now + p.interval;
                    p.give_up = now + 32s;
                }
            }
            if (p.repeat_at <= now) {
                if (p.acked || now >= p.give_up) {
                    p.repeat_at = kNever;
                } else {
                    respond(now, p.id, p.status);
                    p.interval = std::min<Duration>(p.interval * 2, 4s);
                    p.repeat_at = now + p.interval;
                }
            }
        }
    }
};

struct Link {
    Instant now{1h};
    TimerWheel wheel{now};
    SendQueue queues[2];
    Side a;
    Side b;
    sallyport::test::FakeRandom random;
    std::deque<Packet> flying;
    std::uint32_t loss;
    std::unique_ptr<sip::Message> message = std::make_unique<sip::Message>();
    Path to_b{0, *Endpoint::parse("192.0.2.10:5060")};

    Link(std::uint64_t seed, std::uint32_t loss_percent)
        : a(seed, 1, wheel, queues[0]), b(seed + 1, 2, wheel, queues[1]), random(seed + 2), loss(loss_percent) {}

    void collect() {
        for (int side = 0; side < 2; ++side) {
            for (const auto& e : queues[side].entries()) {
                const int copies = random.chance(loss) ? 0 : random.chance(10) ? 2 : 1;
                for (int i = 0; i < copies; ++i)
                    flying.push_back({now + std::chrono::milliseconds(1 + random.below(200)), 1 - side,
                                      std::string(queues[side].bytes(e))});
            }
            queues[side].clear();
        }
    }
    void turn() {
        now += 5ms;
        wheel.advance(now);
        a.turn(now);
        b.turn(now);
        collect();
        for (std::size_t i = 0; i < flying.size();) {
            if (flying[i].at > now) {
                ++i;
                continue;
            }
            const Packet p = std::move(flying[i]);
            flying[i] = std::move(flying.back());
            flying.pop_back();
            CHECK(message->parse(p.bytes).has_value());
            // Both speak from the port that the other sends to.
            auto& side = p.to == 0 ? a : b;
            side.layer->on_message(now, p.to == 0 ? to_b : Path{0, *Endpoint::parse("192.0.2.1:5060")}, *message);
        }
        collect();
    }
    void run(Duration d) {
        for (const auto end = now + d; now < end;) turn();
    }
};

}  // namespace

TEST_GROUP(LossyLink) {
    void run(std::uint64_t seed, std::uint32_t loss) {
        auto link = std::make_unique<Link>(seed, loss);
        auto& a = link->a;
        auto& b = link->b;
        const std::string where = "seed " + std::to_string(seed);
        int started = 0;
        for (int i = 0; i < 60; ++i) {
            const bool invite = link->random.chance(60);
            const std::string br(a.layer->make_branch().view());
            auto text = a.bench.request(invite ? "INVITE" : "OPTIONS", br);
            text.replace(text.find("call-1"), 6, "call-" + std::to_string(seed) + "-" + std::to_string(i));
            const auto id = a.layer->send_request(link->now, link->to_b, text, static_cast<std::uint64_t>(i));
            CHECK_TEXT(id.has_value(), where.c_str());
            a.clients[{id->index, id->generation}].bytes = text;
            ++started;
            link->run(std::chrono::milliseconds(link->random.below(800)));
            if (invite && link->random.chance(40)) a.layer->cancel(link->now, *id);
        }
        // The longest answer, Timer B or the wait after it, the TU's 2xx, then the timers of the layer.
        link->run(40s + 32s + 32s + 32s + 10s);
        for (const auto& [key, client] : a.clients) LONGS_EQUAL_TEXT(1, client.ends, where.c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(started, a.clients.size(), where.c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(0, a.layer->client_transactions(), where.c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(0, b.layer->server_transactions(), where.c_str());
        LONGS_EQUAL_TEXT(b.server_starts, b.server_ends, where.c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(0, link->wheel.size(), where.c_str());
        UNSIGNED_LONGS_EQUAL_TEXT(0, link->queues[0].dropped() + link->queues[1].dropped(), where.c_str());

        int finals = 0;
        for (const auto& [key, client] : a.clients) {
            if (client.finals == 0) continue;
            ++finals;
            const auto call = client.bytes.substr(client.bytes.find("Call-ID: ") + 9);
            const auto said = b.answered.find(call.substr(0, call.find("\r\n")));
            CHECK_TEXT(said != b.answered.end(), where.c_str());
            UNSIGNED_LONGS_EQUAL_TEXT(said->second, client.status, where.c_str());
        }
        // Most get through even at 30 %: seven transmissions of the request, as many of the answer.
        CHECK_TEXT(finals >= started * 8 / 10, where.c_str());
        if (loss == 0) LONGS_EQUAL_TEXT(started, finals, where.c_str());
    }
};

TEST(LossyLink, ReorderedAndDoubledOnly) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) run(seed, 0);
}
TEST(LossyLink, TenPercentLost) {
    for (std::uint64_t seed = 10; seed <= 13; ++seed) run(seed, 10);
}
TEST(LossyLink, ThirtyPercentLost) {
    for (std::uint64_t seed = 20; seed <= 25; ++seed) run(seed, 30);
}
