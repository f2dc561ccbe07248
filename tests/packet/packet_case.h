#pragma once
// One case of tests/packet/cases: see the README there.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/pcap.h"
#include "tests/support/relay.h"

namespace sallyport::test {

struct CaseResult {
    std::vector<CapturedFrame> in;
    std::vector<CapturedFrame> out;
    std::string verdicts;  // one line a frame of `out`
    std::string counters;  // one "name value" a line
    std::string error;     // of the rules; empty: played
};

// Plays `rules`. The frames come from `in` when it is given, else they are built from the frame lines.
CaseResult play_case(const std::string& rules, const std::vector<CapturedFrame>* in);

}  // namespace sallyport::test
