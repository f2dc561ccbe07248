#pragma once
// Times as the operator's JSON has them.

#include <string>

#include "platform/base/time.h"

namespace sallyport::ops {

// RFC 3339, UTC, with milliseconds.
std::string time_text(WallTime t);

}  // namespace sallyport::ops
