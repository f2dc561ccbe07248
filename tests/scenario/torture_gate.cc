#include "tests/scenario/torture_gate.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "platform/json/json.h"
#include "tests/scenario/view.h"

namespace sallyport::scenario {

namespace {

constexpr std::size_t kMaxCalls = 100;
constexpr std::uint32_t kConnection = 7;
constexpr Now kNow{Instant(std::chrono::hours(1)), WallTime(std::chrono::seconds(1'800'000'000))};
constexpr std::string_view kMark = "-udp-";

// From the tree's root, or from anywhere below it.
std::filesystem::path folder() {
    for (auto at = std::filesystem::current_path();; at = at.parent_path()) {
        if (exists(at / "tests/data/torture")) return at / "tests/data/torture";
        if (at == at.root_path()) throw std::runtime_error("no tests/data/torture here");
    }
}

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> texts(const json::Value& list) {
    std::vector<std::string> out;
    for (const auto& text : list) out.push_back(text.asString());
    return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

std::string call_of_ours() {
    const std::string sdp =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
    return "INVITE sip:lamp@lantern.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-of-the-caller\r\n"
           "Max-Forwards: 70\r\nFrom: <sip:rosa@quay.example>;tag=of-the-caller\r\nTo: <sip:lamp@lantern.example>\r\n"
           "Call-ID: of-the-caller\r\nCSeq: 1 INVITE\r\nContact: <sip:rosa@192.0.2.10>\r\n"
           "Content-Type: application/sdp\r\nContent-Length: " +
           std::to_string(sdp.size()) + "\r\n\r\n" + sdp;
}

bool is_response(std::string_view bytes) { return bytes.starts_with("SIP/2.0 "); }
std::string status_of(std::string_view response) { return std::string(response.substr(8, 3)); }

std::string answer_to(const std::string& request, const std::string& status) {
    return "SIP/2.0 " + status + " Answer\r\nVia: " + field_of(request, "Via") +
           "\r\nFrom: " + field_of(request, "From") + "\r\nTo: " + field_of(request, "To") +
           ";tag=other\r\nCall-ID: " + field_of(request, "Call-ID") + "\r\nCSeq: " + field_of(request, "CSeq") +
           "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace

std::string field_of(std::string_view message, std::string_view name) {
    const auto head = message.substr(0, message.find("\r\n\r\n") + 2);
    const auto key = "\r\n" + std::string(name) + ": ";
    const auto at = head.find(key);
    if (at == std::string_view::npos) return {};
    const auto begin = at + key.size();
    return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

std::string for_stream(std::string bytes) {
    replace_all(bytes, kMark, "-tcp-");
    if (const auto at = bytes.find("/UDP"); at != std::string::npos) bytes.replace(at, 4, "/TCP");
    return bytes;
}

std::vector<TortureMessage> torture_set() {
    const auto from = folder();
    const auto table = json::parse(content(from / "table.json"));
    if (!table) throw std::runtime_error(table.error());
    std::vector<TortureMessage> out;
    for (const auto& row : *table) {
        TortureMessage m;
        m.section = row["section"].asString();
        m.name = row["name"].asString();
        m.what = row["what"].asString();
        m.why = row["why"].asString();
        m.udp = row["udp"].asString();
        m.stream = row.isMember("stream") ? row["stream"].asString() : m.udp;
        m.arrives = texts(row["arrives"]);
        m.never = texts(row["never"]);
        m.answer = texts(row["answer"]);
        m.body = row["body"].asBool();
        m.bytes = content(from / (m.name + ".sip"));
        if (m.bytes.empty()) throw std::runtime_error("no message " + m.name);
        out.push_back(std::move(m));
    }
    return out;
}

struct TortureGate::Sink final : sip::FrameSink {
    explicit Sink(TortureGate& g) : gate(g) {}
    // As net::StreamTransport and main.cc deal with them.
    bool on_frame(const sip::Frame& frame) override {
        using Kind = sip::Frame::Kind;
        const auto& path = gate.response_ ? gate.other_ : gate.sender_;
        switch (frame.kind) {
            case Kind::kMessage: gate.engine_->on_message(kNow, path, std::as_bytes(std::span(frame.bytes))); break;
            case Kind::kCrlf: return true;
            case Kind::kLast:
                gate.engine_->on_unframed(kNow, path, std::as_bytes(std::span(frame.bytes)),
                                          {frame.status, frame.reason, true});
                break;
            case Kind::kLost: gate.out_.verdict += gate.out_.verdict.empty() ? "closed" : ", closed"; return false;
        }
        gate.settle();
        gate.judge();
        return true;
    }
    TortureGate& gate;
};

TortureGate::TortureGate(Transport transport) : transport_(transport), view_(default_view()) {
    view_.system.max_calls = kMaxCalls;
    for (auto& realm : view_.realms) {
        realm.trust = config::Trust::kTrusted;  // so that it can be seen what survives
        realm.pass_unknown_headers = realm.pass_unknown_methods = true;
        realm.media.media_ports = {20000, 20999};
    }
    view_.trunks[1].transport = transport;
    const bool stream = is_stream(transport);
    sender_ = {0, Endpoint(view_.trunks[0].peers[0].address, stream ? 40001 : 5060), transport};
    sender_.connection = stream ? kConnection : 0;
    engine_ = std::make_unique<call::Engine>(view_, random_, 0, outbox_, kNow);
    engine_->on_dataplane_session(kNow, true);
    drain();
}

TortureGate::~TortureGate() = default;

void TortureGate::drain() {
    engine_->flush(kNow);
    for (const auto& command : outbox_.flow_commands) dataplane_.on_command(command);
    std::vector<transaction::SendQueue::Entry> entries(outbox_.sends.entries().begin(), outbox_.sends.entries().end());
    std::vector<std::string> sent;
    sent.reserve(entries.size());
    for (const auto& entry : entries) sent.emplace_back(outbox_.sends.bytes(entry));
    outbox_.clear();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto path = entries[i].path;
        if (is_stream(path.transport) && path.connection == 0) {
            path.connection = kConnection + 1;
            if (entries[i].owner != 0) engine_->on_stream(entries[i], path.connection);
        }
        const bool other = path.sip_interface == 1;
        (other ? out_.to_other : out_.to_sender).push_back(sent[i]);
        if (!other || is_response(sent[i]) || sent[i].starts_with("ACK ")) continue;
        other_ = path;
        unanswered_.emplace_back(path, sent[i]);
    }
    for (; !dataplane_.events.empty(); dataplane_.events.pop_front())
        engine_->on_flow_event(kNow, dataplane_.events.front());
}

// Until nobody has anything to say. A call is refused by the other side, all else is taken.
void TortureGate::settle() {
    drain();
    while (answers_ && !response_ && !unanswered_.empty()) {
        const auto [path, request] = unanswered_.front();
        unanswered_.erase(unanswered_.begin());
        const auto bytes = answer_to(request, request.starts_with("INVITE ") ? "486" : "202");
        engine_->on_message(kNow, path, std::as_bytes(std::span(bytes)));
        drain();
    }
}

// What came of the message at hand.
void TortureGate::judge() {
    std::string verdict = "dropped";
    std::string final;
    for (auto i = judged_sender_; i < out_.to_sender.size(); ++i) {
        if (response_) verdict = "forwarded";
        if (status_of(out_.to_sender[i])[0] != '1') final = status_of(out_.to_sender[i]);
    }
    if (!response_ && out_.to_other.size() > judged_other_)
        verdict = final == "486" || final == "202" || !answers_ ? "forwarded" : "forwarded without an answer";
    else if (!response_ && !final.empty())
        verdict = final;
    judged_sender_ = out_.to_sender.size();
    judged_other_ = out_.to_other.size();
    out_.verdict += (out_.verdict.empty() ? "" : ", ") + verdict;
}

void TortureGate::datagram(std::string_view bytes) {
    engine_->on_message(kNow, response_ ? other_ : sender_, std::as_bytes(std::span(bytes)));
    settle();
    judge();
}

void TortureGate::stream(std::string_view bytes) {
    Sink sink(*this);
    framer_.feed(bytes, sink);
}

void TortureGate::begin_call() {
    response_ = true;
    const auto invite = call_of_ours();
    engine_->on_message(kNow, sender_, std::as_bytes(std::span(invite)));
    drain();
}

Outcome TortureGate::give(const TortureMessage& message, std::size_t cut) {
    auto bytes = is_stream(transport_) ? for_stream(message.bytes) : message.bytes;
    if (!message.is_request()) {
        begin_call();
        const auto invite = unanswered_.at(0).second;
        for (const auto& [key, name] : {std::pair{"@via@", "Via"},
                                        {"@from@", "From"},
                                        {"@to@", "To"},
                                        {"@call-id@", "Call-ID"},
                                        {"@cseq@", "CSeq"}})
            replace_all(bytes, key, field_of(invite, name));
        judged_sender_ = out_.to_sender.size();
        judged_other_ = out_.to_other.size();
    }
    if (!is_stream(transport_)) {
        datagram(bytes);
        return std::move(out_);
    }
    if (cut > 0 && cut < bytes.size()) {
        stream(std::string_view(bytes).substr(0, cut));
        bytes.erase(0, cut);
    }
    stream(bytes);
    if (framer_.within_message()) out_.verdict += out_.verdict.empty() ? "waits" : ", waits";
    return std::move(out_);
}

Outcome TortureGate::feed(const std::vector<std::string>& pieces) {
    answers_ = false;
    for (const auto& piece : pieces) stream(piece);
    return std::move(out_);
}

}  // namespace sallyport::scenario
