#pragma once
// A transaction layer with a clock of its own, a TU that writes down what it hears, and what it has sent.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/transaction/transaction_layer.h"
#include "tests/support/fake_random.h"
#include "tests/unit/controlplane/sip/sip_text.h"

namespace sallyport::transaction::test {

using sip::test::crlf;

struct Recorder : TransactionUser {
    std::vector<std::string> log;
    std::vector<ServerId> requests;
    std::string last;  // bytes of the message of the last event that had one

    void on_request(Instant, ServerId id, const Path&, const sip::Message& m) override {
        requests.push_back(id);
        note("request " + std::string(m.method_text()), m);
    }
    void on_ack(Instant, const Path&, const sip::Message& m) override { note("ack", m); }
    void on_cancel(Instant, ServerId id, const Path&, const sip::Message& m) override {
        note(!requests.empty() && id == requests.front() ? "cancel" : "cancel of another", m);
    }
    void on_response(Instant, ClientId, const Path&, const sip::Message& m) override {
        note("response " + std::to_string(m.status()), m);
    }
    void on_client_failure(Instant, ClientId, ClientFailure why) override {
        constexpr const char* kNames[] = {"timeout", "transport error", "cancelled"};
        log.emplace_back(std::string("client ") + kNames[static_cast<int>(why)]);
    }
    void on_server_failure(Instant, ServerId, ServerFailure why) override {
        constexpr const char* kNames[] = {"no ack", "transport error", "unanswered"};
        log.emplace_back(std::string("server ") + kNames[static_cast<int>(why)]);
    }
    void on_client_terminated(Instant, ClientId) override { log.emplace_back("client end"); }
    void on_server_terminated(Instant, ServerId) override { log.emplace_back("server end"); }

    void note(std::string text, const sip::Message& m) {
        log.push_back(std::move(text));
        last.assign(m.bytes());
    }
    // What was heard since the last call.
    std::string heard() {
        std::string out;
        for (const auto& l : log) out += (out.empty() ? "" : ", ") + l;
        log.clear();
        return out;
    }
};

struct Bench {
    Instant now{std::chrono::hours(7)};
    TimerWheel wheel{now};
    sallyport::test::FakeRandom random{42};
    SendQueue out;
    Recorder tu;
    TransactionSettings settings;
    std::unique_ptr<TransactionLayer> layer;
    Path peer{1, *Endpoint::parse("192.0.2.10:5060")};
    std::unique_ptr<sip::Message> message = std::make_unique<sip::Message>();
    SendQueue::Entry last_entry;

    explicit Bench(TransactionSettings s = {}) : settings(s) {
        layer = std::make_unique<TransactionLayer>(settings, wheel, random, out, tu);
    }
    // Turn by turn, one millisecond each.
    void pass(Duration d) {
        for (const auto end = now + d; now < end;) {
            now += std::chrono::milliseconds(1);
            wheel.advance(now);
        }
    }
    // False when the parser refused it (the layer has heard of that, too).
    bool receive(std::string_view text) { return receive(text, peer); }
    bool receive(std::string_view text, const Path& from) {
        const auto bytes = text.find('\r') == std::string_view::npos ? crlf(text) : std::string(text);
        if (const auto r = message->parse(bytes); !r) {
            layer->on_malformed(from, *message, r.error());
            return false;
        }
        layer->on_message(now, from, *message);
        return true;
    }
    // The start lines of what was sent since the last call, with the peer where it is not the usual one.
    std::string sent() {
        std::string text;
        for (const auto& e : out.entries()) {
            const auto b = out.bytes(e);
            text += (text.empty() ? "" : ", ") + std::string(b.substr(0, b.find("\r\n")));
            if (!(e.path == peer)) text += " to " + std::to_string(e.path.sip_interface) + " " + e.path.remote.text();
            last_sent.assign(b);
            last_entry = e;
        }
        out.clear();
        return text;
    }
    std::string last_sent;
    // The line of that name in the last message sent, without its CR LF.
    std::string line(std::string_view name) const {
        const auto at = last_sent.find("\r\n" + std::string(name) + ":");
        if (at == std::string::npos) return "";
        return last_sent.substr(at + 2, last_sent.find("\r\n", at + 2) - at - 2);
    }

    std::string request(std::string_view method, std::string_view branch, std::string_view more = "") const {
        return crlf(std::string(method) + " sip:bob@192.0.2.10:5060 SIP/2.0\n" +
                    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" + std::string(branch) + ";rport\n" +
                    "Max-Forwards: 70\nFrom: <sip:a@192.0.2.1>;tag=ours\nTo: <sip:b@192.0.2.10>\n" +
                    "Call-ID: call-1\nCSeq: 5 " + std::string(method) + "\n" + std::string(more) +
                    "Content-Length: 0\n\n");
    }
    std::string response(unsigned status, std::string_view branch, std::string_view method,
                         std::string_view tag = "theirs") const {
        return crlf("SIP/2.0 " + std::to_string(status) + " X\n" +
                    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=" + std::string(branch) + ";rport=5060\n" +
                    "From: <sip:a@192.0.2.1>;tag=ours\nTo: <sip:b@192.0.2.10>;tag=" + std::string(tag) +
                    "\nCall-ID: call-1\nCSeq: 5 " + std::string(method) + "\nContent-Length: 0\n\n");
    }
    // A request from the peer.
    std::string incoming(std::string_view method, std::string_view branch, std::string_view to_tag = "") const {
        return crlf(std::string(method) + " sip:bob@192.0.2.1 SIP/2.0\n" +
                    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=" + std::string(branch) + ";rport\n" +
                    "Max-Forwards: 70\nFrom: <sip:a@192.0.2.10>;tag=theirs\nTo: <sip:b@192.0.2.1>" +
                    (to_tag.empty() ? "" : ";tag=" + std::string(to_tag)) + "\nCall-ID: call-2\nCSeq: 9 " +
                    std::string(method) + "\nContent-Length: 0\n\n");
    }
    bool respond(ServerId id, unsigned status, std::string_view tag = "ours") {
        sip::MessageWriter w;
        if (!layer->begin_response(id, w, status, "X", status == 100 ? "" : tag)) return false;
        return layer->respond(now, id, w.finish());
    }
};

}  // namespace sallyport::transaction::test
