#include "controlplane/policy/passing.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/policy/header_table.h"

#include "controlplane/policy/hidden_names.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::policy;
using config::Trust;

namespace {

// The inner side: PBX at 192.0.2.10, we at 192.0.2.1. The outer one: carrier at 198.51.100.10, we at .1.
Passage passage(Trust from, Trust to) {
    return {.from = {from, from == Trust::kTrusted, *Endpoint::parse("192.0.2.1:5060"),
                     *Endpoint::parse("192.0.2.10:5060")},
            .to = {to, to == Trust::kTrusted, *Endpoint::parse("198.51.100.1:5060"),
                   *Endpoint::parse("198.51.100.10:5080")},
            .hidden = {}};
}
const std::vector<std::pair<Trust, Trust>> kCrossings{{Trust::kTrusted, Trust::kTrusted},
                                                      {Trust::kTrusted, Trust::kUntrusted},
                                                      {Trust::kUntrusted, Trust::kTrusted},
                                                      {Trust::kUntrusted, Trust::kUntrusted}};

std::string invite(const std::string& headers,
                   const std::string& from = "\"Alice\" <sip:100@pbx.inner.example>;tag=innertag1",
                   const std::string& uri = "sip:4711@192.0.2.1", const std::string& to = "<sip:4711@192.0.2.1>") {
    return "INVITE " + uri +
           " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKinnerbranch;rport\r\n"
           "Max-Forwards: 69\r\nFrom: " +
           from + "\r\nTo: " + to +
           "\r\n"
           "Call-ID: innercallid@pbx.inner.example\r\nCSeq: 4242 INVITE\r\nContact: <sip:100@192.0.2.10:5066>\r\n"
           "User-Agent: InnerPBX/1.0\r\n" +
           headers + "Content-Length: 0\r\n\r\n";
}

struct Crossed {
    std::string lines;
    PassCounters counters;
};

// A message together with the bytes that it is a view of.
struct Held {
    std::string text;
    sip::Message message;
    const sip::Message& operator*() const { return message; }
};
std::unique_ptr<Held> parsed(const std::string& text) {
    auto m = std::make_unique<Held>();
    m->text = text;
    const auto ok = m->message.parse(m->text);
    CHECK_TRUE_TEXT(ok.has_value(), ok ? "" : std::string(ok.error().reason).c_str());
    return m;
}

Crossed cross(const std::string& text, const Passage& p) {
    const auto message = parsed(text);
    sip::MessageWriter writer;
    writer.request("INVITE", "sip:x@198.51.100.10");
    Crossed out;
    append_passed(writer, **message, p, out.counters);
    CHECK_FALSE(writer.failed());
    out.lines = writer.lines();
    return out;
}

OutgoingAddresses outgoing(const sip::Message& request, const Passage& p) {
    return outgoing_addresses(request, p, HiddenNames(request, p));
}

Crossed cross_headers(const std::string& headers, Trust from, Trust to) {
    return cross(invite(headers), passage(from, to));
}

void crosses_as(const char* expected, const std::string& headers, Trust from, Trust to) {
    STRCMP_EQUAL(expected, cross_headers(headers, from, to).lines.c_str());
}

constexpr auto kT = Trust::kTrusted;
constexpr auto kU = Trust::kUntrusted;

}  // namespace

TEST_GROUP(Passing) {};

TEST(Passing, what_is_the_users_own_passes_as_it_is_in_one_line) {
    const std::string headers =
        "Priority: urgent\r\nAccept-Language: da, en-gb;q=0.8\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n"
        "User-to-User: 56a390f3d2b7310023a2;encoding=hex\r\nExpires: 120\r\n";
    for (const auto& [from, to] : kCrossings) {
        crosses_as(headers.c_str(), headers, from, to);
        crosses_as("s: Lunch at noon\r\n", "s \t:  Lunch\r\n\tat \r\n noon  \r\n", from, to);
    }
}

TEST(Passing, a_header_with_control_characters_does_not_pass) {
    for (const char c : {'\0', '\v', '\f', '\x1c', '\x7f'}) {
        const auto out = cross_headers(std::string("Subject: a") + c + "b\r\n", kT, kT);
        STRCMP_EQUAL("", out.lines.c_str());
        LONGS_EQUAL(1, out.counters.withheld);
    }
}

TEST(Passing, nothing_that_belongs_to_a_leg_passes) {
    const auto out = cross_headers(
        "Allow: INVITE, UPDATE\r\nSupported: 100rel, timer\r\nRecord-Route: <sip:192.0.2.5;lr>\r\n", kT, kT);
    STRCMP_EQUAL("", out.lines.c_str());
    LONGS_EQUAL(1, out.counters.stripped);
}

TEST(Passing, unknown_headers_pass_between_realms_that_both_allow_it) {
    const std::string header = "X-Cost-Centre: 12\r\n";
    crosses_as(header.c_str(), header, kT, kT);
    crosses_as("", header, kT, kU);
    crosses_as("", header, kU, kT);
    auto p = passage(kU, kU);
    p.from.pass_unknown_headers = p.to.pass_unknown_headers = true;
    STRCMP_EQUAL(header.c_str(), cross(invite(header), p).lines.c_str());
    p = passage(kT, kT);
    p.to.pass_unknown_headers = false;
    STRCMP_EQUAL("", cross(invite(header), p).lines.c_str());
}

TEST(Passing, asserted_identity_is_taken_from_trusted_realms_only) {
    const std::string header =
        "P-Asserted-Identity: \"Alice\" <sip:+4989100@pbx.inner.example:5070;user=phone;maddr=192.0.2.9>\r\n";
    const char* ours = "P-Asserted-Identity: \"Alice\" <sip:+4989100@198.51.100.1;user=phone>\r\n";
    crosses_as(ours, header, kT, kT);
    crosses_as(ours, header, kT, kU);
    crosses_as("", header, kU, kT);
    crosses_as("", header, kU, kU);
}

// RFC 3325 §7 and §9.1.
TEST(Passing, privacy_id_keeps_asserted_identity_within_the_trust_domain) {
    const std::string header =
        "Privacy: id\r\nP-Asserted-Identity: <sip:100@pbx.inner.example>\r\nRemote-Party-ID: <sip:100@x.inner>\r\n";
    crosses_as("Privacy: id\r\n", header, kT, kU);
    crosses_as(
        "Privacy: id\r\nP-Asserted-Identity: <sip:100@198.51.100.1>\r\nRemote-Party-ID: <sip:100@198.51.100.1>\r\n",
        header, kT, kT);
    crosses_as("Privacy: none\r\nP-Asserted-Identity: <sip:100@198.51.100.1>\r\n",
               "Privacy: none\r\nP-Asserted-Identity: <sip:100@pbx.inner.example>\r\n", kT, kU);
}

TEST(Passing, one_sip_and_one_tel_identity_at_most) {
    crosses_as("P-Asserted-Identity: <sip:1@198.51.100.1>, <tel:+491>\r\n",
               "P-Asserted-Identity: <sip:1@a.inner>, <tel:+491>, <sip:2@a.inner>\r\nP-Asserted-Identity: tel:+492\r\n"
               "P-Asserted-Identity: <mailto:a@b.inner>\r\n",
               kT, kT);
}

// RFC 3323 §5.
TEST(Passing, user_and_header_privacy_are_done_at_the_border_and_taken_out) {
    const std::string header = "Privacy: user;header;id;critical\r\nSubject: secret\r\n";
    crosses_as("Privacy: id;critical\r\n", header, kT, kU);
    crosses_as("Privacy: user;header;id;critical\r\nSubject: secret\r\n", header, kU, kT);
    crosses_as("", "Privacy: header;critical\r\n", kT, kU);
    const auto m = parsed(invite("Privacy: user\r\n"));
    STRCMP_EQUAL("\"Anonymous\" <sip:anonymous@anonymous.invalid>",
                 std::string(outgoing(**m, passage(kT, kU)).from()).c_str());
    STRCMP_EQUAL("\"Alice\" <sip:100@198.51.100.1>", std::string(outgoing(**m, passage(kU, kT)).from()).c_str());
    const auto id = parsed(invite("Privacy: id\r\n"));
    STRCMP_EQUAL("\"Alice\" <sip:100@198.51.100.1>", std::string(outgoing(**id, passage(kT, kU)).from()).c_str());
}

TEST(Passing, diversion_and_history_keep_their_order_and_lose_their_hosts) {
    crosses_as(
        "Diversion: \"Desk\" <sip:101@198.51.100.1>;reason=no-answer;counter=2, "
        "<tel:+4989102>;reason=unconditional\r\n",
        "Diversion: \"Desk\" <sip:101@pbx.inner.example>;reason=no-answer;counter=2;x=pbx.inner.example, "
        "<tel:+4989102>;reason=unconditional\r\n",
        kU, kT);
    crosses_as(
        "History-Info: <sip:101@198.51.100.1?Reason=SIP%3Bcause%3D302>;index=1, "
        "<sip:102@198.51.100.1>;index=1.1;mp=1\r\n",
        "History-Info: <sip:101@pbx.inner.example?Reason=SIP%3Bcause%3D302&Replaces=innercallid%40pbx>;index=1, "
        "<sip:102@192.0.2.7:5070?X=1>;index=1.1;mp=1\r\n",
        kT, kT);
}

TEST(Passing, diversion_and_history_are_anonymous_where_privacy_asks_for_it) {
    crosses_as("Diversion: <sip:anonymous@anonymous.invalid>;reason=busy;privacy=full\r\n",
               "Diversion: \"Bob\" <sip:101@pbx.inner.example>;reason=busy;privacy=full\r\n", kT, kU);
    crosses_as("Diversion: \"Bob\" <sip:101@198.51.100.1>;privacy=full\r\n",
               "Diversion: \"Bob\" <sip:101@pbx.inner.example>;privacy=full\r\n", kU, kT);
    crosses_as(
        "History-Info: <sip:anonymous@anonymous.invalid>;index=1, "
        "<sip:102@198.51.100.1?Privacy=none>;index=2\r\n",
        "History-Info: <sip:101@a.inner?Privacy=history>;index=1, <sip:102@a.inner?Privacy=none>;index=2\r\n", kT, kU);
    crosses_as("History-Info: <sip:anonymous@anonymous.invalid>;index=1\r\n",
               "Privacy: history\r\nHistory-Info: <sip:101@a.inner>;index=1\r\n", kT, kU);
}

TEST(Passing, refer_to_loses_its_replaces) {
    crosses_as("Refer-To: <sip:200@198.51.100.1>\r\nReferred-By: <sip:100@198.51.100.1>\r\n",
               "Refer-To: <sip:200@192.0.2.20?Replaces=innercallid%40pbx%3Bto-tag%3D1>\r\n"
               "Referred-By: <sip:100@pbx.inner.example>;cid=\"20398823.2UWQFN309shb3@pbx.inner.example\"\r\n",
               kU, kU);
}

TEST(Passing, reason_keeps_its_cause_when_its_text_tells_too_much) {
    const std::string plain = "Reason: Q.850;cause=16;text=\"Normal call clearing\"\r\n";
    crosses_as(plain.c_str(), plain, kU, kT);
    crosses_as("Reason: SIP;cause=480, Q.850;cause=20\r\n",
               "Reason: SIP;cause=480;text=\"gone from 192.0.2.10\", Q.850;cause=20\r\n", kT, kT);
}

TEST(Passing, alert_info_passes_as_urn_only) {
    crosses_as("Alert-Info: <urn:alert:source:external>\r\n",
               "Alert-Info: <http://pbx.inner.example/ring.wav>, <urn:alert:source:external>\r\n", kT, kT);
}

TEST(Passing, session_id_passes_in_its_exact_form_only) {
    const std::string good = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2\r\n";
    crosses_as(good.c_str(), good, kU, kU);
    crosses_as("", "Session-ID: innercallid@pbx.inner.example\r\n", kT, kT);
    crosses_as("", "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=pbx\r\n", kT, kT);
    crosses_as("", "Session-ID: \r\n", kT, kT);
}

TEST(Passing, what_names_the_other_side_is_withheld_even_between_trusted_realms) {
    for (const char* value : {"see pbx.inner.example", "PBX.INNER.EXAMPLE", "at 192.0.2.10", "at 192.0.2.1:5060",
                              "id innercallid@pbx.inner.example", "tag innertag1", "z9hG4bKinnerbranch",
                              "at %31%39%32.0.2.10", "by InnerPBX/1.0", "hidden-by-caller"}) {
        auto p = passage(kT, kT);
        p.hidden = {"hidden-by-caller"};
        for (const char* name : {"X-Note", "Subject"}) {
            const auto out = cross(invite(std::string(name) + ": " + value + "\r\n"), p);
            STRCMP_EQUAL_TEXT("", out.lines.c_str(), value);
            LONGS_EQUAL(1, out.counters.withheld);
        }
    }
    // Part of a longer word is another word.
    crosses_as("X-Note: 192.0.2.101 innertag12\r\n", "X-Note: 192.0.2.101 innertag12\r\n", kT, kT);
}

TEST(Passing, across_a_border_any_host_name_is_withheld) {
    crosses_as("", "Subject: ask db7.elsewhere.example\r\n", kT, kU);
    crosses_as("", "Subject: ask 10.1.2.3\r\n", kU, kT);
    crosses_as("Subject: ask db7.elsewhere.example\r\n", "Subject: ask db7.elsewhere.example\r\n", kT, kT);
}

TEST(Passing, names_of_the_outgoing_side_are_no_secret_there) {
    auto p = passage(kT, kT);
    const std::string header = "X-Note: you are 198.51.100.10\r\n";
    STRCMP_EQUAL(header.c_str(), cross(invite(header, "<sip:100@198.51.100.10>;tag=innertag1"), p).lines.c_str());
}

TEST(Passing, request_uri_and_to_get_the_peers_address_and_from_ours) {
    const auto p = passage(kT, kT);
    const auto m = parsed(
        invite("", "\"Alice\" <sip:100:secret@pbx.inner.example:5070;user=phone;transport=udp;tag=x>;tag=innertag1;x=y",
               "sip:+49;phone-context=pbx.inner.example;npdi@192.0.2.1:5060;user=phone;maddr=192.0.2.1",
               "\"Bob\" <sip:4711@192.0.2.1;lr>"));
    STRCMP_EQUAL("sip:+49;npdi@198.51.100.10:5080;user=phone", std::string(outgoing(**m, p).request_uri()).c_str());
    STRCMP_EQUAL("\"Bob\" <sip:4711@198.51.100.10:5080>", std::string(outgoing(**m, p).to()).c_str());
    STRCMP_EQUAL("\"Alice\" <sip:100@198.51.100.1;user=phone>", std::string(outgoing(**m, p).from()).c_str());
}

TEST(Passing, odd_addresses_become_something_safe) {
    const auto p = passage(kU, kT);
    auto m = parsed(invite("", "sip:alice%40pbx.inner.example@192.0.2.10;tag=innertag1",
                           "tel:+4989100;phone-context=x.inner", "<tel:+4989100>"));
    STRCMP_EQUAL("<sip:alice@198.51.100.1>", std::string(outgoing(**m, p).from()).c_str());
    STRCMP_EQUAL("sip:+4989100@198.51.100.10:5080;user=phone", std::string(outgoing(**m, p).request_uri()).c_str());
    STRCMP_EQUAL("<tel:+4989100>", std::string(outgoing(**m, p).to()).c_str());
    m = parsed(invite("", "\"pbx.inner.example\" <mailto:alice@pbx.inner.example>;tag=innertag1", "urn:service:sos",
                      "<urn:service:sos>"));
    STRCMP_EQUAL("<sip:198.51.100.1>", std::string(outgoing(**m, p).from()).c_str());
    STRCMP_EQUAL("urn:service:sos", std::string(outgoing(**m, p).request_uri()).c_str());
    m = parsed(invite("", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=innertag1"));
    STRCMP_EQUAL("\"Anonymous\" <sip:anonymous@anonymous.invalid>", std::string(outgoing(**m, p).from()).c_str());
    m = parsed(invite("", "\"Dr.Smith\" <sip:john.doe@192.0.2.10>;tag=innertag1"));
    STRCMP_EQUAL("\"Dr.Smith\" <sip:john.doe@198.51.100.1>", std::string(outgoing(**m, p).from()).c_str());
    m = parsed(invite("", "\"192.0.2.10\" <sip:192.0.2.10@192.0.2.10>;tag=innertag1"));
    STRCMP_EQUAL("<sip:anonymous@198.51.100.1>", std::string(outgoing(**m, p).from()).c_str());
}

TEST(Passing, max_forwards_is_counted_down) {
    LONGS_EQUAL(68, *next_max_forwards(**parsed(invite(""))));
    auto text = invite("");
    const auto at = text.find("Max-Forwards: 69\r\n");
    auto zero = text;
    zero.replace(at, 18, "Max-Forwards: 0\r\n");
    CHECK_FALSE(next_max_forwards(**parsed(zero)).has_value());
    text.erase(at, 18);
    LONGS_EQUAL(70, *next_max_forwards(**parsed(text)));
}

TEST(Passing, what_is_required_and_not_supported_is_listed) {
    STRCMP_EQUAL(
        "100rel, timer, foo",
        unsupported_options(**parsed(invite("Require: 100rel,timer\r\nProxy-Require: privacy, foo\r\n"))).c_str());
    STRCMP_EQUAL("", unsupported_options(**parsed(invite("Supported: 100rel\r\n"))).c_str());
}

TEST(Passing, a_message_with_too_many_names_passes_nothing) {
    std::string vias;
    for (int i = 0; i < 60; ++i) {
        const auto n = std::to_string(i);
        vias += "Via: SIP/2.0/UDP host" + n + ".inner.example;branch=z9hG4bKbranch" + n + "\r\n";
    }
    crosses_as("", vias + "X-Note: host59.inner.example\r\nX-Note: nothing\r\n", kT, kT);
}

TEST(Passing, a_message_with_very_long_lists_of_names_passes_nothing) {
    const auto with_paths = [](std::size_t count) {
        std::string paths;
        for (std::size_t i = 0; i < count; ++i) paths += "Path: <sip:inner" + std::to_string(i % 9) + ".example>\r\n";
        return paths;
    };
    crosses_as("X-Note: nothing\r\n", with_paths(200) + "X-Note: nothing\r\n", kT, kT);
    std::string list = "Path: <sip:inner.example>";
    for (int i = 0; i < 256; ++i) list += ",<sip:inner.example>";
    crosses_as("", list + "\r\nX-Note: nothing\r\n", kT, kT);
}

TEST(Passing, the_search_for_names_in_one_message_is_bounded) {
    std::string paths;
    for (int i = 0; i < 80; ++i) paths += "Path: <sip:" + std::string(190, 'a') + std::to_string(100 + i) + ">\r\n";
    const auto with_subject = [&](std::size_t size) {
        return cross_headers(paths + "Subject: " + std::string(size, 'a') + "\r\nX-Note: nothing\r\n", kT, kT);
    };
    LONGS_EQUAL(0, with_subject(5000).counters.withheld);
    const auto out = with_subject(10000);
    STRCMP_EQUAL("", out.lines.c_str());
    LONGS_EQUAL(2, out.counters.withheld);
}

TEST(Passing, a_message_with_a_very_long_name_passes_nothing) {
    const auto with_tag = [](std::size_t size) {
        return cross(invite("X-Note: nothing\r\n", "<sip:100@pbx.inner.example>;tag=" + std::string(size, 'a')),
                     passage(kT, kT));
    };
    STRCMP_EQUAL("X-Note: nothing\r\n", with_tag(255).lines.c_str());
    STRCMP_EQUAL("", with_tag(256).lines.c_str());
    LONGS_EQUAL(1, with_tag(256).counters.withheld);
}

TEST(Passing, a_name_is_found_behind_what_only_begins_like_it) {
    const auto tag = std::string("aabaaab-aabaaac");
    const auto from = "<sip:100@pbx.inner.example>;tag=" + tag;
    for (const auto* before : {"aabaaab-", "aab", "aabaaab-aabaaab-", "x ", "AABAAAB-AABAAA ", "aabaaab-aabaaac5 "}) {
        for (const auto* after : {"", " ", "!", "5"}) {
            const auto text = std::string(before) + tag + after;
            const auto last = before[std::string_view(before).size() - 1];
            const bool whole = last == ' ' && *after != '5';
            const auto out = cross(invite("X-Note: n" + text + "n\r\n", from), passage(kT, kT));
            LONGS_EQUAL_TEXT(whole && *after != 0 ? 1 : 0, out.counters.withheld, text.c_str());
        }
    }
}

TEST(Passing, what_crosses_of_one_message_is_bounded) {
    std::string elements = "<sip:1@a.inner>";
    for (std::size_t i = 1; i < 2 * kMostPassedElements; ++i) elements += ",<sip:1@a.inner>";
    auto out = cross_headers("Diversion: " + elements + "\r\nReason: Q.850;cause=16\r\n", kT, kT);
    LONGS_EQUAL(kMostPassedElements, std::ranges::count(out.lines, '@'));
    CHECK(!out.lines.contains("Reason"));
    LONGS_EQUAL(2, out.counters.cut);

    std::string fields;
    for (std::size_t i = 0; i < kMostPassedFields + 5; ++i) fields += "X-Note: n\r\n";
    out = cross_headers(fields, kT, kT);
    LONGS_EQUAL(kMostPassedFields, out.counters.passed);
    LONGS_EQUAL(5, out.counters.cut);

    out = cross_headers("X-Note: " + std::string(kMostPassedBytes, 'n') + "\r\nPriority: urgent\r\n", kT, kT);
    STRCMP_EQUAL("Priority: urgent\r\n", out.lines.c_str());
    LONGS_EQUAL(1, out.counters.cut);
}

// Every header of the table, and some that are not in it, filled with the names of the inner side in every
// way that its grammar knows: nothing of it on the other side, whatever the trust, requests and responses.
TEST(Passing, no_header_carries_a_name_of_the_other_side) {
    const std::vector<std::string> values{
        "pbx.inner.example",
        "<sip:alice@pbx.inner.example:5070;x=192.0.2.10?Replaces=innercallid%40pbx.inner.example>;tag=innertag1;host="
        "192.0.2.10",
        "\"pbx.inner.example\" <sips:pbx.inner.example@192.0.2.10>;reason=innertag1;index=192.0.2.10",
        "<tel:+1;phone-context=pbx.inner.example>;party=pbx.inner.example;screen=\"192.0.2.10\"",
        "innercallid@pbx.inner.example;to-tag=innertag1;from-tag=innertag1",
        "<urn:x:pbx.inner.example>, <http://192.0.2.10/>",
        "399 192.0.2.10 \"InnerPBX/1.0 at pbx.inner.example\"",
        "SIP;cause=200;text=\"pbx.inner.example\"",
        "id;pbx.inner.example",
        "alice%40pbx%2Einner%2Eexample",
        "\r\n 192.0.2.10",
    };
    std::vector<std::string> names{"X-Inner", "P-Station-Name", "Custom"};
    for (const auto& row : header_table()) {
        // These the message has, once only, and they do not cross here.
        using enum sip::HeaderId;
        if (row.id == kFrom || row.id == kTo || row.id == kCallId || row.id == kCSeq || row.id == kVia ||
            row.id == kMaxForwards || row.id == kContentLength) {
            continue;
        }
        names.emplace_back(row.name);
    }
    std::size_t messages = 0;
    std::size_t written = 0;
    for (const auto& [from, to] : kCrossings) {
        for (const auto& value : values) {
            for (const auto& name : names) {
                const auto request = invite(name + ": " + value + "\r\nX-Fine: 1\r\n");
                auto response = request;
                response.replace(0, response.find("\r\n"), "SIP/2.0 200 OK");
                for (const auto& text : {request, response}) {
                    sip::Message message;
                    if (!message.parse(text)) continue;
                    const auto out = cross(text, passage(from, to));
                    ++messages;
                    written += out.lines.size();
                    for (const char* inner : {"inner", "Inner", "192.0.2", "%2E"}) {
                        CHECK_TRUE_TEXT(out.lines.find(inner) == std::string::npos,
                                        (name + ": " + value + " -> " + out.lines).c_str());
                    }
                }
            }
        }
    }
    CHECK_TRUE(messages > 5000);
    CHECK_TRUE(written > 10'000);
}
