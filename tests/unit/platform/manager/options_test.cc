#include "platform/manager/options.h"

#include <filesystem>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport::manager;

namespace {

std::expected<Options, std::string> parse(std::vector<std::string_view> arguments) { return parse_options(arguments); }

}  // namespace

TEST_GROUP(Options) {};

TEST(Options, WithoutArgumentsTheDefaultsHold) {
    const auto options = parse({});
    CHECK(options.has_value());
    CHECK(options->action == Options::Action::kRun);
    STRCMP_EQUAL("/run/sallyport", options->runtime_dir.c_str());
    STRCMP_EQUAL("/var/lib/sallyport", options->state_dir.c_str());
}

TEST(Options, BothFormsOfAValueAndPathsBecomeAbsolute) {
    const auto options = parse({"--config", "a/../b.json", "--runtime-dir=/tmp/r/", "-n", "--control-user=me"});
    CHECK(options.has_value());
    CHECK(options->action == Options::Action::kCheck);
    STRCMP_EQUAL((std::filesystem::current_path() / "b.json").c_str(), options->config.c_str());
    STRCMP_EQUAL("/tmp/r", options->runtime_dir.c_str());
    STRCMP_EQUAL("me", options->control_user.c_str());
}

TEST(Options, TheFilesOfACheckCanBeLeftAlone) {
    CHECK(parse({"-n"})->check_files);
    CHECK_FALSE(parse({"-n", "--no-files"})->check_files);
}

TEST(Options, WhatIsWrongIsNamed) {
    CHECK(parse({"--bogus"}).error().find("--bogus: unknown argument") == 0);
    CHECK(parse({"--config"}).error().find("a value is missing") != std::string::npos);
    CHECK(parse({"--config="}).error().find("empty") != std::string::npos);
    CHECK(!parse({"--configfile", "x"}));
    CHECK(!parse({"stray"}));
}
