// What the dearest INVITEs that are known cost the engine, from datagram to outbox, as multiples of an ordinary one.
// Each tries one search, list or table that a peer can fill up to its bound.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/call/engine.h"
#include "platform/config/effective.h"
#include "tests/bench/clock.h"
#include "tests/support/fake_random.h"

namespace {

using namespace sallyport;
using namespace std::chrono_literals;

// Both trusted: what passes is searched for names, and nothing is left out for looking like a host.
constexpr const char* kDocument = R"({
  "interfaces": {
    "access": {"port": "net_null0", "address": "192.0.2.1/24"},
    "core": {"port": "net_null1", "address": "198.51.100.1/24"}
  },
  "realms": {
    "access": {"interface": "access", "media-addresses": ["192.0.2.1"], "trust": "trusted"},
    "core": {"interface": "core", "media-addresses": ["198.51.100.1"], "trust": "trusted"}
  },
  "sip-interfaces": {
    "access": {"realm": "access", "address": "192.0.2.1", "port": 5060},
    "core": {"realm": "core", "address": "198.51.100.1", "port": 5060}
  },
  "trunks": {
    "pbx": {"sip-interface": "access", "peers": ["192.0.2.10:5060"]},
    "carrier": {"sip-interface": "core", "peers": ["198.51.100.10:5060"]}
  },
  "routes": [{"name": "out", "from": {"trunk": "pbx"}, "to": {"trunk": "carrier"}}]
})";

struct Worst {
    const char* what;
    std::string headers;
    std::string body;  // empty: an ordinary description
    std::string uri_params;
    std::string to_params;
};

std::string repeated(std::string_view what, std::size_t bytes) {
    std::string out;
    while (out.size() + what.size() <= bytes) out += what;
    return out;
}

template <typename Make>
std::string filled(std::size_t bytes, const Make& make) {
    std::string out;
    for (std::size_t i = 0;; ++i) {
        const std::string one = make(i);
        if (out.size() + one.size() > bytes) return out;
        out += one;
    }
}

std::string numbered(std::string_view before, std::size_t i, std::string_view after) {
    return std::string(before).append(std::to_string(10000 + i)).append(after);
}

std::string invite(const Worst& worst, int number) {
    const std::string id = std::to_string(number);
    const std::string body = worst.body.empty()
                                 ? "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
                                   "m=audio 30000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
                                 : worst.body;
    std::string out = "INVITE sip:4930@192.0.2.1" + worst.uri_params +
                      " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK" + id +
                      "\r\nMax-Forwards: 70\r\nFrom: <sip:1001@192.0.2.10>;tag=f" + id + "\r\nTo: <sip:4930@192.0.2.1" +
                      worst.to_params + ">\r\nCall-ID: id-" + id +
                      "\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@192.0.2.10:5060>\r\n" + worst.headers;
    if (worst.headers.find("Content-Type") == std::string::npos) out += "Content-Type: application/sdp\r\n";
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Ninety names of 200 characters that differ in their last few.
std::string names(std::size_t count, std::size_t length) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
        out += "Path: <sip:" + std::string(length, 'a') + std::to_string(100 + i) + ">\r\n";
    return out;
}

std::vector<Worst> all() {
    const auto lines = [](std::string_view line, std::size_t bytes) { return repeated(line, bytes); };
    const std::string sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n";
    std::string formats;
    std::string rtpmaps;
    for (int i = 64; i < 128; ++i) {
        formats += " " + std::to_string(i);
        rtpmaps += "a=rtpmap:" + std::to_string(i) + " X/1\r\na=fmtp:" + std::to_string(i) + " a\r\n";
    }
    std::string streams;
    for (int i = 0; i < 7; ++i) streams += "m=audio 30000 RTP/AVP" + formats + "\r\n" + rtpmaps;
    std::string parts;
    for (int i = 0; i < 14; ++i)
        parts += "--b\r\nContent-Disposition: x;handling=optional\r\n" + lines("X:\r\n ", 4000) + "\r\n\r\n";
    std::vector<Worst> out{
        {"an ordinary INVITE", "", "", "", ""},
        {"names nearly in a long Subject", names(90, 190) + "Subject: " + std::string(16000, 'a') + "\r\n", "", "", ""},
        {"the same with escapes",
         names(90, 190) + "Subject: " + repeated("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%61", 16000) + "\r\n", "", "",
         ""},
        {"names nearly in many headers", names(90, 190) + lines("X-A: " + std::string(110, 'a') + "\r\n", 14900), "",
         "", ""},
        {"short names in many short pieces", names(90, 4) + "Privacy: " + repeated("aaaaa;", 16000) + "\r\n", "", "",
         ""},
        {"pieces of a Privacy header", "Privacy: " + repeated("a;", 16000) + "\r\n", "", "", ""},
        {"a Privacy header above the bound", "Privacy: " + repeated("a;", 60000) + "\r\n", "", "", ""},
        {"a Path of 60,000 characters",
         "Path: " + filled(60000, [](std::size_t i) { return numbered("<sip:", i, ">,"); }) + "\r\n", "", "", ""},
        {"the same names over and over",
         "Path: " + filled(60000, [](std::size_t i) { return numbered("<sip:", i % 90, ">,"); }) + "\r\n", "", "", ""},
        {"a Contact list",
         "m: " + filled(60000, [](std::size_t i) { return numbered("<sip:", i % 90, ">,"); }) + "\r\n", "", "", ""},
        {"a Via list",
         "Via: " + filled(15000, [](std::size_t i) { return numbered("SIP/2.0/UDP h", i % 90, ","); }) + "\r\n", "", "",
         ""},
        {"parameters of Request-URI and To", names(90, 4), "", repeated(";npdi=a", 1000), repeated(";npdi=a", 1000)},
        {"History-Info with Reasons",
         names(90, 4) + "History-Info: <sip:a@b?" + repeated("Reason=a&", 15000) + "x=y>\r\n", "", "", ""},
        {"Diversion with parameters", names(90, 4) + "Diversion: <sip:a@b>" + repeated(";reason=a", 15000) + "\r\n", "",
         "", ""},
        {"Reasons",
         names(90, 190) + "Reason: " + repeated("Q.850;text=\"" + std::string(230, 'a') + "\",", 15000) + "\r\n", "",
         "", ""},
        {"dots", "Subject: " + std::string(16000, '.') + "\r\n", "", "", ""},
        {"Require: privacy", "Require: " + repeated("privacy,", 60000) + "\r\n", "", "", ""},
        {"250 headers", lines("X: " + std::string(240, 'a') + "\r\n", 60000), "", "", ""},
        {"folds", "Subject: " + repeated("a\r\n ", 16000) + "\r\nX: " + repeated("\r\n ", 40000) + "a\r\n", "", "", ""},
        {"quotes", "P-Asserted-Identity: " + repeated("\"\\\"\" ", 16000) + "<sip:a@b>\r\n", "", "", ""},
        {"comments", "User-Agent: " + repeated("(", 30000) + repeated(")", 30000) + "\r\n", "", "", ""},
        {"SDP: attributes", "",
         sdp + "m=audio 30000 RTP/AVP 8\r\n" + lines("a=x-unknown-attribute:aaaaaaaa\r\n", 255 * 32), "", ""},
        {"SDP: formats", "", sdp + streams, "", ""},
        {"SDP: one long fmtp", "",
         sdp + "m=audio 30000 RTP/AVP 96\r\na=rtpmap:96 X/1\r\na=fmtp:96 " + repeated("a=b;", 31000) + "\r\n", "", ""},
        {"SDP: lines of spaces", "",
         sdp + "m=audio 30000 RTP/AVP 96\r\n" + lines("a=x:" + std::string(1000, ' ') + "\r\n", 31000), "", ""},
        {"multipart", "Content-Type: multipart/mixed;boundary=b\r\n",
         parts + "--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "m=audio 30000 RTP/AVP 8\r\n--b--\r\n", "", ""},
    };
    return out;
}

class Gate {
public:
    Gate() {
        engine_.on_dataplane_session(now_, true);
        for (const auto& c : std::exchange(outbox_.flow_commands, {})) {
            wire::FlowEvent end;
            end.type = wire::EventType::kListEnd;
            end.transaction = c.transaction;
            engine_.on_flow_event(now_, end);
        }
    }
    std::size_t take(const std::string& datagram) {
        engine_.on_message(now_, {access_, *Endpoint::parse("192.0.2.10:5060")}, std::as_bytes(std::span(datagram)));
        engine_.flush(now_);
        const auto sent = outbox_.sends.entries().size();
        outbox_.clear();
        return sent;
    }
    std::uint64_t calls() const {
        for (const auto& c : engine_.counters())
            if (c.name == "calls") return c.value;
        return 0;
    }

private:
    config::ControlView view_ = config::make_effective(kDocument).value().control;
    test::FakeRandom random_{1};
    call::Outbox outbox_;
    Now now_{Instant{1h}, WallTime{std::chrono::days(20000)}};
    call::Engine engine_{view_, random_, 0, outbox_, now_};
    std::uint16_t access_ = view_.sip_interfaces[0].name == "access" ? 0 : 1;
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    if (what != "list" && what != "worst" && what != "ordinary") {
        std::fputs("usage: sip_worst_bench list|worst|ordinary     list: each of them\n", stderr);
        return 2;
    }
    const auto gate = std::make_unique<Gate>();
    int number = 0;
    double ordinary = 0;
    double dearest = 0;
    for (const auto& worst : all()) {
        constexpr int kRounds = 12;
        double best = 1e18;
        const auto before = gate->calls();
        std::size_t bytes = 0;
        for (int i = 0; i < kRounds; ++i) {
            const auto datagram = invite(worst, ++number);
            bytes = datagram.size();
            best = std::min(best, bench::best_ns(1, 1, [&] { bench::keep(gate->take(datagram)); }) / 1000);
        }
        if (ordinary == 0) ordinary = best;
        dearest = std::max(dearest, best);
        if (what == "ordinary") break;
        if (what == "list")
            std::printf("%-36s %6zu bytes %9.1f us  %7.1f times an ordinary one%s\n", worst.what, bytes, best,
                        best / ordinary, gate->calls() - before == kRounds ? "" : "  (refused)");
    }
    if (what != "list") std::printf("%.1f\n", what == "worst" ? dearest : ordinary);
    return 0;
}
