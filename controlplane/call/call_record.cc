#include "controlplane/call/call_record.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace sallyport::call {

namespace {

constexpr std::size_t kMaxListed = 64;  // codecs and streams in an exported record

// RFC 3339 §5.6, UTC, milliseconds.
std::string time_text(WallTime t) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
    const std::time_t seconds = ms / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 40> text{};
    const auto n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text.data() + n, text.size() - n, ".%03dZ", static_cast<int>(ms % 1000));
    return text.data();
}

json::Value optional_time(const std::optional<WallTime>& t) { return t ? json::Value(time_text(*t)) : json::Value(); }

json::Value direction_json(const DirectionRecord& d) {
    if (!d.known) return {};
    json::Value v;
    v["packets"] = json::Value::UInt64(d.packets);
    v["bytes"] = json::Value::UInt64(d.bytes);
    v["forwarded"] = json::Value::UInt64(d.forwarded);
    v["dropped"] = json::Value::UInt64(d.dropped);
    v["lost"] = json::Value::UInt64(d.lost);
    v["out-of-order"] = json::Value::UInt64(d.out_of_order);
    v["duplicate"] = json::Value::UInt64(d.duplicate);
    v["jitter-us"] = d.jitter_us;
    v["jitter-max-us"] = d.jitter_max_us;
    v["ssrc"] = d.ssrc;
    return v;
}

json::Value leg_json(const LegRecord& leg) {
    json::Value v;
    v["call-id"] = leg.call_id;
    v["local-tag"] = leg.local_tag;
    v["remote-tag"] = leg.remote_tag;
    v["trunk"] = leg.trunk;
    v["realm"] = leg.realm;
    v["peer"] = leg.peer;
    return v;
}

void write_time(ByteWriter& out, const std::optional<WallTime>& t) {
    out.u8(t ? 1 : 0);
    out.u64(static_cast<std::uint64_t>(t ? t->time_since_epoch().count() : 0));
}

std::optional<WallTime> read_time(ByteReader& in) {
    const bool present = in.u8() != 0;
    const WallTime t{Duration(static_cast<Duration::rep>(in.u64()))};
    return present ? std::optional(t) : std::nullopt;
}

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

void write_leg(ByteWriter& out, const LegRecord& leg) {
    for (const auto* s : {&leg.call_id, &leg.local_tag, &leg.remote_tag, &leg.trunk, &leg.realm, &leg.peer})
        out.text(*s);
}

LegRecord read_leg(ByteReader& in) {
    LegRecord leg;
    for (auto* s : {&leg.call_id, &leg.local_tag, &leg.remote_tag, &leg.trunk, &leg.realm, &leg.peer}) *s = in.text();
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

json::Value to_json(const CallRecord& record) {
    json::Value v;
    v["call"] = record.id;
    v["invite"] = time_text(record.invite);
    v["ringing"] = optional_time(record.ringing);
    v["answer"] = optional_time(record.answer);
    v["end"] = time_text(record.end);
    const auto talk = record.answer ? record.end - *record.answer : Duration::zero();
    v["duration-ms"] = json::Value::Int64(std::chrono::duration_cast<std::chrono::milliseconds>(talk).count());
    v["ended-by"] = std::string(name_of(record.ended_by));
    v["code"] = record.code;
    v["reason"] = record.reason;
    v["from"] = record.from_user;
    v["to"] = record.to_user;
    v["route"] = record.route;
    v["caller"] = leg_json(record.caller);
    v["callee"] = leg_json(record.callee);
    v["codecs"] = json::Value(Json::arrayValue);
    for (const auto& codec : record.codecs) v["codecs"].append(codec);
    v["streams"] = json::Value(Json::arrayValue);
    for (const auto& stream : record.streams) {
        json::Value s;
        s["stream"] = stream.index;
        s["from-caller"] = direction_json(stream.from_caller);
        s["from-callee"] = direction_json(stream.from_callee);
        v["streams"].append(s);
    }
    v["quality-complete"] = record.quality_complete;
    return v;
}

void write(ByteWriter& out, const CallRecord& record) {
    out.u64(record.number);
    out.text(record.id);
    write_time(out, record.invite);
    write_time(out, record.ringing);
    write_time(out, record.answer);
    write_time(out, record.end);
    out.u8(static_cast<std::uint8_t>(record.ended_by));
    out.u16(record.code);
    for (const auto* s : {&record.reason, &record.from_user, &record.to_user, &record.route}) out.text(*s);
    write_leg(out, record.caller);
    write_leg(out, record.callee);
    out.u16(static_cast<std::uint16_t>(record.codecs.size()));
    for (const auto& codec : record.codecs) out.text(codec);
    out.u16(static_cast<std::uint16_t>(record.streams.size()));
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
    record.id = in.text();
    record.invite = read_time(in).value_or(WallTime{});
    record.ringing = read_time(in);
    record.answer = read_time(in);
    record.end = read_time(in).value_or(WallTime{});
    const auto who = in.u8();
    record.ended_by =
        who <= static_cast<std::uint8_t>(EndedBy::kSallyport) ? static_cast<EndedBy>(who) : EndedBy::kNone;
    record.code = in.u16();
    for (auto* s : {&record.reason, &record.from_user, &record.to_user, &record.route}) *s = in.text();
    record.caller = read_leg(in);
    record.callee = read_leg(in);
    const auto codecs = in.u16();
    for (std::size_t i = 0; i < codecs && i < kMaxListed && !in.failed(); ++i) record.codecs.emplace_back(in.text());
    const auto streams = in.u16();
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
