#pragma once
// The gate between a sender and one other side, for single messages as they are on the wire: what comes of each of
// tests/data/torture, as a datagram and in a stream.
//
// Nothing here reads SIP with the product's parser, and no time passes. Equal inputs give equal bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/call/engine.h"
#include "controlplane/sip/stream_framer.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/support/fake_random.h"

namespace sallyport::scenario {

// A message of the set and what tests/data/torture/table.json says of it.
struct TortureMessage {
    std::string section, name, what, why;
    std::string bytes;
    std::string udp, stream;           // what becomes of it
    std::vector<std::string> arrives;  // these stand in what the other side gets,
    std::vector<std::string> never;    // these do not,
    std::vector<std::string> answer;   // and these in what the sender gets
    bool body = false;                 // it reaches the other side byte by byte
    bool is_request() const { return !bytes.starts_with("SIP/"); }
};
std::vector<TortureMessage> torture_set();
// The same for a stream: another transaction, of another transport.
std::string for_stream(std::string bytes);

// In the words of the table: "forwarded" (it went on, and its answer came back), the status of our own answer,
// "dropped"; of a stream also "waits" for more bytes and "closed", with ", " between.
struct Outcome {
    std::string verdict;
    std::vector<std::string> to_sender;
    std::vector<std::string> to_other;
    bool operator==(const Outcome&) const = default;
};

class TortureGate {
public:
    explicit TortureGate(Transport transport);
    ~TortureGate();

    // `pieces` are those of one message, or of several in a stream; a datagram has one. A response belongs to the
    // transaction that it names by @via@, @from@, @to@, @call-id@ and @cseq@.
    Outcome give(const TortureMessage& message, std::size_t cut = 0);
    // A stream in these pieces. The other side never answers.
    Outcome feed(const std::vector<std::string>& pieces);

private:
    struct Sink;
    void datagram(std::string_view bytes);
    void stream(std::string_view bytes);
    void begin_call();
    void drain();
    void settle();
    void judge();

    Transport transport_;
    config::ControlView view_;
    test::FakeRandom random_{7};
    call::Outbox outbox_;
    FakeDataplane dataplane_;
    std::unique_ptr<call::Engine> engine_;
    sip::StreamFramer framer_;
    transaction::Path sender_;
    transaction::Path other_;
    bool answers_ = true;    // the other side does
    bool response_ = false;  // the message at hand is one
    std::size_t judged_sender_ = 0;
    std::size_t judged_other_ = 0;
    Outcome out_;
    std::vector<std::pair<transaction::Path, std::string>> unanswered_;
};

// The value of the first field of this name, in a message that we have written; "" when there is none.
std::string field_of(std::string_view message, std::string_view name);

}  // namespace sallyport::scenario
