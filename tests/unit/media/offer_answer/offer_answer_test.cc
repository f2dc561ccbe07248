#include "media/offer_answer/offer_answer.h"

#include <string>
#include <vector>

#include "media/offer_answer/stream_end.h"
#include "media/sdp/sdp_parse.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sdp;

namespace {

const IpAddress kOurs = *IpAddress::parse("198.51.100.1");

Session side(const std::string& lines, int version = 1) {
    auto s = parse("v=0\r\no=x 9 " + std::to_string(version) +
                   " IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" + lines);
    CHECK_TRUE(s.has_value());
    return *s;
}

const char* const kAudio = "m=audio 4000 RTP/AVP 8 0\r\n";
const char* const kHold = "m=audio 4000 RTP/AVP 8 0\r\na=sendonly\r\n";

LocalMedia local(std::size_t streams = 1) {
    LocalMedia out{.address = kOurs, .streams = {}, .pass_unknown_attributes = false};
    for (std::size_t i = 0; i < streams; ++i) {
        const auto port = static_cast<std::uint16_t>(20000 + 2 * i);
        out.streams.push_back({kOurs, port, static_cast<std::uint16_t>(port + 1)});
    }
    return out;
}

std::string version_of(std::string_view text) { return parse(text)->origin.version; }

// A leg on which we have offered and been answered.
OfferAnswer stable() {
    OfferAnswer leg(100);
    CHECK_TRUE(leg.make_offer(side(kAudio), local()).has_value());
    CHECK_TRUE(leg.receive_answer(side(kAudio), Finality::kFinal).has_value());
    return leg;
}

template <typename T>
void fails(OfferError error, const std::expected<T, OfferError>& result) {
    CHECK_FALSE(result.has_value());
    STRCMP_EQUAL(std::string(offer_error_text(error)).c_str(), std::string(offer_error_text(result.error())).c_str());
}

}  // namespace

TEST_GROUP(OfferAnswerState) {};

TEST(OfferAnswerState, offer_out_answer_in) {
    OfferAnswer leg(100);
    CHECK_TRUE(leg.state() == OfferState::kIdle);
    const auto body = leg.make_offer(side(kAudio), local());
    CHECK_TRUE(body.has_value());
    CHECK_TRUE(body->find("o=- 100 100 IN IP4 198.51.100.1\r\n") != std::string::npos);
    CHECK_TRUE(leg.state() == OfferState::kLocalOffer);
    CHECK_TRUE(leg.remote() == nullptr);
    CHECK_TRUE(leg.receive_answer(side(kAudio), Finality::kFinal).has_value());
    CHECK_TRUE(leg.state() == OfferState::kStable);
    CHECK_TRUE(leg.remote() != nullptr && leg.local() != nullptr && leg.local_offer() == nullptr);
    CHECK_TRUE(leg.last_answer() == leg.remote());
}

TEST(OfferAnswerState, offer_in_answer_out) {
    OfferAnswer leg(100);
    CHECK_TRUE(leg.receive_offer(side(kAudio)).has_value());
    CHECK_TRUE(leg.state() == OfferState::kRemoteOffer);
    CHECK_TRUE(leg.make_answer(side("m=audio 6000 RTP/AVP 0\r\n"), local(), Finality::kFinal).has_value());
    CHECK_TRUE(leg.state() == OfferState::kStable);
    CHECK_TRUE(leg.last_answer() == leg.local());
    STRCMP_EQUAL("PCMU", codec_summary(*leg.last_answer(), 0).name.c_str());
}

TEST(OfferAnswerState, the_version_grows_by_one_exactly_when_the_description_changes) {
    auto leg = stable();
    STRCMP_EQUAL("100", version_of(leg.last_sent()).c_str());
    // The other side's version is no matter: the same description again is a session refresh.
    auto body = leg.make_offer(side(kAudio, 55), local());
    STRCMP_EQUAL("100", version_of(*body).c_str());
    CHECK_TRUE(leg.receive_answer(side(kAudio), Finality::kFinal).has_value());
    body = leg.make_offer(side(kHold), local());
    STRCMP_EQUAL("101", version_of(*body).c_str());
    CHECK_TRUE(leg.receive_answer(side("m=audio 4000 RTP/AVP 8 0\r\na=recvonly\r\n"), Finality::kFinal).has_value());
    // As an answer, and back to what was there two versions ago.
    CHECK_TRUE(leg.receive_offer(side(kAudio)).has_value());
    body = leg.make_answer(side(kAudio), local(), Finality::kFinal);
    STRCMP_EQUAL("102", version_of(*body).c_str());
    CHECK_TRUE(leg.receive_offer(side(kAudio)).has_value());
    STRCMP_EQUAL("102", version_of(*leg.make_answer(side(kAudio), local(), Finality::kFinal)).c_str());
}

TEST(OfferAnswerState, a_refused_offer_counts_as_sent) {
    auto leg = stable();
    STRCMP_EQUAL("101", version_of(*leg.make_offer(side(kHold), local())).c_str());
    leg.withdraw();
    CHECK_TRUE(leg.state() == OfferState::kStable);
    STRCMP_EQUAL("102", version_of(*leg.make_offer(side(kAudio), local())).c_str());
}

TEST(OfferAnswerState, a_preview_is_used_and_the_final_answer_replaces_it) {
    OfferAnswer a(1);
    OfferAnswer b(2);
    CHECK_TRUE(a.receive_offer(side(kAudio)).has_value());
    CHECK_TRUE(b.make_offer(*a.remote_offer(), local()).has_value());
    CHECK_TRUE(b.receive_answer(side("m=audio 6000 RTP/AVP 8\r\n"), Finality::kPreview).has_value());
    CHECK_TRUE(b.state() == OfferState::kLocalOffer);
    LONGS_EQUAL(6000, b.remote()->media[0].port);
    const std::string early(a.make_answer(*b.remote(), local(), Finality::kPreview).value());
    CHECK_TRUE(a.state() == OfferState::kRemoteOffer);
    // The same in the 200: the caller sees the same bytes.
    CHECK_TRUE(b.receive_answer(side("m=audio 6000 RTP/AVP 8\r\n"), Finality::kFinal).has_value());
    CHECK_TRUE(early == a.make_answer(*b.remote(), local(), Finality::kFinal));
    CHECK_TRUE(a.state() == OfferState::kStable && b.state() == OfferState::kStable);
}

TEST(OfferAnswerState, a_2xx_without_description_makes_the_preview_the_answer) {
    OfferAnswer leg(1);
    CHECK_TRUE(leg.make_offer(side(kAudio), local()).has_value());
    fails(OfferError::kNoOffer, leg.settle_preview());
    CHECK_TRUE(leg.receive_answer(side(kAudio), Finality::kPreview).has_value());
    CHECK_TRUE(leg.settle_preview().has_value());
    CHECK_TRUE(leg.state() == OfferState::kStable);
}

TEST(OfferAnswerState, each_early_dialog_has_a_state_of_its_own) {
    OfferAnswer offered(1);
    CHECK_TRUE(offered.make_offer(side(kAudio), local()).has_value());
    OfferAnswer first = offered;
    OfferAnswer second = offered;
    CHECK_TRUE(first.receive_answer(side("m=audio 6000 RTP/AVP 8\r\n"), Finality::kPreview).has_value());
    CHECK_TRUE(second.receive_answer(side("m=audio 7000 RTP/AVP 0\r\n"), Finality::kFinal).has_value());
    LONGS_EQUAL(6000, first.remote()->media[0].port);
    LONGS_EQUAL(7000, second.remote()->media[0].port);
}

TEST(OfferAnswerState, a_failed_change_brings_back_what_was_in_force) {
    auto leg = stable();
    CHECK_TRUE(leg.receive_offer(side("m=audio 9000 RTP/AVP 0\r\n")).has_value());
    CHECK_TRUE(leg.make_answer(side(kHold), local(), Finality::kPreview).has_value());
    leg.refuse();
    CHECK_TRUE(leg.state() == OfferState::kStable);
    LONGS_EQUAL(4000, leg.remote()->media[0].port);
    CHECK_TRUE(leg.local()->media[0].direction == Direction::kSendRecv);
    OfferAnswer fresh(1);
    CHECK_TRUE(fresh.make_offer(side(kAudio), local()).has_value());
    fresh.withdraw();
    CHECK_TRUE(fresh.state() == OfferState::kIdle);
    fresh.withdraw();
    fresh.refuse();
    CHECK_TRUE(fresh.state() == OfferState::kIdle);
}

TEST(OfferAnswerState, glare_and_overlap_are_told_apart) {
    auto leg = stable();
    CHECK_TRUE(leg.make_offer(side(kHold), local()).has_value());
    fails(OfferError::kGlare, leg.receive_offer(side(kAudio)));
    fails(OfferError::kOfferPending, leg.make_offer(side(kAudio), local()));
    leg.withdraw();
    CHECK_TRUE(leg.receive_offer(side(kAudio)).has_value());
    fails(OfferError::kOfferPending, leg.receive_offer(side(kAudio)));
    fails(OfferError::kGlare, leg.make_offer(side(kAudio), local()));
    fails(OfferError::kNoOffer, leg.receive_answer(side(kAudio), Finality::kFinal));
}

TEST(OfferAnswerState, a_repeated_answer_is_recognised_by_the_state) {
    auto leg = stable();
    fails(OfferError::kNoOffer, leg.receive_answer(side("m=audio 7777 RTP/AVP 8\r\n"), Finality::kFinal));
    LONGS_EQUAL(4000, leg.remote()->media[0].port);
}

TEST(OfferAnswerState, lines_may_be_added_but_not_taken_away) {
    auto leg = stable();
    CHECK_TRUE(leg.receive_offer(side("m=audio 4000 RTP/AVP 8\r\nm=video 5000 RTP/AVP 31\r\n")).has_value());
    CHECK_TRUE(leg.make_answer(side("m=audio 4000 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\n"), local(), Finality::kFinal)
                   .has_value());
    fails(OfferError::kMlinesShrank, leg.receive_offer(side(kAudio)));
    CHECK_TRUE(leg.state() == OfferState::kStable);
    // Our own offers keep the second line too.
    const auto body = leg.make_offer(side(kAudio), local());
    LONGS_EQUAL(2, parse(*body)->media.size());
    LONGS_EQUAL(0, parse(*body)->media[1].port);
}

TEST(OfferAnswerState, an_answer_must_fit_the_offer) {
    OfferAnswer leg(1);
    CHECK_TRUE(leg.make_offer(side(kAudio), local()).has_value());
    fails(OfferError::kMlineCount, leg.receive_answer(side(""), Finality::kFinal));
    fails(OfferError::kMlineMismatch, leg.receive_answer(side("m=video 4000 RTP/AVP 8\r\n"), Finality::kFinal));
    fails(OfferError::kMlineMismatch, leg.receive_answer(side("m=audio 4000 RTP/SAVP 8\r\n"), Finality::kFinal));
    CHECK_TRUE(leg.state() == OfferState::kLocalOffer);
    CHECK_TRUE(leg.receive_answer(side("m=audio 0 RTP/AVP 8\r\n"), Finality::kFinal).has_value());
}

TEST(OfferAnswerState, an_offer_without_anything_to_relay_is_refused_but_all_streams_may_be_disabled_later) {
    OfferAnswer leg(1);
    fails(OfferError::kNothingRelayable, leg.receive_offer(side("m=video 4000 RTP/AVP 31\r\n")));
    fails(OfferError::kNothingRelayable, leg.receive_offer(side("m=audio 4000 RTP/SAVP 8\r\n")));
    fails(OfferError::kNothingRelayable, leg.receive_offer(side("")));
    auto up = stable();
    CHECK_TRUE(up.receive_offer(side("m=audio 0 RTP/AVP 8\r\n")).has_value());
    up.refuse();
    fails(OfferError::kNothingRelayable, up.receive_offer(side("m=audio 4000 RTP/SAVP 8\r\n")));
}

// INVITE without offer: the 2xx of the callee offers, the ACK of the caller answers.
TEST(OfferAnswerState, a_delayed_offer_goes_the_other_way_round) {
    OfferAnswer a(1);
    OfferAnswer b(2);
    CHECK_TRUE(b.receive_offer(side(kAudio)).has_value());
    CHECK_TRUE(a.make_offer(*b.remote_offer(), local()).has_value());
    CHECK_TRUE(a.receive_answer(side("m=audio 6000 RTP/AVP 0\r\n"), Finality::kFinal).has_value());
    CHECK_TRUE(b.make_answer(*a.remote(), local(), Finality::kFinal).has_value());
    CHECK_TRUE(a.state() == OfferState::kStable && b.state() == OfferState::kStable);
}

TEST(OfferAnswerState, an_exported_leg_goes_on_where_it_was) {
    auto leg = stable();
    CHECK_TRUE(leg.make_offer(side(kHold), local()).has_value());
    CHECK_TRUE(leg.receive_answer(side("m=audio 6000 RTP/AVP 8\r\na=recvonly\r\n"), Finality::kFinal).has_value());
    std::vector<std::byte> bytes;
    ByteWriter out(bytes);
    leg.export_to(out);
    out.done();
    ByteReader in(bytes);
    auto copy = OfferAnswer::import_from(in);
    CHECK_TRUE(copy.has_value());
    LONGS_EQUAL(0, in.left());
    CHECK_TRUE(copy->state() == OfferState::kStable);
    CHECK_TRUE(*copy->remote() == *leg.remote() && *copy->local() == *leg.local());
    CHECK_TRUE(copy->last_answer() == copy->remote());
    STRCMP_EQUAL("101", version_of(*copy->make_offer(side(kHold), local())).c_str());
    copy->withdraw();
    STRCMP_EQUAL("102", version_of(*copy->make_offer(side(kAudio), local())).c_str());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        ByteReader cut{std::span(bytes).first(n)};
        CHECK_FALSE(OfferAnswer::import_from(cut).has_value());
    }
}

TEST(OfferAnswerState, an_open_offer_is_not_exported) {
    auto leg = stable();
    CHECK_TRUE(leg.make_offer(side(kHold), local()).has_value());
    std::vector<std::byte> bytes;
    ByteWriter out(bytes);
    leg.export_to(out);
    out.done();
    ByteReader in(bytes);
    const auto copy = OfferAnswer::import_from(in);
    CHECK_TRUE(copy->state() == OfferState::kStable);
    CHECK_TRUE(copy->local()->media[0].direction == Direction::kSendRecv);
}

TEST(OfferAnswerState, a_leg_that_rested_is_as_it_was) {
    const auto exported = [](const OfferAnswer& leg) {
        std::vector<std::byte> bytes;
        ByteWriter out(bytes);
        leg.export_to(out);
        out.done();
        return bytes;
    };
    const auto awake = stable();
    auto rested = stable();
    rested.rest();
    CHECK_TRUE(exported(rested) == exported(awake));  // still at rest
    CHECK_TRUE(*rested.remote() == *awake.remote() && *rested.local() == *awake.local());
    rested.rest();
    const auto copy = rested;
    CHECK_TRUE(copy.last_answer() == copy.remote() && *copy.remote() == *awake.remote());
    fails(OfferError::kMlinesShrank, rested.receive_offer(side("")));
    rested.rest();
    STRCMP_EQUAL("100", version_of(*rested.make_offer(side(kAudio), local())).c_str());
    rested.rest();  // an offer is out: nothing happens
    rested.withdraw();
    CHECK_TRUE(*rested.remote() == *awake.remote() && *rested.local() == *awake.local());
}

// What we write of it has two lines more than it, and longer ends of line: it is beyond the bounds of what a peer may
// send, but not of what a leg may have kept.
TEST(OfferAnswerState, descriptions_at_their_bounds_come_back_from_rest_and_from_an_export) {
    const std::string head = "v=0\no=x 9 1 IN IP4 192.0.2.10\nc=IN IP4 192.0.2.10\n";
    std::string most_lines = head;
    for (std::size_t line = 3; line < kMaxLines; ++line)
        most_lines += (line - 3) % 200 == 0 ? "m=audio 4000 RTP/AVP 8 0\n" : "a=x\n";
    std::string most_bytes = head + "m=audio 4000 RTP/AVP 8 0\n";
    most_bytes += "a=" + std::string(kMaxBytes - most_bytes.size() - 3, 'x') + "\n";
    for (const auto& text : {most_lines, most_bytes}) {
        const auto remote = parse(text);
        CHECK_TRUE_TEXT(remote.has_value(), remote ? "" : remote.error().text().c_str());
        auto ours = local(remote->media.size());
        ours.pass_unknown_attributes = true;
        OfferAnswer leg(100);
        CHECK_TRUE(leg.make_offer(*remote, ours).has_value());
        CHECK_TRUE(leg.receive_answer(*remote, Finality::kFinal).has_value());
        const auto awake = leg;
        leg.rest();
        std::vector<std::byte> bytes;
        ByteWriter out(bytes);
        leg.export_to(out);
        out.done();
        ByteReader in(bytes);
        const auto copy = OfferAnswer::import_from(in);
        CHECK_TRUE_TEXT(copy.has_value(), copy ? "" : copy.error().c_str());
        CHECK_TRUE(*leg.local() == *awake.local() && *copy->local() == *awake.local());
        CHECK_TRUE(leg.remote()->media == awake.remote()->media && *copy->remote() == *leg.remote());
    }
}

// What was refused is what was sent last: the description in force stays as it is.
TEST(OfferAnswerState, a_leg_whose_last_offer_was_refused_rests_without_loss) {
    auto leg = stable();
    CHECK_TRUE(leg.make_offer(side(kHold), local()).has_value());
    leg.withdraw();
    leg.rest();
    CHECK_TRUE(leg.local()->media[0].direction == Direction::kSendRecv);
    STRCMP_EQUAL("100", leg.local()->origin.version.c_str());
}
