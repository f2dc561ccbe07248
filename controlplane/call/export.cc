// A call as one versioned record, and back.
//
// What can be rebuilt is a stable call: both dialogs up, no offer of ours waiting for its answer in an ACK. An
// INVITE transaction that was under way is not in it: a re-INVITE that the crash cut off fails at the side that sent
// it, and the session before it goes on. A 2xx that waits for its ACK is in it, for it is ours to repeat. Of a call
// that was not stable, or was over already, enough is kept for its record, for BYE on the legs that were
// up, and to know which flows to remove.
//
// Names stand for realms, interfaces and trunks: the configuration may have changed in between. The head, up to and
// with the call's record, depends on nothing and keeps its form in every version (or the magic changes): a call that
// cannot be taken over for what stands behind still leaves its record.

#include <algorithm>
#include <array>
#include <cstring>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"
#include "platform/base/checksum.h"

namespace sallyport::call {

namespace {

constexpr std::uint32_t kMagic = 0x53504332;  // "SPC2"
constexpr std::uint16_t kVersion = 6;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::int64_t kMaxTime = std::int64_t{1} << 62;
constexpr Duration kMaxWait = std::chrono::hours(24 * 366);

constexpr Ending kInterrupted{EndedBy::kSallyport, 500, "Interrupted"};

enum class Kind : std::uint8_t { kStable = 1, kUnfinished = 2, kClosed = 3 };
enum LegFlags : std::uint8_t { kTrunked = 1, kEstablished = 2, kByeDone = 4, kSecure = 8 };
enum class Pending : std::uint8_t { kNone = 0, kAnswered = 1, kUnanswered = 2 };

void write_deadline(ByteWriter& out, Instant deadline, Now now) {
    const auto wall = deadline == kNever ? WallTime{} : now.wall + (deadline - now.instant);
    out.u64(static_cast<std::uint64_t>(wall.time_since_epoch().count()));
}

bool sane(WallTime t) { return t.time_since_epoch().count() >= 0 && t.time_since_epoch().count() <= kMaxTime; }

// A deadline that passed while nobody was there is due now.
Instant read_deadline(ByteReader& in, Now now) {
    const auto count = in.u64();
    if (count == 0 || count > static_cast<std::uint64_t>(kMaxTime)) return kNever;
    const Duration wait = WallTime(Duration(static_cast<std::int64_t>(count))) - now.wall;
    return now.instant + std::clamp(wait, Duration::zero(), kMaxWait);
}

template <typename Items>
std::optional<std::uint16_t> index_of(const Items& items, std::string_view name) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].name == name) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
}

bool sane(const CallRecord& r) {
    return sane(r.invite) && sane(r.end) && sane(r.ringing.value_or(WallTime{})) && sane(r.answer.value_or(WallTime{}));
}

std::expected<ExportHead, std::string> read_head(std::span<const std::byte> data) {
    if (data.size() < kChecksumBytes) return std::unexpected("the record of the call is truncated");
    ByteReader sum(data.last(kChecksumBytes));
    if (sum.u64() != checksum64(data.first(data.size() - kChecksumBytes))) {
        return std::unexpected("the record of the call is truncated or corrupt");
    }
    ByteReader in(data.first(data.size() - kChecksumBytes));
    if (in.u32() != kMagic) return std::unexpected("this is no record of a call");
    const auto version = in.u16();
    const auto kind = in.u8();
    auto record = read_call_record(in);
    if (in.failed() || !sane(record) || record.number == 0 || record.number > static_cast<std::uint64_t>(kMaxTime) ||
        kind < 1 || kind > 3) {
        return std::unexpected("the record of the call is malformed");
    }
    return ExportHead{version, kind, std::move(record), in};
}

// Streams do not outlive the process: what went by one goes by another.
void write_path(ByteWriter& out, const transaction::Path& path) {
    out.u8(static_cast<std::uint8_t>(path.transport));
    std::array<char, Endpoint::kMaxText> remote;
    out.text({remote.data(), path.remote.write(remote.data())});
}

std::optional<transaction::Path> read_path(ByteReader& in) {
    const auto transport = in.u8();
    const auto remote = Endpoint::parse(in.text());
    if (!remote || transport >= kTransports) return std::nullopt;
    return transaction::Path{0, *remote, static_cast<Transport>(transport)};
}

}  // namespace

Call::~Call() {
    if (state_ != State::kEnded) core_.count_live(-1);
}

bool Call::stable() const {
    return !closed_ && legs_[kCaller].established && legs_[kCallee].established &&
           !(exchange_.answered && exchange_.late_offer);
}

void Call::export_head(ByteWriter& out, const CallRecordText& text) const {
    out.u32(kMagic);
    out.u16(kVersion);
    out.u8(static_cast<std::uint8_t>(closed_ ? Kind::kClosed : stable() ? Kind::kStable : Kind::kUnfinished));
    write(out, text);
}

bool Call::export_to(std::vector<std::byte>& bytes, Now now) const {
    const auto begin = bytes.size();
    Told told;
    tell(told);
    ByteWriter out(bytes);
    const auto seal = [&] {
        out.done();
        out.u64(checksum64(std::span(bytes).subspan(begin)));
        out.done();
    };
    export_head(out, told.text);
    export_leg(out, legs_[kCaller], told.text.caller);
    export_leg(out, legs_[kCallee], told.text.callee);
    out.number(invite_cseq_);
    plan_.export_to(out);
    write_deadline(out, limit_at_, now);
    out.number(static_cast<std::uint32_t>(finals_left_));
    export_exchange(out, now);
    seal();
    if (bytes.size() - begin <= kMaxSave) return true;
    // Descriptions of tens of KiB on both sides. The import will find nothing behind the head, and give the record.
    out.rewind(begin);
    export_head(out, told.text);
    seal();
    return false;
}

void Call::export_exchange(ByteWriter& out, Now now) const {
    const auto kind = !exchange_.active    ? Pending::kNone
                      : exchange_.answered ? Pending::kAnswered
                                           : Pending::kUnanswered;
    out.u8(static_cast<std::uint8_t>(kind));
    if (kind == Pending::kNone) return;
    out.u8(static_cast<std::uint8_t>(exchange_.from));
    out.u32(exchange_.cseq_in);
    out.u32(exchange_.cseq_out);
    write_path(out, exchange_.detail->ok_path);
    out.text(kind == Pending::kAnswered ? exchange_.detail->ok : exchange_.detail->failure);
    write_deadline(out, kind == Pending::kAnswered ? exchange_.detail->give_up : kNever, now);
    out.text(kind == Pending::kAnswered ? std::string_view() : exchange_.detail->cancel);
    if (kind == Pending::kUnanswered) write_path(out, exchange_.detail->cancel_path);
}

std::expected<void, std::string> Call::import_exchange(ByteReader& in, Now now) {
    const auto kind = in.u8();
    if (kind == static_cast<std::uint8_t>(Pending::kNone)) return {};
    exchange_.begin();
    exchange_.answered = kind == static_cast<std::uint8_t>(Pending::kAnswered);
    exchange_.from = in.u8() == kCaller ? kCaller : kCallee;
    exchange_.cseq_in = in.u32();
    exchange_.cseq_out = in.u32();
    auto answer_to = read_path(in);
    (exchange_.answered ? exchange_.detail->ok : exchange_.detail->failure) = in.text();
    exchange_.detail->give_up = read_deadline(in, now);
    exchange_.detail->cancel = in.text();
    auto cancel_to = exchange_.answered ? std::nullopt : read_path(in);
    if (in.failed() || kind > static_cast<std::uint8_t>(Pending::kUnanswered) || !answer_to ||
        (exchange_.answered ? exchange_.detail->give_up == kNever : !cancel_to)) {
        return std::unexpected("the INVITE under way is malformed");
    }
    answer_to->sip_interface = legs_[exchange_.from].peer.sip_interface;
    exchange_.detail->ok_path = *answer_to;
    if (!cancel_to) return {};
    cancel_to->sip_interface = legs_[other(exchange_.from)].peer.sip_interface;
    exchange_.detail->cancel_path = *cancel_to;
    return {};
}

// `known`: what the head has of it already.
void Call::export_leg(ByteWriter& out, const Leg& leg, const LegRecordText& known) const {
    out.u8(static_cast<std::uint8_t>((leg.trunk ? kTrunked : 0) | (leg.established ? kEstablished : 0) |
                                     (leg.bye_done ? kByeDone : 0) | (leg.secure ? kSecure : 0)));
    out.text(core_.view().sip_interfaces.at(leg.peer.sip_interface).name);
    dialog::write(out, leg.dialog, {known.call_id, known.local_tag, known.remote_tag});
    // Only a call that goes on will negotiate again.
    if (stable()) leg.media.export_to(out);
}

std::expected<void, std::string> Call::import_leg(ByteReader& in, std::uint8_t head_kind, Leg& leg,
                                                  const LegRecord& known) {
    const auto& view = core_.view();
    const bool stable = head_kind == static_cast<std::uint8_t>(Kind::kStable);
    const auto flags = in.u8();
    const bool trunked = (flags & kTrunked) != 0;
    const auto realm = index_of(view.realms, known.realm);
    const auto sip_interface = index_of(view.sip_interfaces, in.text());
    const auto trunk = index_of(view.trunks, known.trunk);
    const auto peer = Endpoint::parse(known.peer);
    const auto transport = transport_named(known.transport);
    leg.dialog = dialog::read_dialog(in, {known.call_id, known.local_tag, known.remote_tag});
    const bool ours = leg.dialog.local_tag().size() <= relay::Host::Token::kBound;
    if (in.failed() || !peer || !transport || !ours) return std::unexpected("a leg is truncated or malformed");
    if (!realm || !sip_interface) {
        return std::unexpected("a leg names a realm or interface that the configuration does not have");
    }
    // Without its trunk the call cannot go on, but both sides can be told.
    if (trunked && !trunk && stable) import_kind_ = static_cast<std::uint8_t>(Kind::kUnfinished);
    if (stable) {
        auto media = sdp::OfferAnswer::import_from(in);
        if (!media) return std::unexpected(media.error());
        leg.media = std::move(*media);
    }
    leg.realm = *realm;
    leg.peer.sip_interface = *sip_interface;
    if (trunked) leg.trunk = trunk;
    leg.peer.remote = *peer;
    leg.peer.transport = *transport;
    leg.imported_cseq = leg.dialog.local_cseq;
    leg.established = (flags & kEstablished) != 0;
    leg.bye_done = (flags & kByeDone) != 0;
    leg.secure = (flags & kSecure) != 0;
    return {};
}

// The legs are there.
void Call::take_notes(const CallRecord& record) {
    notes_.invite = record.invite;
    notes_.ringing = record.ringing;
    notes_.answer = record.answer;
    notes_.from_user = record.from_user;
    notes_.to_user = record.to_user;
    notes_.codecs = record.codecs;
    notes_.streams = record.streams;
    notes_.quality_complete = record.quality_complete;
    if (record.ended_by != EndedBy::kNone) ended_ = Ended{record.end, record.ended_by, record.code, record.reason};
    const auto route = index_of(core_.view().routes, record.route);
    notes_.route = route.value_or(0);
    const auto known = [](const Leg& leg, const LegRecord& of) { return leg.trunk.has_value() == !of.trunk.empty(); };
    if (!route || !known(legs_[kCaller], record.caller) || !known(legs_[kCallee], record.callee)) imported_ = record;
}

// All that can fail comes before the ports are taken, save what is said at the end.
std::expected<CallPtr, std::string> Call::import_from(EngineCore& core, const ExportHead& head, Now now) {
    if (head.version != kVersion) {
        return std::unexpected("the record of the call has version " + std::to_string(head.version) + ", not " +
                               std::to_string(kVersion));
    }
    ByteReader in = head.rest;
    auto call = core.new_call(head.record.number, 0, 0);
    const auto& record = head.record;
    call->import_kind_ = head.kind;
    for (const auto i : {kCaller, kCallee}) {
        const auto& known = i == kCaller ? record.caller : record.callee;
        if (auto read = call->import_leg(in, head.kind, call->legs_[i], known); !read)
            return std::unexpected(read.error());
    }
    call->take_notes(record);
    call->invite_cseq_ = in.number();
    auto plan = flow::MediaPlan::import_from(in, call->legs_[kCaller].realm, call->legs_[kCallee].realm, core.pools());
    if (!plan) return std::unexpected(plan.error());
    call->plan_ = std::move(*plan);
    if (auto rest = call->import_rest(in, now); !rest) {
        call->plan_.release(core.pools(), now.instant);
        return std::unexpected(rest.error());
    }
    return call;
}

std::expected<void, std::string> Call::import_rest(ByteReader& in, Now now) {
    limit_at_ = read_deadline(in, now);
    finals_left_ = in.number();
    if (auto exchange = import_exchange(in, now); !exchange) return exchange;
    if (in.failed() || in.left() != 0) return std::unexpected("the record of the call is truncated or too long");
    if (plan_.call() != number_) return std::unexpected("the media plan is of another call");
    if (import_kind_ == static_cast<std::uint8_t>(Kind::kStable) &&
        (!legs_[kCaller].established || !legs_[kCallee].established)) {
        return std::unexpected("a stable call has a leg that is not up");
    }
    return {};
}

bool Call::resume() {
    for (const auto i : {kCaller, kCallee}) {
        if (legs_[i].established) core_.add_dialog(legs_[i].dialog.local_tag(), number_, i);
    }
    if (import_kind_ == static_cast<std::uint8_t>(Kind::kStable)) {
        state_ = exchange_.answered ? State::kAnswered : State::kUp;
        if (exchange_.answered)
            resend(exchange_.detail->give_up);
        else
            abort_exchange();
        if (closed_) return false;  // the ACK has been overdue since before this process
        if (limit_at_ != kNever) core_.wheel().arm<&Call::on_limit>(end_timer_, limit_at_, this);
        changed();
        if (want_flows()) {
            core_.ledger().inherit(number_);
            return true;
        }
        on_media_rejected();
        return false;
    }
    interrupt();
    return false;
}

// An INVITE that the crash cut off: its sender gets a failure, repeated like a 2xx until the ACK comes, and the other
// side a CANCEL, whose transaction outlives this call.
void Call::abort_exchange() {
    if (!exchange_.active) return;
    if (!exchange_.detail->cancel.empty())
        core_.layer().cancel_inherited(core_.now().instant, exchange_.detail->cancel_path, exchange_.detail->cancel,
                                       timer_set(other(exchange_.from)));
    exchange_.answered = true;
    exchange_.late_offer = false;
    exchange_.aborted = true;
    exchange_.detail->ok = std::move(exchange_.detail->failure);
    resend(core_.now().instant + 64 * Duration(timers(exchange_.from).t1));
}

void Call::resend(Instant give_up) {
    exchange_.detail->give_up = give_up;
    exchange_.detail->interval = Duration(timers(exchange_.from).t1) / 2;  // doubled before the first repetition
    repeat_ok(core_.now().instant);
}

// A 2xx to an INVITE of the process before us: its transaction is gone, but its sender repeats it and at last hangs
// up if nobody acknowledges it.
bool Call::on_orphan(std::size_t leg, const sip::Message& response) {
    if (response.call_id() != legs_[leg].dialog.call_id() || response.cseq().number > legs_[leg].imported_cseq)
        return false;
    if (legs_[leg].established && response.to_tag() == legs_[leg].dialog.remote_tag()) {
        if (!closed_) send_ack(leg, {}, response.cseq().number, {}, nullptr);
    } else if (leg == kCallee) {
        dismiss(response);
    }
    return true;
}

// The flows of a call that cannot go on are found and removed by the ledger as nobody's; their last counters still
// come to this call.
void Call::interrupt() {
    const bool was_closed = import_kind_ == static_cast<std::uint8_t>(Kind::kClosed);
    if (!was_closed) {
        ++core_.counters().calls_interrupted;
        finals_left_ = plan_.flows(core_.view()).size();
    }
    state_ = State::kReleasing;
    if (exchange_.answered)
        exchange_ = {};
    else
        abort_exchange();
    for (const auto i : {kCaller, kCallee}) {
        if (exchange_.active && !legs_[i].established) core_.add_dialog(legs_[i].dialog.local_tag(), number_, i);
    }
    for (const auto i : {kCaller, kCallee}) {
        if (!legs_[i].established || legs_[i].bye_done) continue;
        legs_[i].bye_reason = reason_value(kInterrupted);
        send_bye(i, nullptr);
    }
    if (was_closed) {
        closed_ = true;
        drop_media();
    } else {
        close(kInterrupted);
    }
    settle();
}

std::expected<bool, ImportRefusal> EngineCore::import_call(Now now, std::span<const std::byte> exported) {
    enter(now);
    auto head = read_head(exported);
    if (!head) {
        ++counters_.imports_refused;
        return std::unexpected(ImportRefusal{head.error(), false});
    }
    // A number is never given twice.
    const auto number = head->record.number;
    if (next_number_ <= number) next_number_ = (number | (Engine::kMaxShards - 1U)) + 1 + shard_;
    auto call = Call::import_from(*this, *head, now);
    auto taken = call ? place(std::move(*call)) : std::unexpected(call.error());
    leave();
    if (taken) return *taken;
    ++counters_.imports_refused;
    if (!calls_.contains(number)) record_refused(std::move(*head));
    return std::unexpected(ImportRefusal{taken.error(), true});
}

// A call that cannot be taken over is over: its record goes out as the process before us knew it.
void EngineCore::record_refused(ExportHead head) {
    auto& record = head.record;
    if (head.kind != static_cast<std::uint8_t>(Kind::kClosed)) {
        ++counters_.calls_interrupted;
        record.end = now_.wall;
        record.ended_by = kInterrupted.by;
        record.code = kInterrupted.code;
        record.reason = kInterrupted.text;
    }
    record.quality_complete = false;
    emit(std::move(record));
}

std::expected<bool, std::string> EngineCore::place(CallPtr call) {
    const auto number = call->number();
    for (const auto leg : {kCaller, kCallee}) {
        if (calls_.contains(number) || dialogs_.contains(call->leg(leg).dialog.local_tag())) {
            call->plan_.release(pools_, now_.instant);
            return std::unexpected("the call is here already");
        }
    }
    auto& placed = calls_.add(std::move(call));
    const auto end = [&](std::size_t i) { return CallEnd{placed.leg(i).trunk, placed.leg(i).realm}; };
    placed.permit_ = limits_.count(end(kCaller), end(kCallee));
    const bool goes_on = placed.resume();
    if (goes_on) ++counters_.calls_imported;
    return goes_on;
}

}  // namespace sallyport::call
