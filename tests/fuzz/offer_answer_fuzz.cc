// Offers and answers in any order on one leg, each with any description: steps of `op byte, description, zero byte`.
//
// Oracles: the state follows the picture in offer_answer.h; m-lines never shrink; the o= version grows by one exactly
// when the description differs; a refused or withdrawn offer leaves what was in force; a leg that rested is as it was;
// the exported state is taken again.

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/offer_answer/offer_answer.h"
#include "media/sdp/sdp_parse.h"
#include "media/sdp/sdp_write.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::sdp {
namespace {

constexpr std::uint64_t kSessionId = 1000;

class Leg {
public:
    void step(std::uint8_t op, const Session& received);
    void check_export() const;

private:
    void sent(std::string_view text);
    void remember();
    void rest(bool sleeps_on);
    void check_state() const;
    LocalMedia local(const Session& received, std::uint8_t op) const;

    OfferAnswer leg_{kSessionId};
    std::string last_;
    std::uint64_t version_ = kSessionId;
    std::optional<Session> remote_;  // in force before the open offer
    std::optional<Session> local_;
    bool rests_ = false;  // and nobody has asked since
};

// Did it work? If not, it says why.
template <typename T>
bool done(const std::expected<T, OfferError>& result) {
    FUZZ_CHECK(result || !offer_error_text(result.error()).empty());
    return result.has_value();
}

std::vector<std::byte> exported(const OfferAnswer& leg) {
    std::vector<std::byte> out;
    ByteWriter writer(out);
    leg.export_to(writer);
    writer.done();
    return out;
}

// The op's upper bits reject streams and move ports.
LocalMedia Leg::local(const Session& received, std::uint8_t op) const {
    const auto address = IpAddress::v4(0xC6336401U);
    LocalMedia out{.address = address, .streams = {}, .pass_unknown_attributes = (op & 0x80) != 0};
    for (std::size_t i = 0; i < received.media.size(); ++i) {
        LocalStream stream;
        if (i != 1 || (op & 0x40) == 0)
            stream = {.address = address,
                      .rtp_port = (op & 0x20) != 0 ? std::uint16_t{20000} : std::uint16_t{20010},
                      .rtcp_port = 20011};
        out.streams.push_back(stream);
    }
    return out;
}

void Leg::sent(std::string_view text) {
    const auto parsed = parse(text);
    FUZZ_CHECK(parsed.has_value());
    FUZZ_CHECK(parsed->origin.session_id == std::to_string(kSessionId));
    if (!last_.empty() && text != last_) ++version_;
    FUZZ_CHECK(parsed->origin.version == std::to_string(version_));
    FUZZ_CHECK(leg_.last_sent() == text);
    last_ = text;
}

void Leg::check_state() const {
    const auto state = leg_.state();
    FUZZ_CHECK((state == OfferState::kRemoteOffer) == (leg_.remote_offer() != nullptr));
    FUZZ_CHECK((state == OfferState::kLocalOffer) == (leg_.local_offer() != nullptr));
    FUZZ_CHECK(state != OfferState::kStable || (leg_.remote() != nullptr && leg_.local() != nullptr));
}

void Leg::check_export() const {
    const auto bytes = exported(leg_);
    ByteReader in(bytes);
    const auto back = OfferAnswer::import_from(in);
    FUZZ_CHECK(back.has_value());
    FUZZ_CHECK(back->last_sent() == leg_.last_sent());
    FUZZ_CHECK(back->state() == OfferState::kStable || back->state() == OfferState::kIdle);
    FUZZ_CHECK(exported(*back) == bytes);
}

void Leg::remember() {
    remote_ = leg_.remote() != nullptr ? std::optional(*leg_.remote()) : std::nullopt;
    local_ = leg_.local() != nullptr ? std::optional(*leg_.local()) : std::nullopt;
}

// Nothing that can be seen changes, but for what only we write: t= and s=, when they were missing or empty.
void Leg::rest(bool sleeps_on) {
    const auto before = leg_;
    const auto bytes = exported(leg_);
    leg_.rest();
    FUZZ_CHECK(exported(leg_) == bytes);  // still at rest
    const auto copy = leg_;
    FUZZ_CHECK(copy.state() == before.state() && copy.last_sent() == before.last_sent());
    FUZZ_CHECK((copy.remote() == nullptr) == (before.remote() == nullptr));
    FUZZ_CHECK((copy.local() == nullptr) == (before.local() == nullptr));
    if (before.remote() != nullptr) {
        auto expected = *before.remote();
        if (expected.name.empty()) expected.name = copy.remote()->name;
        FUZZ_CHECK(*copy.remote() == expected);
    }
    if (before.local() != nullptr) FUZZ_CHECK(*copy.local() == *before.local());
    FUZZ_CHECK((copy.last_answer() == copy.remote()) == (before.last_answer() == before.remote()));
    FUZZ_CHECK(exported(copy) == bytes);
    if (copy.state() != OfferState::kStable) return;
    rests_ = sleeps_on;
    remote_ = *copy.remote();
    local_ = *copy.local();
}

void Leg::step(std::uint8_t op, const Session& received) {
    const auto before = leg_.state();
    const bool open = before == OfferState::kLocalOffer || before == OfferState::kRemoteOffer;
    const auto finality = (op & 0x10) != 0 ? Finality::kFinal : Finality::kPreview;
    // Nobody else may wake it: the step does.
    const bool remembered = open || std::exchange(rests_, false);
    switch (op & 7) {
        case 0:
            if (!remembered) remember();
            if (done(leg_.receive_offer(received))) {
                FUZZ_CHECK(!open && leg_.state() == OfferState::kRemoteOffer);
                FUZZ_CHECK(*leg_.remote_offer() == received);
                FUZZ_CHECK(!remote_ || received.media.size() >= remote_->media.size());
            } else {
                FUZZ_CHECK(leg_.state() == before);
            }
            break;
        case 1:
            if (done(leg_.receive_answer(received, finality))) {
                FUZZ_CHECK(before == OfferState::kLocalOffer);
                FUZZ_CHECK(leg_.remote()->media.size() == leg_.local()->media.size());
                FUZZ_CHECK(leg_.state() ==
                           (finality == Finality::kFinal ? OfferState::kStable : OfferState::kLocalOffer));
                FUZZ_CHECK(leg_.last_answer() == leg_.remote());
            } else {
                FUZZ_CHECK(leg_.state() == before);
            }
            break;
        case 2:
            if (done(leg_.settle_preview())) FUZZ_CHECK(leg_.state() == OfferState::kStable);
            break;
        case 3:
            if (!remembered) remember();
            if (const auto text = leg_.make_offer(received, local(received, op)); done(text)) {
                FUZZ_CHECK(!open && leg_.state() == OfferState::kLocalOffer);
                FUZZ_CHECK(!local_ || leg_.local_offer()->media.size() >= local_->media.size());
                sent(*text);
            } else {
                FUZZ_CHECK(open && leg_.state() == before);
            }
            break;
        case 4:
            if (const auto text = leg_.make_answer(received, local(received, op), finality); done(text)) {
                FUZZ_CHECK(before == OfferState::kRemoteOffer);
                FUZZ_CHECK(leg_.local()->media.size() == leg_.remote()->media.size());
                FUZZ_CHECK(leg_.last_answer() == leg_.local());
                sent(*text);
            } else {
                FUZZ_CHECK(before != OfferState::kRemoteOffer && leg_.state() == before);
            }
            break;
        case 5:
        case 6: {
            (op & 7) == 5 ? leg_.withdraw() : leg_.refuse();
            const bool undone = open && before != leg_.state();
            FUZZ_CHECK(undone == (before == ((op & 7) == 5 ? OfferState::kLocalOffer : OfferState::kRemoteOffer)));
            if (!undone) break;
            FUZZ_CHECK((leg_.remote() != nullptr) == remote_.has_value());
            FUZZ_CHECK((leg_.local() != nullptr) == local_.has_value());
            if (remote_) FUZZ_CHECK(*leg_.remote() == *remote_);
            if (local_) FUZZ_CHECK(*leg_.local() == *local_);
            break;
        }
        default:
            rest((op & 0x10) != 0);
            if (rests_) return;
    }
    check_state();
    if ((op & 8) != 0) check_export();
}

}  // namespace
}  // namespace sallyport::sdp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::sdp;
    sallyport::fuzz::Input in(data, size);
    Leg leg;
    // A step without a description has the one before it.
    static const auto kFirst =
        parse("v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n");
    Session received = *kFirst;
    for (int steps = 0; steps < 12 && !in.empty(); ++steps) {
        const auto op = in.byte();
        if (const auto text = in.until('\0'); !text.empty()) {
            if (auto s = parse(text)) received = std::move(*s);
        }
        leg.step(op, received);
    }
    leg.check_export();
    return 0;
}
