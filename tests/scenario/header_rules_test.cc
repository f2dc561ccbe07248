// Header rules of trunks and realms, around a whole call: what they change, where, in which order, and what they leave.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;
using config::HeaderRule;
using config::RuleAction;
using config::RulePart;

TEST_GROUP_BASE(HeaderRules, WorldTest) {
    // A list of its own for each use; names tell of the order.
    std::uint16_t list(std::vector<HeaderRule> rules) {
        auto& lists = world.view.header_rules;
        lists.push_back({"list-" + std::to_string(lists.size()), std::move(rules)});
        return static_cast<std::uint16_t>(lists.size() - 1);
    }
    static HeaderRule add(std::string header, std::string value) {
        HeaderRule r;
        r.header = std::move(header);
        r.action = RuleAction::kAdd;
        r.value = std::move(value);
        return r;
    }
    static HeaderRule remove(std::string header) {
        HeaderRule r;
        r.header = std::move(header);
        return r;
    }
    static HeaderRule rewrite(std::string header, std::string match, std::string value) {
        HeaderRule r;
        r.header = std::move(header);
        r.action = RuleAction::kRewrite;
        r.match = std::move(match);
        r.value = std::move(value);
        return r;
    }
    config::RulesInUse& trunk(std::size_t i) { return world.view.trunks[i].rules; }
    config::RulesInUse& realm(std::size_t i) { return world.view.realms[i].rules; }
    const SipText& first(Ua& ua, const std::string& method) {
        for (const auto& m : ua.received)
            if (m.is_request() && m.method() == method) return m;
        FAIL(("no " + method).c_str());
        return ua.received.front();
    }
    // Of all that came to it, how often that header.
    static std::size_t seen(const Ua& ua, const std::string& header) {
        std::size_t n = 0;
        for (const auto& m : ua.received) n += m.all(header).size();
        return n;
    }
    void call_and_end() {
        const auto call = connect(world, pbx(), carrier());
        CHECK(call.callee != nullptr && call.callee->state == UaCall::State::kUp);
        pbx().bye(*call.caller);
        world.run_for(1s);
    }
};

TEST(HeaderRules, the_order_is_realm_and_trunk_in_then_trunk_and_realm_out) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    world.view.realms[0].pass_unknown_headers = world.view.realms[1].pass_unknown_headers = true;
    realm(0).inbound_rules = {list({add("X-Way", "a")})};
    trunk(0).inbound_rules = {list({rewrite("X-Way", "$", "b")})};
    trunk(1).outbound_rules = {list({rewrite("X-Way", "$", "c")})};
    realm(1).outbound_rules = {list({rewrite("X-Way", "$", "d")}), list({rewrite("x-wAY", "$", "e")})};
    world.start();
    call_and_end();
    STRCMP_EQUAL("abcde", first(carrier(), "INVITE").get("X-Way").c_str());
    STRCMP_EQUAL("abcde", first(carrier(), "BYE").get("X-Way").c_str());
    // INVITE, ACK and BYE came in; those, but an ACK without the caller's, went out.
    LONGS_EQUAL(3, world.counter("header-rules-list-0-applied"));
    CHECK(world.counter("header-rules-list-4-applied") >= 2);
    LONGS_EQUAL(0, world.counter("header-rules-list-0-not-applied"));
    check_clean();
}

TEST(HeaderRules, a_removed_header_does_not_cross_in_any_message) {
    pbx().script.headers = {{"Subject", "secret"}, {"s", "again"}, {"Priority", "urgent"}};
    carrier().script.headers = {{"Subject", "back"}};
    pbx().script.last_headers = {{"Reason", "Q.850;cause=16"}, {"Subject", "bye"}};
    trunk(0).inbound_rules = {list({remove("Subject"), remove("Reason")})};
    realm(1).inbound_rules = {list({remove("subject")})};
    world.start();
    call_and_end();
    for (auto* ua : {&pbx(), &carrier()}) LONGS_EQUAL(0, seen(*ua, "Subject") + seen(*ua, "s") + seen(*ua, "Reason"));
    STRCMP_EQUAL("urgent", first(carrier(), "INVITE").get("Priority").c_str());
    check_clean();
}

TEST(HeaderRules, outbound_rules_reach_the_reason_of_a_cancel) {
    carrier().script.answer = false;
    pbx().script.last_headers = {{"Reason", "SIP;cause=200;text=\"elsewhere\""}};
    trunk(1).outbound_rules = {list({remove("Reason")})};
    world.start();
    auto& call = pbx().invite("4930123");
    world.run_for(500ms);
    pbx().cancel(call);
    world.run_for(500ms);
    LONGS_EQUAL(1, carrier().count_requests("CANCEL"));
    LONGS_EQUAL(0, seen(carrier(), "Reason"));
    LONGS_EQUAL(487, call.initial_status);
    check_clean();
}

TEST(HeaderRules, conditions_of_direction_method_code_and_other_headers) {
    auto only_invite = add("Subject", "invite");
    only_invite.methods = {"INVITE"};
    only_invite.on = config::RuleOn::kRequest;
    auto only_busy = add("Subject", "busy");
    only_busy.codes = {"48x"};
    auto with_groups = add("Priority", "call-\\1");
    with_groups.condition = config::RuleCondition{"request-uri", "^sip:49([0-9]{2})", false};
    auto not_with = add("Date", "never");
    not_with.condition = config::RuleCondition{"From", std::nullopt, true};
    trunk(1).outbound_rules = {list({only_invite, with_groups, not_with})};
    trunk(0).outbound_rules = {list({only_busy})};
    carrier().script.reject = 486;
    world.start();
    auto& call = pbx().invite("4930123");
    world.run_for(1s);
    LONGS_EQUAL(486, call.initial_status);
    STRCMP_EQUAL("invite", first(carrier(), "INVITE").get("Subject").c_str());
    STRCMP_EQUAL("call-30", first(carrier(), "INVITE").get("Priority").c_str());
    LONGS_EQUAL(1, seen(carrier(), "Subject"));  // the ACK to the failure has none
    LONGS_EQUAL(0, seen(carrier(), "Date"));
    STRCMP_EQUAL("busy", pbx().last(486)->get("Subject").c_str());
    LONGS_EQUAL(1, seen(pbx(), "Subject"));
    check_clean();
}

TEST(HeaderRules, from_to_and_request_uri_change_where_the_dialog_begins_and_are_repeated_in_it) {
    auto user = [](std::string header, std::string value) {
        HeaderRule r;
        r.header = std::move(header);
        r.action = RuleAction::kRewrite;
        r.part = RulePart::kUriUser;
        r.match = "^.*$";
        r.value = std::move(value);
        return r;
    };
    trunk(0).inbound_rules = {list({user("From", "in-from"), user("To", "in-to"), user("request-uri", "in-uri")})};
    trunk(1).outbound_rules = {list({user("From", "x\\0"), user("To", "x\\0"), user("request-uri", "x\\0")})};
    trunk(0).outbound_rules = {list({user("From", "wrong"), user("To", "wrong")})};
    world.start();
    const auto call = connect(world, pbx(), carrier());
    const auto invite = first(carrier(), "INVITE");
    STRCMP_EQUAL("INVITE sip:xin-uri@198.51.100.10 SIP/2.0", invite.start.c_str());
    STRCMP_EQUAL("sip:xin-from@198.51.100.1", inside_brackets(invite.get("From")).c_str());
    STRCMP_EQUAL("sip:xin-to@198.51.100.10", inside_brackets(invite.get("To")).c_str());
    carrier().reinvite(*call.callee, carrier().sdp({.direction = "sendonly", .version = 2}));
    world.run_for(1s);
    // What the caller sees is what it has said itself.
    const auto back = first(pbx(), "INVITE");
    STRCMP_EQUAL("<sip:4930123@192.0.2.1>", back.get("From").substr(0, back.get("From").find(";tag=")).c_str());
    CHECK(back.get("To").contains("sip:alice@pbx.inner.example"));
    for (const auto& m : pbx().received)
        if (!m.is_request() && m.cseq_method() == "INVITE" && m.status() < 300 && m.get("From").contains("alice"))
            CHECK(m.get("To").contains("sip:4930123@"));
    pbx().bye(*call.caller);
    world.run_for(1s);
    const auto bye = first(carrier(), "BYE");
    STRCMP_EQUAL(invite.get("From").c_str(), bye.get("From").c_str());
    STRCMP_EQUAL(inside_brackets(invite.get("To")).c_str(), inside_brackets(bye.get("To")).c_str());
    check_clean();
}

TEST(HeaderRules, a_cancel_names_the_dialog_as_its_invite_did) {
    carrier().script.answer = false;
    trunk(1).outbound_rules = {list({rewrite("request-uri", "49", "0049"), rewrite("From", "alice", "bob")})};
    world.start();
    auto& call = pbx().invite("4930123");
    world.run_for(500ms);
    pbx().cancel(call);
    world.run_for(1s);
    const auto& invite = first(carrier(), "INVITE");
    const auto& cancel = first(carrier(), "CANCEL");
    STRCMP_EQUAL(invite.uri().c_str(), cancel.uri().c_str());
    STRCMP_EQUAL("sip:004930123@198.51.100.10", cancel.uri().c_str());
    STRCMP_EQUAL(invite.get("From").c_str(), cancel.get("From").c_str());
    check_clean();
}

TEST(HeaderRules, a_call_is_routed_by_what_inbound_rules_leave) {
    trunk(0).inbound_rules = {list({rewrite("request-uri", "^sip:00", "sip:+")})};
    world.view.routes[0].called_prefix = "+49";
    world.start();
    carrier();
    auto& call = pbx().invite("004930123");
    world.run_for(1s);
    LONGS_EQUAL(200, call.initial_status);
    CHECK(first(carrier(), "INVITE").uri().starts_with("sip:+4930123@"));
    pbx().bye(call);
    world.run_for(1s);
    STRCMP_EQUAL("+4930123", world.records.at(0).to_user.c_str());
    check_clean();
}

TEST(HeaderRules, values_of_lists_are_changed_one_by_one) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    pbx().script.headers = {
        {"P-Asserted-Identity", "\"a, b\" <sip:1@x.example>, <tel:+2>"},
        {"Diversion", "<sip:3@x.example>;reason=user-busy,\"x\" <sip:4@x.example>;reason=unknown;counter=1"},
    };
    auto tel = remove("P-Asserted-Identity");
    tel.match = "^<tel:";
    HeaderRule parameter;
    parameter.header = "Diversion";
    parameter.action = RuleAction::kRewrite;
    parameter.part = RulePart::kParameter;
    parameter.parameter = "reason";
    parameter.match = "^unknown$";
    parameter.value = "no-answer";
    HeaderRule display;
    display.header = "Diversion";
    display.part = RulePart::kDisplayName;
    trunk(0).inbound_rules = {list({tel, parameter, display})};
    world.start();
    call_and_end();
    const auto& invite = first(carrier(), "INVITE");
    STRCMP_EQUAL("\"a, b\" <sip:1@198.51.100.1>", invite.get("P-Asserted-Identity").c_str());
    STRCMP_EQUAL("<sip:3@198.51.100.1>;reason=user-busy, <sip:4@198.51.100.1>;reason=no-answer;counter=1",
                 invite.get("Diversion").c_str());
    check_clean();
}

TEST(HeaderRules, what_would_not_be_a_value_is_not_made_and_counted) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    // The caller chooses the group so that it would end the address, begin another one, or be no URI.
    pbx().script.headers = {{"Subject", "x>, <sip:evil@198.51.100.66"}, {"Priority", "a\"b"}};
    auto asserted = add("P-Asserted-Identity", "<sip:\\1@carrier.example>");
    asserted.condition = config::RuleCondition{"Subject", "^(.*)$", false};
    auto reason = add("Reason", "SIP;text=\"\\1\"");
    reason.condition = config::RuleCondition{"Priority", "^(.*)$", false};
    trunk(1).outbound_rules = {list({asserted, reason, add("Expires", "soon")})};
    world.start();
    call_and_end();
    LONGS_EQUAL(0, seen(carrier(), "P-Asserted-Identity") + seen(carrier(), "Reason") + seen(carrier(), "Expires"));
    CHECK(world.counter("header-rules-list-0-not-applied") >= 3);
    check_clean();
}

TEST(HeaderRules, set_replaces_and_uri_headers_go_with_their_header) {
    world.view.realms[0].trust = config::Trust::kTrusted;
    pbx().script.headers = {{"Subject", "one"},
                            {"History-Info", "<sip:5@x.example?Re%61son=SIP%3Bcause%3D302&Privacy=none>;index=1"}};
    auto set = add("Subject", "two");
    set.action = RuleAction::kSet;
    trunk(0).inbound_rules = {list({set, remove("Reason")})};
    world.start();
    call_and_end();
    const auto& invite = first(carrier(), "INVITE");
    LONGS_EQUAL(1, invite.all("Subject").size());
    STRCMP_EQUAL("two", invite.get("Subject").c_str());
    STRCMP_EQUAL("<sip:5@198.51.100.1?Privacy=none>;index=1", invite.get("History-Info").c_str());
    check_clean();
}

TEST(HeaderRules, a_request_that_would_grow_beyond_the_bound_is_refused) {
    // Each of many values grows by 1,000.
    std::string values = "a";
    for (int i = 0; i < 20; ++i) values += ", a";
    pbx().script.headers = {{"Accept-Language", values}};
    trunk(1).outbound_rules = {list({rewrite("Accept-Language", "^a", std::string(1000, 'b'))})};
    world.start();
    auto& call = pbx().invite("4930123");
    world.run_for(1s);
    LONGS_EQUAL(513, call.initial_status);
    LONGS_EQUAL(0, carrier().count_requests("INVITE"));
    LONGS_EQUAL(1, world.counter("rules-refused"));
    LONGS_EQUAL(1, world.counter("header-rules-list-0-too-much"));
    check_clean();
}

TEST(HeaderRules, a_bye_that_would_grow_beyond_the_bound_goes_without_what_is_not_needed) {
    std::string values = "a";
    for (int i = 0; i < 20; ++i) values += ", a";
    pbx().script.last_headers = {{"Accept-Language", values}, {"Subject", "x"}};
    trunk(0).inbound_rules = {list({rewrite("Accept-Language", "^a", std::string(1000, 'b'))})};
    world.start();
    call_and_end();
    LONGS_EQUAL(1, carrier().count_requests("BYE"));
    LONGS_EQUAL(0, seen(carrier(), "Accept-Language") + seen(carrier(), "Subject"));
    LONGS_EQUAL(1, world.counter("header-rules-list-0-too-much"));
    check_clean();
}

TEST(HeaderRules, names_that_a_removed_header_told_stay_hidden) {
    // P-Asserted-Identity tells the host; without it Subject would not be known to name it.
    world.view.realms[0].trust = config::Trust::kTrusted;
    pbx().script.headers = {{"P-Asserted-Identity", "<sip:1@innermost.example>"}, {"Subject", "of innermost.example"}};
    trunk(0).inbound_rules = {list({remove("P-Asserted-Identity")})};
    world.start();
    call_and_end();
    LONGS_EQUAL(0, seen(carrier(), "Subject") + seen(carrier(), "P-Asserted-Identity"));
    check_clean();
}

TEST(HeaderRules, a_call_taken_over_goes_on_with_the_rules) {
    trunk(1).outbound_rules = {list({rewrite("From", "alice", "bob"), add("Subject", "ours")})};
    world.start();
    const auto call = connect(world, pbx(), carrier());
    world.run_for(1s);
    LONGS_EQUAL(1, world.crash_and_restart());
    pbx().bye(*call.caller);
    world.run_for(1s);
    const auto& bye = first(carrier(), "BYE");
    STRCMP_EQUAL(first(carrier(), "INVITE").get("From").c_str(), bye.get("From").c_str());
    STRCMP_EQUAL("ours", bye.get("Subject").c_str());
    check_clean();
}

}  // namespace sallyport::scenario
