#include "controlplane/call/call_record.h"

#include <CppUTest/TestHarness.h>

namespace sallyport::call {

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
    const auto line = json::write_line(to_json(record));
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

TEST(CallRecord, comes_back_from_its_bytes_and_from_no_part_of_them) {
    std::vector<std::byte> bytes;
    ByteWriter w(bytes);
    write(w, record);
    ByteReader r(bytes);
    const auto back = read_call_record(r);
    CHECK(!r.failed());
    STRCMP_EQUAL(json::write_line(to_json(record)).c_str(), json::write_line(to_json(back)).c_str());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        ByteReader part(std::span<const std::byte>(bytes).first(n));
        read_call_record(part);
        CHECK(part.failed());
    }
}

}  // namespace sallyport::call
