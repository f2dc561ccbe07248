#include "media/offer_answer/offer_answer.h"

#include <algorithm>
#include <utility>

#include "media/offer_answer/stream_end.h"
#include "media/sdp/line_code.h"
#include "media/sdp/sdp_parse.h"
#include "media/sdp/sdp_text.h"
#include "media/sdp/sdp_write.h"
#include "platform/base/digits.h"
#include "platform/base/scratch_text.h"

namespace sallyport::sdp {

namespace {

std::optional<OfferError> answer_fault(const Session& offer, const Session& answer) {
    if (answer.media.size() != offer.media.size()) return OfferError::kMlineCount;
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto& a = answer.media[i];
        if (a.port == 0) continue;
        if (!equals_ignoring_case(a.type, offer.media[i].type) ||
            !equals_ignoring_case(a.protocol, offer.media[i].protocol)) {
            return OfferError::kMlineMismatch;
        }
    }
    return std::nullopt;
}

// How the o= line begins of a text that we have sent: as OfferAnswer::origin() makes it.
std::string_view origin_of(std::string_view sent) {
    constexpr std::string_view kBefore = "v=0\r\n";
    constexpr std::string_view kLast = " IN IP4 ";
    if (!sent.starts_with(kBefore)) return {};
    sent = sent.substr(kBefore.size(), sent.find('\r', kBefore.size()) - kBefore.size());
    const auto last = sent.find(kLast);
    return last == sent.npos ? std::string_view() : sent.substr(0, last + kLast.size());
}

}  // namespace

std::string_view offer_error_text(OfferError error) {
    switch (error) {
        case OfferError::kGlare: return "an offer while ours is unanswered";
        case OfferError::kOfferPending: return "an offer while theirs is unanswered";
        case OfferError::kNoOffer: return "an answer without an offer";
        case OfferError::kMlinesShrank: return "fewer m= lines than before";
        case OfferError::kMlineCount: return "another number of m= lines than the offer";
        case OfferError::kMlineMismatch: return "an m= line of another kind than the offer's";
        case OfferError::kNothingRelayable: return "no audio over RTP/AVP that could be relayed";
    }
    return "";
}

const OfferAnswer::Known& OfferAnswer::known() const {
    static const Known kNothing;
    wake();
    return known_ ? *known_ : kNothing;
}

OfferAnswer::Known& OfferAnswer::known() {
    wake();
    if (!known_) known_ = Known();
    return *known_;
}

std::expected<void, OfferError> OfferAnswer::receive_offer(Shared<Session> offer) {
    if (state_ == OfferState::kLocalOffer) return std::unexpected(OfferError::kGlare);
    if (state_ == OfferState::kRemoteOffer) return std::unexpected(OfferError::kOfferPending);
    auto& k = known();
    const auto before = std::max(k.remote ? k.remote->media.size() : 0, k.local ? k.local->media.size() : 0);
    if (offer->media.size() < before) return std::unexpected(OfferError::kMlinesShrank);
    // A re-offer may disable every stream (RFC 3264 §8.2); one that wants only what we cannot give may not.
    const bool wants_media = std::ranges::any_of(offer->media, [](const Media& m) { return m.port != 0; });
    if (relayed_streams(*offer) == 0 && (wants_media || state_ == OfferState::kIdle)) {
        return std::unexpected(OfferError::kNothingRelayable);
    }
    k.remote_offer = std::move(offer);
    k.before_remote = k.remote;
    k.before_local = k.local;
    previewed_ = false;
    state_ = OfferState::kRemoteOffer;
    return {};
}

std::expected<void, OfferError> OfferAnswer::receive_answer(Shared<Session> answer, Finality finality) {
    if (state_ != OfferState::kLocalOffer) return std::unexpected(OfferError::kNoOffer);
    auto& k = known();
    if (const auto fault = answer_fault(*k.local_offer, *answer)) return std::unexpected(*fault);
    k.remote = std::move(answer);
    k.local = k.local_offer;
    remote_answered_ = true;
    previewed_ = true;
    if (finality == Finality::kFinal) return settle_preview();
    return {};
}

std::expected<void, OfferError> OfferAnswer::settle_preview() {
    if (state_ != OfferState::kLocalOffer || !previewed_) return std::unexpected(OfferError::kNoOffer);
    auto& k = known();
    k.local_offer.reset();
    k.before_remote.reset();
    k.before_local.reset();
    previewed_ = false;
    state_ = OfferState::kStable;
    return {};
}

std::expected<std::string_view, OfferError> OfferAnswer::make_offer(const Session& received, const LocalMedia& local) {
    if (state_ == OfferState::kLocalOffer) return std::unexpected(OfferError::kOfferPending);
    if (state_ == OfferState::kRemoteOffer) return std::unexpected(OfferError::kGlare);
    auto& k = known();
    auto offer = rebuild_offer(received, local, k.local.get());
    const auto text = stamp(offer);
    k.local_offer = std::move(offer);
    k.before_remote = k.remote;
    k.before_local = k.local;
    previewed_ = false;
    state_ = OfferState::kLocalOffer;
    return text;
}

std::expected<std::string_view, OfferError> OfferAnswer::make_answer(const Session& received, const LocalMedia& local,
                                                                     Finality finality) {
    if (state_ != OfferState::kRemoteOffer) return std::unexpected(OfferError::kNoOffer);
    auto& k = known();
    auto answer = rebuild_answer(*k.remote_offer, received, local);
    const auto text = stamp(answer);
    k.remote = k.remote_offer;
    k.local = std::move(answer);
    remote_answered_ = false;
    if (finality == Finality::kFinal) {
        k.remote_offer.reset();
        k.before_remote.reset();
        k.before_local.reset();
        state_ = OfferState::kStable;
    }
    return text;
}

void OfferAnswer::withdraw() {
    if (state_ == OfferState::kLocalOffer) roll_back();
}

void OfferAnswer::refuse() {
    if (state_ == OfferState::kRemoteOffer) roll_back();
}

void OfferAnswer::roll_back() {
    auto& k = known();
    k.remote = std::exchange(k.before_remote, {});
    k.local = std::exchange(k.before_local, {});
    k.remote_offer.reset();
    k.local_offer.reset();
    previewed_ = false;
    state_ = k.remote ? OfferState::kStable : OfferState::kIdle;
}

const Session* OfferAnswer::last_answer() const { return remote_answered_ ? remote() : local(); }

// RFC 3264 §8: the version grows by one when the description changes, and only then. Compared with what was
// sent last, also when that was refused: a peer may have kept it.
std::string_view OfferAnswer::stamp(Session& description) {
    auto& last_sent = known().last_sent;
    description.origin.session_id = Digits(session_id_);
    description.origin.version = Digits(version_);
    auto text = write(description);
    if (!last_sent.empty() && text != last_sent) {
        description.origin.version = Digits(++version_);
        text = write(description);
    }
    last_sent = std::move(text);
    return last_sent;
}

// How the o= line of what we sent last begins.
OfferAnswer::OriginText OfferAnswer::origin() const {
    OriginText out("o=- ");
    out.append(Digits(session_id_)).append(" ").append(Digits(version_)).append(" IN IP4 ");
    return out;
}

// Both as they are kept and exported: the remote one by itself, what was sent last by that.
std::vector<std::byte> OfferAnswer::code_of(std::string_view remote, std::string_view last_sent) const {
    constexpr std::size_t kUsual = 1024;
    constexpr std::size_t kLengths = 4;  // of texts that are not as long as a datagram
    ScratchText<kUsual> first;
    ScratchText<kUsual> second;
    first.extend(remote.size() + 1, [&](char* at) { return encode_lines(remote, {}, at); });
    const LineContext context{.reference = remote, .origin = origin_of(last_sent)};
    second.extend(last_sent.size() + 1, [&](char* at) { return encode_lines(last_sent, context, at); });
    std::vector<std::byte> out;
    out.reserve(first.size() + second.size() + kLengths);
    ByteWriter writer(out);
    writer.text(first.view());
    writer.text(second.view());
    writer.done();
    return out;
}

void OfferAnswer::rest() {
    if (state_ != OfferState::kStable || !known_ || !known_->remote || !known_->local) return;
    if (known_->local->origin.version != Digits(version_)) return;  // it is not what was sent last
    resting_ = code_of(write(*known_->remote), known_->last_sent);
    known_.reset();
}

// Both were written by us: an import would read the same.
void OfferAnswer::wake() const {
    if (resting_.empty()) return;
    ByteReader in(resting_);
    const auto remote = decode_lines(in.text(), {}).value();
    known_ = Known();
    known_->last_sent = decode_lines(in.text(), {.reference = remote, .origin = origin()}).value();
    known_->remote = parse_written(remote).value();
    known_->local = parse_written(known_->last_sent).value();
    std::vector<std::byte>().swap(resting_);
}

void OfferAnswer::export_to(ByteWriter& out) const {
    out.u64(session_id_);
    out.u64(version_);
    out.u8(remote_answered_ ? 1 : 0);
    if (!resting_.empty()) {
        out.bytes(resting_);
        return out.u8(1);
    }
    const auto& k = known();
    const bool open = state_ == OfferState::kLocalOffer || state_ == OfferState::kRemoteOffer;
    const auto& remote = open && k.before_remote ? k.before_remote : k.remote;
    const auto& local = open && k.before_local ? k.before_local : k.local;
    out.bytes(code_of(remote ? write(*remote) : std::string(), k.last_sent));
    // What is in force here is nearly always what we sent last: it has the version that went out last.
    const bool is_last = local && local->origin.version == Digits(version_);
    out.u8(is_last ? 1 : 0);
    if (!is_last) out.text(local ? write(*local) : std::string());
}

std::expected<OfferAnswer, std::string> OfferAnswer::import_from(ByteReader& in) {
    OfferAnswer out(in.u64());
    out.version_ = in.u64();
    out.remote_answered_ = in.u8() != 0;
    const auto remote = decode_lines(in.text(), {});
    if (!remote) return std::unexpected("a description is malformed");
    auto last_sent = decode_lines(in.text(), {.reference = *remote, .origin = out.origin()});
    if (!last_sent) return std::unexpected("a description is malformed");
    auto& k = out.known();
    k.last_sent = std::move(*last_sent);
    const bool is_last = in.u8() != 0;
    const auto local = is_last ? std::string_view(k.last_sent) : in.text();
    if (in.failed()) return std::unexpected("the offer/answer state is truncated");
    for (const auto& [text, slot] : {std::pair{std::string_view(*remote), &k.remote}, std::pair{local, &k.local}}) {
        if (text.empty()) continue;
        auto session = parse_written(text);
        if (!session) return std::unexpected("a description does not parse: " + session.error().text());
        *slot = std::move(*session);
    }
    out.state_ = k.remote && k.local ? OfferState::kStable : OfferState::kIdle;
    return out;
}

}  // namespace sallyport::sdp
