// Messages that try to bring a header past a rule that removes it: by the way in which it is written, where it stands,
// or where the message ends. Whatever becomes of them, a lenient reader finds the header in nothing that reaches the
// other side. Over datagrams and over a stream.
#include <array>

#include "controlplane/sip/stream_framer.h"
#include "tests/scenario/lenient_reader.h"
#include "tests/scenario/world_test.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::scenario {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr std::string_view kMark = "SMUGGLED";
// "s" is Subject's compact form.
constexpr auto kForbidden = std::to_array<std::string_view>({"Subject", "s", "X-Secret", "P-Early-Media", "Reason"});

struct Case {
    std::string name;
    std::string lines;     // into the head of the INVITE, each with its CR LF
    int status;            // that it gets; 0: none
    std::string behind{};  // after the body, which Content-Length does not count
    std::string body{};    // in the place of the SDP, with a Content-Type in `lines`
};

std::vector<Case> cases() {
    const auto sdp_part =
        "Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 "
        "192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"s;
    return {
        // How the name is written.
        {"plain", "X-Secret: SMUGGLED\r\n", 200},
        {"space before the colon", "X-Secret : SMUGGLED\r\n", 200},
        {"tab before the colon", "X-Secret\t:SMUGGLED\r\n", 200},
        {"many spaces and tabs before the colon", "X-Secret \t \t :\tSMUGGLED\r\n", 200},
        {"no space after the colon", "X-Secret:SMUGGLED\r\n", 200},
        {"lower case", "x-secret: SMUGGLED\r\n", 200},
        {"mixed case", "sUBJECT: SMUGGLED\r\n", 200},
        {"compact form", "s: SMUGGLED\r\n", 200},
        {"compact form in upper case before a space", "S : SMUGGLED\r\n", 200},
        {"name that is escaped", "X%2DSecret: SMUGGLED\r\n", 200},
        {"name that is escaped as a whole", "%53%75%62%6a%65%63%74: SMUGGLED\r\n", 200},
        {"compact form that is escaped", "%73: SMUGGLED\r\n", 200},
        {"name with a look-alike of another alphabet", "\xD0\x85ubj\xD0\xB5\xD1\x81t: SMUGGLED\r\n", 400},
        {"name in full-width letters", "\xEF\xBC\xB3\xEF\xBD\x95\xEF\xBD\x82ject: SMUGGLED\r\n", 400},
        {"full-width colon", "X-Secret\xEF\xBC\x9A SMUGGLED\r\n", 400},
        {"no-break space before the colon", "X-Secret\xC2\xA0: SMUGGLED\r\n", 400},
        {"zero-width space in the name", "X-Sec\xE2\x80\x8Bret: SMUGGLED\r\n", 400},
        {"NUL in the name", "X-Sec\0ret: SMUGGLED\r\n"s, 400},
        {"NUL before the colon", "X-Secret\0: SMUGGLED\r\n"s, 400},
        {"quotes around the name", "\"X-Secret\": SMUGGLED\r\n", 400},
        {"two colons", "X-Secret:: SMUGGLED\r\n", 200},
        {"colon before the name", ": X-Secret: SMUGGLED\r\n", 400},
        {"space before the name", " X-Secret: SMUGGLED\r\n", 200},
        {"comment before the name", "(x) X-Secret: SMUGGLED\r\n", 400},
        {"overlong name in front of it", std::string(9000, 'X') + ": 1\r\nX-Secret: SMUGGLED\r\n", 200},
        {"overlong value in front of it", "X-Long: " + std::string(20000, 'y') + "\r\nX-Secret: SMUGGLED\r\n", 200},
        {"200 fields in front of it",
         [] {
             std::string out;
             for (int i = 0; i < 200; ++i) out += "X-" + std::to_string(i) + ": a\r\n";
             return out + "X-Secret: SMUGGLED\r\n";
         }(),
         200},
        {"300 fields in front of it",
         [] {
             std::string out;
             for (int i = 0; i < 300; ++i) out += "X-" + std::to_string(i) + ": a\r\n";
             return out + "X-Secret: SMUGGLED\r\n";
         }(),
         400},
        // Repeated, and in lists.
        {"twice", "X-Secret: a\r\nX-Secret: SMUGGLED\r\n", 200},
        {"in each way at once", "Subject: a\r\ns: b\r\nSUBJECT : c\r\nS\t:\r\n SMUGGLED\r\n", 200},
        {"apart from each other", "X-Secret: a\r\nPriority: urgent\r\nX-Secret: SMUGGLED\r\n", 200},
        {"list with quoted commas", "P-Early-Media: \"a, b\", SMUGGLED, \"c,\r\n d\"\r\n", 200},
        {"list with an open quote", "P-Early-Media: a, \"b, SMUGGLED\r\n", 200},
        {"empty first, value second", "X-Secret:\r\nX-Secret: SMUGGLED\r\n", 200},
        // Folds.
        {"fold after the colon", "X-Secret:\r\n SMUGGLED\r\n", 200},
        {"fold before the colon", "X-Secret\r\n : SMUGGLED\r\n", 400},
        {"fold within the name", "X-\r\n Secret: SMUGGLED\r\n", 400},
        {"as the fold of another header", "Priority: urgent\r\n X-Secret: SMUGGLED\r\n", 200},
        {"as the fold of another header, by tab", "Priority: urgent\r\n\tSubject: SMUGGLED\r\n", 200},
        {"as the fold of an empty header", "X-Other:\r\n X-Secret: SMUGGLED\r\n", 200},
        {"as the second of three folds", "X-Other: a\r\n \r\n X-Secret: SMUGGLED\r\n\t\r\n", 200},
        {"fold within a quoted string", "X-Other: \"a\r\n Subject: SMUGGLED\"\r\n", 200},
        {"fold within a display name", "Diversion: \"a\r\n Subject: SMUGGLED\" <sip:1@x.example>\r\n", 200},
        {"fold within a parameter", "Diversion: <sip:1@x.example>;reason=\"a\r\n Subject: SMUGGLED\"\r\n", 200},
        // Ends of lines and of texts.
        {"LF alone before it", "Priority: urgent\nX-Secret: SMUGGLED\r\n", 0},
        {"CR alone before it", "Priority: urgent\rX-Secret: SMUGGLED\r\n", 0},
        {"LF CR before it", "Priority: urgent\n\rX-Secret: SMUGGLED\r\n", 0},
        {"CR CR LF before it", "Priority: urgent\r\r\nX-Secret: SMUGGLED\r\n", 0},
        {"CR LF LF before it", "Priority: urgent\r\n\nX-Secret: SMUGGLED\r\n", 0},
        {"LF behind it", "X-Secret: SMUGGLED\nPriority: urgent\r\n", 0},
        {"NUL before it", "Priority: urgent\0X-Secret: SMUGGLED\r\n"s, 200},
        {"vertical tab before it", "Priority: urgent\vX-Secret: SMUGGLED\r\n", 200},
        {"form feed before it", "X-Other: a\fX-Secret: SMUGGLED\r\n", 200},
        {"file separator before it", "X-Other: a\x1cX-Secret: SMUGGLED\r\n", 200},
        {"next line (U+0085) before it", "X-Other: a\xC2\x85X-Secret: SMUGGLED\r\n", 200},
        {"line separator (U+2028) before it", "X-Other: a\xE2\x80\xA8X-Secret: SMUGGLED\r\n", 200},
        {"line end that is escaped", "X-Other: a%0D%0AX-Secret: SMUGGLED\r\n", 200},
        {"line end that is escaped, in the name of a line that a rule changes",
         "X%0D%0AX-Secret%3ASMUGGLED%0D%0AX: <sip:a?Subject=1>\r\n", 200},
        {"line end that is escaped, in a user", "Diversion: <sip:1%0d%0aX-Secret%3A%20SMUGGLED@x.example>\r\n", 200},
        {"line end that is escaped, in a display name", "Diversion: \"a%0aSubject: SMUGGLED\" <sip:1@x.example>\r\n",
         200},
        {"quoted-pair of a control character", "X-Other: \"a\\\x0bX-Secret: SMUGGLED\"\r\n", 200},
        // In URIs.
        {"headers of a Refer-To", "Refer-To: <sip:1@x.example?X-Secret=SMUGGLED&Subject=SMUGGLED>\r\n", 200},
        {"headers of a History-Info", "History-Info: <sip:1@x.example?Reason=SIP%3Btext=%22SMUGGLED%22>;index=1\r\n",
         200},
        {"escaped headers of a History-Info",
         "History-Info: <sip:1@x.example?Privacy=none&%52eason=SIP%3Btext=%22SMUGGLED%22>;index=1\r\n", 200},
        {"headers of a P-Asserted-Identity", "P-Asserted-Identity: <sip:1@x.example?Subject=SMUGGLED>\r\n", 200},
        {"headers of a URI in an unknown header", "X-Other: <sip:1@x.example?X-Secret=SMUGGLED>\r\n", 200},
        // In and behind the body.
        {"behind the body", "", 200, "X-Secret: SMUGGLED\r\n"},
        {"a whole message behind the body", "", 200,
         "INVITE sip:1@192.0.2.1 SIP/2.0\r\nX-Secret: SMUGGLED\r\nContent-Length: 0\r\n\r\n"},
        {"in the body", "Content-Type: application/sdp\r\n", 400, "", "X-Secret: SMUGGLED\r\n\r\nv=0\r\n"},
        {"in the session's name and information", "Content-Type: application/sdp\r\n", 200, "",
         "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=X-Secret: SMUGGLED\r\ni=Subject: SMUGGLED\r\nc=IN IP4 "
         "192.0.2.10\r\nt=0 "
         "0\r\na=Subject: SMUGGLED\r\nm=audio 4000 RTP/AVP 8\r\na=x-secret:SMUGGLED\r\n"},
        {"in the head of a part", "Content-Type: multipart/mixed;boundary=b\r\n", 200, "",
         "--b\r\nX-Secret: SMUGGLED\r\n" + sdp_part + "\r\n--b--\r\n"},
        {"in a part of its own", "Content-Type: multipart/mixed;boundary=b\r\n", 200, "",
         "--b\r\n" + sdp_part +
             "\r\n--b\r\nContent-Type: message/sipfrag\r\nContent-Disposition: x;handling=optional\r\n\r\n"
             "SIP/2.0 200 OK\r\nX-Secret: SMUGGLED\r\n\r\n--b--\r\n"},
        {"before the first and after the last part", "Content-Type: multipart/mixed;boundary=b\r\n", 200, "",
         "X-Secret: SMUGGLED\r\n--b\r\n" + sdp_part + "\r\n--b--\r\nSubject: SMUGGLED\r\n"},
        {"two lengths", "Content-Length: 0\r\nX-Secret: SMUGGLED\r\n", 400},
        {"two lengths, one compact", "l: 5\r\nX-Secret: SMUGGLED\r\n", 400},
    };
}

struct Collector : sip::FrameSink {
    std::vector<std::pair<sip::Frame::Kind, std::string>> frames;
    bool on_frame(const sip::Frame& frame) override {
        if (frame.kind == sip::Frame::Kind::kMessage || frame.kind == sip::Frame::Kind::kLast)
            frames.emplace_back(frame.kind, frame.bytes);
        return true;
    }
};

std::string message_of(const Case& c, Ua& from, const std::string& length = "Content-Length") {
    auto request = from.bare_request("INVITE", "4930123");
    std::string head = request.start + "\r\n";
    for (const auto& [name, value] : request.headers) head.append(name).append(": ").append(value).append("\r\n");
    const auto body = c.body.empty() ? from.sdp({}) : c.body;
    head += c.lines;
    if (c.body.empty()) head += "Content-Type: application/sdp\r\n";
    if (!length.empty()) head += length + ": " + std::to_string(body.size()) + "\r\n";
    return head + "\r\n" + body + c.behind;
}

std::string what_came_past(const Ua& ua) {
    for (const auto& bytes : ua.wire)
        for (const auto name : kForbidden)
            if (lenient_has(bytes, name)) return std::string(name) + " in:\n" + bytes;
    return {};
}

}  // namespace

TEST_GROUP(Smuggling) {
    // Sides that trust each other and let everything pass, but for the rule.
    static void prepare(World& world, bool rules) {
        auto& view = world.view;
        for (auto& realm : view.realms) {
            realm.trust = config::Trust::kTrusted;
            realm.pass_unknown_headers = true;
        }
        if (!rules) return;
        config::HeaderRuleList list{"nothing", {}};
        for (const auto* name : {"Subject", "X-Secret", "P-Early-Media", "Reason"}) {
            config::HeaderRule rule;
            rule.header = name;
            list.rules.push_back(rule);
        }
        view.header_rules = {list};
        view.trunks[0].rules.inbound_rules = {0};
    }
    static int status_at(const Ua& ua) {
        int status = 0;
        for (const auto& m : ua.received)
            if (!m.is_request() && m.cseq_method() == "INVITE" && m.status() >= 200) status = m.status();
        return status;
    }
    // The other side has answered, or the INVITE was refused. Whatever the caller then leaves undone is its own
    // business.
    static void settle(World& world, Ua& caller, const std::string& name, int expected, bool exactly) {
        world.run_for(1s);
        if (exactly && status_at(caller) != expected)
            FAIL((name + ": expected " + std::to_string(expected) + ", got " + std::to_string(status_at(caller)))
                     .c_str());
        auto& carrier = world.core();
        if (const auto past = what_came_past(carrier); !past.empty()) FAIL((name + ": " + past).c_str());
        if (expected == 200 && exactly && carrier.count_requests("INVITE") == 0) FAIL((name + ": never came").c_str());
    }
};

TEST(Smuggling, the_reader_sees_what_is_there) {
    World world;
    prepare(world, false);
    world.start();
    auto& caller = world.access();
    auto& carrier = world.core();
    caller.strays_expected = carrier.strays_expected = true;
    caller.send_raw(message_of({"plain", "s : SMUGGLED\r\nX-Secret:\r\n SMUGGLED\r\n", 200}, caller));
    world.run_for(1s);
    CHECK(what_came_past(carrier).starts_with("Subject") || what_came_past(carrier).starts_with("s in"));
    for (const auto* bytes : {"a: b\r\nX-Secret : 1\r\n\r\n", "a: b\nx-secret:1", "a: b\vX%2dSecret: 1",
                              "<sip:a?X-Secret=1>", "a: b%0aX-Secret: 1", "a: b\xE2\x80\xA8X-Secret\xEF\xBC\x9A"})
        CHECK_TEXT(lenient_has(bytes, "X-Secret"), bytes);
    CHECK(!lenient_has("a: X-Secret: 1\r\n\r\nb", "X-Secret"));
}

TEST(Smuggling, over_datagrams) {
    const auto all = cases();
    CHECK(all.size() >= 40);
    for (const auto& c : all) {
        World world;
        prepare(world, true);
        world.start();
        auto& caller = world.access();
        caller.strays_expected = world.core().strays_expected = true;
        caller.send_raw(message_of(c, caller));
        settle(world, caller, c.name, c.status, true);
    }
}

// A request that is no call has the same way to go.
TEST(Smuggling, in_a_message) {
    std::size_t crossed = 0;
    for (const auto& c : cases()) {
        if (!c.body.empty()) continue;
        World world;
        prepare(world, true);
        world.start();
        auto& caller = world.access();
        caller.strays_expected = world.core().strays_expected = true;
        auto request = caller.bare_request("MESSAGE", "4930123");
        request.remove("Contact");
        std::string bytes = request.start + "\r\n";
        for (const auto& [name, value] : request.headers) bytes.append(name).append(": ").append(value).append("\r\n");
        caller.send_raw(bytes + c.lines + "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello" + c.behind);
        settle(world, caller, c.name, 0, false);
        crossed += world.core().count_requests("MESSAGE") > 0 ? 1 : 0;
    }
    CHECK(crossed > 30);
}

TEST(Smuggling, over_a_stream) {
    for (const auto& c : cases()) {
        World world;
        prepare(world, true);
        auto& caller = world.access();
        caller.transport = Transport::kTcp;
        world.start();
        caller.strays_expected = world.core().strays_expected = true;
        Collector collector;
        sip::StreamFramer framer;
        const auto bytes = message_of(c, caller);
        for (std::size_t at = 0; at < bytes.size(); at += 7)
            framer.feed(std::string_view(bytes).substr(at, 7), collector);
        for (const auto& [kind, frame] : collector.frames)
            if (kind == sip::Frame::Kind::kMessage) caller.send_raw(frame);
        settle(world, caller, c.name, c.status,
               c.behind.empty() && !collector.frames.empty() &&
                   collector.frames.front().first == sip::Frame::Kind::kMessage);
    }
}

// The length decides what is a header and what a body: a stream has one reading of it, or none.
TEST(Smuggling, by_the_length_over_a_stream) {
    for (const auto* length : {"", "Content-Length ", "l", "content-LENGTH\t", "Content-Length: 4\r\nContent-Length"}) {
        for (const auto* behind :
             {"X-Secret: SMUGGLED\r\n\r\n", "\r\nX-Secret: SMUGGLED\r\n\r\n",
              "INVITE sip:4930123@192.0.2.1 SIP/2.0\r\nX-Secret: SMUGGLED\r\nContent-Length: 0\r\n\r\n"}) {
            World world;
            prepare(world, true);
            auto& caller = world.access();
            caller.transport = Transport::kTcp;
            world.start();
            caller.strays_expected = world.core().strays_expected = true;
            Collector collector;
            sip::StreamFramer framer;
            framer.feed(message_of({"length", "", 0, behind}, caller, length), collector);
            for (const auto& [kind, frame] : collector.frames)
                if (kind == sip::Frame::Kind::kMessage) caller.send_raw(frame);
            settle(world, caller, std::string("length by ") + length, 0, false);
        }
    }
}

// The same list of what nobody may see, as it comes back in responses and in the requests of a dialog.
TEST(Smuggling, in_responses_and_within_the_dialog) {
    World world;
    prepare(world, true);
    world.view.trunks[1].rules.inbound_rules = {0};
    world.start();
    auto& pbx = world.access();
    auto& carrier = world.core();
    carrier.script.headers = {{"X-Secret ", std::string(kMark)}, {"s\t", "a"}, {"Priority", "b\r\n Subject: SMUGGLED"}};
    pbx.script.headers = carrier.script.headers;
    pbx.script.last_headers = {{"Reason ", "SIP;cause=200"}, {"%58-Secret", std::string(kMark)}};
    const auto call = connect(world, pbx, carrier);
    CHECK(call.callee != nullptr);
    carrier.reinvite(*call.callee, carrier.sdp({.direction = "sendonly", .version = 2}));
    world.run_for(1s);
    pbx.bye(*call.caller);
    world.run_for(1s);
    LONGS_EQUAL(1, carrier.count_requests("BYE"));
    for (const auto* ua : {&pbx, &carrier}) STRCMP_EQUAL("", what_came_past(*ua).c_str());
    STRCMP_EQUAL("", world.problems().c_str());
}

}  // namespace sallyport::scenario
