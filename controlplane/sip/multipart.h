#pragma once
// The parts of a multipart body (RFC 2046 §5.1), one level deep: a part that is a multipart itself is one part.
// All members are views into the body. Bounds: kMaxParts; more are refused.

#include <cstddef>
#include <expected>
#include <string_view>
#include <vector>

#include "controlplane/sip/headers.h"

namespace sallyport::sip {

struct BodyPart {
    std::string_view type;         // Content-Type; "": none is given
    std::string_view disposition;  // Content-Disposition
    bool encoded = false;          // Content-Encoding, or a transfer encoding that changes the bytes
    std::string_view body;
};

inline constexpr std::size_t kMaxParts = 16;
inline constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 §5.1.1

// `boundary`: the parameter of Content-Type as written, with its quotes if it has them.
std::expected<std::vector<BodyPart>, Reason> parse_multipart(std::string_view body, std::string_view boundary);

}  // namespace sallyport::sip
