// From the INVITE to its final response.

#include <algorithm>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"
#include "controlplane/policy/hidden_names.h"
#include "media/sdp/sdp_parse.h"

namespace sallyport::call {

namespace {

constexpr std::size_t kMaxBranches = 8;
constexpr std::uint32_t kMaxFirstCSeq = 0x7fff;
constexpr std::string_view kRetryAfter = "5";

// o= ids, at most 2^62 (media/offer_answer).
std::uint64_t sdp_session(RandomSource& random) { return random.next_u64() >> 2; }

}  // namespace

Call::Call(EngineCore& core, std::uint64_t number, std::uint16_t caller_realm, std::uint16_t callee_realm)
    : core_(core),
      number_(number),
      legs_{Leg(sdp_session(core.random())), Leg(sdp_session(core.random()))},
      plan_(number, caller_realm, callee_realm) {
    legs_[kCaller].realm = caller_realm;
    legs_[kCallee].realm = callee_realm;
    core.count_live(1);
}

void Call::start(transaction::ServerId server, const transaction::Path& from, const sip::Message& invite,
                 const routing::Source& source, const routing::Target& target, dialog::Dialog dialog,
                 Shared<sdp::Session> offer) {
    auto& caller = legs_[kCaller];
    auto& callee = legs_[kCallee];
    if (source.kind == routing::Source::Kind::kTrunk) caller.trunk = source.trunk;
    caller.peer = from;
    caller.secure = callee.secure = invite.uri().scheme == sip::UriScheme::kSips;
    caller.dialog = std::move(dialog);
    callee.trunk = target.trunk;
    callee.peer = {target.sip_interface, target.peer, target.transport};
    exchange_.begin();
    exchange_.initial = true;
    exchange_.server = server;
    exchange_.cseq_in = invite.cseq().number;
    exchange_.late_offer = !offer;
    begin_record(invite, target.route);
    core_.add_dialog(caller.dialog.local_tag(), number_, kCaller);
    core_.layer().set_to_tag(server, caller.dialog.local_tag());

    std::string_view body;
    if (offer) {
        const auto taken = caller.media.receive_offer(std::move(offer));
        if (!taken) return refuse(488, sdp::offer_error_text(taken.error()));
        if (!open_media(*caller.media.remote_offer())) return refuse(503, "No media ports");
        auto made = callee.media.make_offer(*caller.media.remote_offer(), local_media(kCallee));
        if (!made) return refuse(488, sdp::offer_error_text(made.error()));
        body = *made;
    }
    answer(server, 100, sip::default_reason(100), {});  // RFC 3261 §17.2.1: at once
    prepare_failure();
    send_invite(invite, body);
}

void Call::begin_record(const sip::Message& invite, std::uint16_t route) {
    notes_.invite = core_.now().wall;
    notes_.from_user = user_of(invite.from().uri);
    notes_.to_user = user_of(invite.request_uri());
    notes_.route = route;
}

void Call::send_invite(const sip::Message& invite, std::string_view body) {
    auto& callee = legs_[kCallee];
    const auto way = passage(kCaller);
    invite_cseq_ = 1 + core_.random().below(kMaxFirstCSeq);
    const policy::HiddenNames hidden(invite, way);
    const auto addresses = policy::outgoing_addresses(invite, way, hidden);
    callee.dialog = dialog::make(core_.make_call_id(), core_.make_tag(), addresses.from(), addresses.to(),
                                 addresses.request_uri(), invite_cseq_);
    core_.add_dialog(callee.dialog.local_tag(), number_, kCallee);
    const auto branch = core_.layer().make_branch();
    auto& w = core_.writer();
    begin(callee.peer, callee.dialog, "INVITE", invite_cseq_, branch.view(),
          policy::next_max_forwards(invite).value_or(policy::kMaxForwards));
    write_contact(kCallee);
    w.header(sip::HeaderId::kAllow, core_.allow(legs_[kCaller], legs_[kCallee]));
    w.header(sip::HeaderId::kAccept, policy::kAccept);
    write_product(sip::HeaderId::kUserAgent);
    policy::append_passed(w, invite, way, hidden, core_.pass_counters());
    const auto made = body.empty() ? w.finish() : w.finish("application/sdp", body);
    const auto bytes = core_.outbound(side(kCallee), made);
    // The dialog is named as its INVITE names it.
    if (!bytes.empty() && bytes.data() != made.data()) dialog::readdress(callee.dialog, core_.outgoing());
    const auto id = send_ruled(kCallee, callee.peer, "INVITE", bytes);
    if (bytes.empty()) return refuse(513, sip::default_reason(513));
    if (!id) return refuse(503, "Too many transactions");
    invite_client_ = exchange_.client = *id;
    exchange_.cseq_out = invite_cseq_;
    prepare_cancel(kCallee, core_.layer().path(*id).value_or(callee.peer), branch.view());
    arm_no_answer();
    changed();
}

void Call::on_invite_response(const sip::Message& response) {
    // Closed: a 2xx that could not be used has failed the call, and those of other branches are not wanted any more.
    const bool setting_up = !closed_ && (state_ == State::kCalling || state_ == State::kRinging);
    if (response.status() < 200) {
        if (!setting_up || response.status() == 100) return;
        renew_timer_c();
        return on_provisional(response);
    }
    if (response.status() >= 300) {
        forget_client(invite_client_);
        if (setting_up)
            on_failure_response(response);
        else
            settle();
        return;
    }
    mark_answered(invite_client_);
    const auto& callee = legs_[kCallee];
    if (setting_up) return on_answer(response);
    if (callee.established && response.to_tag() == callee.dialog.remote_tag()) {
        const auto it = std::ranges::find(clients_, invite_client_, &ClientRef::id);
        if (it != clients_.end() && it->acked) repeat_ack(*it, response);
        return;
    }
    // The 2xx of another branch, or one that has crossed our CANCEL (RFC 3261 §13.2.2.4, §9.1).
    dismiss(response);
}

// --- provisional responses -----------------------------------------------------------------------------
Branch* Call::branch_for(const sip::Message& response) {
    // A 2xx of RFC 2543 makes a dialog whose remote tag is null (RFC 3261 §12.1.2).
    if (response.to_tag().empty() && response.status() < 200) return nullptr;
    for (auto& branch : branches_) {
        if (branch.dialogs[kCallee].remote_tag() == response.to_tag()) return &branch;
    }
    if (branches_.size() == kMaxBranches) return nullptr;
    auto& branch = branches_.emplace_back(legs_[kCaller], legs_[kCallee]);
    if (!dialog::establish(branch.dialogs[kCallee], response)) {
        branches_.pop_back();
        return nullptr;
    }
    if (branches_.size() > 1) {  // the first has the tag that the call began with
        branch.dialogs[kCaller].set_local_tag(core_.make_tag());
        core_.add_dialog(branch.dialogs[kCaller].local_tag(), number_, kCaller);
    }
    return &branch;
}

// What the branch says in a provisional response, as the caller shall read it: "" when it says nothing usable.
std::string_view Call::preview(Branch& branch, const sip::Message& response) {
    // Without an offer of the caller a description could only be an offer, and this response is not reliable.
    if (exchange_.late_offer) return {};
    auto body = read_body(response);
    if (!body.sdp) return {};
    if (!branch.media) branch.media = std::array{legs_[kCaller].media, legs_[kCallee].media};
    auto& callee = (*branch.media)[kCallee];
    auto& caller = (*branch.media)[kCaller];
    if (!callee.receive_answer(std::move(body.sdp), sdp::Finality::kPreview)) return {};
    auto made = caller.make_answer(*callee.remote(), local_media(kCaller), sdp::Finality::kPreview);
    if (!made) return {};
    // Of several early dialogs the last that has spoken is heard (RFC 3960 §3.1.1).
    if (!apply_media(caller.remote_offer(), callee.remote(), false)) return {};
    return *made;
}

void Call::on_provisional(const sip::Message& response) {
    auto* branch = branch_for(response);
    if (branch == nullptr && !response.to_tag().empty()) {
        ++core_.counters().branches_ignored;
        return;
    }
    const auto body = branch == nullptr ? std::string_view() : preview(*branch, response);
    const auto tag = branch == nullptr ? tag_of(kCaller) : branch->dialogs[kCaller].local_tag();
    auto& w = core_.writer();
    // Our own words: a reason phrase can name anything.
    if (!core_.layer().begin_response(exchange_.server, w, response.status(), sip::default_reason(response.status()),
                                      tag)) {
        return;
    }
    write_contact(kCaller);
    w.header(sip::HeaderId::kAllow, core_.allow(legs_[kCaller], legs_[kCallee]));
    write_product(sip::HeaderId::kServer);
    policy::append_passed(w, response, passage(kCallee), core_.pass_counters());
    const auto bytes = body.empty() ? w.finish() : w.finish("application/sdp", body);
    core_.layer().respond(core_.now().instant, exchange_.server, core_.outbound(side(kCaller), bytes));
    if (!notes_.ringing) notes_.ringing = core_.now().wall;
    state_ = State::kRinging;
    changed();
}

// --- failures ---------------------------------------------------------------------------------------------
void Call::on_failure_response(const sip::Message& response) {
    const auto status = passed_status(response.status());
    Ending ending{EndedBy::kCallee, static_cast<std::uint16_t>(response.status()),
                  sip::default_reason(response.status())};
    refuse_with(status, ending, &response);
}

// The final failure to the caller. `cause`: the callee's response, of which passes what may.
void Call::refuse_with(std::uint16_t status, const Ending& ending, const sip::Message* cause) {
    auto& w = core_.writer();
    if (core_.layer().begin_response(exchange_.server, w, status, sip::default_reason(status), tag_of(kCaller))) {
        write_required(status);
        if (cause != nullptr) policy::append_passed(w, *cause, passage(kCallee), core_.pass_counters());
        if (status != ending.code && (cause == nullptr || !cause->has(sip::HeaderId::kReason))) write_reason(ending);
        if (status == 503) w.header(sip::HeaderId::kRetryAfter, kRetryAfter);
        write_product(sip::HeaderId::kServer);
        core_.conclude(side(kCaller), exchange_.server, status, tag_of(kCaller));
    }
    exchange_.active = false;
    close(ending);
    settle();
}

void Call::refuse(std::uint16_t status, std::string_view text) {
    refuse_with(status, {EndedBy::kSallyport, status, text}, nullptr);
}

// The caller no longer wants it, or we do not: the final response there, CANCEL here.
void Call::cancel_setup(std::uint16_t status, const Ending& ending, const sip::Message* cause) {
    auto& w = core_.writer();
    if (core_.layer().begin_response(exchange_.server, w, status, sip::default_reason(status), tag_of(kCaller))) {
        if (ending.by == EndedBy::kSallyport) write_reason(ending);
        if (status == 503) w.header(sip::HeaderId::kRetryAfter, kRetryAfter);
        write_product(sip::HeaderId::kServer);
        core_.conclude(side(kCaller), exchange_.server, status, tag_of(kCaller));
    }
    exchange_.active = false;
    cancel_invite(reason_for(kCaller, cause, ending));
    state_ = State::kCancelling;
    close(ending);
    settle();
}

void Call::on_cancel(transaction::ServerId invite, const sip::Message& cancel) {
    if (!exchange_.active || exchange_.answered || invite != exchange_.server) return;
    if (exchange_.initial) return cancel_setup(487, {EndedBy::kCaller, 487, "Cancelled"}, &cancel);
    // Of a re-INVITE the other side decides which was first, its 2xx or the CANCEL; its response passes.
    exchange_.cancelled = true;
    cancel_invite(reason_for(exchange_.from, &cancel, {}));
}

// Of the initial INVITE or of a re-INVITE: how long the side that has it may take in all.
void Call::arm_no_answer() {
    const auto wait = timers(other(exchange_.from)).no_answer;
    exchange_.detail->no_answer_at = wait.count() > 0 ? core_.now().instant + wait : kNever;
    if (wait.count() > 0)
        core_.wheel().arm<&Call::on_no_answer>(exchange_.detail->timer, exchange_.detail->no_answer_at, this);
    renew_timer_c();
}

// What a proxy has as its Timer C (RFC 3261 §16.6 step 11): how long that side may be silent. It begins with the INVITE
// and anew with each provisional response but 100 (§16.7 step 2).
void Call::renew_timer_c() {
    const auto wait = timers(other(exchange_.from)).timer_c;
    if (wait.count() == 0) return;
    const auto due = std::min(core_.now().instant + wait, exchange_.detail->no_answer_at);
    core_.wheel().arm<&Call::on_no_answer>(exchange_.detail->timer, due, this);
}

void Call::stop_waiting() {
    if (exchange_.detail) exchange_.detail->timer.cancel();
}

void Call::on_no_answer(Instant now) {
    if (!exchange_.active || exchange_.answered) return;
    const bool silent = now < exchange_.detail->no_answer_at;
    ++(silent ? core_.counters().timer_c : core_.counters().no_answer);
    const Ending ending{EndedBy::kSallyport, 408, silent ? "No progress" : "No answer"};
    if (exchange_.initial) return cancel_setup(408, ending, nullptr);
    exchange_.cancelled = true;
    cancel_invite(reason_for(exchange_.from, nullptr, ending));
}

// No response reaches the side that sent the INVITE under way (RFC 3261 §17.2.4): nobody waits for the other's answer.
void Call::on_server_failure(transaction::ServerId id) {
    if (!exchange_.active || exchange_.answered || id != exchange_.server) return;
    const Ending ending{EndedBy::kSallyport, 503, "Unreachable"};
    if (exchange_.initial) return cancel_setup(500, ending, nullptr);
    // A 2xx that crosses the CANCEL ends the call, for it cannot be passed on (on_reinvite_answer).
    exchange_.cancelled = true;
    cancel_invite(reason_for(exchange_.from, nullptr, ending));
}

}  // namespace sallyport::call
