#include "controlplane/call/intake.h"

#include <string>
#include <vector>

#include "tests/support/heap.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using call::Intake;

namespace {

std::string message(const std::string& method, const std::string& tag = "") {
    return method + " sip:1@192.0.2.1 SIP/2.0\r\nTo: <sip:1@192.0.2.1>" + tag + "\r\n\r\n";
}

}  // namespace

TEST_GROUP(Intake) {
    Now now{Instant{1h}, WallTime{std::chrono::days(20000)}};
    std::vector<std::string> dealt;
    std::size_t refused = 0;
    Intake intake{{.deal = [this](Now, const transaction::Path&, std::string_view d) { dealt.emplace_back(d); },
                   .refuse = [this](Now, const transaction::Path&, std::string_view) { ++refused; }}};
    const transaction::Path from{0, Endpoint(IpAddress::v4(0xc000020a), 5060)};

    void comes(const std::string& text, Duration ago = 0ms) { intake.on_datagram(now, from, now.instant - ago, text); }
    void pass(Duration time) {
        now.instant += time;
        now.wall += time;
    }

    struct Load {
        std::size_t offered = 0;
        std::size_t begun = 0;
        std::size_t worst_queue = 0;
        Duration worst_wait{};
    };
    // `per_ms` INVITEs come each millisecond to an element that begins one each millisecond and refuses in no time.
    Load load(Duration time, std::size_t per_ms) {
        Load out;
        const auto waiting = intake.waiting();
        const auto gone = intake.counters().refused + intake.counters().stale;
        const auto begun = dealt.size();
        for (const auto end = now.instant + time; now.instant < end; pass(1ms)) {
            for (std::size_t i = 0; i < per_ms; ++i, ++out.offered) comes(message("INVITE"));
            out.worst_queue = std::max(out.worst_queue, intake.waiting());
            serve_one();
        }
        out.begun = dealt.size() - begun;
        out.worst_wait = intake.counters().longest;
        LONGS_EQUAL(waiting + out.offered,
                    out.begun + intake.counters().refused + intake.counters().stale - gone + intake.waiting());
        return out;
    }
    // A turn begins up to kPerTurn: here one, which then keeps the next turn waiting.
    void serve_one() {
        if (busy_until > now.instant) return;
        const auto before = dealt.size();
        intake.serve(now);
        busy_until = now.instant + (dealt.size() - before) * 1ms;
    }
    Instant busy_until{};
};

TEST(Intake, what_belongs_to_a_call_goes_before_the_invites_that_wait) {
    comes(message("INVITE"));
    comes(message("BYE", ";tag=x"));
    comes(message("INVITE", ";tag=x"));
    comes("SIP/2.0 200 OK\r\n\r\n");
    LONGS_EQUAL(3, dealt.size());
    LONGS_EQUAL(1, intake.waiting());
    CHECK_FALSE(intake.serve(now));
    LONGS_EQUAL(4, dealt.size());
    CHECK(dealt[3] == message("INVITE"));
}

TEST(Intake, a_cancel_stays_behind_its_invite) {
    comes(message("CANCEL"));
    LONGS_EQUAL(1, dealt.size());
    comes(message("INVITE"));
    comes(message("CANCEL"));
    LONGS_EQUAL(1, dealt.size());
    pass(2s);
    comes(message("INVITE"));
    intake.serve(now);
    // The INVITE was sent again long since; the CANCEL is wanted all the same.
    LONGS_EQUAL(3, dealt.size());
    CHECK(dealt[1] == message("CANCEL"));
    CHECK(dealt[2] == message("INVITE"));
    LONGS_EQUAL(1, intake.counters().stale);
}

TEST(Intake, a_turn_begins_a_few_and_says_that_there_are_more) {
    for (int i = 0; i < 70; ++i) comes(message("INVITE"));
    CHECK(intake.serve(now));
    LONGS_EQUAL(Intake::kPerTurn, dealt.size());
    CHECK(intake.serve(now));
    CHECK_FALSE(intake.serve(now));
    LONGS_EQUAL(70, dealt.size());
}

TEST(Intake, an_invite_that_was_sent_again_meanwhile_is_dropped) {
    comes(message("INVITE"), 500ms);
    LONGS_EQUAL(0, intake.waiting());
    comes(message("INVITE"), 400ms);
    pass(100ms);
    intake.serve(now);
    LONGS_EQUAL(0, dealt.size());
    LONGS_EQUAL(2, intake.counters().stale);
    comes(message("BYE", ";tag=x"), 20s);
    LONGS_EQUAL(1, dealt.size());
}

TEST(Intake, an_invite_of_a_stream_is_not_sent_again_and_is_refused) {
    const transaction::Path stream{0, from.remote, Transport::kTcp, 3};
    intake.on_datagram(now, stream, now.instant - 600ms, message("INVITE"));
    LONGS_EQUAL(1, refused);
    intake.on_datagram(now, stream, now.instant, message("INVITE"));
    pass(600ms);
    intake.serve(now);
    LONGS_EQUAL(2, refused);
    LONGS_EQUAL(2, intake.counters().stale);
    LONGS_EQUAL(0, dealt.size());
}

TEST(Intake, a_burst_is_taken_whole) {
    for (int i = 0; i < 150; ++i) comes(message("INVITE"));
    for (int ms = 0; ms < 400; ++ms, pass(1ms)) serve_one();
    LONGS_EQUAL(150, dealt.size());
    LONGS_EQUAL(0, refused);
}

TEST(Intake, three_times_too_many_and_the_element_is_never_idle) {
    const auto peak = load(30s, 3);
    CHECK_TEXT(peak.begun >= 29'500, std::to_string(peak.begun).c_str());
    CHECK(intake.overload().on());
    LONGS_EQUAL(Intake::kReadPerTurnOverloaded, intake.wanted());
    LONGS_EQUAL(1, intake.overload().times());
    LONGS_EQUAL(0, intake.counters().stale);
    // The longest waits are of the interval before it is known; then about the target.
    CHECK(peak.worst_wait < 420ms);
    CHECK(peak.worst_queue < 420);
    CHECK(intake.waiting() < 130);
    CHECK(intake.admitted_percent(now.instant) >= 32);
    CHECK(intake.admitted_percent(now.instant) <= 35);
}

// The sockets were full for once: what is read has waited there for longer than the target, and so has what comes next.
TEST(Intake, a_long_queue_in_the_kernel_does_not_make_all_of_them_too_many) {
    for (int turn = 0; turn < 200; ++turn, pass(5ms)) {
        for (int i = 0; i < 100; ++i) comes(message("INVITE"), 200ms);
        const auto before = dealt.size();
        CHECK_FALSE(intake.serve(now) && turn > 150);
        if (turn > 150) LONGS_EQUAL(Intake::kPerTurn, dealt.size() - before);
    }
    CHECK(intake.overload().on());
}

TEST(Intake, it_comes_back_by_itself) {
    load(10s, 3);
    now.instant += 200ms;
    load(2s, 0);
    CHECK_FALSE(intake.overload().on());
    LONGS_EQUAL(Intake::kReadPerTurn, intake.wanted());
    const auto before = refused;
    const auto after = load(5s, 1);
    LONGS_EQUAL(before, refused);
    CHECK(after.begun >= after.offered - 1);
    LONGS_EQUAL(100, intake.admitted_percent(now.instant));
}

TEST(Intake, what_waits_is_bounded_in_number_and_bytes) {
    for (std::size_t i = 0; i < Intake::kMaxWaiting + 10; ++i) comes(message("INVITE"));
    LONGS_EQUAL(Intake::kMaxWaiting, intake.waiting());
    LONGS_EQUAL(10, refused);
    comes(message("CANCEL"));  // no room to wait: it goes first
    LONGS_EQUAL(1, dealt.size());
    while (intake.serve(now)) {
    }
    for (int i = 0; i < 200; ++i) comes(message("INVITE") + std::string(60'000, 'x'));
    LONGS_EQUAL(Intake::kMaxWaitingBytes / 60'054, intake.waiting());
}

TEST(Intake, requests_that_are_no_call_are_refused_while_calls_are_too_many) {
    comes(message("MESSAGE"));
    LONGS_EQUAL(1, dealt.size());
    load(3s, 4);
    CHECK_TRUE(intake.overload().on());
    const auto before = refused;
    const auto had = dealt.size();
    comes(message("MESSAGE"));
    comes(message("OPTIONS"));
    LONGS_EQUAL(before + 2, refused);
    comes(message("MESSAGE", ";tag=of-a-dialog"));
    LONGS_EQUAL(had + 1, dealt.size());
}

// A peer that never has more than one waiting would fill all places in turn.
TEST(Intake, a_place_keeps_nothing_of_what_waited_there) {
    const std::string large = message("INVITE") + std::string(60000, 'x');
    const auto before = test::heap_in_use();
    for (int i = 0; i < 300; ++i) {
        comes(large);
        CHECK_FALSE(intake.serve(now));
        CHECK(dealt.back() == large);
        dealt = std::vector<std::string>();
    }
    CHECK(test::heap_in_use() < before + 100'000);
}
