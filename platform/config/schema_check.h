#pragma once
// The one wrapper of valijson: a document against the schema that is built in.

#include "platform/config/problem.h"
#include "platform/json/json.h"

namespace sallyport::config {

// Adds every place where `document` is not what the schema says. Valijson decides whether and where; its own
// messages cascade from the inside out and never name what would be right, so each place is worded from
// the schema.
void check_schema(const json::Value& document, Problems& problems);

}  // namespace sallyport::config
