#include "tests/load/agent.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace sallyport::load {

namespace {

using namespace std::chrono_literals;

void append_number(std::string& out, std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

std::string transport_param(const std::string& transport) {
    if (transport == "UDP") return "";
    return transport == "TLS" ? ";transport=tls" : ";transport=tcp";
}

}  // namespace

Agent::Agent(Port& port, TimerWheel& wheel, Tally& tally, Setup setup)
    : port_(port),
      wheel_(wheel),
      tally_(tally),
      setup_(std::move(setup)),
      target_(to_sockaddr(setup_.target)),
      contact_("<sip:load@" + port.local().text() + transport_param(setup_.transport) + ">"),
      host_(port.local().text()) {}

// --- calls ------------------------------------------------------------------------------------------------
Agent::Call& Agent::take_call() {
    if (free_.empty()) {
        calls_.push_back(std::make_unique<Call>());
        calls_.back()->slot = static_cast<std::uint32_t>(calls_.size() - 1);
        calls_.back()->agent = this;
        free_.push_back(calls_.back()->slot);
    }
    Call& call = *calls_[free_.back()];
    free_.pop_back();
    call.cancelled = call.acked = call.resumed = call.wants_ack = call.caller = false;
    call.answers_seen = 0;
    call.cseq = call.remote_cseq = call.pending_cseq = 0;
    call.pending = Method::kOther;
    call.request.clear();
    call.answer.clear();
    call.head.clear();
    call.routes.clear();
    return call;
}

Agent::Call* Agent::find(std::string_view call_id) {
    key_.assign(call_id);
    const auto it = by_call_id_.find(key_);
    return it == by_call_id_.end() ? nullptr : calls_[it->second].get();
}

void Agent::forget(Call& call) {
    if (call.caller && (call.state == State::kUp || call.state == State::kChanging)) --up_;
    call.state = State::kFree;
    call.retransmit.cancel();
    call.repeat.cancel();
    call.next.cancel();
    by_call_id_.erase(call.call_id);
    free_.push_back(call.slot);
    if (call.caller && setup_.stream_per_call) port_.leave(call.peer, 0ms);
}

// The call has gone as its scenario wants it.
void Agent::end(Call& call) {
    if (call.caller) {
        ++tally_.ended;
        ++tally_.played[std::string(name(call.scenario))];
    }
    forget(call);
}

void Agent::call(Scenario scenario, Instant now) {
    Call& call = take_call();
    call.caller = true;
    call.scenario = scenario;
    call.state = State::kCalling;
    call.began = now;
    call.peer = target_;
    call.call_id.assign(setup_.prefix).append("-");
    append_number(call.call_id, ++serial_);
    if (setup_.stream_per_call) set_stream(call.peer, static_cast<std::uint16_t>(1 + serial_ % UINT16_MAX));
    call.call_id.append("@").append(host_);
    call.local.assign("\"Load\" <sip:1001@").append(host_).append(">;tag=").append(setup_.prefix);
    append_number(call.local, serial_);
    // The callee finds the scenario in the last two digits.
    call.target.assign("sip:4930");
    append_number(call.target, 10'000'00 + serial_ % 1'000'000);
    append_number(call.target, 10 + static_cast<unsigned>(scenario));
    call.target.append("@").append(setup_.target.text());
    call.remote.assign("<").append(call.target).append(">");
    by_call_id_.emplace(call.call_id, call.slot);
    ++tally_.started;
    send_request(call, Method::kInvite, now, "sendrecv");
}

void Agent::hang_up_some(Instant now, std::size_t per_turn) {
    for (; hang_up_from_ < calls_.size() && per_turn > 0; ++hang_up_from_) {
        Call& call = *calls_[hang_up_from_];
        if (!call.caller || call.state != State::kUp) continue;
        --per_turn;
        step(call, now);
    }
}

// --- sending ----------------------------------------------------------------------------------------------
void Agent::transmit(const sockaddr_in& to, std::string_view bytes) {
    ++tally_.sent;
    port_.send(to, bytes);
}

void Agent::flush() { tally_.send_failed += port_.flush(); }

void Agent::begin(std::string& out, Method method, std::string_view uri, std::uint32_t branch) const {
    out.assign(name(method)).append(" ").append(uri).append(" SIP/2.0\r\nVia: SIP/2.0/").append(setup_.transport);
    out.append(" ").append(host_).append(";rport;branch=z9hG4bK").append(setup_.prefix).append(".");
    append_number(out, branch);
    out.append("\r\nMax-Forwards: 70\r\n");
}

void Agent::append_sdp(std::string& out, const Call& call, std::string_view direction) const {
    const auto host = host_.substr(0, host_.find(':'));
    std::string body("v=0\r\no=load 1 ");
    append_number(body, call.cseq + call.answers_seen + 1U);
    body.append(" IN IP4 ").append(host).append("\r\ns=-\r\nc=IN IP4 ").append(host).append("\r\nt=0 0\r\nm=audio ");
    append_number(body, 10'000 + 2 * (call.slot % 20'000));
    body.append(
            " RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            "a=fmtp:101 0-16\r\na=ptime:20\r\na=")
        .append(direction)
        .append("\r\n");
    out.append("Content-Type: application/sdp\r\nContent-Length: ");
    append_number(out, body.size());
    out.append("\r\n\r\n").append(body);
}

void Agent::send_request(Call& call, Method method, Instant now, std::string_view sdp_direction) {
    call.pending = method;
    call.pending_cseq = ++call.cseq;
    call.branch = ++branches_;
    std::string& out = call.request;
    begin(out, method, call.target, call.branch);
    out.append(call.routes).append("From: ").append(call.local).append("\r\nTo: ").append(call.remote);
    out.append("\r\nCall-ID: ").append(call.call_id).append("\r\nCSeq: ");
    append_number(out, call.cseq);
    out.append(" ").append(name(method)).append("\r\n");
    if (method == Method::kInvite)
        out.append("Contact: ")
            .append(contact_)
            .append(
                "\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, PRACK, UPDATE, INFO\r\nSupported: replaces\r\n"
                "User-Agent: load\r\n");
    if (sdp_direction.empty())
        out.append("Content-Length: 0\r\n\r\n");
    else
        append_sdp(out, call, sdp_direction);
    call.interval = reliable() ? setup_.patience : kT1;  // Timers A and E (RFC 3261 §17.1.1.2, §17.1.2.2)
    call.give_up = now + setup_.patience;
    wheel_.arm<&Call::on_retransmit>(call.retransmit, now + call.interval, &call);
    transmit(call.peer, out);
}

// RFC 3261 §17.1.1.3 for a failure (the INVITE's own Via and Request-URI), §13.2.2.4 for a 2xx.
void Agent::send_ack(Call& call, std::uint32_t cseq, bool to_failure) {
    std::string& out = scratch_;
    begin(out, Method::kAck, call.target, to_failure ? call.branch : ++branches_);
    out.append(call.routes).append("From: ").append(call.local).append("\r\nTo: ");
    out.append(to_failure ? scan_.to : std::string_view(call.remote));
    out.append("\r\nCall-ID: ").append(call.call_id).append("\r\nCSeq: ");
    append_number(out, cseq);
    out.append(" ACK\r\nContent-Length: 0\r\n\r\n");
    transmit(call.peer, out);
}

// RFC 3261 §9.1: the INVITE's Request-URI, Via, From, To, Call-ID and CSeq number.
void Agent::send_cancel(Call& call, Instant now) {
    call.cancelled = true;
    std::string& out = call.request;
    begin(out, Method::kCancel, call.target, call.branch);
    out.append("From: ").append(call.local).append("\r\nTo: ").append(call.remote);
    out.append("\r\nCall-ID: ").append(call.call_id).append("\r\nCSeq: ");
    append_number(out, call.pending_cseq);
    out.append(" CANCEL\r\nContent-Length: 0\r\n\r\n");
    call.interval = reliable() ? setup_.patience : kT1;  // Timers A and E (RFC 3261 §17.1.1.2, §17.1.2.2)
    call.give_up = now + setup_.patience;
    wheel_.arm<&Call::on_retransmit>(call.retransmit, now + call.interval, &call);
    transmit(call.peer, out);
}

void Agent::retransmit(Call& call, Instant now) {
    if (now >= call.give_up) {
        if (call.caller) ++tally_.timed_out;
        return forget(call);
    }
    ++tally_.retransmitted;
    const bool invite = call.pending == Method::kInvite && !call.cancelled;
    call.interval = invite ? 2 * call.interval : std::min(2 * call.interval, kT2);
    wheel_.arm<&Call::on_retransmit>(call.retransmit, now + call.interval, &call);
    transmit(call.peer, call.request);
}

// --- answering --------------------------------------------------------------------------------------------
void Agent::remember_head(Call& call) {
    call.head.clear();
    for (std::size_t i = 0; i < scan_.via_count; ++i)
        call.head.append("Via: ").append(scan_.via_lines[i]).append("\r\n");
    call.head.append(scan_.record_routes);
    call.head.append("From: ").append(scan_.from).append("\r\nTo: ").append(call.local).append("\r\nCall-ID: ");
    call.head.append(call.call_id).append("\r\nCSeq: ");
    append_number(call.head, scan_.cseq);
    call.head.append(" INVITE\r\nContact: ").append(contact_).append("\r\n");
    call.remote_cseq = scan_.cseq;
}

void Agent::answer(Call& call, unsigned status, std::string_view reason, bool sdp, Instant now) {
    std::string& out = status < 200 ? scratch_ : call.answer;
    out.assign("SIP/2.0 ");
    append_number(out, status);
    out.append(" ").append(reason).append("\r\n").append(call.head);
    if (sdp)
        append_sdp(out, call, "sendrecv");
    else
        out.append("Content-Length: 0\r\n\r\n");
    if (status >= 200) {
        call.wants_ack = true;
        call.answer_interval = kT1;
        call.answer_give_up = now + setup_.patience;
        wheel_.arm<&Call::on_repeat>(call.repeat, now + kT1, &call);
    }
    transmit(call.peer, out);
}

void Agent::repeat(Call& call, Instant now) {
    if (now >= call.answer_give_up) {
        ++tally_.mistakes;  // the element between owes an ACK
        return forget(call);
    }
    ++tally_.retransmitted;
    call.answer_interval = std::min(2 * call.answer_interval, kT2);
    wheel_.arm<&Call::on_repeat>(call.repeat, now + call.answer_interval, &call);
    transmit(call.peer, call.answer);
}

void Agent::respond(const sockaddr_in& to, unsigned status, std::string_view reason, std::string_view to_value) {
    std::string& out = scratch_;
    out.assign("SIP/2.0 ");
    append_number(out, status);
    out.append(" ").append(reason).append("\r\n");
    for (std::size_t i = 0; i < scan_.via_count; ++i) out.append("Via: ").append(scan_.via_lines[i]).append("\r\n");
    out.append("From: ").append(scan_.from).append("\r\nTo: ").append(to_value).append("\r\nCall-ID: ");
    out.append(scan_.call_id).append("\r\nCSeq: ");
    append_number(out, scan_.cseq);
    out.append(" ").append(name(scan_.method)).append("\r\nContent-Length: 0\r\n\r\n");
    transmit(to, out);
}

// --- receiving --------------------------------------------------------------------------------------------
void Agent::receive(Instant now) {
    constexpr int kBatches = 8;
    for (int i = 0; i < kBatches; ++i) {
        const auto datagrams = port_.receive();
        if (datagrams.empty()) return;
        for (const auto& d : datagrams) {
            if (!scan(d.bytes, scan_)) {
                ++tally_.mistakes;
            } else if (scan_.request) {
                ++tally_.requests_in;
                on_request(d.source, now);
            } else {
                ++tally_.responses_in;
                on_response(now);
            }
        }
    }
}

}  // namespace sallyport::load
