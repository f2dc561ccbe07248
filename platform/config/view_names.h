#pragma once
// The words that views have for enumerations. Views are written and read by processes of one build: each word stands
// here once, and "" is for a value that is none of its enumeration's.

#include "platform/config/views.h"

namespace sallyport::config {

const char* name_of(Trust v);
const char* name_of(UnknownSource v);
const char* name_of(Latching v);
const char* name_of(HugePages v);
const char* name_of(Transport v);
const char* name_of(RuleAction v);
const char* name_of(RuleOn v);
const char* name_of(RulePart v);
const char* name_of(TlsClients v);

}  // namespace sallyport::config
