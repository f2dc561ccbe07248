// Subscriptions through the gate: SUBSCRIBE makes a dialog on either side, and each request has its image (RFC 6665).
#include <algorithm>

#include "tests/scenario/world_test.h"

namespace sallyport::scenario {

using namespace std::chrono_literals;

TEST_GROUP_BASE(Subscribe, WorldTest) {
    std::vector<SipText> answers;  // to what was asked
    int status_of_subscribe = 202;
    std::string granted = "600";
    unsigned notify_cseq = 0;

    void begin() {
        world.start();
        carrier().answer_other = [this](const SipText& r, SipText& response) {
            if (r.method() != "SUBSCRIBE") return true;
            response.start = "SIP/2.0 " + std::to_string(status_of_subscribe) + " Whatever";
            if (parameter(r.get("To"), "tag").empty()) {
                response.remove("To");
                response.add("To", r.get("To") + ";tag=notifier1-carrier.secret.example");
            }
            response.add("Contact", carrier().contact("presence"));
            response.add("Expires", r.get("Expires") == "0" ? "0" : granted);
            response.add("Min-Expires", "60");
            return true;
        };
        pbx().answer_other = [](const SipText&, SipText&) { return true; };
    }
    void ask(Ua& from, const SipText& request) {
        from.ask(request, [this](const SipText& r) { answers.push_back(r); });
        world.run_for(200ms);
    }
    SipText subscription(const std::string& expires = "600") {
        auto r = pbx().bare_request("SUBSCRIBE", "bob");
        r.add("Event", "presence.winfo;id=7");
        r.add("Expires", expires);
        r.add("Accept", "application/watcherinfo+xml");
        return r;
    }
    SipText subscribe(const std::string& expires = "600") {
        const auto r = subscription(expires);
        ask(pbx(), r);
        return r;
    }
    // A further request of the subscriber's, in the dialog that `answer` has made.
    SipText refresh(const SipText& first, const SipText& answer, const std::string& expires, unsigned cseq = 2) {
        auto r = first;
        r.start = "SUBSCRIBE " + inside_brackets(answer.get("Contact")) + " SIP/2.0";
        r.remove("Via");
        r.add("Via", "SIP/2.0/UDP " + pbx().self.text() + ";rport;branch=z9hG4bKr" + std::to_string(world.draw()));
        for (const auto* name : {"To", "CSeq", "Expires"}) r.remove(name);
        r.add("To", answer.get("To"));
        r.add("CSeq", std::to_string(cseq) + " SUBSCRIBE");
        r.add("Expires", expires);
        return r;
    }
    const SipText& last(Ua& ua, std::string_view method) {
        const auto it = std::ranges::find_if(ua.received.rbegin(), ua.received.rend(),
                                             [&](const SipText& m) { return m.is_request() && m.method() == method; });
        CHECK_TRUE_TEXT(it != ua.received.rend(), std::string(method).c_str());
        return *it;
    }
    SipText notification(const std::string& state, const std::string& tag = "notifier1-carrier.secret.example") {
        const auto& subscribe = last(carrier(), "SUBSCRIBE");
        SipText r;
        r.start = "NOTIFY " + inside_brackets(subscribe.get("Contact")) + " SIP/2.0";
        r.add("Via", "SIP/2.0/UDP " + carrier().self.text() + ";rport;branch=z9hG4bKn" + std::to_string(world.draw()));
        r.add("Max-Forwards", "70");
        auto to = subscribe.get("To");
        r.add("From", to.substr(0, to.find(";tag=")) + ";tag=" + tag);
        r.add("To", subscribe.get("From"));
        r.add("Call-ID", subscribe.get("Call-ID"));
        r.add("CSeq", std::to_string(++notify_cseq) + " NOTIFY");
        r.add("Contact", carrier().contact("presence"));
        r.add("Event", "presence.winfo;id=7");
        r.add("Subscription-State", state);
        r.add("Content-Type", "application/watcherinfo+xml");
        r.body = "<watcherinfo/>";
        return r;
    }
    int notify(const std::string& state, const std::string& tag = "notifier1-carrier.secret.example") {
        const auto before = answers.size();
        ask(carrier(), notification(state, tag));
        return answers.size() > before ? answers.back().status() : 0;
    }
};

TEST(Subscribe, a_subscription_lives_from_its_202_to_the_notify_that_ends_it) {
    begin();
    const auto first = subscribe();
    LONGS_EQUAL(202, answers.at(0).status());
    STRCMP_EQUAL("600", answers[0].get("Expires").c_str());
    STRCMP_EQUAL("<sip:192.0.2.1:5060>", answers[0].get("Contact").c_str());
    const auto there = last(carrier(), "SUBSCRIBE");
    STRCMP_EQUAL("presence.winfo;id=7", there.get("Event").c_str());
    STRCMP_EQUAL("<sip:198.51.100.1:5060>", there.get("Contact").c_str());
    STRCMP_EQUAL("application/watcherinfo+xml", there.get("Accept").c_str());
    LONGS_EQUAL(1, world.counter("live-subscriptions"));

    LONGS_EQUAL(200, notify("active;expires=599"));
    const auto here = last(pbx(), "NOTIFY");
    STRCMP_EQUAL("active;expires=599", here.get("Subscription-State").c_str());
    STRCMP_EQUAL("<watcherinfo/>", here.body.c_str());
    STRCMP_EQUAL(first.get("Call-ID").c_str(), here.get("Call-ID").c_str());
    STRCMP_EQUAL(first.get("From").c_str(), here.get("To").c_str());
    STRCMP_EQUAL(parameter(answers[0].get("To"), "tag").c_str(), parameter(here.get("From"), "tag").c_str());
    STRCMP_EQUAL(("NOTIFY sip:alice@192.0.2.10:5060 SIP/2.0"), here.start.c_str());
    LONGS_EQUAL(200, notify("active"));
    LONGS_EQUAL(here.cseq() + 1, last(pbx(), "NOTIFY").cseq());

    LONGS_EQUAL(200, notify("terminated;reason=noresource"));
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    LONGS_EQUAL(481, notify("active"));
    check_clean();
}

TEST(Subscribe, it_is_refreshed_and_ended_by_the_subscriber) {
    begin();
    const auto first = subscribe();
    const auto answer = answers.at(0);
    world.run_for(590s);
    ask(pbx(), refresh(first, answer, "600"));
    LONGS_EQUAL(202, answers.back().status());
    const auto& there = last(carrier(), "SUBSCRIBE");
    STRCMP_EQUAL("notifier1-carrier.secret.example", parameter(there.get("To"), "tag").c_str());
    STRCMP_EQUAL(("SUBSCRIBE sip:presence@198.51.100.10:5060 SIP/2.0"), there.start.c_str());
    world.run_for(590s);
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    ask(pbx(), refresh(first, answer, "0", 3));
    LONGS_EQUAL(202, answers.back().status());
    STRCMP_EQUAL("0", last(carrier(), "SUBSCRIBE").get("Expires").c_str());
    LONGS_EQUAL(200, notify("terminated;reason=timeout"));
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    ask(pbx(), refresh(first, answer, "600", 4));
    LONGS_EQUAL(481, answers.back().status());
    check_clean();
}

TEST(Subscribe, one_that_nobody_refreshes_expires) {
    begin();
    granted = "60";
    subscribe();
    world.run_for(61s);
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    world.run_for(32s);
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    LONGS_EQUAL(1, world.counter("subscriptions-expired"));
    check_clean();
}

TEST(Subscribe, a_notify_may_come_before_the_202) {
    begin();
    std::function<bool(const SipText&, SipText&)> as_before = carrier().answer_other;
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    ask(pbx(), subscription());
    LONGS_EQUAL(200, notify("active;expires=600"));
    const auto tag = parameter(last(pbx(), "NOTIFY").get("From"), "tag");
    carrier().answer_other = as_before;
    // The Ua answers no retransmission anew: a 202 of its own making.
    auto response = SipText::parse(carrier().wire.at(0)).value();
    SipText ok;
    ok.start = "SIP/2.0 202 Accepted";
    for (const auto* name : {"Via", "From", "Call-ID", "CSeq"}) ok.add(name, response.get(name));
    ok.add("To", response.get("To") + ";tag=notifier1-carrier.secret.example");
    ok.add("Contact", carrier().contact("presence"));
    ok.add("Expires", "600");
    carrier().send_raw(ok.write());
    world.run_for(1s);
    LONGS_EQUAL(202, answers.back().status());
    STRCMP_EQUAL(tag.c_str(), parameter(answers.back().get("To"), "tag").c_str());
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    LONGS_EQUAL(200, notify("terminated"));
    check_clean();
}

TEST(Subscribe, forked_it_has_a_dialog_for_each_notifier_up_to_a_bound) {
    begin();
    subscribe();
    std::vector<std::string> tags;
    for (int i = 1; i <= 8; ++i) {
        LONGS_EQUAL(200, notify("active", "notifier" + std::to_string(i) + "-carrier.secret.example"));
        tags.push_back(parameter(last(pbx(), "NOTIFY").get("From"), "tag"));
    }
    STRCMP_EQUAL(parameter(answers[0].get("To"), "tag").c_str(), tags[0].c_str());
    std::ranges::sort(tags);
    CHECK(std::ranges::adjacent_find(tags) == tags.end());
    LONGS_EQUAL(481, notify("active", "notifier9-carrier.secret.example"));
    LONGS_EQUAL(1, world.counter("notifiers-ignored"));
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    for (int i = 1; i <= 8; ++i)
        LONGS_EQUAL(200, notify("terminated", "notifier" + std::to_string(i) + "-carrier.secret.example"));
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    check_clean();
}

TEST(Subscribe, a_fetch_is_over_with_its_notify) {
    begin();
    subscribe("0");
    LONGS_EQUAL(202, answers.at(0).status());
    LONGS_EQUAL(200, notify("terminated;reason=timeout"));
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    check_clean();
}

TEST(Subscribe, failures_leave_nothing_and_what_belongs_to_the_users_crosses) {
    begin();
    for (const auto& [theirs, ours] :
         std::vector<std::pair<int, int>>{{489, 489}, {423, 423}, {404, 404}, {503, 500}}) {
        status_of_subscribe = theirs;
        subscribe();
        LONGS_EQUAL(ours, answers.back().status());
        if (ours == 423) STRCMP_EQUAL("60", answers.back().get("Min-Expires").c_str());
        LONGS_EQUAL(0, world.counter("live-subscriptions"));
    }
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    subscribe();
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    world.run_for(40s);
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    check_clean();
}

TEST(Subscribe, a_481_and_a_silence_end_it) {
    begin();
    subscribe();
    pbx().answer_other = [](const SipText&, SipText& r) {
        r.start = "SIP/2.0 481 Gone";
        return true;
    };
    LONGS_EQUAL(481, notify("active"));
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    subscribe();
    notify_cseq = 0;
    pbx().answer_other = [](const SipText&, SipText&) { return false; };
    LONGS_EQUAL(0, notify("active"));
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    world.run_for(40s);
    LONGS_EQUAL(0, world.counter("live-subscriptions"));
    check_clean();
}

TEST(Subscribe, a_full_table_gets_503) {
    world.view.system.max_subscriptions = 2;
    begin();
    for (int i = 0; i < 3; ++i) subscribe();
    LONGS_EQUAL(202, answers.at(1).status());
    LONGS_EQUAL(503, answers.at(2).status());
    CHECK(!answers[2].get("Retry-After").empty());
    LONGS_EQUAL(1, world.counter("subscriptions-refused"));
    LONGS_EQUAL(2, world.counter("live-subscriptions"));
    world.run_for(640s);
    check_clean();
}

TEST(Subscribe, what_is_out_of_order_or_of_another_method_is_refused) {
    begin();
    const auto first = subscribe();
    const auto answer = answers.at(0);
    ask(pbx(), refresh(first, answer, "600", 5));
    ask(pbx(), refresh(first, answer, "600", 4));
    LONGS_EQUAL(500, answers.back().status());
    auto other = refresh(first, answer, "600", 6);
    other.start.replace(0, 9, "MESSAGE");
    other.remove("CSeq");
    other.add("CSeq", "6 MESSAGE");
    ask(pbx(), other);
    LONGS_EQUAL(405, answers.back().status());
    auto stray = refresh(first, answer, "600", 7);
    stray.remove("Call-ID");
    stray.add("Call-ID", "another");
    ask(pbx(), stray);
    LONGS_EQUAL(481, answers.back().status());
    LONGS_EQUAL(200, notify("terminated"));
    check_clean();
}

TEST(Subscribe, through_loss_each_notification_arrives_once_and_nothing_of_either_side_is_seen) {
    world.link.loss_percent = 20;
    world.link.duplicate_percent = 10;
    begin();
    pbx().strays_expected = carrier().strays_expected = true;
    subscribe();
    world.run_for(10s);
    for (int i = 0; i < 20; ++i) {
        auto n = notification("active");
        n.add("Subject", "of node7.carrier.secret.example");
        n.add("Warning", "399 carrier.secret.example \"x\"");
        n.body = std::to_string(i);
        ask(carrier(), n);
        world.run_for(20s);
    }
    LONGS_EQUAL(20, std::ranges::count_if(answers, [](const SipText& r) { return r.status() == 200; }));
    notify("terminated");
    world.run_for(40s);
    check_clean();
}

TEST(Subscribe, nobody_else_speaks_in_its_dialogs) {
    begin();
    subscribe();
    auto& other = world.core("evil.example", "198.51.100.66");
    other.strays_expected = true;
    auto forged = notification("terminated");
    other.send_raw(forged.write());
    world.run_for(1s);
    LONGS_EQUAL(0, other.wire.size());
    LONGS_EQUAL(0, pbx().count_requests("NOTIFY"));
    LONGS_EQUAL(1, world.counter("live-subscriptions"));
    LONGS_EQUAL(1, world.counter("requests-from-elsewhere"));
    // Nor does anybody else answer.
    carrier().answer_other = [](const SipText&, SipText&) { return false; };
    ask(pbx(), subscription());
    const auto there = last(carrier(), "SUBSCRIBE");
    SipText ok;
    ok.start = "SIP/2.0 403 Forged";
    for (const auto* name : {"Via", "From", "To", "Call-ID", "CSeq"}) ok.add(name, there.get(name));
    other.send_raw(ok.write());
    world.run_for(1s);
    LONGS_EQUAL(1, answers.size());
    LONGS_EQUAL(1, world.counter("sip-responses-from-elsewhere"));
    world.run_for(700s);
    check_clean();
}

TEST(Subscribe, it_does_not_outlive_the_process) {
    begin();
    const auto first = subscribe();
    const auto answer = answers.at(0);
    world.crash_and_restart();
    LONGS_EQUAL(481, notify("active"));
    ask(pbx(), refresh(first, answer, "600"));
    LONGS_EQUAL(481, answers.back().status());
    check_clean();
}

}  // namespace sallyport::scenario
