// The configuration goldens of tests/config: NAME.json goes with either NAME.ok (the effective views) or
// NAME.err (the exact problems). `SALLYPORT_REWRITE_GOLDENS=1 build/MODE/tests/unit/platform_config_test`
// writes them anew, from the root of the tree; read the difference before you commit it.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "platform/config/effective.h"
#include "tests/support/regex_statics.h"

#include <CppUTest/TestHarness.h>

namespace fs = std::filesystem;
namespace config = sallyport::config;
namespace json = sallyport::json;

namespace {

constexpr const char* kFolder = "tests/config";

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

std::vector<fs::path> cases() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(kFolder))
        if (entry.path().extension() == ".json") out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

std::string views_of(const config::Effective& e) {
    json::Value v;
    v["dataplane"] = config::to_json(e.dataplane);
    v["control"] = config::to_json(e.control);
    return json::write_pretty(v);
}

struct Outcome {
    const char* extension;
    const char* other_extension;
    std::string text;
};

Outcome outcome_of(const fs::path& path) {
    const auto e = config::make_effective(read_file(path));
    if (e) return {".ok", ".err", views_of(*e)};
    return {".err", ".ok", config::text_of(e.error())};
}

}  // namespace

TEST_GROUP(ConfigGoldens) {};

TEST(ConfigGoldens, every_document_gives_what_its_golden_says) {
    const bool rewrite = std::getenv("SALLYPORT_REWRITE_GOLDENS") != nullptr;
    const auto all = cases();
    CHECK_TEXT(all.size() >= 10, "the goldens are read from tests/config, from the root of the tree");
    std::string differing;
    for (const fs::path& path : all) {
        const Outcome outcome = outcome_of(path);
        fs::path golden = path;
        golden.replace_extension(outcome.extension);
        fs::path other = path;
        other.replace_extension(outcome.other_extension);
        if (rewrite) {
            std::ofstream(golden, std::ios::binary) << outcome.text;
            fs::remove(other);
        } else if (fs::exists(other)) {
            differing += other.string() + " says otherwise; it is now:\n" + outcome.text;
        } else if (const std::string expected = read_file(golden); expected != outcome.text) {
            differing += golden.string() + " says:\n" + expected + "it is now:\n" + outcome.text;
        }
    }
    STRCMP_EQUAL("", differing.c_str());
}

TEST(ConfigGoldens, views_survive_the_way_to_the_process_and_back) {
    std::size_t views = 0;
    for (const fs::path& path : cases()) {
        const auto e = config::make_effective(read_file(path));
        if (!e) continue;
        ++views;
        const auto dataplane = json::parse(json::write_line(config::to_json(e->dataplane)));
        const auto control = json::parse(json::write_line(config::to_json(e->control)));
        const auto dataplane_back = config::dataplane_view_from_json(dataplane.value());
        const auto control_back = config::control_view_from_json(control.value());
        CHECK_TEXT(dataplane_back.has_value(), dataplane_back ? "" : dataplane_back.error().c_str());
        CHECK_TEXT(control_back.has_value(), control_back ? "" : control_back.error().c_str());
        const std::string back = views_of({dataplane_back.value(), control_back.value(), {}});
        STRCMP_EQUAL(views_of(*e).c_str(), back.c_str());
    }
    CHECK(views >= 4);
}
