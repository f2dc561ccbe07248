#pragma once
// A Session as text, in the order of RFC 8866 §5, lines ending in CRLF. What parse() gave comes out with the
// same meaning: write(parse(write(s))) == write(s).

#include <string>

#include "media/sdp/session.h"

namespace sallyport::sdp {

std::string write(const Session& session);

}  // namespace sallyport::sdp
