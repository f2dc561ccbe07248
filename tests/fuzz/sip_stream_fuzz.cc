// A stream of SIP, cut into segments as the first bytes say.
//
// Oracles: the cuts make no difference; frames lie one behind the other; a message is one for Message::parse too, with
// the body up to its end; what is kept is bounded.

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/stream_framer.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::sip {
namespace {

struct Seen {
    Frame::Kind kind;
    std::string bytes;
    Reason reason;
    bool operator==(const Seen&) const = default;
};

struct Sink final : FrameSink {
    std::vector<Seen> seen;
    bool on_frame(const Frame& f) override {
        FUZZ_CHECK(seen.empty() || seen.back().kind != Frame::Kind::kLost);
        seen.push_back({f.kind, std::string(f.bytes), f.reason});
        return true;
    }
};

void check_message(const std::string& bytes) {
    static Message message;
    const auto parsed = message.parse(bytes);
    const auto body = bytes.find("\r\n\r\n") + 4;
    if (parsed) FUZZ_CHECK(message.body() == std::string_view(bytes).substr(body));
}

}  // namespace
}  // namespace sallyport::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::sip;
    sallyport::fuzz::Input in(data, size);
    const auto cuts = in.bytes(8);
    const auto stream = in.rest();
    Sink whole;
    StreamFramer at_once;
    const bool alive = at_once.feed(stream, whole);
    FUZZ_CHECK(alive == (whole.seen.empty() || whole.seen.back().kind != Frame::Kind::kLost));
    FUZZ_CHECK(at_once.kept() <= Message::kMaxSize);

    Sink cut;
    StreamFramer framer;
    std::size_t at = 0;
    for (std::size_t i = 0; at < stream.size(); ++i) {
        const std::size_t length = cuts.empty() ? 1 : 1 + static_cast<std::uint8_t>(cuts[i % cuts.size()]);
        framer.feed(stream.substr(at, length), cut);
        at += length;
    }
    FUZZ_CHECK(cut.seen == whole.seen);
    FUZZ_CHECK(framer.kept() == at_once.kept() && framer.within_message() == at_once.within_message());

    std::size_t sum = at_once.kept();
    for (const auto& frame : whole.seen) {
        FUZZ_CHECK(stream.substr(sum - at_once.kept()).starts_with(frame.bytes));
        sum += frame.bytes.size();
        if (frame.kind == Frame::Kind::kMessage) check_message(frame.bytes);
    }
    FUZZ_CHECK(!alive || sum == stream.size());
    return 0;
}
