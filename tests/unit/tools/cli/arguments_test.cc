#include "tools/cli/arguments.h"

#include <array>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport::cli;

namespace {

std::expected<Arguments, std::string> parse(std::vector<std::string_view> words, std::string_view environment = "") {
    return parse_arguments(words, environment);
}

}  // namespace

TEST_GROUP(Arguments) {};

TEST(Arguments, ShowTakesItsSubjectAndOptionsAnywhere) {
    const auto plain = parse({"show", "calls"});
    CHECK(plain->action == Arguments::Action::kShow);
    STRCMP_EQUAL("calls", plain->what.c_str());
    CHECK(!plain->json);
    for (const auto& words :
         std::vector<std::vector<std::string_view>>{{"--json", "--runtime-dir", "/r", "show", "call", "1f"},
                                                    {"show", "call", "1f", "--json", "--runtime-dir=/r"}}) {
        const auto a = parse(words);
        CHECK(a.has_value());
        CHECK(a->json);
        STRCMP_EQUAL("call", a->what.c_str());
        STRCMP_EQUAL("1f", a->id.c_str());
        STRCMP_EQUAL("/r", a->runtime_dir.c_str());
    }
}

TEST(Arguments, ReloadTakesWhatIsToBeReadAnew) {
    const auto a = parse({"reload", "certificates", "--json"});
    CHECK(a->action == Arguments::Action::kReload);
    STRCMP_EQUAL("certificates", a->what.c_str());
    CHECK(a->json);
    CHECK(parse({"reload"}).error().find("reload what?") == 0);
    CHECK(parse({"reload", "certificate"}).error().find("did you mean `certificates`?") != std::string::npos);
    CHECK(parse({"reload", "certificates", "x"}).error().find("one word too many") != std::string::npos);
}
TEST(Arguments, TheFolderComesFromTheOptionThenTheEnvironmentThenTheDefault) {
    STRCMP_EQUAL("/run/sallyport", parse({"show", "calls"})->runtime_dir.c_str());
    STRCMP_EQUAL("/e", parse({"show", "calls"}, "/e")->runtime_dir.c_str());
    STRCMP_EQUAL("/o", parse({"show", "calls", "--runtime-dir=/o"}, "/e")->runtime_dir.c_str());
}

TEST(Arguments, AWrongWordNamesTheOneThatWasProbablyMeant) {
    CHECK(parse({"show", "cals"}).error().find("did you mean `calls`?") != std::string::npos);
    CHECK(parse({"shwo", "calls"}).error().find("did you mean `show`?") != std::string::npos);
    CHECK(parse({"show", "calls", "--jsno"}).error().find("did you mean `--json`?") != std::string::npos);
    const auto far = parse({"show", "weather"}).error();
    CHECK(far.find("unknown subject `weather`") == 0);
    CHECK(far.find("did you mean") == std::string::npos);
}

TEST(Arguments, WhatIsMissingOrTooMuchIsSaid) {
    CHECK(!parse({}));
    CHECK(parse({"show"}).error().find("show what?") == 0);
    CHECK(parse({"show", "call"}).error().find("id is missing") != std::string::npos);
    CHECK(parse({"show", "calls", "x"}).error().find("one word too many") != std::string::npos);
    CHECK(!parse({"show", "calls", "--runtime-dir"}));
    CHECK(!parse({"show", "calls", "--runtime-dir="}));
}

TEST(Arguments, HelpWinsOverEverything) {
    for (const auto& words :
         std::vector<std::vector<std::string_view>>{{"help"}, {"--help"}, {"-h", "nonsense"}, {"show", "--help"}}) {
        CHECK(parse(words)->action == Arguments::Action::kHelp);
    }
    CHECK(parse({"--version"})->action == Arguments::Action::kVersion);
    for (const char* what : {"version", "calls", "call ID", "trunks", "flows", "dataplane", "counters"}) {
        CHECK(help_text().find(std::string("show ") + what) != std::string::npos);
    }
}

TEST(Arguments, NearestWord) {
    static constexpr std::array<std::string_view, 3> kKnown = {"calls", "call", "counters"};
    STRCMP_EQUAL("call", nearest_word("cal", kKnown).c_str());
    STRCMP_EQUAL("counters", nearest_word("conters", kKnown).c_str());
    STRCMP_EQUAL("", nearest_word("xyz", kKnown).c_str());
    STRCMP_EQUAL("", nearest_word(std::string(100000, 'c'), kKnown).c_str());
}
