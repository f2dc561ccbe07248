#include "tests/mutate/mutator.h"

#include "tests/mutate/mutations.h"

namespace sallyport::mutate {

namespace {

constexpr std::uint64_t kMessages = 1;
constexpr std::uint64_t kNames = 2;
constexpr std::uint64_t kAnswers = 3;
constexpr std::uint32_t kNear = 60;        // messages back to which another one may belong
constexpr std::uint32_t kLiveCalls = 200;  // of others, that are guessed

std::string hex(std::uint64_t v) {
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[v >> shift & 15U];
    return out;
}

}  // namespace

FakeRandom Mutator::random_of(std::uint64_t number, std::uint64_t row) const {
    FakeRandom mix(seed_ * 0x9e3779b97f4a7c15U + row);
    return FakeRandom(mix.next_u64() ^ number * 0xd1342543de82ef95U);
}

// One in three belongs to a message shortly before: a retransmission, an ACK, a CANCEL, the same branch for something
// else. Some name calls of others.
Identity Mutator::identity(std::uint64_t number, FakeRandom& random) const {
    auto of = number;
    if (random.chance(33)) of -= std::min<std::uint64_t>(number, random.below(kNear));
    auto names = random_of(of, kNames);
    Identity who;
    who.host = names_.host;
    who.port = names_.port;
    who.gate = names_.gate;
    who.branch = "z9hG4bK" + hex(names.next_u64()) + hex(names.next_u64());
    who.call_id = hex(names.next_u64()) + "@" + names_.host;
    who.from_tag = hex(names.next_u64());
    who.cseq = 1 + random.below(random.chance(20) ? 5 : 1);
    if (random.chance(15)) who.to_tag = kUnknownTag;
    if (!names_.live_call_id.empty() && random.chance(5)) {
        const auto at = names_.live_call_id.find("%u");
        who.call_id = names_.live_call_id;
        if (at != std::string::npos) who.call_id.replace(at, 2, std::to_string(1 + random.below(kLiveCalls)));
        who.to_tag = kUnknownTag;
    }
    return who;
}

std::string Mutator::message(std::uint64_t number) const {
    auto random = random_of(number, kMessages);
    const auto who = identity(number, random);
    std::string bytes;
    if (random.chance(5)) {
        bytes = torture_message(who, random);
    } else {
        auto m = valid_message(who, random);
        if (!m.body.empty() && random.chance(25)) mutate_description(m.body, random);
        if (random.chance(6)) mutate_multipart(m, random);
        if (random.chance(75)) m.set_length();
        for (auto n = random.chance(40) ? 1 + random.below(random.chance(20) ? 6 : 2) : 0; n > 0; --n)
            mutate_parts(m, random);
        if (random.chance(10)) m.set_length();
        bytes = m.text();
    }
    if (random.chance(35)) {
        const auto other = valid_message(who, random).text();
        for (auto n = 1 + random.below(random.chance(20) ? 5 : 1); n > 0; --n) mutate_bytes(bytes, other, random);
    }
    if (bytes.size() > kLongest) bytes.resize(kLongest);
    return bytes;
}

std::string Mutator::mutated(std::string text, std::uint64_t number) const {
    auto random = random_of(number, kAnswers);
    if (random.chance(60)) return text;
    const auto other = text;
    for (auto n = 1 + random.below(2); n > 0; --n) mutate_bytes(text, other, random);
    if (text.size() > kLongest) text.resize(kLongest);
    return text;
}

}  // namespace sallyport::mutate
