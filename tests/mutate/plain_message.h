#pragma once
// Valid SIP messages of every kind, as parts that the mutations take hold of.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fake_random.h"

namespace sallyport::mutate {

using test::FakeRandom;

// A pool of texts to draw from.
template <typename Pool>
std::string_view draw(FakeRandom& random, const Pool& pool) {
    return pool[random.below(static_cast<std::uint32_t>(std::size(pool)))];
}

struct PlainMessage {
    std::string start;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    std::string* find(std::string_view name);
    void set(std::string_view name, std::string value);
    void set_length();  // Content-Length as the body is now
    std::string text() const;
};

// Who a message says that it is from and about. Two numbers with the same identity meet in one transaction.
struct Identity {
    std::string host;  // of the sender
    std::uint16_t port = 5060;
    std::string gate;  // host of the Request-URI
    std::string call_id;
    std::string branch;
    std::string from_tag;
    std::string to_tag;  // empty: out of any dialog
    std::uint32_t cseq = 1;
};

// Stands where a message names a dialog of the gate's; the sender puts in a tag that the gate has given, when it
// knows one. As long as those are.
inline constexpr std::string_view kUnknownTag = "0feedfacefeedfacefeedface";

std::string description(const std::string& host, FakeRandom& random);
// A request or, one in six, a response of any kind.
PlainMessage valid_message(const Identity& who, FakeRandom& random);
// One of those of RFC 4475 in spirit: odd, and valid or nearly so.
std::string torture_message(const Identity& who, FakeRandom& random);

}  // namespace sallyport::mutate
