// The callee's half of a simulated user agent.
#include <algorithm>

#include "tests/scenario/ua.h"
#include "tests/scenario/world.h"

namespace sallyport::scenario {

namespace {

constexpr Duration kT1 = std::chrono::milliseconds(500);
constexpr Duration kT2 = std::chrono::seconds(4);

std::string key_of(const SipText& m) { return m.branch() + (m.method() == "CANCEL" ? "/CANCEL" : ""); }

}  // namespace

UaCall* Ua::find(const SipText& m, bool request) {
    const auto local = parameter(m.get(request ? "To" : "From"), "tag");
    const auto remote = parameter(m.get(request ? "From" : "To"), "tag");
    const auto [first, last] = by_call_id_.equal_range(m.get("Call-ID"));
    for (auto it = first; it != last; ++it) {
        auto* call = it->second;
        if (call->local_tag == local && (call->remote_tag == remote || call->remote_tag.empty())) return call;
    }
    return nullptr;
}

void Ua::on_request(const SipText& r) {
    if (r.method() == "ACK") return on_ack(r);
    const auto key = key_of(r);
    if (const auto it = servers_.find(key); it != servers_.end()) {  // a retransmission
        if (it->second.request.start != r.start) problems.push_back("branch used twice: " + r.start);
        if (!it->second.last.empty()) send(it->second.last);
        return;
    }
    auto& server = servers_[key];
    server.request = r;
    if (r.method() == "INVITE") invites_.emplace(r.get("Call-ID"), key);
    if (r.method() == "CANCEL") return on_cancel(r, server);
    // What belongs to a subscription is the test's own matter.
    const bool subscription = answer_other && (r.method() == "SUBSCRIBE" || r.method() == "NOTIFY");
    if (!subscription && !parameter(r.get("To"), "tag").empty()) {
        server.call = find(r, true);
        if (server.call == nullptr) return respond(server, 481);
        if (r.cseq() <= server.call->remote_cseq && server.call->remote_cseq != 0) {
            problems.push_back("CSeq went back: " + r.start);
            return respond(server, 500);
        }
        server.call->remote_cseq = r.cseq();
    }
    if (r.method() == "INVITE") return on_invite(server);
    if (r.method() == "BYE") {
        if (server.call == nullptr) return respond(server, 481);
        server.call->ended_by_peer = server.call->state != UaCall::State::kEnded;
        server.call->bye_reason = r.get("Reason");
        ended(*server.call);
        if (script.answer_bye) respond(server, 200);
        return;
    }
    if (!answer_other) return respond(server, r.method() == "OPTIONS" ? 200 : 405);
    auto response = make_response(server, 200);
    if (!answer_other(r, response)) return;
    server.last = response.write();
    server.status = response.status();
    send(server.last);
}

void Ua::on_invite(Server& server) {
    const auto& r = server.request;
    const auto key = key_of(r);
    auto* call = server.call;
    if (r.get("Contact").empty()) problems.push_back("INVITE without Contact");
    if (r.get("Max-Forwards").empty()) problems.push_back("INVITE without Max-Forwards");
    if (call != nullptr) {  // re-INVITE
        if (call->state == UaCall::State::kEnded) return respond(server, 481);
        if (!script.answer_reinvite) return respond(server, 100);
        if (script.reject_reinvite != 0) return send_final(key, script.reject_reinvite, {});
        call->invite = r;
        call->remote_target = inside_brackets(r.get("Contact"));
        return answer_invite(key, call);
    }
    call = &new_call(r.get("Call-ID"));
    if (script.to_tag) call->local_tag = token("t");
    call->remote_tag = parameter(r.get("From"), "tag");
    call->local_uri = r.get("To");
    call->remote_uri = r.get("From").substr(0, r.get("From").rfind(";tag="));
    call->remote_target = inside_brackets(r.get("Contact"));
    call->routes = r.all("Record-Route");
    call->remote_cseq = r.cseq();
    call->invite = r;
    call->remote_sdp = r.body;
    server.call = call;
    if (script.trying) respond(server, 100);
    const auto rings = [this, key, call] {
        auto& s = servers_[key];
        if (s.status >= 200) return;
        call->state = UaCall::State::kEarly;
        if (script.early_media) {
            call->local_sdp = answer_sdp ? answer_sdp(*call, call->remote_sdp) : sdp({});
            respond(s, 183, call->local_sdp);
        } else {
            respond(s, 180);
        }
    };
    if (script.ring) world_.after(script.ring_after, rings);
    if (script.reject != 0) {
        world_.after(script.answer_after, [this, key] { send_final(key, script.reject, {}); });
    } else if (script.answer) {
        world_.after(script.answer_after, [this, key, call] { answer_invite(key, call); });
    }
}

void Ua::answer_invite(const std::string& key, UaCall* call) {
    auto& server = servers_[key];
    if (server.status >= 200) return;
    const bool offered = !server.request.body.empty();
    if (offered) call->remote_sdp = server.request.body;
    if (!script.early_media || call->local_sdp.empty() || call->state == UaCall::State::kUp) {
        call->local_sdp = answer_sdp ? answer_sdp(*call, server.request.body) : sdp({});
    }
    call->answer_pending = !offered;
    call->acked = false;
    call->state = UaCall::State::kUp;
    send_final(key, 200, script.answer_without_sdp ? "" : call->local_sdp);
}

SipText Ua::make_response(const Server& server, int status) {
    const auto& r = server.request;
    SipText out;
    out.start = "SIP/2.0 " + std::to_string(status) + " Whatever";
    for (const auto& via : r.all("Via")) out.add("Via", via);
    for (const auto& route : r.all("Record-Route")) out.add("Record-Route", route);
    out.add("From", r.get("From"));
    auto to = r.get("To");
    if (status > 100 && parameter(to, "tag").empty() && script.to_tag) {
        to += ";tag=" + (server.call != nullptr ? server.call->local_tag : token("x"));
    }
    out.add("To", to);
    out.add("Call-ID", r.get("Call-ID"));
    out.add("CSeq", r.get("CSeq"));
    out.add("Server", answered_ua);
    return out;
}

void Ua::respond(Server& server, int status, const std::string& body) {
    const auto& r = server.request;
    auto out = make_response(server, status);
    if (script.contact && r.method() == "INVITE" && status > 100 && status < 300) out.add("Contact", contact("bob"));
    if (r.method() == "INVITE") {
        for (const auto& [name, value] : script.headers) out.add(name, value);
    }
    if (!body.empty()) {
        out.add("Content-Type", script.body_type);
        out.body = body;
    }
    server.last = out.write();
    server.status = status;
    send(server.last);
}

void Ua::send_final(const std::string& key, int status, const std::string& body) {
    auto& server = servers_[key];
    if (server.status >= 200) return;
    respond(server, status, body);
    const bool initial = parameter(server.request.get("To"), "tag").empty();
    if (status >= 300 && initial && server.call != nullptr) ended(*server.call);
    server.interval = kT1;
    server.answered = world_.now();
    world_.after(server.interval, [this, key] { repeat_final(key); });
}

void Ua::repeat_final(const std::string& key) {
    auto& server = servers_[key];
    if (server.acked) return;
    if (world_.now() - server.answered >= 64 * kT1) {
        // RFC 3261 §13.3.1.4: no ACK to a 2xx ends the session with a BYE.
        if (server.status < 300 && server.call != nullptr) bye(*server.call);
        return;
    }
    send(server.last);
    server.interval = std::min(2 * server.interval, kT2);
    world_.after(server.interval, [this, key] { repeat_final(key); });
}

void Ua::on_ack(const SipText& ack) {
    const auto [first, last] = invites_.equal_range(ack.get("Call-ID"));
    for (auto it = first; it != last; ++it) {
        auto& server = servers_[it->second];
        if (server.request.cseq() != ack.cseq() || server.status < 200) continue;
        const auto tag = parameter(ack.get("To"), "tag");
        if (server.status >= 300) {
            if (ack.branch() != server.request.branch()) problems.push_back("ACK to a failure has another branch");
            server.acked = true;
            return;
        }
        if (server.call == nullptr || server.call->local_tag != tag) continue;
        if (ack.branch() == server.request.branch()) problems.push_back("ACK to a 2xx has the INVITE's branch");
        if (server.call->answer_pending && !server.acked) {
            if (ack.body.empty()) problems.push_back("ACK without the answer to our offer");
            server.call->remote_sdp = ack.body;
        }
        server.acked = true;
        server.call->acked = true;
        return;
    }
    if (auto* call = find(ack, true)) {  // a 2xx that fork() made
        call->acked = true;
        return;
    }
    problems.push_back("stray ACK");
}

void Ua::on_cancel(const SipText& r, Server& server) {
    const auto it = servers_.find(r.branch());
    if (it == servers_.end()) return respond(server, 481);
    server.call = it->second.call;
    respond(server, 200);
    if (it->second.status < 200 && script.accept_cancel) send_final(it->first, 487, {});
}

UaCall& Ua::fork(UaCall& call, int status, const std::string& body) {
    auto& other = new_call(call.call_id);
    other = call;
    other.local_tag = token("fork");
    other.state = status >= 200 ? UaCall::State::kUp : UaCall::State::kEarly;
    other.acked = false;
    other.local_sdp = body;
    for (auto& [key, server] : servers_) {
        if (server.request.method() != "INVITE" || server.request.get("Call-ID") != call.call_id) continue;
        Server branch = server;
        branch.call = &other;
        respond(branch, status, body);
        break;
    }
    return other;
}

}  // namespace sallyport::scenario
