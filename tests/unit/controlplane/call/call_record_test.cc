#include "controlplane/call/call_record.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "platform/json/json.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::call {

namespace {

// The keys of the table below `## heading` in docs/call-record.md.
std::vector<std::string> documented(const std::string& heading) {
    std::ifstream file("docs/call-record.md");
    CHECK_TRUE_TEXT(file.good(), "docs/call-record.md: run the tests from the root of the tree");
    std::vector<std::string> out;
    bool here = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("## ")) here = line == "## " + heading;
        if (here && line.starts_with("| `")) out.push_back(line.substr(3, line.find('`', 3) - 3));
    }
    std::ranges::sort(out);
    return out;
}

void check_documented(const std::string& heading, const json::Value& object) {
    const auto keys = documented(heading);
    const auto names = object.getMemberNames();  // sorted
    for (const auto& name : names) CHECK_TRUE_TEXT(std::ranges::binary_search(keys, name), name.c_str());
    LONGS_EQUAL(keys.size(), names.size());
}

CallRecordText view_of(const CallRecord& r) {
    return {.number = r.number,
            .invite = r.invite,
            .ringing = r.ringing,
            .answer = r.answer,
            .end = r.end,
            .ended_by = r.ended_by,
            .code = r.code,
            .reason = r.reason,
            .from_user = r.from_user,
            .to_user = r.to_user,
            .route = r.route,
            .caller = view_of(r.caller),
            .callee = view_of(r.callee),
            .codecs = r.codecs,
            .streams = r.streams,
            .quality_complete = r.quality_complete};
}

}  // namespace

TEST_GROUP(CallRecord) {
    CallRecord record;
    void setup() override {
        record.number = 77;
        record.id = "2d";
        record.invite = WallTime(std::chrono::milliseconds(1'800'000'000'123));
        record.answer = record.invite + std::chrono::seconds(2);
        record.end = record.invite + std::chrono::seconds(12);
        record.ended_by = EndedBy::kCallee;
        record.code = 200;
        record.reason = "Normal clearing";
        record.caller.call_id = "a\"b";
        record.codecs = {"PCMA/8000"};
        record.streams.push_back({0, {}, {}});
        record.streams[0].from_caller.known = true;
        record.streams[0].from_caller.packets = 500;
    }
};

TEST(CallRecord, json_tells_all_of_it) {
    const auto line = json_line(record);
    CHECK(line.find('\n') == std::string::npos);
    const auto v = json::parse(line);
    CHECK(v.has_value());
    STRCMP_EQUAL("2027-01-15T08:00:00.123Z", (*v)["invite"].asCString());
    CHECK((*v)["ringing"].isNull());
    LONGS_EQUAL(10000, (*v)["duration-ms"].asInt());
    STRCMP_EQUAL("callee", (*v)["ended-by"].asCString());
    STRCMP_EQUAL("a\"b", (*v)["caller"]["call-id"].asCString());
    LONGS_EQUAL(500, (*v)["streams"][0]["from-caller"]["packets"].asInt());
    CHECK((*v)["streams"][0]["from-callee"].isNull());
}

TEST(CallRecord, the_documentation_names_every_key) {
    const auto v = json::parse(json_line(record)).value();
    check_documented("Record", v);
    check_documented("Leg", v["caller"]);
    check_documented("Leg", v["callee"]);
    check_documented("Stream", v["streams"][0]);
    check_documented("Direction", v["streams"][0]["from-caller"]);
}

TEST(CallRecord, comes_back_from_its_bytes_and_from_no_part_of_them) {
    std::vector<std::byte> bytes;
    ByteWriter w(bytes);
    write(w, view_of(record));
    w.done();
    ByteReader r(bytes);
    const auto back = read_call_record(r);
    CHECK(!r.failed());
    STRCMP_EQUAL(json_line(record).c_str(), json_line(back).c_str());
    STRCMP_EQUAL(json_line(record).c_str(), json_line(record_of(view_of(record))).c_str());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        ByteReader part(std::span<const std::byte>(bytes).first(n));
        read_call_record(part);
        CHECK(part.failed());
    }
}

}  // namespace sallyport::call
