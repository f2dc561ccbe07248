// Requests within a dialog, above all the re-INVITE.
//
// The other side's dialog is changed by an INVITE of ours, and its response decides. Until then nothing of the
// session has changed; a failure leaves both sides as they were (RFC 6141 §3.2, RFC 3261 §14.1).

#include <array>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"

namespace sallyport::call {

namespace {

constexpr std::uint32_t kMaxRetryAfter = 10;

unsigned status_of(sdp::OfferError error) {
    switch (error) {
        case sdp::OfferError::kGlare: return 491;
        case sdp::OfferError::kOfferPending: return 500;
        default: return 488;
    }
}

}  // namespace

bool Call::owns(std::size_t i, const sip::Message& request) const {
    if (dialog::matches(legs_[i].dialog, request)) return true;
    for (const auto& branch : branches_) {
        if (dialog::matches(branch.dialogs[i], request)) return true;
    }
    return false;
}

dialog::Dialog& Call::dialog_of(std::size_t i, const sip::Message& request) {
    for (auto& branch : branches_) {
        if (dialog::matches(branch.dialogs[i], request)) return branch.dialogs[i];
    }
    return legs_[i].dialog;
}

void Call::on_request(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                      const sip::Message& request) {
    if (!dialog::take_cseq(dialog_of(leg, request), request.cseq().number)) {  // RFC 3261 §12.2.2
        ++core_.counters().old_requests;
        return answer(id, 500, "CSeq is out of order", {});
    }
    changed();
    switch (request.method()) {
        case sip::Method::kBye: return on_bye(id, leg, request);
        case sip::Method::kInvite: return on_reinvite(id, from, leg, request);
        default: pass_request(id, from, leg, request);
    }
}

// What belongs to the users goes to the other leg, in the dialog there that this one is the image of.
void Call::pass_request(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                        const sip::Message& request) {
    const auto to = other(leg);
    const auto methods = policy::methods_between(core_.view(), legs_[kCaller].realm, legs_[kCallee].realm);
    auto* there = &legs_[to].dialog;
    for (auto& branch : branches_) {
        if (dialog::matches(branch.dialogs[leg], request)) there = &branch.dialogs[to];
    }
    const bool options = request.method() == sip::Method::kOptions;
    if (closed_) return answer(id, 481, sip::default_reason(481), {});
    // Before a response of the callee's with a tag there is no dialog that it could be a request of.
    if (options && (policy::refusal(methods, request.method()) != 0 || there->remote_tag().empty()))
        return core_.answer_options(id, methods.known, {});
    if (there->remote_tag().empty() && !legs_[to].established) return answer(id, 500, "No dialog there yet", {});
    if (core_.relay().on_dialog_request(id, from, request,
                                        {passage(leg), methods, side(leg), side(to), *there, path(to, *there)}))
        ++there->local_cseq;
}

// 491 or 500 for a re-INVITE that comes while another INVITE is under way, 0 when there is none.
unsigned Call::busy_status(std::size_t leg) const {
    if (!exchange_.active) return 0;
    // Theirs again before our final response: 500; ours is out to them, or the 2xx is not acknowledged yet: 491
    // (RFC 3261 §14.2).
    return exchange_.from == leg && !exchange_.answered ? 500 : 491;
}

void Call::on_reinvite(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                       const sip::Message& request) {
    if (closed_) return answer(id, 481, sip::default_reason(481), {});
    if (const auto status = busy_status(leg); status != 0) {
        if (status == 491) ++core_.counters().glare;
        const auto seconds = std::to_string(core_.random().below(kMaxRetryAfter + 1));
        const sip::ExtraHeader extra{"Retry-After", seconds};
        return answer(id, status, sip::default_reason(status), {}, std::span(&extra, status == 500 ? 1 : 0));
    }
    const auto max_forwards = policy::next_max_forwards(request);
    if (!max_forwards) return answer(id, 483, sip::default_reason(483), {});
    auto body = read_body(request);
    if (body.status != 0) ++core_.counters().bodies_refused;
    if (body.status == 415) {
        return answer(id, 415, sip::default_reason(415), {}, std::span(&body.would_take, 1));
    }
    if (body.status != 0) return answer(id, body.status, body.reason, {});
    auto target = legs_[leg].dialog;
    if (const auto refreshed = dialog::refresh_target(target, request); !refreshed) {
        return answer(id, 400, refreshed.error(), {});
    }
    ++core_.counters().reinvites;
    exchange_ = {};
    exchange_.begin();
    exchange_.from = leg;
    exchange_.server = id;
    exchange_.cseq_in = request.cseq().number;
    exchange_.detail->target = target.remote_target();
    // A source of an open realm is known by nothing but its address; the port may be changed by the NAT before it.
    exchange_.detail->source = legs_[leg].peer;
    const auto& peer = legs_[leg].peer;
    const bool may_move = !legs_[leg].trunk && (!legs_[leg].secure || from.transport == Transport::kTls);
    if (may_move && from.sip_interface == peer.sip_interface)
        exchange_.detail->source = from;
    else if (from.transport == peer.transport && from.remote.address == peer.remote.address)
        exchange_.detail->source.connection = from.connection;  // the one before may be gone
    exchange_.late_offer = !body.sdp;

    std::string_view offer;
    if (body.sdp) {
        auto& here = legs_[leg].media;
        if (const auto taken = here.receive_offer(std::move(body.sdp)); !taken) {
            return fail_reinvite(status_of(taken.error()), nullptr);
        }
        if (!open_media(*here.remote_offer())) return fail_reinvite(500, nullptr);
        auto made = legs_[other(leg)].media.make_offer(*here.remote_offer(), local_media(other(leg)));
        if (!made) return fail_reinvite(status_of(made.error()), nullptr);
        offer = *made;
    }
    answer(id, 100, sip::default_reason(100), {});
    prepare_failure();
    pass_reinvite(request, *max_forwards, offer);
}

void Call::pass_reinvite(const sip::Message& request, std::uint8_t max_forwards, std::string_view offer) {
    const auto to = other(exchange_.from);
    auto& leg = legs_[to];
    exchange_.cseq_out = ++leg.dialog.local_cseq;
    const auto branch = core_.layer().make_branch();
    auto& w = core_.writer();
    const auto way = path(to);
    begin(way, leg.dialog, "INVITE", exchange_.cseq_out, branch.view(), max_forwards);
    write_contact(to);
    w.header(sip::HeaderId::kAllow, core_.allow(legs_[kCaller], legs_[kCallee]));
    w.header(sip::HeaderId::kAccept, policy::kAccept);
    write_product(sip::HeaderId::kUserAgent);
    policy::append_passed(w, request, passage(exchange_.from), core_.pass_counters());
    const auto id = send_request(to, way, "INVITE", offer.empty() ? w.finish() : w.finish("application/sdp", offer));
    if (!id) return fail_reinvite(500, nullptr);
    exchange_.client = *id;
    prepare_cancel(to, core_.layer().path(*id).value_or(way), branch.view());
    arm_no_answer();
    changed();
}

void Call::on_reinvite_response(const sip::Message& response) {
    const auto status = response.status();
    if (status == 100) return;
    if (status < 200) renew_timer_c();
    if (status >= 200 && status < 300) return on_reinvite_answer(response);
    if (status >= 300) {
        forget_client(exchange_.client);
        fail_reinvite(passed_status(status), &response);
        // RFC 3261 §12.2.1.2, §14.1: that side has no such dialog, or does not answer.
        if (status == 481 || status == 408) {
            release({EndedBy::kSallyport, static_cast<std::uint16_t>(status), "The other side has lost the call"});
        }
        return;
    }
    // Its SDP would be a preview of what the final response says; the session in force is heard until then.
    auto& w = core_.writer();
    if (!core_.layer().begin_response(exchange_.server, w, status, sip::default_reason(status), {})) return;
    write_contact(exchange_.from);
    write_product(sip::HeaderId::kServer);
    policy::append_passed(w, response, passage(other(exchange_.from)), core_.pass_counters());
    core_.layer().respond(core_.now().instant, exchange_.server, core_.outbound(asking_side(), w.finish()));
}

void Call::on_reinvite_answer(const sip::Message& response) {
    const auto from = exchange_.from;
    const auto to = other(from);
    stop_waiting();
    mark_answered(exchange_.client);
    // A 2xx refreshes the target on both legs (RFC 3261 §12.2.1.2); one that is unusable leaves the old.
    [[maybe_unused]] const auto refreshed = dialog::refresh_target(legs_[to].dialog, response);
    legs_[from].dialog.set_remote_target(exchange_.detail->target);
    legs_[from].peer = exchange_.detail->source;
    std::string_view body;
    if (!take_reinvite_answer(response, body) || (!closed_ && !write_ok(response, body))) {
        // Both sides have a session now that the other does not know: there is no way back but the end.
        send_ack(to, exchange_.client, exchange_.cseq_out, {}, nullptr);
        fail_reinvite(500, nullptr);
        return release({EndedBy::kSallyport, 500, "The answer cannot be used"});
    }
    if (closed_) return;
    if (!exchange_.late_offer) send_ack(to, exchange_.client, exchange_.cseq_out, {}, nullptr);
    send_ok();
}

bool Call::take_reinvite_answer(const sip::Message& response, std::string_view& body) {
    const auto from = exchange_.from;
    auto& here = legs_[from].media;
    auto& there = legs_[other(from)].media;
    auto said = read_body(response);
    if (said.status != 0) return false;
    if (exchange_.late_offer) {
        return said.sdp && relay_late_offer(there, here, from, std::move(said.sdp), body);
    }
    if (!said.sdp || !there.receive_answer(std::move(said.sdp), sdp::Finality::kFinal)) return false;
    auto made = here.make_answer(*there.remote(), local_media(from), sdp::Finality::kFinal);
    if (!made) return false;
    body = *made;
    return apply_media(legs_[kCaller].media.remote(), legs_[kCallee].media.remote(), true);
}

void Call::fail_reinvite(unsigned status, const sip::Message* cause) {
    ++core_.counters().reinvites_failed;
    stop_waiting();
    const auto from = exchange_.from;
    auto& w = core_.writer();
    if (core_.layer().begin_response(exchange_.server, w, status, sip::default_reason(status), {})) {
        write_required(status);
        if (cause != nullptr) {
            policy::append_passed(w, *cause, passage(other(from)), core_.pass_counters());
            const auto said = static_cast<std::uint16_t>(cause->status());
            if (said != status && !cause->has(sip::HeaderId::kReason))
                write_reason({EndedBy::kSallyport, said, sip::default_reason(said)});
        }
        write_product(sip::HeaderId::kServer);
        core_.conclude(side(from), exchange_.server, status, tag_of(from));
    }
    exchange_ = {};
    legs_[from].media.refuse();
    legs_[other(from)].media.withdraw();
    roll_back();
    changed();
}

// The ports of streams that only the failed offer had go back; flows were not touched.
void Call::roll_back() {
    const auto* caller = legs_[kCaller].media.remote();
    const auto* callee = legs_[kCallee].media.remote();
    if (caller == nullptr || callee == nullptr) return;
    plan_.conclude(*caller, *callee);
    plan_.trim(core_.pools(), core_.now().instant);
}

}  // namespace sallyport::call
