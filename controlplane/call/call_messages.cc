// What the messages of a call have in common.

#include <algorithm>
#include <array>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"
#include "controlplane/relay/way.h"

namespace sallyport::call {

policy::Passage Call::passage(std::size_t from) const {
    const auto of = [this](const Leg& leg) {
        return policy::make_side(core_.view(), leg.peer.sip_interface, leg.peer.remote);
    };
    const auto& leg = legs_[from];
    return {of(leg),
            of(legs_[other(from)]),
            {leg.dialog.call_id(), leg.dialog.local_tag(), leg.dialog.remote_tag()},
            core_.as_received()};
}

transaction::TimerSet Call::timer_set(std::size_t i) const {
    return core_.view().timer_set(legs_[i].trunk, legs_[i].realm);
}

const config::Timers& Call::timers(std::size_t i) const { return core_.view().timers_at(timer_set(i)); }

transaction::Path Call::path(std::size_t i, const dialog::Dialog& dialog) const {
    return relay::way_to(core_.view(), legs_[i].peer, {.trunk = legs_[i].trunk.has_value(), .secure = legs_[i].secure},
                         dialog);
}

transaction::Path Call::answer_path(std::size_t i) const {
    const auto to = core_.layer().path(exchange_.server);
    return to ? *to : path(i);
}

bool Call::may_come(std::size_t i, const transaction::Path& from, const sip::Message& message) {
    return relay::may_come(core_.view(), legs_[i].peer, legs_[i].trunk, &dialog_of(i, message), from);
}

void Call::begin(const transaction::Path& to, const dialog::Dialog& dialog, std::string_view method, std::uint32_t cseq,
                 std::string_view branch, std::uint8_t max_forwards) {
    dialog::begin_request(core_.writer(), dialog, {method, cseq, branch, core_.via(to), max_forwards});
}

std::optional<policy::RuleSide> Call::side_of(transaction::ClientId id) const {
    const auto it = std::ranges::find(clients_, id, &ClientRef::id);
    return it == clients_.end() ? std::nullopt : std::optional(side(it->leg));
}

std::optional<transaction::ClientId> Call::send_request(std::size_t leg, const transaction::Path& to,
                                                        std::string_view method, std::string_view bytes) {
    return send_ruled(leg, to, method, core_.outbound(side(leg), bytes));
}

std::optional<transaction::ClientId> Call::send_ruled(std::size_t leg, const transaction::Path& to,
                                                      std::string_view method, std::string_view bytes) {
    const auto id = core_.layer().send_request(core_.now().instant, to, bytes, number_, timer_set(leg));
    if (!id) return id;
    if (clients_.empty()) clients_.reserve(2);  // those of the INVITE and of the BYE
    clients_.push_back({*id, leg, method == "INVITE", false});
    return id;
}

void Call::answer(transaction::ServerId id, unsigned status, std::string_view reason, std::string_view to_tag,
                  std::span<const sip::ExtraHeader> extra) {
    if (exchange_.active && id == exchange_.server)
        core_.respond(asking_side(), id, status, reason, to_tag, extra);
    else
        core_.respond(id, status, reason, to_tag, extra);
}

void Call::prepare_failure() {
    const auto leg = exchange_.from;
    auto& w = core_.writer();
    if (!core_.layer().begin_response(exchange_.server, w, 500, sip::default_reason(500), tag_of(leg))) return;
    write_product(sip::HeaderId::kServer);
    exchange_.detail->failure = core_.outbound(side(leg), w.finish());
    exchange_.detail->ok_path = answer_path(leg);
}

// RFC 3261 §9.1: request line, Via, Route, From, To, Call-ID and the number in CSeq are the INVITE's.
void Call::prepare_cancel(std::size_t leg, const transaction::Path& to, std::string_view branch) {
    begin(to, legs_[leg].dialog, "CANCEL", exchange_.cseq_out, branch);
    write_product(sip::HeaderId::kUserAgent);
    exchange_.detail->cancel = core_.writer().finish();
    exchange_.detail->cancel_path = to;
}

std::string Call::reason_for(std::size_t from, const sip::Message* cause, const Ending& ending) const {
    if (cause != nullptr) return policy::passed_reasons(*cause, passage(from));
    return ending.by == EndedBy::kSallyport ? reason_value(ending) : std::string();
}

void Call::cancel_invite(const std::string& reason) {
    const sip::ExtraHeader extra{"Reason", reason};
    core_.layer().cancel(core_.now().instant, exchange_.client, std::span(&extra, reason.empty() ? 0 : 1));
}

void Call::changed() { core_.changed(*this); }

void Call::write_contact(std::size_t leg) {
    core_.writer().header(sip::HeaderId::kContact, core_.contact(legs_[leg].peer, legs_[leg].secure));
}

void Call::write_product(sip::HeaderId id) {
    const auto& product = core_.view().system.product;
    if (!product.empty()) core_.writer().header(id, product);
}

// What a status of the other side must carry; that side's own does not cross.
void Call::write_required(unsigned status) {
    if (status == 405)
        core_.writer().header(sip::HeaderId::kAllow, core_.allow(legs_[kCaller], legs_[kCallee]));  // RFC 3261 §21.4.6
    if (status == 415) core_.writer().header(sip::HeaderId::kAccept, policy::kAccept);              // RFC 3261 §21.4.13
}

// RFC 3326.
void Call::write_reason(const Ending& ending) { core_.writer().header(sip::HeaderId::kReason, reason_value(ending)); }

std::string reason_value(const Ending& ending) {
    std::string out = "SIP;cause=" + std::to_string(ending.code) + ";text=";
    sip::append_quoted(out, ending.text);
    return out;
}

}  // namespace sallyport::call
