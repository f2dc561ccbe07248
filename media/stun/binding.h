#pragma once
// The answer to a Binding request without authentication: from where it came (RFC 8489 §7.3.1), as a keep-alive wants
// it (RFC 5626 §4.4.2). Nothing is kept of it.
//
// Small: an answer is at most 24 bytes longer than its request, so that nobody gains much by asking in the name of
// others.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "platform/base/ip_address.h"

namespace sallyport::stun {

enum class Answered : std::uint8_t {
    kSuccess,
    kRefused,  // 420: there was an attribute that has to be understood, and is not
};
enum class NoAnswer : std::uint8_t {
    kMalformed,   // no STUN, or with a FINGERPRINT that is not its own
    kIndication,  // wants none
    kNoRequest,   // an answer to somebody, or of a method that we do not have
};

// The answer's bytes are added to `out`.
std::expected<Answered, NoAnswer> answer_binding(std::span<const std::byte> datagram, const Endpoint& from,
                                                 std::vector<std::byte>& out);

}  // namespace sallyport::stun
