// The judgement of an INVITE that would begin a call, in the order of the design: what it is, whether we can
// do what it asks, where it goes, whether there is room.

#include "controlplane/call/engine_core.h"
#include "media/offer_answer/stream_end.h"

namespace sallyport::call {

namespace {

constexpr std::string_view kRetryAfter = "5";
constexpr std::string_view kRetryRate = "1";

}  // namespace

std::string user_of(std::string_view uri) {
    const auto parsed = sip::Uri::parse(uri);
    if (!parsed) return {};
    const auto user = parsed->scheme == sip::UriScheme::kTel ? parsed->opaque : parsed->user;
    return std::string(user.substr(0, dialog::kMaxUri));
}

std::expected<EngineCore::Admission, EngineCore::Refusal> EngineCore::judge(const transaction::Path& from,
                                                                            const sip::Message& invite) {
    const auto refuse = [](unsigned status, std::string_view header = {}, std::string_view value = {}) {
        return std::unexpected(Refusal{status, std::string(sip::default_reason(status)), header, std::string(value)});
    };
    // In the order of RFC 3261 §16.3: the Request-URI, Max-Forwards, what is required.
    if (invite.request_uri().size() > dialog::kMaxUri) return refuse(414);  // RFC 3261 §21.4.7
    const auto scheme = invite.uri().scheme;
    if (!invite.uri().is_sip() && scheme != sip::UriScheme::kTel) return refuse(416);
    if (!policy::next_max_forwards(invite)) return refuse(483);  // RFC 3261 §8.1.1.6, §16.3
    if (const auto unsupported = policy::unsupported_options(invite); !unsupported.empty()) {
        ++counters_.extensions_refused;
        return refuse(420, "Unsupported", unsupported);
    }
    if (!accepts_sdp(invite)) return refuse(406);  // RFC 3261 §21.4.7; RFC 4475 §3.3.15: the answer could only be SDP
    auto body = read_body(invite);
    if (body.status != 0) ++counters_.bodies_refused;
    if (body.status == 415) return refuse(415, body.would_take.name, body.would_take.value);
    if (body.status != 0) return std::unexpected(Refusal{body.status, body.reason, {}, {}});
    if (body.sdp && sdp::relayed_streams(*body.sdp) == 0) return refuse(488);
    // The dialog on this leg is what its peer has begun, whatever rules have made of it.
    auto dialog = dialog::accept(as_received_ == nullptr ? invite : *as_received_, make_tag());
    if (!dialog) {
        ++counters_.invites_unusable;
        return std::unexpected(Refusal{400, std::string(dialog.error()), {}, {}});
    }
    const auto target = router_.route(source_, routing::called_number(invite.uri()));
    if (!target) return std::unexpected(Refusal{target.error().status, std::string(target.error().reason), {}, {}});
    // RFC 5630 §3.1.1: TLS on every hop, the one that it came over and the one that follows; §5.3 for the answer.
    if (scheme == sip::UriScheme::kSips &&
        (from.transport != Transport::kTls || target->transport != Transport::kTls)) {
        ++counters_.sips_refused;
        const auto agent = view_.sip_interfaces.at(from.sip_interface).at(from.transport).text();
        return refuse(480, "Warning", "380 " + agent + " \"SIPS Not Allowed\"");
    }
    if (comes_round(invite, *target)) {
        ++counters_.loops;
        return refuse(482);
    }
    // Calls that are over may linger for what is still under way; there is a bound on these too.
    const auto max_calls = view_.system.max_calls;
    if (live_calls_ >= max_calls || calls_.size() >= std::size_t{4} * max_calls) {
        ++counters_.table_full;
        return refuse(503, "Retry-After", kRetryAfter);
    }
    if (!ledger_.session()) {
        ++counters_.no_dataplane;
        return refuse(503, "Retry-After", kRetryAfter);
    }
    // Last: what was refused for another reason takes nothing of a rate. An emergency call (issue of its own) will pass
    // here without being asked, counted by CallLimits::count.
    const bool from_trunk = source_.kind == routing::Source::Kind::kTrunk;
    auto permit = limits_.admit(now_.instant, {from_trunk ? std::optional(source_.trunk) : std::nullopt, source_.realm},
                                {target->trunk, target->realm});
    if (!permit) return std::unexpected(limited(permit.error()));
    return Admission{std::move(*dialog), std::move(body.sdp), *target, std::move(*permit)};
}

EngineCore::Refusal EngineCore::limited(const CallLimits::Refused& why) {
    const bool rate = why.cause == CallLimits::kRate || why.cause == CallLimits::kRealmRate;
    Refusal out{why.status, rate ? "Too Many Calls per Second" : "Too Many Calls", {}, {}};
    if (why.status != 503) return out;  // RFC 3261 §21.5.4: who gets that stays away for so long
    out.header = "Retry-After";
    out.value = rate ? kRetryRate : kRetryAfter;
    return out;
}

// RFC 3261 §16.3 step 4, RFC 5393 §4.2. What we send has a Call-ID and a tag of ours: when it comes back by elements
// that keep these, as proxies do, it is known. It may have been sent elsewhere on purpose (a spiral); if it came from
// here before and went there, for the same number, it would go round for ever. Behind another back-to-back user agent
// nothing of ours is left in it, and Max-Forwards ends it.
bool EngineCore::comes_round(const sip::Message& invite, const routing::Target& target) {
    constexpr int kMaxRounds = policy::kMaxForwards;
    auto call_id = invite.call_id();
    auto tag = invite.from_tag();
    for (int round = 0; round < kMaxRounds; ++round) {
        const auto it = dialogs_.find(tag);
        const auto* call = it == dialogs_.end() || it->second.leg != kCallee ? nullptr : find(it->second.call);
        if (call == nullptr || call->leg(kCallee).dialog.call_id() != call_id) return false;
        if (call->came_by(source_, target.route, user_of(invite.request_uri()))) return true;
        call_id = call->leg(kCaller).dialog.call_id();
        tag = call->leg(kCaller).dialog.remote_tag();
    }
    return true;
}

void EngineCore::on_invite(transaction::ServerId id, const transaction::Path& from, const sip::Message& invite) {
    auto admission = judge(from, invite);
    if (!admission) return refuse(id, from, invite, admission.error());
    const auto number = make_number();
    auto call = new_call(number, source_.realm, admission->target.realm);
    call->permit_ = std::move(admission->permit);
    auto& placed = calls_.add(std::move(call));
    ++counters_.calls;
    layer_.set_context(id, number);
    placed.start(id, from, invite, source_, admission->target, std::move(admission->dialog),
                 std::move(admission->offer));
}

// A call that was refused before it was one has a record all the same.
void EngineCore::refuse(transaction::ServerId id, const transaction::Path& from, const sip::Message& invite,
                        const Refusal& refusal) {
    ++counters_.calls_refused;
    const auto tag = make_tag();
    const sip::ExtraHeader extra{refusal.header, refusal.value};
    respond(id, refusal.status, refusal.reason, tag, std::span(&extra, refusal.header.empty() ? 0 : 1));

    CallRecord record;
    record.number = make_number();
    record.id = text_of(record.number);
    record.invite = record.end = now_.wall;
    record.ended_by = EndedBy::kSallyport;
    record.code = static_cast<std::uint16_t>(refusal.status);
    record.reason = refusal.reason;
    record.from_user = user_of(invite.from().uri);
    record.to_user = user_of(invite.request_uri());
    // Perhaps refused for the length of these.
    record.caller.call_id = invite.call_id().substr(0, dialog::kMaxIdentifier);
    record.caller.local_tag = tag.view();
    record.caller.remote_tag = invite.from_tag().substr(0, dialog::kMaxIdentifier);
    record.caller.realm = view_.realms.at(source_.realm).name;
    if (source_.kind == routing::Source::Kind::kTrunk) record.caller.trunk = view_.trunks.at(source_.trunk).name;
    record.caller.peer = from.remote.text();
    record.caller.transport = transport_name(from.transport);
    emit(std::move(record));
}

}  // namespace sallyport::call
