#pragma once
// RE2 makes some of its statics when it is first used, which CppUTest would take for a leak of that test.

#include "platform/regex/regex.h"

namespace sallyport::test {

// Before main().
[[maybe_unused]] inline const bool kRegexStatics = [] {
    Regex::Groups groups;
    return Regex::compile("(a)|b")->search("ba", &groups) && !Regex::compile("(").has_value();
}();

}  // namespace sallyport::test
