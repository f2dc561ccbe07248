// A session description of a peer: parsed, written, and rebuilt for the other side.
//
// Oracles: what was written is read again as the same session, and written the same; what goes to the other side
// parses, has the same m-lines, our addresses and none of the peer's.

#include <string>
#include <string_view>

#include "media/offer_answer/rebuild.h"
#include "media/offer_answer/stream_end.h"
#include "media/sdp/sdp_parse.h"
#include "media/sdp/sdp_write.h"
#include "platform/base/host_text.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::sdp {
namespace {

const IpAddress kOurs = IpAddress::v4(0xC6336401U);

LocalMedia local_media(std::size_t count) {
    LocalMedia local{.address = kOurs, .streams = {}, .pass_unknown_attributes = true};
    for (std::size_t i = 0; i < count; ++i) {
        const auto port = static_cast<std::uint16_t>(20000 + 2 * i);
        local.streams.push_back(
            {.address = kOurs, .rtp_port = port, .rtcp_port = static_cast<std::uint16_t>(port + 1)});
    }
    return local;
}

void check_stream(const Session& s, std::size_t i) {
    const auto end = stream_end(s, i);
    (void)codec_summary(s, i);
    (void)codec_names(s, i);
    if (end.relay != Relay::kYes) return;
    FUZZ_CHECK(s.media[i].port != 0 && end.rtp.port == s.media[i].port);
    FUZZ_CHECK(end.zero_address == end.rtp.address.empty());
    FUZZ_CHECK(end.zero_address || end.rtp.address.is_v4());
    FUZZ_CHECK(!end.zero_address || !receives(end.direction));
}

// What leaves as values of ours; all else of a line is a number or a word of the protocol.
void check_hidden(const Session& ours) {
    FUZZ_CHECK(ours.origin.address == kOurs.text() && ours.origin.username == "-" && ours.name == "-");
    FUZZ_CHECK(ours.connection && ours.connection->ip == kOurs);
    const auto clean = [](const std::vector<Attribute>& attributes) {
        for (const auto& a : attributes) {
            FUZZ_CHECK(a.name != "candidate" && a.name != "crypto" && a.name != "ssrc");
            FUZZ_CHECK(!mentions_address(a.name) && !(a.value && mentions_address(*a.value)));
        }
    };
    clean(ours.attributes);
    for (const auto& m : ours.media) {
        FUZZ_CHECK(!m.connection || m.connection->ip == kOurs);
        FUZZ_CHECK(!m.rtcp || !m.rtcp->connection);
        clean(m.attributes);
        for (const auto& f : m.fmtps) {
            FUZZ_CHECK(!mentions_address(f.format));
            // One by one: five with a colon each are no address.
            for (fuzz::Input in(reinterpret_cast<const std::uint8_t*>(f.parameters.data()), f.parameters.size());
                 !in.empty();)
                FUZZ_CHECK(!mentions_address(in.until(';')));
        }
        for (const auto& map : m.rtpmaps) FUZZ_CHECK(!mentions_address(map.encoding));
        FUZZ_CHECK(!mentions_address(m.type) && !mentions_address(m.protocol));
        for (const auto& f : m.formats) FUZZ_CHECK(!mentions_address(f));
    }
}

// As OfferAnswer sends it.
void check_sent(Session ours, std::size_t lines) {
    ours.origin.session_id = ours.origin.version = "1";
    FUZZ_CHECK(ours.media.size() == lines);
    check_hidden(ours);
    const auto text = write(ours);
    const auto again = parse(text);
    FUZZ_CHECK(again.has_value());
    FUZZ_CHECK(write(*again) == text);
    check_hidden(*again);
}

void run(std::string_view text) {
    const auto s = parse(text);
    if (!s) {
        const auto why = s.error().text();
        FUZZ_CHECK(!why.empty() && why.find_first_of("\r\n") == std::string::npos);
        return;
    }
    FUZZ_CHECK(s->media.size() <= kMaxMedia && text.size() <= kMaxBytes);
    for (std::size_t i = 0; i < s->media.size(); ++i) check_stream(*s, i);
    FUZZ_CHECK(relayed_streams(*s) <= s->media.size());
    (void)is_hold(*s);

    const auto written = write(*s);
    const auto again = parse_written(written);
    FUZZ_CHECK(again.has_value());
    FUZZ_CHECK(write(*again) == written);
    // Beside what only we write: s=, when it was missing or empty.
    auto expected = *s;
    if (expected.name.empty()) expected.name = "-";
    FUZZ_CHECK(*again == expected);
    const auto local = local_media(s->media.size());
    const auto offer = rebuild_offer(*s, local, nullptr);
    check_sent(offer, s->media.size());
    // The answer to our own description by the same peer: what it could say.
    check_sent(rebuild_answer(offer, *s, local), offer.media.size());
}

}  // namespace
}  // namespace sallyport::sdp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sallyport::sdp::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
