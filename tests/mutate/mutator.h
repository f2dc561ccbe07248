#pragma once
// Message number N of seed S: always the same bytes.

#include <cstdint>
#include <string>

#include "tests/mutate/plain_message.h"

namespace sallyport::mutate {

// Where the messages pretend to come from and go to.
struct Names {
    std::string host = "192.0.2.66";
    std::uint16_t port = 5060;
    std::string gate = "192.0.2.1";
    std::string live_call_id;  // of others' calls, with one %u for their number; empty: none is known
};

class Mutator {
public:
    Mutator(std::uint64_t seed, Names names) : seed_(seed), names_(std::move(names)) {}

    // May be empty. Where it names a dialog of the gate's it says kUnknownTag.
    std::string message(std::uint64_t number) const;
    // Any text that is a message, mutated as number `number` of another row.
    std::string mutated(std::string text, std::uint64_t number) const;

private:
    FakeRandom random_of(std::uint64_t number, std::uint64_t row) const;
    Identity identity(std::uint64_t number, FakeRandom& random) const;

    std::uint64_t seed_;
    Names names_;
};

}  // namespace sallyport::mutate
