// Rules on single messages: what they do to values, and what keeps them from doing harm. Whole calls: tests/scenario.
#include "controlplane/policy/message_rules.h"

#include <chrono>
#include <memory>

#include "controlplane/policy/line_ends.h"
#include "controlplane/policy/value_grammar.h"
#include "tests/support/gate_view.h"
#include "tests/support/regex_statics.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::policy {
namespace {

using config::HeaderRule;
using config::RuleAction;
using config::RulePart;

HeaderRule rule(std::string header, RuleAction action, std::string match = {}, std::string value = {},
                RulePart part = RulePart::kValue, std::string parameter = {}) {
    HeaderRule r;
    r.header = std::move(header);
    r.action = action;
    if (!match.empty()) r.match = std::move(match);
    r.value = std::move(value);
    r.part = part;
    r.parameter = std::move(parameter);
    return r;
}

std::string invite(const std::string& headers, const std::string& to_tag = {}) {
    return "INVITE sip:0302@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\n"
           "From: \"A\" <sip:0301@pbx.example>;tag=f\r\nTo: <sip:0302@192.0.2.1>" +
           to_tag + "\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" + headers + "\r\n";
}

}  // namespace

TEST_GROUP(MessageRules) {
    MessageRules::Result result = MessageRules::Result::kAsWas;
    std::uint64_t refused = 0;

    // The message after the rules, inbound; itself when nothing has changed, "" when it was refused.
    std::string ruled(const std::string& text, std::vector<HeaderRule> rules) {
        auto view = test::gate_view();
        view.header_rules = {{"l", std::move(rules)}};
        view.trunks[0].rules.inbound_rules = {0};
        MessageRules all(view);
        const auto message = std::make_unique<sip::Message>();
        CHECK(message->parse(text).has_value());
        std::string out;
        result = all.apply(MessageRules::Way::kInbound, {0, 0}, *message, out);
        refused = all.header_counters()[0].counters.refused;
        if (result == MessageRules::Result::kRefused) return {};
        return result == MessageRules::Result::kChanged ? out : text;
    }
    // What became of the headers alone.
    std::string headers(const std::string& headers, std::vector<HeaderRule> rules) {
        const auto out = ruled(invite(headers), std::move(rules));
        const auto at = out.find("CSeq: 1 INVITE\r\n") + 16;
        return out.substr(at, out.size() - at - 2);
    }
};

TEST(MessageRules, without_rules_of_a_side_nothing_is_looked_at) {
    auto view = test::gate_view();
    view.header_rules = {{"l", {rule("Subject", RuleAction::kRemove)}}};
    view.realms[1].rules.outbound_rules = {0};
    const MessageRules all(view);
    using Way = MessageRules::Way;
    CHECK(!all.any(Way::kInbound, {0, 0}) && !all.any(Way::kOutbound, {0, 0}) && !all.any(Way::kInbound, {1, 1}));
    CHECK(all.any(Way::kOutbound, {1, 1}) && all.any(Way::kOutbound, {1, std::nullopt}));
}

TEST(MessageRules, a_rule_that_finds_nothing_leaves_the_message_as_it_is) {
    ruled(invite("Subject: a\r\n b\r\n"),
          {rule("Priority", RuleAction::kRemove), rule("s", RuleAction::kRewrite, "x", "y")});
    CHECK(result == MessageRules::Result::kAsWas);
}

TEST(MessageRules, remove_takes_every_way_of_writing_it) {
    STRCMP_EQUAL("Date: x\r\n", headers("s: a\r\nSUBJECT : b\r\nDate: x\r\nSubject\t:\r\n c\r\n%53ubject: d\r\n",
                                        {rule("Subject", RuleAction::kRemove)})
                                    .c_str());
    STRCMP_EQUAL("", headers("X-a: 1\r\nx-A : 2\r\n", {rule("X-A", RuleAction::kRemove)}).c_str());
}

TEST(MessageRules, what_matched_is_replaced_and_the_rest_stays) {
    STRCMP_EQUAL("Subject: [b]ac b\r\n",
                 headers("Subject: bac b\r\n", {rule("Subject", RuleAction::kRewrite, "b", "[\\0]")}).c_str());
    STRCMP_EQUAL("Subject: new\r\n",
                 headers("Subject: old\r\n", {rule("Subject", RuleAction::kRewrite, "", "new")}).c_str());
    // A fold is a space to the expression.
    STRCMP_EQUAL("Subject: ax\r\n",
                 headers("Subject: a\r\n b\r\n", {rule("Subject", RuleAction::kRewrite, " b", "x")}).c_str());
}

TEST(MessageRules, elements_of_lists_are_values_of_their_own) {
    const std::string list = "Reason: SIP;cause=200;text=\"a, b\", Q.850;cause=16\r\nReason: X;cause=1\r\n";
    STRCMP_EQUAL("Reason: SIP;cause=200;text=\"a, b\"\r\nReason: X;cause=1\r\n",
                 headers(list, {rule("Reason", RuleAction::kRemove, "^Q")}).c_str());
    STRCMP_EQUAL("Reason: SIP;cause=200;text=\"a, b\", Q.850;cause=16\r\n",
                 headers(list, {rule("Reason", RuleAction::kRemove, "^X")}).c_str());
    // Nobody knows whether commas separate there.
    STRCMP_EQUAL("", headers("X-List: a, b\r\n", {rule("X-List", RuleAction::kRemove, "^a")}).c_str());
}

TEST(MessageRules, parts_of_addresses) {
    const std::string diversion = "Diversion: \"B\" <sip:1@h.example;user=phone>;reason=a;counter=2\r\n";
    const auto with = [&](RulePart part, const char* match, const char* value, const char* parameter = "") {
        return headers(diversion, {rule("Diversion", RuleAction::kRewrite, match, value, part, parameter)});
    };
    STRCMP_EQUAL("Diversion: \"B\" <sip:91@h.example;user=phone>;reason=a;counter=2\r\n",
                 with(RulePart::kUriUser, "^", "9").c_str());
    STRCMP_EQUAL("Diversion: \"B\" <sip:1@i.example;user=phone>;reason=a;counter=2\r\n",
                 with(RulePart::kUriHost, "^h", "i").c_str());
    STRCMP_EQUAL("Diversion: \"C \\\"D\\\"\" <sip:1@h.example;user=phone>;reason=a;counter=2\r\n",
                 with(RulePart::kDisplayName, "", "C \"D\"").c_str());
    STRCMP_EQUAL("Diversion: \"B\" <tel:+1>;reason=a;counter=2\r\n", with(RulePart::kUri, "", "tel:+1").c_str());
    STRCMP_EQUAL("Diversion: \"B\" <sip:1@h.example;user=phone>;reason=b;counter=2\r\n",
                 with(RulePart::kParameter, "", "b", "REASON").c_str());
    LONGS_EQUAL(0, refused);
    // Nothing breaks out of its part.
    for (const auto& [part, value] : {std::pair{RulePart::kUriUser, "9@evil.example;x"},
                                      {RulePart::kUriHost, "x;y=z"},
                                      {RulePart::kUriHost, "x>,<sip:y"},
                                      {RulePart::kUriUser, "a b"}}) {
        STRCMP_EQUAL(diversion.c_str(), with(part, "", value).c_str());
        LONGS_EQUAL(1, refused);
    }
    STRCMP_EQUAL(diversion.c_str(), with(RulePart::kParameter, "", "b;privacy=off", "reason").c_str());
    STRCMP_EQUAL(
        "Diversion: \"B\" <sip:1@h.example;user=phone>;counter=2\r\n",
        headers(diversion, {rule("Diversion", RuleAction::kRemove, "", "", RulePart::kParameter, "reason")}).c_str());
    STRCMP_EQUAL("Diversion: <sip:1@h.example;user=phone>;reason=a;counter=2\r\n",
                 headers(diversion, {rule("Diversion", RuleAction::kRemove, "", "", RulePart::kDisplayName)}).c_str());
}

TEST(MessageRules, the_tag_and_what_a_dialog_repeats_stay) {
    CHECK(ruled(invite(""), {rule("From", RuleAction::kRewrite, "0301", "9")}).contains("<sip:9@pbx.example>;tag=f"));
    ruled(invite(""),
          {rule("From", RuleAction::kRewrite, "tag=f", "tag=g"), rule("From", RuleAction::kRewrite, "", "<sip:a@b>"),
           rule("To", RuleAction::kRewrite, "$", ";tag=x"), rule("To", RuleAction::kRewrite, "$", ";tag")});
    CHECK(result == MessageRules::Result::kAsWas);
    LONGS_EQUAL(4, refused);
    ruled(invite("", ";tag=t"),
          {rule("From", RuleAction::kRewrite, "0301", "9"), rule("To", RuleAction::kRewrite, "0302", "9"),
           rule("request-uri", RuleAction::kRewrite, "0302", "9")});
    CHECK(result == MessageRules::Result::kAsWas);
}

TEST(MessageRules, a_header_that_stands_once_is_not_added_again) {
    STRCMP_EQUAL("Subject: a\r\n", headers("Subject: a\r\n", {rule("Subject", RuleAction::kAdd, "", "b")}).c_str());
    LONGS_EQUAL(1, refused);
    STRCMP_EQUAL("Subject: b\r\n", headers("s: a\r\n", {rule("Subject", RuleAction::kSet, "", "b")}).c_str());
    STRCMP_EQUAL("Reason: X\r\nReason: Y, Z\r\n",
                 headers("Reason: X\r\n", {rule("Reason", RuleAction::kAdd, "", "Y, Z")}).c_str());
    STRCMP_EQUAL("X-A: a\r\nX-A: b\r\n", headers("X-A: a\r\n", {rule("X-A", RuleAction::kAdd, "", "b")}).c_str());
}

TEST(MessageRules, uri_headers_go_with_their_header_wherever_they_stand) {
    const std::vector<HeaderRule> rules{rule("Subject", RuleAction::kRemove)};
    STRCMP_EQUAL("X-O: <sip:a?b=c>\r\n", headers("X-O: <sip:a?Subject=1&b=c>\r\n", rules).c_str());
    STRCMP_EQUAL("X-O: <sip:a?b=c&d=e>, <sip:f>\r\n",
                 headers("X-O: <sip:a?b=c&S=1&d=e>, <sip:f?%73=1>\r\n", rules).c_str());
    // Any text of that form, in a header that nobody knows.
    STRCMP_EQUAL("X-O: <sip:a?b=c> and more\r\n", headers("X-O: <sip:a?b=c&subject=1> and more\r\n", rules).c_str());
}

TEST(MessageRules, a_name_with_escapes_is_resolved_for_comparing_and_never_for_writing) {
    // What a rule changed of such a line once went on under the resolved name: as two lines, or as none.
    const std::vector<HeaderRule> rules{rule("Subject", RuleAction::kRemove)};
    STRCMP_EQUAL("X%0D%0AEvil%3A: <sip:a>\r\n", headers("X%0D%0AEvil%3A: <sip:a?Subject=1>\r\n", rules).c_str());
    STRCMP_EQUAL("%53ubject: b\r\n",
                 headers("%53ubject: a\r\n", {rule("Subject", RuleAction::kRewrite, "a", "b")}).c_str());
}

TEST(MessageRules, growth_and_cost_are_bounded) {
    std::string list = "Accept-Language: a";
    for (int i = 0; i < 100; ++i) list += ",a";
    const std::vector<HeaderRule> grow{rule("Accept-Language", RuleAction::kRewrite, "a", std::string(500, 'b'))};
    STRCMP_EQUAL("", ruled(invite(list + "\r\n"), grow).c_str());
    const auto least = ruled(invite(list + "\r\nSubject: x\r\nContact: <sip:a@b>\r\n", ";tag=t"), grow);
    CHECK(!least.contains("Accept-Language") && !least.contains("Subject") && least.contains("Contact: <sip:a@b>"));

    // 64 rules that each look at all of 30 KiB with an expression that keeps no state for long.
    std::vector<HeaderRule> dear;
    dear.reserve(64);
    for (int i = 0; i < 64; ++i) dear.push_back(rule("X-A", RuleAction::kRewrite, "(.*)*,([a-y]*z?){9}(q)$", "x"));
    const auto text = invite("X-A: " + std::string(30'000, 'a') + "\r\n");
    const auto before = std::chrono::steady_clock::now();
    STRCMP_EQUAL("", ruled(text, dear).c_str());
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(2));
    // More fields than anybody would take again.
    std::string many;
    for (int i = 0; i < 250; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
    STRCMP_EQUAL(
        "", ruled(invite(many), {rule("X-New", RuleAction::kAdd, "", "a"), rule("X-New", RuleAction::kAdd, "", "b")})
                .c_str());
}

TEST(MessageRules, ends_of_lines_are_known) {
    for (const auto* bad :
         {"a\x01", "\v", "a\x7f", "a\xC2\x85", "\xE2\x80\xA8", "x\xE2\x80\xA9y", "%0a", "x%0D", "%00x"})
        CHECK_TEXT(has_line_end(bad), bad);
    for (const auto* good : {"", "a\tb", "a\r\n b", "\xC2\xA0", "\xE2\x80\xA6", "%20%4", "%", "%0", "\xC2"})
        CHECK_TEXT(!has_line_end(good), good);
}

}  // namespace sallyport::policy
