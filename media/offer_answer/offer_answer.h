#pragma once
// Offer/answer on one leg (RFC 3264, RFC 6337), and the o= line of what we send there.
//
//                 receive_offer                              make_offer
//   kRemoteOffer <-------------- kIdle / kStable ---------------------------> kLocalOffer
//        | make_answer(kFinal)         ^  ^  ^          receive_answer(kFinal)      |
//        +-----------------------------+  |  +--------------------------------------+
//          refuse() / withdraw(): back to what was in force before the offer
//
// kPreview is the SDP of a provisional response that is not reliable: it is used at once, but the answer is
// that of the 2xx (RFC 6337 §3.1.1). A 2xx without SDP makes the preview the answer (settle_preview).
// The o= version grows by one exactly when the description differs from the last one that we sent on this
// leg, refused offers included (RFC 3264 §8). Several early dialogs of one INVITE that we sent: copy the
// object as it is after make_offer, one per early dialog (RFC 3960), and keep that of the dialog that won.
//
// A typical use, INVITE with offer on leg a:
//   a.receive_offer(parsed);  plan.open(*a.remote_offer(), pools, now);
//   body = b.make_offer(*a.remote_offer(), plan.local_media(kCallee, ...));
//   183/200 of b:  b.receive_answer(parsed, kPreview|kFinal);
//   body = a.make_answer(*b.remote(), plan.local_media(kCaller, ...), kPreview|kFinal);

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/offer_answer/rebuild.h"
#include "media/sdp/session.h"
#include "platform/base/boxed.h"
#include "platform/base/byte_reader.h"
#include "platform/base/inline_text.h"
#include "platform/base/shared.h"

namespace sallyport::sdp {

enum class OfferState : std::uint8_t { kIdle, kStable, kLocalOffer, kRemoteOffer };
enum class Finality : std::uint8_t { kPreview, kFinal };

enum class OfferError : std::uint8_t {
    kGlare,             // an offer while ours is out: 491 (RFC 3261 §14.2)
    kOfferPending,      // an offer while theirs is unanswered: 500 with Retry-After (RFC 3261 §14.2)
    kNoOffer,           // an answer, or a withdrawal, without an offer
    kMlinesShrank,      // fewer m-lines than before (RFC 3264 §8): 488
    kMlineCount,        // an answer with another number of m-lines than the offer (RFC 3264 §6)
    kMlineMismatch,     // an answer whose m-line has another type or transport than the offer's
    kNothingRelayable,  // an offer of which we could relay no m-line: 488
};
std::string_view offer_error_text(OfferError error);

class OfferAnswer {
public:
    // `session_id` is random per leg, and at most 2^62; versions start with it.
    explicit OfferAnswer(std::uint64_t session_id) : session_id_(session_id), version_(session_id) {}

    OfferState state() const { return state_; }

    // --- what the peer of this leg sends; never nothing
    std::expected<void, OfferError> receive_offer(Shared<Session> offer);
    // In kStable after a final answer: a repetition in the same transaction is ignored (RFC 3261 §13.2.1),
    // and the result says kNoOffer.
    std::expected<void, OfferError> receive_answer(Shared<Session> answer, Finality finality);
    // The 2xx had no description: a preview becomes the answer; without one: kNoOffer, and the call cannot go on.
    std::expected<void, OfferError> settle_preview();

    // --- what we send to the peer of this leg: the whole body, as long as this is not asked for another and does not
    // rest Only in kIdle and kStable, else kOfferPending or kGlare. `received` is from the other leg.
    std::expected<std::string_view, OfferError> make_offer(const Session& received, const LocalMedia& local);
    // Only in kRemoteOffer. A preview may be followed by other previews and by the final answer.
    std::expected<std::string_view, OfferError> make_answer(const Session& received, const LocalMedia& local,
                                                            Finality finality);

    // Our offer was refused, cancelled or lost (withdraw); we have refused theirs (refuse). What was in
    // force before comes back. Without an open offer nothing happens.
    void withdraw();
    void refuse();

    // --- what is known. `remote`/`local`: in force (previews included); null before the first.
    const Session* remote() const { return known().remote.get(); }
    const Session* local() const { return known().local.get(); }
    const Session* remote_offer() const { return known().remote_offer.get(); }
    const Session* local_offer() const { return known().local_offer.get(); }
    const std::string& last_sent() const { return known().last_sent; }  // "" before the first
    // Which side gave the last answer: the codec summary is that of the answer.
    const Session* last_answer() const;

    // Nothing is asked or said for long: what is in force is kept as coded text (media/sdp/line_code.h), in a few
    // percent of its memory, until it is asked for again. Only in kStable, else nothing happens.
    void rest();

    // Part of an exported call; only what is in force goes in, an open offer does not.
    void export_to(ByteWriter& out) const;
    static std::expected<OfferAnswer, std::string> import_from(ByteReader& in);

private:
    struct Known {
        Shared<Session> remote;
        Shared<Session> local;
        Shared<Session> remote_offer;
        Shared<Session> local_offer;
        Shared<Session> before_remote;  // what withdraw() and refuse() bring back
        Shared<Session> before_local;
        std::string last_sent;
    };
    const Known& known() const;
    Known& known();

    std::string_view stamp(Session& description);
    using OriginText = InlineText<64>;  // two numbers and the words around them
    OriginText origin() const;
    std::vector<std::byte> code_of(std::string_view remote, std::string_view last_sent) const;
    void wake() const;
    void roll_back();

    std::uint64_t session_id_;
    std::uint64_t version_;
    OfferState state_ = OfferState::kIdle;
    bool previewed_ = false;
    bool remote_answered_ = false;
    mutable Boxed<Known> known_;              // none: nothing is known, or it rests
    mutable std::vector<std::byte> resting_;  // then as code_of() makes it: what was sent last is the local one
};

}  // namespace sallyport::sdp
