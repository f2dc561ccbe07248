#include "controlplane/call/engine_core.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::call {

namespace {

constexpr std::size_t kFlowsPerCall = 8;  // on average two streams: RTP and RTCP, both directions
constexpr std::size_t kTransactionsPerCall = 8;
constexpr std::size_t kMinTransactions = 20000;
constexpr std::size_t kKeptReports = 1024;  // a list of the dataplane's flows brings one for each call
constexpr std::size_t kTagBytes = 12;       // RFC 3261 §19.3 asks for 32 bits
constexpr std::size_t kCallIdBytes = 16;

transaction::MachineTimers machine_timers(const config::Timers& t) {
    const Duration b = t.timer_b.count() == 0 ? 64 * t.t1 : t.timer_b;
    return {t.t1, t.t2, t.t4, b};
}

transaction::TransactionSettings transaction_settings(const config::ControlView& view, std::uint8_t shard) {
    const auto& system = view.system;
    transaction::TransactionSettings s;
    s.timers = {machine_timers(system)};
    for (const auto& timers : view.timers) s.timers.push_back(machine_timers(timers));
    s.shard = shard;
    for (const auto& i : view.sip_interfaces) s.has_tcp.push_back(i.has(Transport::kTcp));
    s.max_server_transactions = std::max(kMinTransactions, kTransactionsPerCall * system.max_calls);
    s.max_client_transactions = s.max_server_transactions;
    // A call that is over leaves two behind on each side, INVITE and BYE, and stands itself as long as its clients do.
    s.max_lingering_server_transactions = s.max_server_transactions / 2;
    s.max_lingering_client_transactions = s.max_client_transactions / 4;
    return s;
}

// Of those an eighth, so that what is no call leaves the calls their room.
std::size_t most_requests(const config::ControlView& view) {
    return std::max(kMinTransactions, kTransactionsPerCall * view.system.max_calls) / 8;
}

std::uint32_t wall_seconds(Now now) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch()).count());
}

SipHashKey draw_key(RandomSource& random) {
    SipHashKey key;
    key.k0 = random.next_u64();
    key.k1 = random.next_u64();
    return key;
}

char hex_digit(unsigned v) { return "0123456789abcdef"[v & 15U]; }

// The shard, then random bits.
template <std::size_t kBytes>
relay::Host::Token random_text(RandomSource& random, std::uint8_t shard) {
    std::array<std::byte, kBytes> raw;
    random.fill(raw);
    std::array<char, 1 + 2 * kBytes> out;
    char* at = out.data();
    *at++ = hex_digit(shard);
    for (const auto byte : raw) {
        *at++ = hex_digit(std::to_integer<unsigned>(byte) >> 4);
        *at++ = hex_digit(std::to_integer<unsigned>(byte));
    }
    return relay::Host::Token({out.data(), out.size()});
}

// Numbers grow within a process and over its restarts: the start's milliseconds, room for 64 calls a millisecond
// and shard until the next start.
std::uint64_t first_number(Now now, std::uint8_t shard) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.wall.time_since_epoch()).count();
    return (static_cast<std::uint64_t>(ms) << 10) + shard;
}

}  // namespace

EngineCore::EngineCore(const config::ControlView& view, RandomSource& random, std::uint8_t shard, Outbox& out, Now now)
    : view_(view),
      random_(random),
      out_(out),
      now_(now),
      shard_(shard),
      next_number_(first_number(now, shard)),
      wheel_(now.instant),
      router_(view),
      limits_(view),
      pools_(view.realms, random),
      ledger_(kFlowsPerCall * view.system.max_calls, wall_seconds(now), draw_key(random)),
      rules_(view),
      layer_(transaction_settings(view, shard), wheel_, random, out.sends, *this),
      relay_(*this, most_requests(view), view.system.max_subscriptions) {
    answered_in_.resize(view.trunks.size());
    answered_out_.resize(view.trunks.size());
    shed_in_.resize(view.trunks.size());
    for (const auto& sip_interface : view.sip_interfaces) {
        auto& places = places_.emplace_back();
        for (const auto t : {Transport::kUdp, Transport::kTcp, Transport::kTls}) {
            const auto local = sip_interface.at(t).text();
            auto& place = places.at(static_cast<std::size_t>(t));
            place.via.append(via_protocol(t)).append(" ").append(local);
            // RFC 5923 §5: the peer may use the connection for its requests to us, if it believes our certificate.
            if (t == Transport::kTls) place.via += ";alias";
            place.contact.append("<sip:").append(local);
            if (is_stream(t)) place.contact.append(";transport=").append(transport_name(t));
            place.contact += '>';
            // RFC 5630 §3.1.4: without a transport, which sips: implies.
            place.secure_contact.append("<sips:").append(sip_interface.at(Transport::kTls).text()).append(">");
        }
    }
}

relay::Host::Token EngineCore::make_tag() { return random_text<kTagBytes>(random_, shard_); }
relay::Host::Token EngineCore::make_call_id() { return random_text<kCallIdBytes>(random_, shard_); }

std::uint64_t EngineCore::make_number() {
    const auto number = next_number_;
    next_number_ += Engine::kMaxShards;
    return number;
}

bool EngineCore::add_dialog(std::string_view tag, std::uint64_t call, std::size_t leg) {
    return dialogs_.try_emplace(Token(tag), DialogRef{call, leg}).second;
}

void EngineCore::remove_dialog(std::string_view tag) {
    if (const auto it = dialogs_.find(tag); it != dialogs_.end()) dialogs_.erase(it);
}

CallPtr EngineCore::new_call(std::uint64_t number, std::uint16_t caller_realm, std::uint16_t callee_realm) {
    void* const memory = call_memory_.take(sizeof(Call));
    return CallPtr(new (memory) Call(*this, number, caller_realm, callee_realm), {&call_memory_});
}

void CallDeleter::operator()(Call* call) const {
    call->~Call();
    memory->give(call, sizeof(Call));
}

void EngineCore::changed(Call& call) {
    if (call.dirty_) return;
    call.dirty_ = true;
    changed_.push_back(call.number());
}

void EngineCore::count_answered(const Leg& caller, const Leg& callee) {
    ++counters_.calls_answered;
    if (caller.trunk) ++answered_in_.at(*caller.trunk);
    if (callee.trunk) ++answered_out_.at(*callee.trunk);
}

void EngineCore::emit(CallRecord record) {
    count_record(record.quality_complete);
    out_.records.add() = std::move(record);
}

void EngineCore::emit(const CallRecordText& text) {
    count_record(text.quality_complete);
    assign(out_.records.add(), text);
}

void EngineCore::count_record(bool quality_complete) {
    ++counters_.records;
    if (!quality_complete) ++counters_.records_incomplete;
}

std::pair<Call*, std::size_t> EngineCore::find_dialog(const sip::Message& request) {
    const auto it = dialogs_.find(request.to_tag());
    if (it == dialogs_.end()) return {nullptr, 0};
    auto* call = find(it->second.call);
    // The tag finds the call; Call-ID and the peer's tag must be those of that dialog too (RFC 3261 §12.2.2).
    if (call == nullptr || !call->owns(it->second.leg, request)) return {nullptr, 0};
    return {call, it->second.leg};
}

// Source first: a stranger's request costs nothing more and, unless the realm says so, gets no answer. What
// belongs to a dialog of ours has to come from where that is.
bool EngineCore::admit_source(const transaction::Path& from, bool parsed) {
    if (parsed && !message_.is_request()) return true;
    if (parsed && !message_.to_tag().empty()) {
        if (const auto [call, leg] = find_dialog(message_); call != nullptr) {
            timers_ = call->timer_set(leg);
            return admit_dialog(call->may_come(leg, from, message_));
        }
        if (const auto found = relay_.subscriptions().find(message_);
            found && !relay_.subscriptions().may_come(*found, from))
            return admit_dialog(false);
    }
    source_ = router_.identify(from.sip_interface, from.remote);
    const bool trunk = source_.kind == routing::Source::Kind::kTrunk;
    timers_ = view_.timer_set(trunk ? std::optional(source_.trunk) : std::nullopt, source_.realm);
    if (source_.kind != routing::Source::Kind::kUnknown) return true;
    if (source_.forbid && parsed && message_.method() != sip::Method::kAck) {
        layer_.reject(from, message_, 403, sip::default_reason(403));
    }
    return false;
}

// A tag may have been overheard, or told by a log: it is believed only where its dialog is.
bool EngineCore::admit_dialog(bool may_come) {
    if (!may_come) ++counters_.wrong_places;
    return may_come;
}

bool EngineCore::admits(const transaction::Path& from) {
    const auto source = router_.identify(from.sip_interface, from.remote);
    return source.kind != routing::Source::Kind::kUnknown || source.forbid;
}

// RFC 5923 §5: whether its sender may have it so is for the connection to say.
void EngineCore::take_alias(const transaction::Path& from) {
    if (!message_.is_request() || !is_stream(from.transport) || out_.aliases.size() >= Outbox::kMaxAliases) return;
    const auto& via = message_.top_via();
    if (!via.params.find("alias")) return;
    const auto port = via.sent_by.port;
    out_.aliases.push_back({from, port == 0 ? default_port(from.transport) : port});
}

// See Call::on_orphan.
bool EngineCore::take_orphan(const transaction::Path& from) {
    if (message_.is_request() || message_.method() != sip::Method::kInvite) return false;
    if (message_.status() < 200 || message_.status() >= 300) return false;
    const auto it = dialogs_.find(message_.from_tag());
    auto* call = it == dialogs_.end() ? nullptr : find(it->second.call);
    return call != nullptr && admit_dialog(call->may_come(it->second.leg, from, message_)) &&
           call->on_orphan(it->second.leg, message_);
}

void EngineCore::on_message(Now now, const transaction::Path& from, std::string_view bytes) {
    enter(now);
    deal(from, false, bytes);
}

void EngineCore::on_unframed(Now now, const transaction::Path& from, std::string_view head,
                             const sip::ParseError& why) {
    enter(now);
    ++counters_.messages;
    ++counters_.malformed;
    const auto parsed = message_.parse(head);
    if (!admit_source(from, false)) return;
    auto error = parsed ? why : parsed.error();
    if (parsed) error.answerable = message_.is_request() && message_.method() != sip::Method::kAck;
    layer_.on_malformed(from, message_, error);
    leave();
}

void EngineCore::on_surplus_invite(Now now, const transaction::Path& from, std::string_view bytes) {
    enter(now);
    deal(from, true, bytes);
}

void EngineCore::deal(const transaction::Path& from, bool surplus, std::string_view bytes) {
    ++counters_.messages;
    const auto parsed = message_.parse(bytes);
    if (!admit_source(from, parsed.has_value())) return;
    if (parsed) take_alias(from);
    if (parsed && (take_orphan(from) || (surplus && shed(from)))) return leave();
    if (parsed) {
        layer_.on_message(now_.instant, from, message_, timers_);
    } else {
        ++counters_.malformed;
        layer_.on_malformed(from, message_, parsed.error());
    }
    leave();
}

// Whoever heeds Retry-After comes back after it (RFC 3261 §21.5.4): drawn, so that not all come back at once; short,
// because a peer may stop to send us anything meanwhile.
bool EngineCore::shed(const transaction::Path& from) {
    const bool invite = message_.method() == sip::Method::kInvite;
    if (!message_.to_tag().empty() || layer_.knows(from, message_)) return false;  // it was taken; this one came again
    if (!invite) {
        // A peer that asks whether we are there is to hear that we are.
        if (!policy::passed_method(message_.method()) || relay::Relay::for_us(message_)) return false;
        relay_.count_shed();
        layer_.refuse(from, message_, static_cast<std::uint32_t>(1 + random_.next_u64() % 5));
        return true;
    }
    ++counters_.invites_shed;
    if (source_.kind == routing::Source::Kind::kTrunk) ++shed_in_.at(source_.trunk);
    layer_.refuse(from, message_, static_cast<std::uint32_t>(1 + random_.next_u64() % 5));
    return true;
}

void EngineCore::on_send_error(Now now, const transaction::SendQueue::Entry& entry) {
    enter(now);
    layer_.on_send_error(now.instant, entry);
    leave();
}

void EngineCore::on_unreachable(Now now, const transaction::Path& to) {
    enter(now);
    layer_.on_unreachable(now.instant, to);
    leave();
}

void EngineCore::on_flow_event(Now now, const wire::FlowEvent& event) {
    enter(now);
    ledger_.on_event(event, out_.flow_commands, reports_);
    leave();
}

void EngineCore::on_dataplane_session(Now now, bool up) {
    enter(now);
    if (up)
        ledger_.session_started(out_.flow_commands);
    else
        ledger_.session_ended();
    leave();
}

void EngineCore::advance(Now now) {
    enter(now);
    wheel_.advance(now.instant);
    leave();
}

void EngineCore::report() {
    while (!reports_.empty()) {
        told_.swap(reports_);  // what a call does may bring others
        for (const auto& r : told_) {
            if (auto* call = find(r.call)) call->on_flow_report(r);
        }
        told_.clear();
        if (told_.capacity() > kKeptReports) flow::Ledger::Reports().swap(told_);
    }
}

void EngineCore::leave() {
    report();
    layer_.trim(now_.instant);
    for (const auto number : retired_) calls_.erase(number);
    retired_.clear();
}

void EngineCore::flush(Now now) {
    enter(now);
    for (const auto number : changed_) {
        auto* call = find(number);
        if (call == nullptr) continue;
        call->dirty_ = false;
        if (call->record_done_) continue;  // its record frees what was saved
        const auto offset = out_.arena.size();
        if (!call->export_to(out_.arena, now)) ++counters_.exports_cut;
        out_.saves.push_back(
            {number, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(out_.arena.size() - offset)});
    }
    changed_.clear();
}

// --- TransactionUser ------------------------------------------------------------------------------------
void EngineCore::on_request(Instant, transaction::ServerId id, const transaction::Path& from,
                            const sip::Message& received) {
    using sip::Method;
    if (!received.to_tag().empty()) return on_dialog_request(id, from, received);
    side_ = source_side();
    const auto* ruled = inbound(side_, received);
    if (ruled == nullptr && received.method() == Method::kInvite)  // with a record
        return refuse(id, from, received, {513, std::string(sip::default_reason(513)), {}, {}});
    if (ruled == nullptr) return respond(id, 513, sip::default_reason(513), make_tag());
    const auto& request = *ruled;
    if (request.method() == Method::kInvite) return on_invite(id, from, request);
    // These are of a dialog only (RFC 3261 §15.1.2, RFC 6086 §4.2.2, RFC 6665 §4.1.3).
    if (request.method() == Method::kBye || request.method() == Method::kInfo || request.method() == Method::kNotify) {
        ++counters_.unknown_dialogs;
        return respond(id, 481, sip::default_reason(481), make_tag());
    }
    if (!relay::Relay::for_us(request)) return relay_.on_request(id, from, source_, request);
    if (const auto unsupported = policy::unsupported_options(request); !unsupported.empty()) {
        ++counters_.extensions_refused;  // RFC 3261 §8.2.2.3
        const sip::ExtraHeader extra{"Unsupported", unsupported};
        return respond(id, 420, sip::default_reason(420), make_tag(), std::span(&extra, 1));
    }
    answer_options(id, view_.realms.at(source_.realm).methods, make_tag());
}

void EngineCore::on_dialog_request(transaction::ServerId id, const transaction::Path& from,
                                   const sip::Message& received) {
    const auto [call, leg] = find_dialog(received);
    if (call == nullptr) {
        if (const auto found = relay_.subscriptions().find(received))
            return relay_.on_subscription_request(id, from, received, *found);
        ++counters_.unknown_dialogs;
        side_ = source_side();
        return respond(id, 481, sip::default_reason(481), {});
    }
    side_ = call->side(leg);
    const auto* ruled = inbound(side_, received);
    if (ruled == nullptr) return respond(id, 513, sip::default_reason(513), {});
    const auto& request = *ruled;
    if (const auto unsupported = policy::unsupported_options(request); !unsupported.empty()) {
        ++counters_.extensions_refused;
        const sip::ExtraHeader extra{"Unsupported", unsupported};
        return respond(id, 420, sip::default_reason(420), {}, std::span(&extra, 1));
    }
    layer_.set_context(id, call->number());
    call->on_request(id, from, leg, request);
}

void EngineCore::on_ack(Instant, const transaction::Path&, const sip::Message& ack) {
    if (const auto [call, leg] = find_dialog(ack); call != nullptr) {
        if (const auto* ruled = inbound(call->side(leg), ack)) call->on_ack(leg, *ruled);
        return;
    }
    ++counters_.stray_acks;
}

void EngineCore::on_cancel(Instant, transaction::ServerId invite, const transaction::Path&,
                           const sip::Message& cancel) {
    auto* call = find(layer_.context(invite).value_or(0));
    const auto* ruled = call == nullptr ? nullptr : inbound(call->asking_side(), cancel);
    if (ruled != nullptr) call->on_cancel(invite, *ruled);
}

void EngineCore::on_response(Instant, transaction::ClientId id, const transaction::Path&,
                             const sip::Message& response) {
    const auto context = layer_.context(id).value_or(0);
    if (relay::Relay::owns(context)) return relay_.on_response(context, response);
    auto* call = find(context);
    const auto side = call == nullptr ? std::nullopt : call->side_of(id);
    const auto* ruled = side ? inbound(*side, response) : &response;
    if (call != nullptr && ruled != nullptr) call->on_response(id, *ruled);
}

void EngineCore::on_client_failure(Instant, transaction::ClientId id, transaction::ClientFailure why) {
    const auto context = layer_.context(id).value_or(0);
    if (relay::Relay::owns(context)) return relay_.on_client_failure(context, why);
    if (auto* call = find(context)) call->on_client_failure(id, why);
}

// A final response that was not acknowledged ends nothing that lives: a 2xx is ours to repeat (call_answer.cc), and
// after a failure there is no dialog. The call sees to an INVITE that has none yet.
void EngineCore::on_server_failure(Instant, transaction::ServerId id, transaction::ServerFailure) {
    const auto context = layer_.context(id).value_or(0);
    if (relay::Relay::owns(context)) return relay_.on_server_failure(context);
    if (auto* call = find(context)) call->on_server_failure(id);
}

void EngineCore::on_client_terminated(Instant, transaction::ClientId id) {
    if (auto* call = find(layer_.context(id).value_or(0))) call->on_client_terminated(id);
}

// --- answers of ours --------------------------------------------------------------------------------------
void EngineCore::respond(const policy::RuleSide& side, transaction::ServerId id, unsigned status,
                         std::string_view reason, std::string_view to_tag, std::span<const sip::ExtraHeader> extra) {
    if (!layer_.begin_response(id, writer_, status, reason, to_tag)) return;
    for (const auto& header : extra) writer_.header(header.name, header.value);
    if (!view_.system.product.empty()) writer_.header(sip::HeaderId::kServer, view_.system.product);
    if (status < 200)
        layer_.respond(now_.instant, id, writer_.finish());  // 100: of this hop alone, no rule's matter
    else
        conclude(side, id, status, to_tag);
}

void EngineCore::conclude(const policy::RuleSide& side, transaction::ServerId id, unsigned status,
                          std::string_view to_tag, std::string_view body) {
    if (const auto bytes = outbound(side, writer_.finish_as_is(body)); !bytes.empty()) {
        layer_.respond(now_.instant, id, bytes);
        return;
    }
    // What others have put into it makes it too long: without that. Nothing but a final response ends the transaction.
    ++counters_.responses_cut;
    if (!layer_.begin_response(id, writer_, status, sip::default_reason(status), to_tag)) return;
    const auto bytes = writer_.finish();
    if (bytes.empty()) return layer_.forget(id);
    layer_.respond(now_.instant, id, bytes);
}

std::string_view EngineCore::allow(const Leg& caller, const Leg& callee) const {
    return allow(policy::methods_between(view_, caller.realm, callee.realm).known);
}

void EngineCore::answer_options(transaction::ServerId id, config::MethodSet methods, std::string_view to_tag) {
    const std::array<sip::ExtraHeader, 2> extra{{{"Allow", allow(methods)}, {"Accept", policy::kAccept}}};
    ++counters_.options_answered;
    respond(id, 200, sip::default_reason(200), to_tag, extra);
}

}  // namespace sallyport::call
