// Numbers of a call brought from one plan into another, in all headers together; and what is withheld stays withheld.
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;
using config::NumberStep;

TEST_GROUP_BASE(NumberRules, WorldTest) {
    static NumberStep prefix(std::string match, std::uint8_t strip, std::string add) {
        NumberStep s;
        s.prefix = std::move(match);
        s.strip = strip;
        s.add = std::move(add);
        return s;
    }
    // In: German national and international dialling to E.164. Out: E.164 to what a national carrier wants.
    void use_german_plan() {
        const std::vector<NumberStep> to_e164{prefix("+", 0, ""), prefix("00", 2, "+"), prefix("0", 1, "+49")};
        NumberStep national;
        national.match = "\\+49([1-9][0-9]*)";
        national.replace = "0\\1";
        const std::vector<NumberStep> from_e164{national, prefix("+", 1, "00")};
        world.view.number_rules = {{"in", to_e164, to_e164, ""}, {"out", from_e164, from_e164, "+49"}};
        world.view.trunks[0].rules.inbound_numbers = {0};
        world.view.trunks[1].rules.outbound_numbers = {1};
        world.view.trunks[1].rules.inbound_numbers = {0};
        world.view.trunks[0].rules.outbound_numbers = {1};
        world.view.realms[0].trust = config::Trust::kTrusted;
    }
    const SipText& invite_at(Ua& ua) {
        for (const auto& m : ua.received)
            if (m.is_request() && m.method() == "INVITE") return m;
        FAIL("no INVITE");
        return ua.received.front();
    }
    void call(const std::string& to) {
        carrier();
        auto& made = pbx().invite(to);
        world.run_for(1s);
        LONGS_EQUAL(200, made.initial_status);
        pbx().bye(made);
        world.run_for(1s);
    }
};

TEST(NumberRules, all_headers_follow_one_plan_and_the_route_sees_the_number_between) {
    use_german_plan();
    world.view.routes[0].called_prefix = "+4930";
    world.view.trunks[1].rules.outbound_numbers = {};
    pbx().local_user = "040777";
    pbx().script.headers = {{"P-Asserted-Identity", "<sip:040777@pbx.inner.example;user=phone>, <tel:040-777>"},
                            {"Remote-Party-ID", "\"Bob\" <sip:040777@pbx.inner.example>;party=calling"},
                            {"Diversion", "<sip:0089-55;npdi@pbx.inner.example;user=phone>;reason=unknown"},
                            {"History-Info", "<sip:030-1@pbx.inner.example;user=phone>;index=1"}};
    world.start();
    call("030123");
    const auto& invite = invite_at(carrier());
    STRCMP_EQUAL("sip:+4930123@198.51.100.10", invite.uri().c_str());
    STRCMP_EQUAL("sip:+4930123@198.51.100.10", inside_brackets(invite.get("To")).c_str());
    STRCMP_EQUAL("sip:+4940777@198.51.100.1", inside_brackets(invite.get("From")).c_str());
    STRCMP_EQUAL("<sip:+4940777@198.51.100.1;user=phone>, <tel:+4940777>", invite.get("P-Asserted-Identity").c_str());
    STRCMP_EQUAL("\"Bob\" <sip:+4940777@198.51.100.1>;party=calling", invite.get("Remote-Party-ID").c_str());
    STRCMP_EQUAL("<sip:+8955;npdi@198.51.100.1;user=phone>;reason=unknown", invite.get("Diversion").c_str());
    STRCMP_EQUAL("<sip:+49301@198.51.100.1;user=phone>;index=1", invite.get("History-Info").c_str());
    LONGS_EQUAL(1, world.counter("number-rules-in-applied"));
    check_clean();
}

TEST(NumberRules, in_one_plan_and_out_in_another) {
    use_german_plan();
    pbx().local_user = "0043155";
    pbx().script.headers = {{"P-Asserted-Identity", "<tel:+49-30-99>"}};
    world.start();
    call("004930123");
    const auto& invite = invite_at(carrier());
    STRCMP_EQUAL("sip:030123@198.51.100.10", invite.uri().c_str());
    STRCMP_EQUAL("sip:0043155@198.51.100.1", inside_brackets(invite.get("From")).c_str());
    STRCMP_EQUAL("<tel:03099;phone-context=+49>", invite.get("P-Asserted-Identity").c_str());
    check_clean();
}

TEST(NumberRules, a_context_goes_when_the_number_has_become_global) {
    use_german_plan();
    world.view.trunks[1].rules.outbound_numbers = {};
    pbx().script.headers = {{"P-Asserted-Identity", "<tel:030-99;phone-context=+49;isub=5>"}};
    world.start();
    call("030123;phone-context=+49;rn=1");
    STRCMP_EQUAL("<tel:+493099;isub=5>", invite_at(carrier()).get("P-Asserted-Identity").c_str());
    STRCMP_EQUAL("sip:+4930123;rn=1@198.51.100.10", invite_at(carrier()).uri().c_str());
    check_clean();
}

TEST(NumberRules, names_are_no_numbers) {
    use_german_plan();
    pbx().local_user = "00agent";
    pbx().script.headers = {{"P-Asserted-Identity", "<sip:0abc@pbx.inner.example>"}};
    world.start();
    call("bob0");
    const auto& invite = invite_at(carrier());
    STRCMP_EQUAL("sip:bob0@198.51.100.10", invite.uri().c_str());
    STRCMP_EQUAL("sip:00agent@198.51.100.1", inside_brackets(invite.get("From")).c_str());
    STRCMP_EQUAL("<sip:0abc@198.51.100.1>", invite.get("P-Asserted-Identity").c_str());
    check_clean();
}

TEST(NumberRules, who_is_anonymous_stays_so_and_a_withheld_number_does_not_come_back) {
    use_german_plan();
    world.view.realms[1].trust = config::Trust::kUntrusted;
    pbx().local_user = "anonymous";
    pbx().script.headers = {{"P-Asserted-Identity", "\"040777\" <sip:040777@pbx.inner.example>"},
                            {"Remote-Party-ID", "<sip:040777@pbx.inner.example>;privacy=full"},
                            {"Privacy", "id"}};
    world.start();
    call("030123");
    const auto& invite = invite_at(carrier());
    STRCMP_EQUAL("sip:anonymous@198.51.100.1", inside_brackets(invite.get("From")).c_str());
    LONGS_EQUAL(0, invite.all("P-Asserted-Identity").size() + invite.all("Remote-Party-ID").size());
    for (const auto& bytes : carrier().wire) CHECK(!bytes.contains("40777"));
    check_clean();
}

TEST(NumberRules, a_display_name_follows_its_number_or_goes) {
    use_german_plan();
    world.view.trunks[1].rules.outbound_numbers = {};
    pbx().script.headers = {
        {"P-Asserted-Identity", "\"040 777\" <sip:040777@x.example>, \"Bob\" <tel:040777>"},
        {"Diversion", "\"Bob (0815-55)\" <sip:081555@x.example>;counter=1, \"0815\" <sip:081555@x.example>"}};
    world.start();
    call("030123");
    STRCMP_EQUAL("\"+4940777\" <sip:+4940777@198.51.100.1>, \"Bob\" <tel:+4940777>",
                 invite_at(carrier()).get("P-Asserted-Identity").c_str());
    STRCMP_EQUAL("<sip:+4981555@198.51.100.1>;counter=1, \"0815\" <sip:+4981555@198.51.100.1>",
                 invite_at(carrier()).get("Diversion").c_str());
    check_clean();
}

TEST(NumberRules, connected_identities_of_responses_follow_too) {
    use_german_plan();
    world.view.trunks[0].rules.outbound_numbers = {};
    carrier().script.headers = {{"P-Asserted-Identity", "<sip:030123@carrier.secret.example>"}};
    world.start();
    call("030123");
    STRCMP_EQUAL("<sip:+4930123@192.0.2.1>", pbx().last(180)->get("P-Asserted-Identity").c_str());
    check_clean();
}

TEST(NumberRules, a_step_may_be_for_some_headers_only) {
    auto step = prefix("0", 1, "+49");
    step.in = {"to"};
    world.view.number_rules = {{"some", {step}, {}, ""}};
    world.view.trunks[0].rules.inbound_numbers = {0};
    world.start();
    call("030123");
    STRCMP_EQUAL("sip:030123@198.51.100.10", invite_at(carrier()).uri().c_str());
    STRCMP_EQUAL("sip:+4930123@198.51.100.10", inside_brackets(invite_at(carrier()).get("To")).c_str());
    check_clean();
}

TEST(NumberRules, what_would_be_no_number_is_not_made) {
    NumberStep bad;
    bad.match = "(.*)";
    bad.replace = "x@evil.example";
    world.view.number_rules = {{"bad", {bad}, {}, ""}};
    world.view.trunks[0].rules.inbound_numbers = {0};
    world.start();
    call("030123");
    STRCMP_EQUAL("sip:030123@198.51.100.10", invite_at(carrier()).uri().c_str());
    CHECK(world.counter("number-rules-bad-not-applied") >= 2);
    check_clean();
}

}  // namespace sallyport::scenario
