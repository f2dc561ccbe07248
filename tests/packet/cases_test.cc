// Every folder below tests/packet/cases is a test: rules and frames in -> frames out, verdicts and counters.
#include "tests/packet/packet_case.h"

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <set>

#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/TestHarness.h>
#include <CppUTest/TestRegistry.h>

using namespace sallyport;
namespace fs = std::filesystem;

namespace {

// From the tree's root, or from anywhere below it.
fs::path cases_folder() {
    for (auto at = fs::current_path();; at = at.parent_path()) {
        if (fs::exists(at / "tests/packet/cases")) return at / "tests/packet/cases";
        if (at == at.root_path()) return {};
    }
}

std::string content(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Empty: as it should be.
std::string difference(const fs::path& folder) {
    const auto in = test::read_pcap(folder / "in.pcap");
    if (!in) return in.error();
    const auto out = test::read_pcap(folder / "out.pcap");
    if (!out) return out.error();
    const auto result = test::play_case(content(folder / "rules"), &*in);
    if (!result.error.empty()) return result.error;
    if (result.out.size() != out->size())
        return std::to_string(result.out.size()) + " frames came out, " + std::to_string(out->size()) + " are expected";
    for (std::size_t i = 0; i < out->size(); ++i) {
        const auto& got = result.out[i].bytes;
        const auto& expected = (*out)[i].bytes;
        if (got.size() != expected.size())
            return "frame " + std::to_string(i) + " has " + std::to_string(got.size()) + " bytes, " +
                   std::to_string(expected.size()) + " are expected";
        for (std::size_t b = 0; b < got.size(); ++b)
            if (got[b] != expected[b]) return "frame " + std::to_string(i) + " differs at byte " + std::to_string(b);
        if (result.out[i].time_us != (*out)[i].time_us) return "frame " + std::to_string(i) + " comes at another time";
    }
    const auto verdicts = content(folder / "verdicts");
    if (result.verdicts != verdicts) return "verdicts are\n" + result.verdicts + "expected\n" + verdicts;
    const auto counters = content(folder / "counters");
    if (result.counters != counters) return "counters are\n" + result.counters + "expected\n" + counters;
    return {};
}

void write(const fs::path& folder) {
    const auto result = test::play_case(content(folder / "rules"), nullptr);
    test::write_pcap(folder / "in.pcap", result.in);
    test::write_pcap(folder / "out.pcap", result.out);
    std::ofstream(folder / "verdicts") << result.verdicts;
    std::ofstream(folder / "counters") << result.counters;
    std::cerr << "wrote " << folder << ' ' << result.error << '\n';
}

std::set<fs::path> all_cases() {
    std::set<fs::path> out;
    const auto folder = cases_folder();
    if (!folder.empty())
        for (const auto& entry : fs::directory_iterator(folder))
            if (entry.is_directory()) out.insert(entry.path());
    return out;
}

struct CaseTest final : Utest {
    explicit CaseTest(const fs::path& which) : folder(which) {}
    void testBody() override {
        if (std::getenv("PACKET_CASES_WRITE") != nullptr) write(folder);
        if (const auto found = difference(folder); !found.empty()) FAIL(found.c_str());
    }
    const fs::path& folder;
};

// A folder as CppUTest's registry holds it.
struct CaseShell final : UtestShell {
    explicit CaseShell(const fs::path& which)
        : UtestShell("", "", __FILE__, __LINE__), folder(which), name(which.filename()) {
        setGroupName("PacketCase");
        setTestName(name.c_str());
    }
    Utest* createTest() override { return new CaseTest(folder); }
    fs::path folder;
    std::string name;
};

}  // namespace

TEST_GROUP(PacketCases) {};

TEST(PacketCases, there_are_cases) { CHECK(all_cases().size() >= 10); }

TEST(PacketCases, a_misspelt_rule_is_refused) {
    for (const auto* rules : {"frame access form=192.0.2.66:30000", "frame acess", "frame access type=rtpc",
                              "frame access nochecksum=1", "install in rul=exact", "install in rule=exat",
                              "install inn", "update in latch", "remove in rate=1", "at 20 ms", "fraem access"})
        CHECK_TEXT(!test::play_case(rules, nullptr).error.empty(), rules);
}

int main(int argc, char** argv) {
    std::deque<CaseShell> cases;
    for (const auto& folder : all_cases()) TestRegistry::getCurrentRegistry()->addTest(&cases.emplace_back(folder));
    return CommandLineTestRunner::RunAllTests(argc, argv);
}
