#include "controlplane/call/call_record.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "platform/json/line_writer.h"

namespace sallyport::call {

namespace {

constexpr std::size_t kMaxListed = 64;  // codecs and streams in an exported record

constexpr std::string_view kTimeForm = "0000-00-00T00:00:00.000Z";

// RFC 3339 §5.6, UTC, milliseconds.
std::array<char, kTimeForm.size()> time_text(WallTime t) {
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(t - day));
    std::array<char, kTimeForm.size()> out;
    std::ranges::copy(kTimeForm, out.begin());
    const auto put = [&](std::size_t last, unsigned value) {  // from its last digit on
        for (; value != 0; value /= 10) out[last--] = static_cast<char>('0' + value % 10);
    };
    put(3, static_cast<unsigned>(static_cast<int>(date.year())) % 10000);
    put(6, static_cast<unsigned>(date.month()));
    put(9, static_cast<unsigned>(date.day()));
    put(12, static_cast<unsigned>(time.hours().count()));
    put(15, static_cast<unsigned>(time.minutes().count()));
    put(18, static_cast<unsigned>(time.seconds().count()));
    put(22, static_cast<unsigned>(time.subseconds().count()));
    return out;
}

void write_time(json::LineWriter& out, WallTime t) {
    const auto text = time_text(t);
    out.text({text.data(), text.size()});
}

void write_optional_time(json::LineWriter& out, const std::optional<WallTime>& t) {
    if (t) return write_time(out, *t);
    out.null();
}

void write_json(json::LineWriter& out, const DirectionRecord& d) {
    if (!d.known) return out.null();
    out.begin_object();
    out.key("packets").number(d.packets);
    out.key("bytes").number(d.bytes);
    out.key("forwarded").number(d.forwarded);
    out.key("dropped").number(d.dropped);
    out.key("lost").number(d.lost);
    out.key("out-of-order").number(d.out_of_order);
    out.key("duplicate").number(d.duplicate);
    out.key("jitter-us").number(std::uint64_t{d.jitter_us});
    out.key("jitter-max-us").number(std::uint64_t{d.jitter_max_us});
    out.key("ssrc").number(std::uint64_t{d.ssrc});
    out.end_object();
}

void write_json(json::LineWriter& out, const LegRecord& leg) {
    out.begin_object();
    out.key("call-id").text(leg.call_id);
    out.key("local-tag").text(leg.local_tag);
    out.key("remote-tag").text(leg.remote_tag);
    out.key("trunk").text(leg.trunk);
    out.key("realm").text(leg.realm);
    out.key("peer").text(leg.peer);
    out.key("transport").text(leg.transport);
    out.end_object();
}

enum Times : std::uint8_t { kRinging = 1, kAnswer = 2, kEnd = 4 };

void write_time(ByteWriter& out, WallTime t) { out.u64(static_cast<std::uint64_t>(t.time_since_epoch().count())); }

WallTime read_time(ByteReader& in) { return WallTime{Duration(static_cast<Duration::rep>(in.u64()))}; }

void write_direction(ByteWriter& out, const DirectionRecord& d) {
    out.u8(d.known ? 1 : 0);
    for (const auto v : {d.packets, d.bytes, d.forwarded, d.dropped, d.lost, d.out_of_order, d.duplicate}) out.u64(v);
    for (const auto v : {d.jitter_us, d.jitter_max_us, d.ssrc}) out.u32(v);
}

DirectionRecord read_direction(ByteReader& in) {
    DirectionRecord d;
    d.known = in.u8() != 0;
    for (auto* v : {&d.packets, &d.bytes, &d.forwarded, &d.dropped, &d.lost, &d.out_of_order, &d.duplicate})
        *v = in.u64();
    for (auto* v : {&d.jitter_us, &d.jitter_max_us, &d.ssrc}) *v = in.u32();
    return d;
}

void write_leg(ByteWriter& out, const LegRecordText& leg) {
    for (const auto s : {leg.call_id, leg.local_tag, leg.remote_tag, leg.trunk, leg.realm, leg.peer, leg.transport})
        out.text(s);
}

LegRecord read_leg(ByteReader& in) {
    LegRecord leg;
    for (auto* s : {&leg.call_id, &leg.local_tag, &leg.remote_tag, &leg.trunk, &leg.realm, &leg.peer, &leg.transport})
        *s = in.text();
    return leg;
}

}  // namespace

std::string_view name_of(EndedBy who) {
    switch (who) {
        case EndedBy::kCaller: return "caller";
        case EndedBy::kCallee: return "callee";
        case EndedBy::kSallyport: return "sallyport";
        case EndedBy::kNone: break;
    }
    return "";
}

// The number as text in base 32, without letters that look like digits (Crockford).
std::string text_of(std::uint64_t number) {
    std::string out;
    for (; number != 0; number >>= 5) out += "0123456789abcdefghjkmnpqrstvwxyz"[number & 31U];
    std::ranges::reverse(out);
    return out;
}

std::string json_line(const CallRecord& record) {
    constexpr std::size_t kUsual = 1536;
    json::LineWriter out(kUsual);
    out.begin_object();
    out.key("call").text(record.id);
    write_time(out.key("invite"), record.invite);
    write_optional_time(out.key("ringing"), record.ringing);
    write_optional_time(out.key("answer"), record.answer);
    write_time(out.key("end"), record.end);
    const auto talk = record.answer ? record.end - *record.answer : Duration::zero();
    out.key("duration-ms").number(std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(talk).count()});
    out.key("ended-by").text(name_of(record.ended_by));
    out.key("code").number(std::uint64_t{record.code});
    out.key("reason").text(record.reason);
    out.key("from").text(record.from_user);
    out.key("to").text(record.to_user);
    out.key("route").text(record.route);
    write_json(out.key("caller"), record.caller);
    write_json(out.key("callee"), record.callee);
    out.key("codecs").begin_array();
    for (const auto& codec : record.codecs) out.text(codec);
    out.end_array();
    out.key("streams").begin_array();
    for (const auto& stream : record.streams) {
        out.begin_object();
        out.key("stream").number(std::uint64_t{stream.index});
        write_json(out.key("from-caller"), stream.from_caller);
        write_json(out.key("from-callee"), stream.from_callee);
        out.end_object();
    }
    out.end_array();
    out.key("quality-complete").boolean(record.quality_complete);
    out.end_object();
    return out.take();
}

LegRecordText view_of(const LegRecord& leg) {
    return {leg.call_id, leg.local_tag, leg.remote_tag, leg.trunk, leg.realm, leg.peer, leg.transport};
}

void assign(CallRecord& out, const CallRecordText& t) {
    const auto leg = [](LegRecord& to, const LegRecordText& from) {
        to.call_id = from.call_id;
        to.local_tag = from.local_tag;
        to.remote_tag = from.remote_tag;
        to.trunk = from.trunk;
        to.realm = from.realm;
        to.peer = from.peer;
        to.transport = from.transport;
    };
    out.number = t.number;
    out.id = text_of(t.number);
    out.invite = t.invite;
    out.ringing = t.ringing;
    out.answer = t.answer;
    out.end = t.end;
    out.ended_by = t.ended_by;
    out.code = t.code;
    out.reason = t.reason;
    out.from_user = t.from_user;
    out.to_user = t.to_user;
    out.route = t.route;
    leg(out.caller, t.caller);
    leg(out.callee, t.callee);
    out.codecs.assign(t.codecs.begin(), t.codecs.end());
    out.streams.assign(t.streams.begin(), t.streams.end());
    out.quality_complete = t.quality_complete;
}

CallRecord record_of(const CallRecordText& text) {
    CallRecord out;
    assign(out, text);
    return out;
}

void write(ByteWriter& out, const CallRecordText& record) {
    out.u64(record.number);
    const bool ended = record.end != WallTime{};
    out.u8(static_cast<std::uint8_t>((record.ringing ? kRinging : 0) | (record.answer ? kAnswer : 0) |
                                     (ended ? kEnd : 0)));
    write_time(out, record.invite);
    if (record.ringing) write_time(out, *record.ringing);
    if (record.answer) write_time(out, *record.answer);
    if (ended) write_time(out, record.end);
    out.u8(static_cast<std::uint8_t>(record.ended_by));
    out.u16(record.code);
    for (const auto s : {record.reason, record.from_user, record.to_user, record.route}) out.text(s);
    write_leg(out, record.caller);
    write_leg(out, record.callee);
    out.number(static_cast<std::uint32_t>(record.codecs.size()));
    for (const auto& codec : record.codecs) out.text(codec);
    out.number(static_cast<std::uint32_t>(record.streams.size()));
    for (const auto& stream : record.streams) {
        out.u16(stream.index);
        write_direction(out, stream.from_caller);
        write_direction(out, stream.from_callee);
    }
    out.u8(record.quality_complete ? 1 : 0);
}

CallRecord read_call_record(ByteReader& in) {
    CallRecord record;
    record.number = in.u64();
    record.id = text_of(record.number);
    const auto times = in.u8();
    record.invite = read_time(in);
    if ((times & kRinging) != 0) record.ringing = read_time(in);
    if ((times & kAnswer) != 0) record.answer = read_time(in);
    if ((times & kEnd) != 0) record.end = read_time(in);
    const auto who = in.u8();
    record.ended_by =
        who <= static_cast<std::uint8_t>(EndedBy::kSallyport) ? static_cast<EndedBy>(who) : EndedBy::kNone;
    record.code = in.u16();
    for (auto* s : {&record.reason, &record.from_user, &record.to_user, &record.route}) *s = in.text();
    record.caller = read_leg(in);
    record.callee = read_leg(in);
    const auto codecs = in.number();
    for (std::size_t i = 0; i < codecs && i < kMaxListed && !in.failed(); ++i) record.codecs.emplace_back(in.text());
    const auto streams = in.number();
    for (std::size_t i = 0; i < streams && i < kMaxListed && !in.failed(); ++i) {
        StreamRecord stream;
        stream.index = in.u16();
        stream.from_caller = read_direction(in);
        stream.from_callee = read_direction(in);
        record.streams.push_back(stream);
    }
    record.quality_complete = in.u8() != 0;
    return record;
}

}  // namespace sallyport::call
