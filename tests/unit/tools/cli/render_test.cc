#include "tools/cli/render.h"

#include <string>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::cli;

namespace {

json::Value parse(const std::string& text) {
    auto value = json::parse(text);
    CHECK_TEXT(value.has_value(), value ? "" : value.error().c_str());
    return *value;
}

void contains(const std::string& text, const char* part) {
    CHECK_TEXT(text.find(part) != std::string::npos, (std::string(part) + " is not in:\n" + text).c_str());
}

const char* const kCall = R"({
 "id": "1a2b3c4d", "state": "established", "duration-ms": 12345, "media-silent": true,
 "from": {"trunk": "access-pbx", "realm": "access", "user": "1001"}, "to": {"realm": "core", "user": "4930"},
 "codecs": ["PCMA/8000"], "invite-time": "2026-01-31T12:00:00.123Z", "route": "out",
 "legs": [{"name": "a", "role": "uas", "call-id": "abc", "signalling-remote": "192.0.2.10:5060"},
          {"name": "b", "role": "uac", "call-id": "xyz"}],
 "streams": [{"index": 0, "codec": "PCMA/8000", "legs": [
   {"name": "a", "local": "192.0.2.2:20000", "remote": "192.0.2.10:30000", "latched": "192.0.2.11:30002",
    "rtp": {"packets": 1990, "bytes": 342280, "dropped": 1, "lost": 10, "jitter-us": 812, "jitter-max-us": 1100,
            "silent-ms": 18},
    "rtcp": {"packets": 3, "bytes": 264, "dropped": 0}},
   {"name": "b", "local": "198.51.100.2:20000"}]}]})";

}  // namespace

TEST_GROUP(Render) {};

TEST(Render, NoCallsIsASentence) {
    STRCMP_EQUAL("No calls.\n", render("calls", parse(R"({"total":0,"limit":1000,"calls":[]})")).c_str());
    STRCMP_EQUAL("No flows.\n", render("flows", parse(R"({"total":0,"flows":[]})")).c_str());
    STRCMP_EQUAL("No trunks.\n", render("trunks", parse("{}")).c_str());
}

TEST(Render, CallsAreATable) {
    const auto text = render("calls", parse(R"({"total":3,"limit":2,"calls":[)" + std::string(kCall) +
                                            R"(,{"id":"2","state":"ringing","setup-ms":2500,
                                              "from":{"realm":"access","user":"7"},"to":{"trunk":"t","user":"8"}}]})"));
    STRCMP_EQUAL(
        "ID        STATE                DURATION  FROM               TO           CODECS\n"
        "1a2b3c4d  established, silent    12.3 s  1001 @ access-pbx  4930 @ core  PCMA/8000\n"
        "2         ringing                +2.5 s  7 @ access         8 @ t        -\n"
        "Showing 2 of 3.\n",
        text.c_str());
}

TEST(Render, ACallShowsLegsAndEachStreamsQuality) {
    const auto text = render("call", parse(kCall));
    contains(text, "Call 1a2b3c4d\n  State:          established, no media from either side\n");
    contains(text, "  From:           1001, trunk access-pbx, realm access\n");
    contains(text, "  To:             4930, realm core\n");
    contains(text, "Leg a (the caller's)\n  Peer:           192.0.2.10:5060\n  Call-ID:        abc\n");
    contains(text, "Leg b (the called side's)\n");
    contains(text, "stream 0: PCMA/8000\n");
    contains(text, "JITTER ms");
    // What was learned stands as the source; loss is of what should have come.
    contains(text,
             "0 rtp   a         192.0.2.11:30002  192.0.2.2:20000    1,990  334 KiB        1    10  0.5 %        0.8   "
             "  1.1       18 ms\n");
    contains(text, "0 rtcp  a         -                 -                      3    264 B        0     -");
}

TEST(Render, TrunksFlowsAndDataplane) {
    contains(
        render("trunks", parse(R"({"trunks":[{"name":"pbx","realm":"access","local":"192.0.2.1:5060","transport":"udp",
        "peers":["192.0.2.10:5060","192.0.2.11:5060"],"calls":1,"calls-in":12,"calls-out":3,"answered-in":11,
        "answered-out":2,"failed-in":1,"failed-out":0,"shed-in":7,
        "limited-calls-in":4,"limited-realm-in":1,"limited-rate-out":2}]})")),
        "pbx    access  192.0.2.1:5060/udp  192.0.2.10:5060 192.0.2.11:5060          1  12        11       1     7  "
        "      5    3         2       0        2\n");
    const auto flows = render("flows", parse(R"({"total":1,"flows":[{"local":"192.0.2.2:20000","realm":"access",
        "remote":"192.0.2.10:30000","latched":"192.0.2.10:30002","out-local":"198.51.100.2:20000","forward":true,
        "next-hop":"198.51.100.10 core","next-hop-state":"probing","component":"rtp","call":"000000001a2b3c4d","leg":0,"stream":0,
        "packets":617,"bytes":106124,"dropped":0,"lost":0,"jitter-us":812}]})"));
    contains(flows, "192.0.2.10:30002*");
    contains(flows, "next hop probing");
    contains(flows, "1a2b3c4d/0/0");
    const auto dataplane =
        render("dataplane", parse(R"({"uptime-ms":61012,"session":{"attached":true,"number":3,"since-ms":58000},
        "flows":{"installed":4,"max":20000},"memory":{"mbufs":16384,"mbufs-free":15000,"huge-pages":false},
        "next-hops":{"known":4,"resolved":3,"probes":7,"waiting-packets":0},
        "ports":[{"interface":"access","link":"up","speed-mbps":10000,"mac":"02:00:00:00:00:01","rx-packets":1234}],
        "workers":[{"core":1,"lcore":1,"busy-percent":3,"dozing":true,"packets":9,"bursts":8}],
        "privileges":[{"name":"CAP_NET_RAW","reason":"why not"}]})"));
    contains(dataplane, "Up for 1:01.\nControl plane attached for 58.0 s (session 3).\nFlows: 4 of 20,000 (0.0 %).\n");
    contains(dataplane, "up 10,000 Mb/s");
    contains(dataplane, "dozing");
    contains(dataplane, "CAP_NET_RAW     why not");
    contains(render("dataplane", parse(R"({"session":{"attached":false}})")), "No control plane is attached");
}

TEST(Render, VersionAndCountersNameWhatIsMissing) {
    const auto version = render("version", parse(R"~({"version": "0.1.0", "processes": [
        {"name": "manager", "state": "running", "pid": 812, "version": "0.1.0", "uptime-ms": 61234, "restarts": 0},
        {"name": "control", "state": "not-running", "since-ms": 3120, "restarts": 2,
         "last-end": "was killed by signal 9 (Killed)"}]})~"));
    contains(version, "Sallyport 0.1.0\n");
    contains(version, "control  not running  3.1 s    -  -               2  was killed by signal 9 (Killed)\n");
    const auto counters = render("counters", parse(R"~({
        "dataplane": [{"name": "drop-no-flow", "value": 1234, "help": "h"}],
        "missing": [{"process": "control", "message": "control plane is not running (since 3 s)"}]})~"));
    contains(counters, "dataplane  drop-no-flow  1,234  h\n");
    contains(counters, "control plane is not running (since 3 s): its counters cannot be shown\n");
}

TEST(Render, AProcessThatIsNotRunningIsOneClearLine) {
    rpc::Error error{.code = rpc::kNotRunning, .message = "control plane is not running (since 3 s)", .data = {}};
    STRCMP_EQUAL("control plane is not running (since 3 s): calls cannot be shown; the manager restarts it",
                 render_error("calls", error).c_str());
    error.data["last-end"] = "was killed by signal 9 (Killed)";
    contains(render_error("call", error),
             "the call cannot be shown; the manager restarts it (it was killed by signal 9 (Killed))");
    STRCMP_EQUAL("no such call",
                 render_error("call", {.code = rpc::kNotFound, .message = "no such call", .data = {}}).c_str());
}

TEST(Render, AnAnswerOfAnyShapeIsShownWithoutHarm) {
    for (const char* what : {"version", "calls", "call", "trunks", "flows", "dataplane", "counters"}) {
        for (
            const char* answer :
            {"{}", "[]", "7", "null", R"("x")", R"({"calls":7,"flows":{},"trunks":"x","processes":[1,null,[]]})",
             R"({"calls":[1],"flows":[[]],"trunks":[null],"ports":[7],"workers":[{}],"streams":[{"legs":[{"rtp":3}]}]})",
             R"({"calls":[{"id":{},"from":7,"codecs":[1,{}],"duration-ms":-1e300}],"control":[{"value":-1}],"legs":[0]})"}) {
            CHECK(!render(what, parse(answer)).empty());
        }
    }
}

TEST(Render, CertificatesAreATableWithWhatWentWrong) {
    STRCMP_EQUAL("No TLS profiles.\n", render("certificates", parse(R"({"profiles":[]})")).c_str());
    const auto answer = parse(R"({"profiles":[
        {"name":"gate","clients":"none","loaded-time":"2026-01-31T12:00:00.000Z","error":"/x.key: No such file",
         "certificates":[{"subject":"CN=gate","issuer":"CN=root","names":["DNS:gate.example","URI:sip:example.com"],
                          "until-time":"2026-02-28T12:00:00.000Z","days-left":27}]},
        {"name":"other","error":"/y.pem: No such file","certificates":[]}]})");
    const auto text = render("certificates", answer);
    contains(text, "gate     CN=gate      DNS:gate.example URI:sip:example.com  CN=root");
    contains(text, "gate: /x.key: No such file; what was there before stays in use\n");
    contains(text, "other: /y.pem: No such file\n");
    CHECK(any_failed(answer));
    CHECK_FALSE(any_failed(parse(R"({"profiles":[{"name":"gate","certificates":[]}]})")));
}
