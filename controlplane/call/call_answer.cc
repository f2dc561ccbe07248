// The 2xx and the ACK of an INVITE: the initial one, and what a re-INVITE shares with it.

#include <algorithm>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"

namespace sallyport::call {

namespace {

constexpr std::size_t kMaxDismissed = 16;

}  // namespace

// --- the callee's 2xx -----------------------------------------------------------------------------------------
void Call::on_answer(const sip::Message& response) {
    stop_waiting();
    // The 2xx decides the dialog, its route set too (RFC 3261 §13.2.2.4); the SDP state is that of its branch.
    auto* early = branch_for(response);
    if (early == nullptr || !dialog::establish(early->dialogs[kCallee], response)) {
        ++core_.counters().branches_ignored;
        dismiss(response);
        return refuse_with(500, {EndedBy::kSallyport, 500, "The answer has no usable dialog"}, nullptr);
    }
    Branch& branch = *early;
    std::string_view body;
    const bool taken =
        exchange_.late_offer ? take_late_offer(branch, response, body) : take_answer(branch, response, body);
    adopt(branch);
    if (!taken || !write_ok(response, body)) return fail_answer();
    core_.count_answered(legs_[kCaller], legs_[kCallee]);
    notes_.answer = core_.now().wall;
    state_ = State::kAnswered;
    if (!exchange_.late_offer) send_ack(kCallee, exchange_.client, exchange_.cseq_out, {}, nullptr);
    send_ok();
    arm_limit();
}

// The dialogs of the branch that won become those of the legs; all branches are forgotten.
void Call::adopt(Branch& branch) {
    for (auto& b : branches_) {
        const auto tag = b.dialogs[kCaller].local_tag();
        if (tag != branch.dialogs[kCaller].local_tag()) core_.remove_dialog(tag);
    }
    for (const auto leg : {kCaller, kCallee}) {
        legs_[leg].dialog = std::move(branch.dialogs[leg]);
        if (branch.media) legs_[leg].media = std::move((*branch.media)[leg]);
    }
    std::vector<Branch>().swap(branches_);  // with its memory: several KiB for the rest of the call
    legs_[kCallee].established = true;
}

// The callee is up, but the caller cannot be told: its answer cannot be used, or there are no means.
void Call::fail_answer() {
    send_ack(kCallee, exchange_.client, exchange_.cseq_out, {}, nullptr);
    const Ending ending{EndedBy::kSallyport, 500, "The answer cannot be used"};
    core_.respond(side(kCaller), exchange_.server, 500, sip::default_reason(500), tag_of(kCaller));
    exchange_.active = false;
    legs_[kCaller].bye_done = true;
    release(ending);
}

bool Call::take_answer(Branch& branch, const sip::Message& response, std::string_view& body) {
    auto said = read_body(response);
    if (said.status != 0) return false;
    auto& callee = media_of(branch, kCallee);
    auto& caller = media_of(branch, kCaller);
    const auto taken =
        said.sdp ? callee.receive_answer(std::move(said.sdp), sdp::Finality::kFinal) : callee.settle_preview();
    if (!taken) return false;
    auto made = caller.make_answer(*callee.remote(), local_media(kCaller), sdp::Finality::kFinal);
    if (!made) return false;
    body = *made;
    return apply_media(caller.remote(), callee.remote(), true);
}

// The INVITE had no offer: this is the callee's, and the caller will answer in its ACK (RFC 3261 §13.2.1).
bool Call::take_late_offer(Branch& branch, const sip::Message& response, std::string_view& body) {
    auto said = read_body(response);
    if (!said.sdp) return false;
    return relay_late_offer(media_of(branch, kCallee), media_of(branch, kCaller), kCaller, std::move(said.sdp), body);
}

bool Call::relay_late_offer(sdp::OfferAnswer& from, sdp::OfferAnswer& to, std::size_t to_leg,
                            Shared<sdp::Session> offer, std::string_view& body) {
    if (!from.receive_offer(std::move(offer))) return false;
    if (!open_media(*from.remote_offer())) return false;
    auto made = to.make_offer(*from.remote_offer(), local_media(to_leg));
    if (made) body = *made;
    return made.has_value();
}

// --- our 2xx ------------------------------------------------------------------------------------------------------
// False: there is no INVITE to answer any more, or the description alone is too long for a datagram.
bool Call::write_ok(const sip::Message& response, std::string_view body) {
    const auto leg = exchange_.from;
    auto& w = core_.writer();
    auto& layer = core_.layer();
    for (const bool passing : {true, false}) {
        if (!layer.begin_response(exchange_.server, w, response.status(), sip::default_reason(response.status()),
                                  tag_of(leg))) {
            return false;
        }
        write_contact(leg);
        w.header(sip::HeaderId::kAllow, core_.allow(legs_[kCaller], legs_[kCallee]));
        w.header(sip::HeaderId::kAccept, policy::kAccept);
        write_product(sip::HeaderId::kServer);
        if (passing) policy::append_passed(w, response, passage(other(leg)), core_.pass_counters());
        const auto made = body.empty() ? w.finish() : w.finish("application/sdp", body);
        exchange_.detail->ok = core_.outbound(side(leg), made);
        if (!exchange_.detail->ok.empty()) break;
        ++core_.counters().responses_cut;
    }
    exchange_.detail->ok_path = answer_path(leg);
    return !exchange_.detail->ok.empty();
}

void Call::send_ok() {
    exchange_.answered = true;
    legs_[exchange_.from].established = true;
    for (auto& leg : legs_) leg.media.rest();  // now, so that what is saved is made once
    core_.layer().respond(core_.now().instant, exchange_.server, exchange_.detail->ok);
    // RFC 3261 §13.3.1.4: repeated from T1 on, doubling up to T2, whatever the transport, until the ACK comes.
    const Duration t1 = timers(exchange_.from).t1;
    exchange_.detail->interval = t1;
    exchange_.detail->give_up = core_.now().instant + 64 * t1;
    core_.wheel().arm<&Call::repeat_ok>(exchange_.detail->timer, core_.now().instant + exchange_.detail->interval,
                                        this);
    changed();
}

void Call::repeat_ok(Instant now) {
    if (now >= exchange_.detail->give_up) {
        ++core_.counters().acks_missing;
        if (closed_ || exchange_.aborted) return finish_exchange();
        answered_without_ack();
        return release({EndedBy::kSallyport, 408, "No ACK"});
    }
    // The transaction may be gone, after a restart or because Timer L is as old as our own limit.
    if (!core_.layer().respond(now, exchange_.server, exchange_.detail->ok)) {
        core_.layer().send(exchange_.detail->ok_path, exchange_.detail->ok);
    }
    exchange_.detail->interval = std::min<Duration>(2 * exchange_.detail->interval, timers(exchange_.from).t2);
    core_.wheel().arm<&Call::repeat_ok>(exchange_.detail->timer,
                                        std::min(now + exchange_.detail->interval, exchange_.detail->give_up), this);
}

// --- the ACK --------------------------------------------------------------------------------------------------------
void Call::on_ack(std::size_t leg, const sip::Message& ack) {
    if (!exchange_.answered || leg != exchange_.from || ack.cseq().number != exchange_.cseq_in) return;
    if (exchange_.late_offer && !closed_ && !pass_late_answer(ack)) {
        const Ending ending{EndedBy::kSallyport, 500, "The ACK has no usable answer"};
        answered_without_ack();
        return release(ending);
    }
    finish_exchange();
}

bool Call::pass_late_answer(const sip::Message& ack) {
    const auto to = other(exchange_.from);
    auto said = read_body(ack);
    auto& here = legs_[exchange_.from].media;
    auto& there = legs_[to].media;
    if (!said.sdp || !here.receive_answer(std::move(said.sdp), sdp::Finality::kFinal)) return false;
    const auto made = there.make_answer(*here.remote(), local_media(to), sdp::Finality::kFinal);
    if (!made) return false;
    if (!apply_media(legs_[kCaller].media.remote(), legs_[kCallee].media.remote(), true)) return false;
    send_ack(to, exchange_.client, exchange_.cseq_out, *made, &ack);
    return true;
}

// The exchange ends without its ACK. A 2xx with an offer is still unacknowledged on the other leg: the ACK must
// come before the BYE.
void Call::answered_without_ack() {
    if (exchange_.late_offer) send_ack(other(exchange_.from), exchange_.client, exchange_.cseq_out, {}, nullptr);
    stop_waiting();
    exchange_ = {};
}

void Call::finish_exchange() {
    stop_waiting();
    const auto leg = exchange_.from;
    core_.layer().rest(exchange_.server);
    exchange_ = {};
    for (auto& each : legs_) each.media.rest();
    if (state_ == State::kAnswered) state_ = State::kUp;
    if (legs_[leg].bye_wanted) send_bye(leg, nullptr);
    if (closed_) settle();
    changed();
}

// `invite` need not live any more: then nothing repeats its 2xx to us.
void Call::send_ack(std::size_t i, transaction::ClientId invite, std::uint32_t cseq, std::string_view body,
                    const sip::Message* cause) {
    const auto branch = core_.layer().make_branch();
    const auto to = path(i);
    auto& w = core_.writer();
    begin(to, legs_[i].dialog, "ACK", cseq, branch.view());
    write_product(sip::HeaderId::kUserAgent);
    if (cause != nullptr) policy::append_passed(w, *cause, passage(other(i)), core_.pass_counters());
    const auto ack = core_.outbound(side(i), body.empty() ? w.finish() : w.finish("application/sdp", body));
    core_.layer().send(to, ack);
    const auto it = std::ranges::find(clients_, invite, &ClientRef::id);
    if (it == clients_.end()) return;
    it->acked = true;
    if (body.empty() && cause == nullptr) return;
    it->ack_path = to;
    it->ack = ack;
}

void Call::repeat_ack(const ClientRef& client, const sip::Message& response) {
    if (!client.ack.empty()) return core_.layer().send(client.ack_path, client.ack);
    send_ack(client.leg, client.id, response.cseq().number, {}, nullptr);
}

// A 2xx that nobody wants: its dialog gets ACK and BYE (RFC 3261 §13.2.2.4).
void Call::dismiss(const sip::Message& response) {
    auto unwanted = legs_[kCallee].dialog;
    unwanted.local_cseq = invite_cseq_;
    unwanted.set_remote_tag(response.to_tag());
    [[maybe_unused]] const auto established = dialog::establish(unwanted, response);  // else as far as we know it
    const auto to = path(kCallee, unwanted);
    auto& w = core_.writer();
    const auto ack_branch = core_.layer().make_branch();
    begin(to, unwanted, "ACK", invite_cseq_, ack_branch.view());
    write_product(sip::HeaderId::kUserAgent);
    core_.layer().send(to, core_.outbound(side(kCallee), w.finish()));
    const auto tag = response.to_tag().substr(0, dialog::kMaxIdentifier);
    if (std::ranges::find(dismissed_, tag) != dismissed_.end() || dismissed_.size() == kMaxDismissed) return;
    dismissed_.emplace_back(tag);
    ++core_.counters().forks_dismissed;
    const auto bye_branch = core_.layer().make_branch();
    begin(to, unwanted, "BYE", invite_cseq_ + 1, bye_branch.view());
    write_product(sip::HeaderId::kUserAgent);
    send_request(kCallee, to, "BYE", w.finish());
}

}  // namespace sallyport::call
