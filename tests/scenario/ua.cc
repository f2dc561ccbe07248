#include "tests/scenario/ua.h"

#include <algorithm>

#include "tests/scenario/world.h"

namespace sallyport::scenario {

namespace {

constexpr Duration kT1 = std::chrono::milliseconds(500);
constexpr Duration kT2 = std::chrono::seconds(4);
constexpr Duration kGiveUp = 64 * kT1;

// As it stands in a URI (RFC 3261 §25.1).
std::string uri_host(const IpAddress& address) { return address.is_v6() ? "[" + address.text() + "]" : address.text(); }

}  // namespace

Ua::Ua(World& world, std::string host_name, Endpoint own, Endpoint gate)
    : host(std::move(host_name)), self(own), world_(world), gate_(gate) {}

std::string Ua::token(std::string_view prefix) {
    return std::string(prefix) + host + "-" + std::to_string(++next_token_) + "-" + std::to_string(world_.draw());
}

void Ua::send(const std::string& bytes) {
    if (is_stream(transport))
        world_.send_by_stream(*this, gate_, bytes);
    else
        world_.send(self, gate_, bytes);
}

std::string Ua::contact(const std::string& user) const {
    if (!contact_instead.empty()) return contact_instead;
    if (secure) return "<sips:" + user + "@" + self.text() + ">";
    const auto parameter = is_stream(transport) ? ";transport=" + std::string(transport_name(transport)) : "";
    return "<sip:" + user + "@" + self.text() + parameter + ">";
}

std::string Ua::sdp(const SdpChoice& c) const {
    const auto own = media_address.empty() ? self.address.text() : media_address;
    const auto address = c.address.empty() ? own : c.address;
    std::string out = "v=0\r\no=" + c.username + " 7 " + std::to_string(c.version) + " IN IP4 " + address +
                      "\r\ns=" + host + "\r\nc=IN IP4 " + address + "\r\nt=0 0\r\nm=audio " + std::to_string(c.port) +
                      " RTP/AVP " + c.formats + "\r\n";
    if (c.formats.contains("101")) out += "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    return out + "a=" + c.direction + "\r\n";
}

UaCall& Ua::new_call(const std::string& call_id) {
    calls.push_back(std::make_unique<UaCall>());
    calls.back()->owner = this;
    calls.back()->call_id = call_id;
    by_call_id_.emplace(call_id, calls.back().get());
    return *calls.back();
}

// --- requests that we send ---------------------------------------------------------------------------
SipText Ua::bare_request(const std::string& method, const std::string& user) {
    SipText r;
    const std::string scheme = secure ? "sips:" : "sip:";
    r.start = method + " " + scheme + user + "@" + uri_host(gate_.address) + " SIP/2.0";
    r.add("Via", std::string(via_protocol(transport)) + " " + self.text() + ";rport;branch=" + token("z9hG4bK"));
    r.add("Max-Forwards", "70");
    r.add("From", "\"Alice of " + host + "\" <sip:" + local_user + "@" + host + ">;tag=" + token("f"));
    r.add("To", "<" + scheme + user + "@" + uri_host(gate_.address) + ">");
    r.add("Call-ID", token("call") + "@" + host);
    r.add("CSeq", "1 " + method);
    r.add("Contact", contact(local_user));
    r.add("User-Agent", answered_ua);
    return r;
}

void Ua::send_raw(const std::string& bytes) { send(bytes); }

UaCall& Ua::invite(const std::string& user, const std::string& offer, int max_forwards) {
    auto r = bare_request("INVITE", user);
    auto& call = new_call(r.get("Call-ID"));
    r.remove("Max-Forwards");
    r.add("Max-Forwards", std::to_string(max_forwards));
    for (const auto& [name, value] : script.headers) r.add(name, value);
    if (!offer.empty()) {
        r.add("Content-Type", script.body_type);
        r.body = offer;
    }
    call.local_tag = parameter(r.get("From"), "tag");
    call.local_uri = r.get("From").substr(0, r.get("From").rfind(";tag="));
    call.remote_uri = r.get("To");
    call.remote_target = r.uri();
    call.local_cseq = 1;
    call.local_sdp = offer;
    call.invite = r;
    start(&call, r);
    return call;
}

SipText Ua::make_request(UaCall& call, const std::string& method, unsigned cseq, const std::string& branch) {
    SipText r;
    r.start = method + " " + call.remote_target + " SIP/2.0";
    r.add("Via", std::string(via_protocol(transport)) + " " + self.text() + ";rport;branch=" + branch);
    for (const auto& route : call.routes) r.add("Route", route);
    r.add("Max-Forwards", "70");
    r.add("From", call.local_uri + ";tag=" + call.local_tag);
    r.add("To", call.remote_uri + (call.remote_tag.empty() ? "" : ";tag=" + call.remote_tag));
    r.add("Call-ID", call.call_id);
    r.add("CSeq", std::to_string(cseq) + " " + method);
    if (method != "BYE") r.add("Contact", contact(local_user));
    r.add("User-Agent", answered_ua);
    for (const auto& [name, value] : script.headers) {
        if (method == "INVITE") r.add(name, value);
    }
    for (const auto& [name, value] : script.last_headers) {
        if (method == "BYE") r.add(name, value);
    }
    return r;
}

SipText Ua::next_request(UaCall& call, const std::string& method) {
    return make_request(call, method, ++call.local_cseq, token("z9hG4bK"));
}

void Ua::ask(const SipText& request, std::function<void(const SipText&)> done) {
    start(nullptr, request, std::move(done));
}

void Ua::request(UaCall& call, const std::string& method, std::function<void(const SipText&)> done) {
    start(&call, make_request(call, method, ++call.local_cseq, token("z9hG4bK")), std::move(done));
}

void Ua::reinvite(UaCall& call, const std::string& offer) {
    auto r = make_request(call, "INVITE", ++call.local_cseq, token("z9hG4bK"));
    if (!offer.empty()) {
        r.add("Content-Type", "application/sdp");
        r.body = offer;
        call.local_sdp = offer;
    }
    call.final_status = 0;
    call.invite = r;
    start(&call, r);
}

void Ua::bye(UaCall& call) {
    if (call.state == UaCall::State::kEnded) return;
    ended(call);
    request(call, "BYE", [this](const SipText& r) {
        if (r.status() != 200 && r.status() != 481) problems.push_back("BYE answered " + r.start);
    });
}

void Ua::cancel(UaCall& call) {
    const auto it = clients_.find(call.invite.branch());
    if (it == clients_.end() || it->second.final) return;
    it->second.cancel_wanted = true;
    if (!it->second.provisional) return;  // RFC 3261 §9.1: only after a provisional response
    it->second.cancel_wanted = false;
    SipText r;
    r.start = "CANCEL " + call.invite.uri() + " SIP/2.0";
    r.add("Via", call.invite.get("Via"));
    r.add("Max-Forwards", "70");
    for (const auto* name : {"From", "To", "Call-ID"}) r.add(name, call.invite.get(name));
    r.add("CSeq", std::to_string(call.invite.cseq()) + " CANCEL");
    for (const auto& [name, value] : script.last_headers) r.add(name, value);
    start(&call, r);
}

void Ua::start(UaCall* call, const SipText& request, std::function<void(const SipText&)> done) {
    const auto method = request.method();
    const auto key = request.branch() + (method == "CANCEL" ? "/CANCEL" : "");
    auto& c = clients_[key];
    c.method = method;
    c.bytes = request.write();
    c.call = call;
    c.request = request;
    c.interval = kT1;
    c.started = world_.now();
    c.done = std::move(done);
    send(c.bytes);
    world_.after(c.interval, [this, key] { retransmit(key); });
}

void Ua::retransmit(const std::string& key) {
    const auto it = clients_.find(key);
    if (it == clients_.end()) return;
    auto& c = it->second;
    const bool invite = c.method == "INVITE";
    if (c.final || (invite && c.provisional)) return;
    if (world_.now() - c.started >= kGiveUp) {  // Timers B and F
        c.final = true;
        if (invite && c.call != nullptr) {
            c.call->final_status = 408;
            if (c.call->initial_status == 0) c.call->initial_status = 408;
            ended(*c.call);
        }
        return;
    }
    if (!is_stream(transport)) send(c.bytes);
    c.interval = invite ? 2 * c.interval : std::min(2 * c.interval, kT2);
    world_.after(std::min(c.interval, c.started + kGiveUp - world_.now()), [this, key] { retransmit(key); });
}

// --- responses that we get ---------------------------------------------------------------------------
void Ua::on_response(const SipText& r) {
    const bool cancel = r.cseq_method() == "CANCEL";
    const auto it = clients_.find(r.branch() + (cancel ? "/CANCEL" : ""));
    if (it == clients_.end()) {
        if (!strays_expected) problems.push_back("stray response " + r.start);
        return;
    }
    auto& c = it->second;
    if (r.get("Call-ID") != c.request.get("Call-ID") || r.get("CSeq") != c.request.get("CSeq") ||
        parameter(r.get("From"), "tag") != parameter(c.request.get("From"), "tag")) {
        problems.push_back("response does not match its request: " + r.start);
    }
    if (r.status() > 100 && parameter(r.get("To"), "tag").empty()) problems.push_back("no To tag: " + r.start);
    if (c.method == "INVITE") return on_invite_response(c, r);
    if (r.status() < 200) return;
    if (r.status() == 408) problems.push_back("408 to a non-INVITE (RFC 4320)");
    if (!c.final && c.done) c.done(r);
    c.final = true;
}

void Ua::on_invite_response(Client& c, const SipText& r) {
    auto& call = *c.call;
    const bool first = c.final == false;
    const bool initial = parameter(c.request.get("To"), "tag").empty();
    c.provisional = true;
    if (r.status() < 200) {
        if (c.final) return;
        call.provisionals.push_back(r.status());
        if (r.status() > 100 && initial) {
            call.state = UaCall::State::kEarly;
            if (!r.body.empty()) call.early_tag_sdp = r.body;
        }
        if (c.cancel_wanted) cancel(call);
        return;
    }
    c.final = true;
    if (r.status() >= 300) {
        SipText ack;
        ack.start = "ACK " + c.request.uri() + " SIP/2.0";
        ack.add("Via", c.request.get("Via"));
        for (const auto& route : c.request.all("Route")) ack.add("Route", route);
        ack.add("Max-Forwards", "70");
        ack.add("From", c.request.get("From"));
        ack.add("To", r.get("To"));
        ack.add("Call-ID", r.get("Call-ID"));
        ack.add("CSeq", std::to_string(r.cseq()) + " ACK");
        send(ack.write());
        if (!first) return;
        call.final_status = r.status();
        if (initial) {
            call.initial_status = r.status();
            ended(call);
        }
        return;
    }
    if (!first) {  // the ACK was lost
        if (!c.ack.empty() && parameter(r.get("To"), "tag") == call.remote_tag)
            send(c.ack);
        else if (script.ack_ours)
            problems.push_back("a second 2xx of another tag reached the caller");
        return;
    }
    call.final_status = r.status();
    if (initial) call.initial_status = r.status();
    if (call.state == UaCall::State::kEnded) return;
    if (r.get("Contact").empty()) problems.push_back("2xx without Contact");
    call.remote_tag = parameter(r.get("To"), "tag");
    call.remote_target = inside_brackets(r.get("Contact"));
    if (initial) {
        call.routes = r.all("Record-Route");
        std::ranges::reverse(call.routes);
    }
    call.state = UaCall::State::kUp;
    auto ack = make_request(call, "ACK", c.request.cseq(), token("z9hG4bK"));
    call.remote_sdp = r.body;
    if (c.request.body.empty()) {  // a late offer: the ACK carries the answer (RFC 3261 §13.2.1)
        if (r.body.empty()) problems.push_back("2xx to an INVITE without offer has no offer");
        call.local_sdp = answer_sdp ? answer_sdp(call, r.body) : sdp({});
        ack.add("Content-Type", "application/sdp");
        ack.body = call.local_sdp;
    } else if (r.body.empty()) {
        problems.push_back("2xx without an answer");
    }
    if (!script.ack_ours) return;
    c.ack = ack.write();
    send(c.ack);
}

void Ua::ended(UaCall& call) { call.state = UaCall::State::kEnded; }

std::size_t Ua::live() const {
    const auto up = std::ranges::count_if(calls, [](const auto& c) { return c->state != UaCall::State::kEnded; });
    const auto asked = std::ranges::count_if(clients_, [](const auto& c) { return !c.second.final; });
    // A final response to an INVITE is repeated until its ACK or for 64*T1 (RFC 3261 §13.3.1.4, §17.2.1).
    const auto asking = std::ranges::count_if(servers_, [this](const auto& entry) {
        const auto& s = entry.second;
        return s.status < 200 || (s.request.method() == "INVITE" && !s.acked && world_.now() - s.answered < kGiveUp);
    });
    return static_cast<std::size_t>(up + asked + asking);
}

const SipText* Ua::last(int status) const {
    const auto it = std::ranges::find_if(received.rbegin(), received.rend(),
                                         [&](const auto& m) { return !m.is_request() && m.status() == status; });
    return it == received.rend() ? nullptr : &*it;
}

std::size_t Ua::count_requests(std::string_view method) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(received, [&](const auto& m) { return m.is_request() && m.method() == method; }));
}

void Ua::on_datagram(const std::string& bytes) {
    wire.push_back(bytes);
    auto m = SipText::parse(bytes);
    if (!m) {
        problems.push_back("not SIP: " + bytes);
        return;
    }
    received.push_back(*m);
    m->is_request() ? on_request(*m) : on_response(*m);
}

}  // namespace sallyport::scenario
