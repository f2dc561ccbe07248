#include "media/offer_answer/offer_answer.h"

#include <algorithm>
#include <utility>

#include "media/offer_answer/stream_end.h"
#include "media/sdp/sdp_parse.h"
#include "media/sdp/sdp_write.h"
#include "platform/base/buffer.h"

namespace sallyport::sdp {

namespace {

bool iequals(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<OfferError> answer_fault(const Session& offer, const Session& answer) {
    if (answer.media.size() != offer.media.size()) return OfferError::kMlineCount;
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto& a = answer.media[i];
        if (a.port == 0) continue;
        if (!iequals(a.type, offer.media[i].type) || !iequals(a.protocol, offer.media[i].protocol)) {
            return OfferError::kMlineMismatch;
        }
    }
    return std::nullopt;
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

std::expected<void, OfferError> OfferAnswer::receive_offer(Session offer) {
    wake();
    if (state_ == OfferState::kLocalOffer) return std::unexpected(OfferError::kGlare);
    if (state_ == OfferState::kRemoteOffer) return std::unexpected(OfferError::kOfferPending);
    const auto before = std::max(remote_ ? remote_->media.size() : 0, local_ ? local_->media.size() : 0);
    if (offer.media.size() < before) return std::unexpected(OfferError::kMlinesShrank);
    // A re-offer may disable every stream (RFC 3264 §8.2); one that wants only what we cannot give may not.
    const bool wants_media = std::ranges::any_of(offer.media, [](const Media& m) { return m.port != 0; });
    if (relayed_streams(offer) == 0 && (wants_media || state_ == OfferState::kIdle)) {
        return std::unexpected(OfferError::kNothingRelayable);
    }
    remote_offer_ = std::move(offer);
    before_remote_ = remote_;
    before_local_ = local_;
    previewed_ = false;
    state_ = OfferState::kRemoteOffer;
    return {};
}

std::expected<void, OfferError> OfferAnswer::receive_answer(Session answer, Finality finality) {
    if (state_ != OfferState::kLocalOffer) return std::unexpected(OfferError::kNoOffer);
    if (const auto fault = answer_fault(*local_offer_, answer)) return std::unexpected(*fault);
    remote_ = std::move(answer);
    local_ = local_offer_;
    remote_answered_ = true;
    previewed_ = true;
    if (finality == Finality::kFinal) return settle_preview();
    return {};
}

std::expected<void, OfferError> OfferAnswer::settle_preview() {
    if (state_ != OfferState::kLocalOffer || !previewed_) return std::unexpected(OfferError::kNoOffer);
    local_offer_.reset();
    before_remote_.reset();
    before_local_.reset();
    previewed_ = false;
    state_ = OfferState::kStable;
    return {};
}

std::expected<std::string, OfferError> OfferAnswer::make_offer(const Session& received, const LocalMedia& local) {
    wake();
    if (state_ == OfferState::kLocalOffer) return std::unexpected(OfferError::kOfferPending);
    if (state_ == OfferState::kRemoteOffer) return std::unexpected(OfferError::kGlare);
    auto offer = rebuild_offer(received, local, local_ ? &*local_ : nullptr);
    auto text = stamp(offer);
    local_offer_ = std::move(offer);
    before_remote_ = remote_;
    before_local_ = local_;
    previewed_ = false;
    state_ = OfferState::kLocalOffer;
    return text;
}

std::expected<std::string, OfferError> OfferAnswer::make_answer(const Session& received, const LocalMedia& local,
                                                                Finality finality) {
    if (state_ != OfferState::kRemoteOffer) return std::unexpected(OfferError::kNoOffer);
    auto answer = rebuild_answer(*remote_offer_, received, local);
    auto text = stamp(answer);
    remote_ = remote_offer_;
    local_ = std::move(answer);
    remote_answered_ = false;
    if (finality == Finality::kFinal) {
        remote_offer_.reset();
        before_remote_.reset();
        before_local_.reset();
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
    remote_ = std::exchange(before_remote_, {});
    local_ = std::exchange(before_local_, {});
    remote_offer_.reset();
    local_offer_.reset();
    previewed_ = false;
    state_ = remote_ ? OfferState::kStable : OfferState::kIdle;
}

const Session* OfferAnswer::last_answer() const { return remote_answered_ ? remote() : local(); }

// RFC 3264 §8: the version grows by one when the description changes, and only then. Compared with what was
// sent last, also when that was refused: a peer may have kept it.
std::string OfferAnswer::stamp(Session& description) {
    description.origin.session_id = std::to_string(session_id_);
    description.origin.version = std::to_string(version_);
    auto text = write(description);
    if (!last_sent_.empty() && text != last_sent_) {
        description.origin.version = std::to_string(++version_);
        text = write(description);
    }
    last_sent_ = text;
    return text;
}

bool OfferAnswer::local_is_last_sent() const { return local_ && local_->origin.version == std::to_string(version_); }

void OfferAnswer::rest() {
    if (resting_ || state_ != OfferState::kStable || !remote_ || !local_is_last_sent()) return;
    resting_remote_ = write(*remote_);
    resting_remote_.shrink_to_fit();
    last_sent_.shrink_to_fit();
    remote_.reset();
    local_.reset();
    resting_ = true;
}

// Both were written by us: an import would read the same.
void OfferAnswer::read_resting() const {
    resting_ = false;
    remote_ = parse_written(resting_remote_).value();
    local_ = parse_written(last_sent_).value();
    clear_buffer(resting_remote_, 0);
}

void OfferAnswer::export_to(ByteWriter& out) const {
    const bool open = state_ == OfferState::kLocalOffer || state_ == OfferState::kRemoteOffer;
    const auto& remote = open && before_remote_ ? before_remote_ : remote_;
    const auto& local = open && before_local_ ? before_local_ : local_;
    out.u64(session_id_);
    out.u64(version_);
    out.u8(remote_answered_ ? 1 : 0);
    out.text(resting_ ? resting_remote_ : remote ? write(*remote) : std::string());
    // What is in force here is nearly always what we sent last: it has the version that went out last.
    const bool is_last = resting_ || (local && local->origin.version == std::to_string(version_));
    out.u8(is_last ? 1 : 0);
    if (!is_last) out.text(local ? write(*local) : std::string());
    out.text(last_sent_);
}

std::expected<OfferAnswer, std::string> OfferAnswer::import_from(ByteReader& in) {
    OfferAnswer out(in.u64());
    out.version_ = in.u64();
    out.remote_answered_ = in.u8() != 0;
    const auto remote = in.text();
    const bool is_last = in.u8() != 0;
    const auto other = is_last ? std::string_view() : in.text();
    out.last_sent_ = in.text();
    const auto local = is_last ? std::string_view(out.last_sent_) : other;
    if (in.failed()) return std::unexpected("the offer/answer state is truncated");
    for (const auto& [text, slot] : {std::pair{remote, &out.remote_}, std::pair{local, &out.local_}}) {
        if (text.empty()) continue;
        auto session = parse_written(text);
        if (!session) return std::unexpected("a description does not parse: " + session.error().text());
        *slot = std::move(*session);
    }
    out.state_ = out.remote_ && out.local_ ? OfferState::kStable : OfferState::kIdle;
    return out;
}

}  // namespace sallyport::sdp
