#pragma once
// What stays of a call: one record for every call, answered or not. Made by the engine when the call has
// ended and the last counters of its flows have come, or a bounded time without them. `quality_complete` is false
// when some are missing: they did not come, or a dataplane that ended took them with it. Written as one JSON line by
// controlplane/store.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/byte_reader.h"
#include "platform/base/ip_address.h"
#include "platform/base/time.h"

namespace sallyport::call {

enum class EndedBy : std::uint8_t { kNone = 0, kCaller = 1, kCallee = 2, kSallyport = 3 };
std::string_view name_of(EndedBy who);  // "caller", "callee", "sallyport"

std::string text_of(std::uint64_t number);  // a call's number for people

// One direction of one stream, RTP only: what we received from that side.
struct DirectionRecord {
    bool known = false;  // the dataplane has told its final counters
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t dropped = 0;
    std::uint64_t lost = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t duplicate = 0;
    std::uint32_t jitter_us = 0;
    std::uint32_t jitter_max_us = 0;
    std::uint32_t ssrc = 0;
};

struct StreamRecord {
    std::uint16_t index = 0;  // the stream's place in the SDP
    DirectionRecord from_caller;
    DirectionRecord from_callee;
};

struct LegRecord {
    std::string call_id;  // as on the wire; empty: this leg was never tried
    std::string local_tag;
    std::string remote_tag;
    std::string trunk;  // empty: a source of an open realm
    std::string realm;
    std::string peer;       // where requests of this leg go, "192.0.2.10:5060"
    std::string transport;  // "udp", "tcp" or "tls"
};

struct CallRecord {
    std::uint64_t number = 0;  // FlowCookie::call; names the slot in the table of live calls, which this record frees
    std::string id;            // the same for people
    WallTime invite{};
    std::optional<WallTime> ringing;  // the first provisional above 100 given to the caller
    std::optional<WallTime> answer;   // the first 2xx given to the caller
    WallTime end{};
    EndedBy ended_by = EndedBy::kNone;
    std::uint16_t code = 0;  // SIP: the final response of a call that was not answered; 200 for a normal end
    std::string reason;      // words: "normal clearing", "no answer", "busy here", "interrupted", ...
    std::string from_user;
    std::string to_user;
    std::string route;  // name; empty: none matched
    LegRecord caller;
    LegRecord callee;
    std::vector<std::string> codecs;  // negotiated, "PCMA/8000", in the order of the streams
    std::vector<StreamRecord> streams;
    bool quality_complete = true;
};

// The same, of what stands elsewhere: valid as long as that.
struct LegRecordText {
    std::string_view call_id;
    std::string_view local_tag;
    std::string_view remote_tag;
    std::string_view trunk;
    std::string_view realm;
    std::string_view peer;
    std::string_view transport;
};
struct CallRecordText {
    std::uint64_t number = 0;
    WallTime invite{};
    std::optional<WallTime> ringing;
    std::optional<WallTime> answer;
    WallTime end{};
    EndedBy ended_by = EndedBy::kNone;
    std::uint16_t code = 0;
    std::string_view reason;
    std::string_view from_user;
    std::string_view to_user;
    std::string_view route;
    LegRecordText caller;
    LegRecordText callee;
    std::span<const std::string> codecs;
    std::span<const StreamRecord> streams;
    bool quality_complete = true;
};
LegRecordText view_of(const LegRecord& leg);
CallRecord record_of(const CallRecordText& text);
void assign(CallRecord& record, const CallRecordText& text);  // all of it; its memory is used again

// The line in calls.jsonl, without its newline: one object; times in RFC 3339 UTC with milliseconds.
std::string json_line(const CallRecord& record);

// Part of a call's export. Reading never fails by itself: the reader's `failed` says so at the end.
void write(ByteWriter& out, const CallRecordText& record);
CallRecord read_call_record(ByteReader& in);

}  // namespace sallyport::call
