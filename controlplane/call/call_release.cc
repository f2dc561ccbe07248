// The end of a call, and what is left to do after it.

#include <algorithm>
#include <utility>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"

namespace sallyport::call {

namespace {

constexpr std::size_t kMaxReasonText = 128;

std::string bye_reason(const sip::Message& bye) {
    const auto value = sip::unfolded(bye.value(sip::HeaderId::kReason));
    return value.empty() ? "Normal clearing" : value.substr(0, kMaxReasonText);
}

}  // namespace

void Call::on_bye(transaction::ServerId id, std::size_t i, const sip::Message& bye) {
    answer(id, 200, sip::default_reason(200), {});
    auto& leg = legs_[i];
    const bool was_up = leg.established;
    leg.bye_done = true;
    leg.bye_wanted = false;
    if (closed_) return settle();  // crossed with ours
    const auto text = bye_reason(bye);
    const auto by = i == kCaller ? EndedBy::kCaller : EndedBy::kCallee;
    if (was_up) return release({by, 200, text}, &bye);
    // A BYE in an early dialog: the caller's is as good as a CANCEL (RFC 3261 §15); the callee must not, but if it
    // does, it has gone.
    if (i == kCaller) return cancel_setup(487, {by, 487, text}, &bye);
    cancel_setup(480, {by, 480, text}, nullptr);
}

// Ends an answered call: BYE on each leg that has not said it itself.
void Call::release(const Ending& ending, const sip::Message* bye) {
    if (closed_) return;
    if (exchange_.active && !exchange_.answered) {  // RFC 3261 §15.1.2: requests under way are answered with 487
        answer(exchange_.server, 487, sip::default_reason(487), {});
        cancel_invite(reason_for(exchange_.from, nullptr, ending));
        exchange_ = {};
    }
    if (exchange_.answered && (exchange_.late_offer || legs_[exchange_.from].bye_done)) answered_without_ack();
    state_ = State::kReleasing;
    for (const auto i : {kCaller, kCallee}) {
        auto& leg = legs_[i];
        if (!leg.established || leg.bye_done) continue;
        leg.bye_reason = reason_for(other(i), bye, ending);
        // Not before the ACK to our 2xx has come or is no longer awaited (RFC 3261 §15).
        if (exchange_.answered && exchange_.from == i)
            leg.bye_wanted = true;
        else
            send_bye(i, bye);
    }
    close(ending);
    settle();
}

// With all that crosses of the other side's BYE, or with its Reason alone: it must not be lost for what stands in it.
void Call::send_bye(std::size_t i, const sip::Message* cause) {
    auto& leg = legs_[i];
    leg.bye_wanted = false;
    leg.bye_done = true;
    if ((cause != nullptr && try_bye(i, cause)) || try_bye(i, nullptr)) return;
    // The table of client transactions is full.
    leg.bye_wanted = true;
    leg.bye_done = false;
    if (!bye_retry_) {
        bye_retry_ = std::make_unique<ByeRetry>();
        bye_retry_->give_up = core_.now().instant + 64 * Duration(timers(i).t1);
    }
    core_.wheel().arm<&Call::on_bye_due>(bye_retry_->timer, core_.now().instant + timers(i).t1, this);
}

bool Call::try_bye(std::size_t i, const sip::Message* cause) {
    auto& leg = legs_[i];
    const auto branch = core_.layer().make_branch();
    auto& w = core_.writer();
    const auto to = path(i);
    begin(to, leg.dialog, "BYE", leg.dialog.local_cseq + 1, branch.view());
    if (cause != nullptr)
        policy::append_passed(w, *cause, passage(other(i)), core_.pass_counters());
    else if (!leg.bye_reason.empty())
        w.header(sip::HeaderId::kReason, leg.bye_reason);
    write_product(sip::HeaderId::kUserAgent);
    if (!send_request(i, to, "BYE", w.finish())) return false;
    ++leg.dialog.local_cseq;
    return true;
}

void Call::on_bye_due(Instant now) {
    for (const auto i : {kCaller, kCallee}) {
        auto& leg = legs_[i];
        if (!leg.bye_wanted || (exchange_.answered && exchange_.from == i)) continue;
        if (now < bye_retry_->give_up) {
            send_bye(i, nullptr);
        } else {
            ++core_.counters().byes_unsent;
            leg.bye_wanted = false;
            leg.bye_done = true;
        }
    }
    settle();
}

// The call is over for its record and for its media. What the transactions still have to do goes on.
void Call::close(const Ending& ending) {
    if (closed_) return;
    closed_ = true;
    if (!exchange_.answered) stop_waiting();
    end_timer_.cancel();
    ended_ = Ended{core_.now().wall, ending.by, ending.code, std::string(ending.text)};
    if (!notes_.answer) ++core_.counters().calls_failed;
    drop_media();
    changed();
}

// The record as far as it is known.
void Call::tell(Told& told) const {
    const auto& view = core_.view();
    auto& text = told.text;
    text.number = number_;
    text.invite = notes_.invite;
    text.ringing = notes_.ringing;
    text.answer = notes_.answer;
    text.from_user = notes_.from_user;
    text.to_user = notes_.to_user;
    text.codecs = notes_.codecs;
    text.streams = notes_.streams;
    text.quality_complete = notes_.quality_complete;
    text.route = imported_ ? std::string_view(imported_->route) : view.routes.at(notes_.route).name;
    for (const auto i : {kCaller, kCallee}) {
        const auto& leg = legs_[i];
        auto& out = i == kCaller ? text.caller : text.callee;
        if (imported_) out = view_of(i == kCaller ? imported_->caller : imported_->callee);
        out.call_id = leg.dialog.call_id();
        out.local_tag = leg.dialog.local_tag();
        out.remote_tag = leg.dialog.remote_tag();
        out.peer = {told.peers[i].data(), leg.peer.remote.write(told.peers[i].data())};
        out.transport = transport_name(leg.peer.transport);
        if (imported_) continue;
        if (leg.trunk) out.trunk = view.trunks.at(*leg.trunk).name;
        out.realm = view.realms.at(leg.realm).name;
    }
    if (!ended_) return;
    text.end = ended_->at;
    text.ended_by = ended_->by;
    text.code = ended_->code;
    text.reason = ended_->reason;
}

bool Call::pending() const {
    if (exchange_.active || legs_[kCaller].bye_wanted || legs_[kCallee].bye_wanted) return true;
    return std::ranges::any_of(clients_, [](const ClientRef& c) { return !c.answered; });
}

// Over, as soon as no request of ours waits for its response and no 2xx for its ACK.
void Call::settle() {
    if (!closed_ || pending()) return;
    if (state_ != State::kEnded) {
        state_ = State::kEnded;
        core_.count_live(-1);
        permit_ = {};
        for (const auto& branch : branches_) core_.remove_dialog(branch.dialogs[kCaller].local_tag());
        branches_.clear();
        for (const auto& leg : legs_) core_.remove_dialog(leg.dialog.local_tag());
    }
    if (!record_done_ || retired_) return;
    if (clients_.empty()) {
        retired_ = true;
        core_.retire(*this);
    } else if (!shrunk_) {
        shrink();
    }
}

void Call::finish_record() {
    if (record_done_) return;
    end_timer_.cancel();
    record_done_ = true;
    Told told;
    tell(told);
    core_.emit(told.text);
    settle();
}

// For 64*T1 a late 2xx may come (RFC 6026 §8.4): its ACK and BYE need the dialog of that side, and nothing of what was
// heavy.
void Call::shrink() {
    std::exchange(notes_, {});
    ended_.reset();
    imported_.reset();
    plan_ = flow::MediaPlan(number_, legs_[kCaller].realm, legs_[kCallee].realm);
    for (std::size_t i = 0; i < legs_.size(); ++i) {
        legs_[i].media = sdp::OfferAnswer(0);
        if (std::ranges::none_of(clients_, [i](const ClientRef& c) { return c.invite && c.leg == i; }))
            legs_[i].dialog = {};
    }
    exchange_ = {};
    shrunk_ = true;
}

void Call::on_counters_late(Instant) {
    notes_.quality_complete = false;
    finish_record();
}

void Call::arm_limit() {
    auto limit = timers(kCaller).max_call_duration;
    const auto of_callee = timers(kCallee).max_call_duration;
    if (limit.count() == 0 || (of_callee.count() != 0 && of_callee < limit)) limit = of_callee;
    if (limit.count() == 0) return;
    limit_at_ = core_.now().instant + limit;
    core_.wheel().arm<&Call::on_limit>(end_timer_, limit_at_, this);
}

void Call::on_limit(Instant) {
    ++core_.counters().limit_reached;
    release({EndedBy::kSallyport, 480, "Maximum call duration"});
}

// --- client transactions -----------------------------------------------------------------------------------------
void Call::forget_client(transaction::ClientId id) {
    std::erase_if(clients_, [id](const ClientRef& c) { return c.id == id; });
    if (clients_.empty()) std::vector<ClientRef>().swap(clients_);  // for most of a call there are none
}

void Call::mark_answered(transaction::ClientId id) {
    for (auto& c : clients_) {
        if (c.id == id) c.answered = true;
    }
}

void Call::on_response(transaction::ClientId id, const sip::Message& response) {
    if (id == invite_client_) return on_invite_response(response);
    if (exchange_.active && !exchange_.answered && id == exchange_.client) return on_reinvite_response(response);
    if (response.status() < 200) return;
    const auto it = std::ranges::find(clients_, id, &ClientRef::id);
    if (it == clients_.end()) return;
    if (!it->invite || response.status() >= 300) {  // of a BYE, whatever it says (RFC 3261 §15.1.1)
        clients_.erase(it);
        return settle();
    }
    late_answer(*it, response);
    settle();
}

// A 2xx to a re-INVITE: repeated, or too late, after the call was released.
void Call::late_answer(ClientRef& client, const sip::Message& response) {
    client.answered = true;
    if (client.acked) return repeat_ack(client, response);
    if (exchange_.active && exchange_.client == client.id) return;  // its ACK waits for the other side's answer
    send_ack(client.leg, client.id, response.cseq().number, {}, nullptr);
}

void Call::on_client_failure(transaction::ClientId id, transaction::ClientFailure why) {
    using transaction::ClientFailure;
    forget_client(id);
    // RFC 3261 §8.1.3.1: a timeout counts as 408, a transport error as 503.
    const std::uint16_t status = why == ClientFailure::kTimeout ? 408 : why == ClientFailure::kCancelled ? 487 : 503;
    if (id == invite_client_ && !closed_) {
        return refuse_with(passed_status(status),
                           {EndedBy::kSallyport, status, status == 408 ? "No response" : "Unreachable"}, nullptr);
    }
    if (exchange_.active && !exchange_.answered && id == exchange_.client) {
        fail_reinvite(passed_status(status), nullptr);
        // RFC 3261 §12.2.1.2: no response at all ends the dialog.
        if (why == ClientFailure::kTimeout) release({EndedBy::kSallyport, 408, "The other side does not respond"});
    }
    settle();
}

void Call::on_client_terminated(transaction::ClientId id) {
    forget_client(id);
    settle();
}

}  // namespace sallyport::call
