// What a call does on what it hears and when its time comes: the scenarios.

#include <utility>

#include "tests/load/agent.h"

namespace sallyport::load {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPause = 20ms;  // between the steps of a scenario

std::optional<Scenario> scenario_in(std::string_view uri) {
    const auto at = uri.find('@');
    if (at == std::string_view::npos || at < 6) return std::nullopt;
    const auto tens = uri[at - 2] - '0';
    const auto ones = uri[at - 1] - '0';
    const auto number = tens * 10 + ones - 10;
    if (number < 0 || number >= static_cast<int>(Scenario::kCount)) return std::nullopt;
    return static_cast<Scenario>(number);
}

}  // namespace

void Agent::on_response(Instant now) {
    Call* found = find(scan_.call_id);
    if (found == nullptr) {
        ++tally_.stray;
        return;
    }
    Call& call = *found;
    if (scan_.method == Method::kInvite) return on_invite_response(call, now);
    if (scan_.method == Method::kCancel) {
        // The INVITE's 487 ends the call; CANCEL need not be sent again.
        if (scan_.status >= 200) wheel_.arm<&Call::on_retransmit>(call.retransmit, call.give_up, &call);
        return;
    }
    if (scan_.method != call.pending || scan_.cseq != call.pending_cseq || scan_.status < 200) return;
    if (scan_.method == Method::kBye) {
        if (scan_.status == 200) return end(call);
        if (call.caller) {
            ++tally_.refused;
            ++tally_.codes[scan_.status];
        }
        forget(call);
    }
}

void Agent::on_invite_response(Call& call, Instant now) {
    if (scan_.cseq != call.pending_cseq || call.pending != Method::kInvite) {
        // A 2xx that came again: its ACK was lost.
        if (scan_.status >= 200 && scan_.status < 300 && call.acked) send_ack(call, scan_.cseq, false);
        return;
    }
    if (scan_.status < 200) {
        if (!call.cancelled) {
            call.give_up = now + setup_.patience;
            wheel_.arm<&Call::on_retransmit>(call.retransmit, call.give_up, &call);
        }
        if (call.state == State::kCalling && scan_.status >= 180) {
            call.state = State::kRinging;
            if (call.scenario == Scenario::kCancel) wheel_.arm<&Call::on_next>(call.next, now + kPause, &call);
        }
        return;
    }
    if (scan_.status < 300) return on_answered(call, now);
    on_refused(call, now);
}

void Agent::on_answered(Call& call, Instant now) {
    call.retransmit.cancel();
    const bool first = call.state == State::kCalling || call.state == State::kRinging;
    const bool silent =
        (call.scenario == Scenario::kLostAck && call.answers_seen < 2) || call.scenario == Scenario::kNeverAck;
    if (call.answers_seen < 255) ++call.answers_seen;
    if (first) {
        call.remote.assign(scan_.to);
        call.target.assign(scan_.contact);
        call.routes.assign(scan_.routes_up);
        tally_.setup.add(now - call.began);
        ++tally_.answered;
        ++up_;
        call.state = State::kUp;
    }
    if (silent) return;
    call.pending = Method::kOther;
    call.acked = true;
    send_ack(call, scan_.cseq, false);
    switch (call.scenario) {
        case Scenario::kCancel:  // it crossed our CANCEL: an answered call like any other
        case Scenario::kBasic:
        case Scenario::kEarly:
        case Scenario::kLostAck:
            if (setup_.hold != Duration::max()) wheel_.arm<&Call::on_next>(call.next, now + setup_.hold, &call);
            break;
        case Scenario::kHold:
            call.state = State::kUp;
            wheel_.arm<&Call::on_next>(call.next, now + (call.resumed ? setup_.hold : kPause), &call);
            break;
        case Scenario::kCalleeHold:
            if (!call.caller) wheel_.arm<&Call::on_next>(call.next, now + (call.resumed ? setup_.hold : kPause), &call);
            break;
        default: break;  // the other side goes on
    }
}

void Agent::on_refused(Call& call, Instant now) {
    send_ack(call, scan_.cseq, true);
    call.retransmit.cancel();
    if (scan_.retry_after) ++tally_.retry_after;
    const bool wanted = (call.scenario == Scenario::kBusy && scan_.status == 486) ||
                        (call.scenario == Scenario::kCancel && call.cancelled && scan_.status == 487);
    if (wanted) return end(call);
    if (call.caller) {
        ++tally_.refused;
        ++tally_.codes[scan_.status];
        tally_.refusal.add(now - call.began);
    }
    // A refused re-INVITE leaves a call that is up; its peer learns of the end by our BYE.
    if (call.state == State::kUp || call.state == State::kChanging) return send_request(call, Method::kBye, now);
    forget(call);
}

void Agent::on_request(const sockaddr_in& source, Instant now) {
    Call* found = find(scan_.call_id);
    if (scan_.method == Method::kInvite) {
        if (found == nullptr) return on_new_invite(source, now);
        return on_reinvite(*found, now);
    }
    if (found == nullptr) {
        // A BYE that came again after we had answered it.
        if (scan_.method == Method::kBye || scan_.method == Method::kCancel)
            respond(source, scan_.method == Method::kBye ? 200 : 481, "Done", scan_.to);
        ++tally_.stray;
        return;
    }
    Call& call = *found;
    switch (scan_.method) {
        case Method::kAck:
            if (!std::exchange(call.wants_ack, false)) return;
            call.repeat.cancel();
            if (call.scenario == Scenario::kBusy || call.cancelled) return forget(call);
            if (call.state == State::kRinging) call.state = State::kUp;
            if (call.caller) return;
            if (call.scenario == Scenario::kCalleeHold)
                wheel_.arm<&Call::on_next>(call.next, now + kPause, &call);
            else if (call.scenario == Scenario::kCalleeBye && call.pending != Method::kBye)
                wheel_.arm<&Call::on_next>(call.next, now + setup_.hold, &call);
            return;
        case Method::kCancel:
            respond(source, 200, "OK", call.local);
            if (call.wants_ack || call.state != State::kRinging) return;
            call.cancelled = true;
            call.next.cancel();
            return answer(call, 487, "Request Terminated", false, now);
        case Method::kBye: {
            respond(source, 200, "OK", scan_.to);
            const bool wanted = call.scenario == Scenario::kCalleeBye || call.scenario == Scenario::kCalleeHold ||
                                call.scenario == Scenario::kNeverAck;
            if (!call.caller || wanted) return end(call);
            ++tally_.refused;
            ++tally_.codes[0];  // ended by somebody else
            return forget(call);
        }
        default: ++tally_.mistakes; return;
    }
}

void Agent::on_new_invite(const sockaddr_in& source, Instant now) {
    const auto scenario = scenario_in(scan_.uri);
    if (!scenario || has_tag(scan_.to)) {
        ++tally_.mistakes;
        return respond(source, scenario ? 481 : 404, "No", scan_.to);
    }
    Call& call = take_call();
    call.scenario = *scenario;
    call.state = State::kRinging;
    call.began = now;
    call.peer = source;
    call.call_id.assign(scan_.call_id);
    call.local.assign(scan_.to).append(";tag=").append(setup_.prefix).append("e").append(std::to_string(++serial_));
    call.remote.assign(scan_.from);
    call.target.assign(scan_.contact);
    call.routes.assign(scan_.routes_down);
    by_call_id_.emplace(call.call_id, call.slot);
    remember_head(call);
    if (call.scenario == Scenario::kBusy) return answer(call, 486, "Busy Here", false, now);
    if (call.scenario == Scenario::kEarly)
        answer(call, 183, "Session Progress", true, now);
    else
        answer(call, 180, "Ringing", false, now);
    if (call.scenario == Scenario::kCancel) return;
    if (setup_.ring > Duration::zero()) return wheel_.arm<&Call::on_next>(call.next, now + setup_.ring, &call);
    answer(call, 200, "OK", true, now);
}

void Agent::on_reinvite(Call& call, Instant now) {
    if (scan_.cseq == call.remote_cseq) {  // came again
        if (call.wants_ack) transmit(call.peer, call.answer);
        return;
    }
    remember_head(call);
    answer(call, 200, "OK", true, now);
}

// The call's time has come.
void Agent::step(Call& call, Instant now) {
    if (call.state == State::kRinging) {
        if (call.caller) return send_cancel(call, now);
        return answer(call, 200, "OK", true, now);
    }
    if (call.state != State::kUp) return;
    const bool holds = call.scenario == (call.caller ? Scenario::kHold : Scenario::kCalleeHold);
    if (holds && call.cseq < (call.caller ? 3U : 2U)) {
        const bool first = call.cseq < (call.caller ? 2U : 1U);
        call.resumed = !first;
        return send_request(call, Method::kInvite, now, first ? "sendonly" : "sendrecv");
    }
    if (call.caller) --up_;
    call.state = State::kEnding;
    send_request(call, Method::kBye, now);
}

}  // namespace sallyport::load
