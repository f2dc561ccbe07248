#include "controlplane/ops/status.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "controlplane/ops/time_text.h"
#include "platform/wire/packed_flow.h"

namespace sallyport::ops {

namespace {

using call::CallView;
using call::FlowView;
using call::LegView;
using json::Value;

Json::Int64 ms_between(WallTime from, WallTime to) {
    return std::max<Json::Int64>(0, std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count());
}

// The engine's states in the words of docs/status-json.md.
const char* state_of(const CallView& c) {
    const std::string_view s = c.state;
    if (s == "calling") return "trying";
    if (s == "ringing") return c.flows.empty() ? "ringing" : "early-media";
    if (s == "cancelling" || s == "releasing" || s == "ended") return "ending";
    return "established";
}

Value side(const LegView& leg, const std::string& user) {
    Value out(Json::objectValue);
    if (!leg.trunk.empty()) out["trunk"] = leg.trunk;
    if (!leg.realm.empty()) out["realm"] = leg.realm;
    out["user"] = user;
    return out;
}

Value summary(const CallView& c, WallTime now) {
    Value out(Json::objectValue);
    out["id"] = c.id;
    out["state"] = state_of(c);
    if (c.answer)
        out["duration-ms"] = ms_between(*c.answer, now);
    else
        out["setup-ms"] = ms_between(c.invite, now);
    out["from"] = side(c.caller, c.from_user);
    out["to"] = side(c.callee, c.to_user);
    out["codecs"] = Value(Json::arrayValue);
    for (const std::string& codec : c.codecs) out["codecs"].append(codec);
    out["media-silent"] = c.state == "silent";
    return out;
}

Value leg_of(const Sight& sight, const LegView& leg, bool caller) {
    Value out(Json::objectValue);
    out["name"] = caller ? "a" : "b";
    out["role"] = caller ? "uas" : "uac";
    if (!leg.trunk.empty()) out["trunk"] = leg.trunk;
    if (!leg.realm.empty()) out["realm"] = leg.realm;
    if (!leg.call_id.empty()) out["call-id"] = leg.call_id;
    if (!leg.local_tag.empty()) out["local-tag"] = leg.local_tag;
    if (!leg.remote_tag.empty()) out["remote-tag"] = leg.remote_tag;
    if (!leg.peer.empty()) out["signalling-remote"] = leg.peer.text();
    out["signalling-transport"] = std::string(transport_name(leg.transport));
    for (const auto& s : sight.view.sip_interfaces)
        if (s.name == leg.sip_interface) out["signalling-local"] = s.local.text();
    return out;
}

// The counters of a flow, when the page still means the same one.
std::optional<wire::FlowReading> reading_of(const Sight& sight, const CallView& c, const FlowView& f) {
    if (sight.page == nullptr || !f.confirmed) return std::nullopt;
    auto reading = sight.page->flow(f.flow_index);
    if (!reading || reading->key != wire::pack_key(f.key) || reading->call != c.number) return std::nullopt;
    return reading;
}

Value counters_of(const wire::FlowCounters& counters, bool rtcp, Instant now) {
    Value out(Json::objectValue);
    out["packets"] = Json::UInt64{counters.packets_in};
    out["bytes"] = Json::UInt64{counters.bytes_in};
    out["forwarded"] = Json::UInt64{counters.packets_forwarded};
    out["dropped"] = Json::UInt64{counters.packets_dropped};
    if (rtcp) return out;
    out["lost"] = Json::UInt64{counters.packets_lost};
    out["out-of-order"] = Json::UInt64{counters.packets_out_of_order};
    out["duplicate"] = Json::UInt64{counters.packets_duplicate};
    out["jitter-us"] = counters.jitter_us;
    out["jitter-max-us"] = counters.jitter_max_us;
    if (counters.last_packet_ns == 0) return out;
    std::array<char, 16> ssrc{};
    std::snprintf(ssrc.data(), ssrc.size(), "%08x", counters.ssrc);
    out["ssrc"] = ssrc.data();
    out["payload-type"] = counters.payload_type;
    const auto now_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
    out["silent-ms"] =
        Json::UInt64{now_ns > counters.last_packet_ns ? (now_ns - counters.last_packet_ns) / 1000000 : 0};
    return out;
}

Value streams_of(const Sight& sight, const CallView& c) {
    std::map<std::uint16_t, std::array<Value, 2>> streams;
    for (const FlowView& f : c.flows) {
        if (f.leg > 1) continue;
        Value& leg = streams[f.stream][f.leg];
        leg["name"] = f.leg == 0 ? "a" : "b";
        const bool rtcp = f.component == 1;
        const auto reading = reading_of(sight, c, f);
        if (reading) leg[rtcp ? "rtcp" : "rtp"] = counters_of(reading->counters, rtcp, sight.now.instant);
        if (rtcp) continue;
        leg["local"] = f.key.local.text();
        if (!f.remote.empty()) leg["remote"] = f.remote.text();
        if (!f.latched.empty()) leg["latched"] = f.latched.text();
    }
    Value out(Json::arrayValue);
    for (auto& [index, legs] : streams) {
        Value stream(Json::objectValue);
        stream["index"] = index;
        if (index < c.codecs.size()) stream["codec"] = c.codecs[index];
        stream["legs"] = Value(Json::arrayValue);
        for (Value& leg : legs)
            if (!leg.isNull()) stream["legs"].append(std::move(leg));
        out.append(std::move(stream));
    }
    return out;
}

void add(Value& list, std::string_view name, std::uint64_t value, std::string_view help) {
    Value item(Json::objectValue);
    item["name"] = std::string(name);
    item["value"] = Json::UInt64{value};
    item["help"] = std::string(help);
    list.append(std::move(item));
}

std::uint64_t us(Duration d) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

void add_costs(Value& list, const Costs& costs) {
    static_assert(CostMeter::kBounds[0] == std::chrono::milliseconds(1) &&
                  CostMeter::kBounds[1] == std::chrono::milliseconds(5) &&
                  CostMeter::kBounds[2] == std::chrono::milliseconds(20));
    const auto& d = costs.datagram;
    add(list, "sip-datagram-slowest-us", us(d.slowest()),
        "the most CPU time that one datagram has cost, without the turn's end, in microseconds");
    add(list, "sip-datagrams-above-1ms", d.above(0), "datagrams that cost more than 1 ms");
    add(list, "sip-datagrams-above-5ms", d.above(1), "datagrams that cost more than 5 ms");
    add(list, "sip-datagrams-above-20ms", d.above(2), "datagrams that cost more than 20 ms");
    const auto& t = costs.turn_end;
    add(list, "turns", t.works(), "turns of the SIP thread: what was there is taken, then all that follows is done");
    add(list, "turn-end-slowest-us", us(t.slowest()),
        "the most CPU time that the end of a turn has cost (timers, saves, sends, records), in microseconds");
    add(list, "turn-ends-above-20ms", t.above(2), "ends of turns that cost more than 20 ms");
}

}  // namespace

json::Value calls(const Sight& sight) {
    Value out(Json::objectValue);
    out["total"] = Json::UInt64{sight.engine.call_count()};
    out["limit"] = Json::UInt64{kMaxCallsShown};
    Value& list = out["calls"] = Value(Json::arrayValue);
    std::size_t bytes = 0;
    sight.engine.visit_calls([&](const CallView& c) {
        Value one = summary(c, sight.now.wall);
        bytes += json::write_line(one).size() + 1;
        if (bytes > kMaxCallsBytes) return false;
        list.append(std::move(one));
        return list.size() < kMaxCallsShown;
    });
    return out;
}

std::optional<json::Value> call(const Sight& sight, std::string_view id) {
    const auto c = sight.engine.find_call(id);
    if (!c) return std::nullopt;
    Value out = summary(*c, sight.now.wall);
    out["invite-time"] = time_text(c->invite);
    if (c->ringing) out["ringing-time"] = time_text(*c->ringing);
    if (c->answer) out["answer-time"] = time_text(*c->answer);
    if (!c->route.empty()) out["route"] = c->route;
    out["legs"] = Value(Json::arrayValue);
    out["legs"].append(leg_of(sight, c->caller, true));
    if (!c->callee.call_id.empty()) out["legs"].append(leg_of(sight, c->callee, false));
    out["streams"] = streams_of(sight, *c);
    return out;
}

json::Value trunks(const Sight& sight) {
    Value list(Json::arrayValue);
    const auto seen = sight.engine.trunks();
    for (const config::Trunk& trunk : sight.view.trunks) {
        const config::SipInterface& sip = sight.view.sip_interfaces[trunk.sip_interface];
        Value out(Json::objectValue);
        out["name"] = trunk.name;
        out["realm"] = sight.view.realms[sip.realm].name;
        out["sip-interface"] = sip.name;
        out["local"] = sip.local.text();
        out["transport"] = std::string(transport_name(trunk.transport));
        out["peers"] = Value(Json::arrayValue);
        for (const Endpoint& peer : trunk.peers) out["peers"].append(peer.text());
        const auto t = std::ranges::find(seen, trunk.name, &call::TrunkView::name);
        if (t != seen.end()) {
            out["calls"] = Json::UInt64{t->calls_in + t->calls_out};
            out["calls-in"] = Json::UInt64{t->attempts_in};
            out["calls-out"] = Json::UInt64{t->attempts_out};
            out["answered-in"] = Json::UInt64{t->answered_in};
            out["answered-out"] = Json::UInt64{t->answered_out};
            out["shed-in"] = Json::UInt64{t->shed_in};
            const auto limited = [&](const std::string& direction, const call::LimitedView& l) {
                out["limited-calls-" + direction] = Json::UInt64{l.calls};
                out["limited-rate-" + direction] = Json::UInt64{l.rate};
                out["limited-realm-" + direction] = Json::UInt64{l.realm};
            };
            limited("in", t->limited_in);
            limited("out", t->limited_out);
            out["requests-in"] = Json::UInt64{t->requests_in};
            out["requests-out"] = Json::UInt64{t->requests_out};
            // A call without an answer counts as failed only when it has ended.
            const auto failed = [](std::uint64_t attempts, std::uint64_t answered, std::uint64_t waiting) {
                return attempts > answered + waiting ? attempts - answered - waiting : 0;
            };
            out["failed-in"] = Json::UInt64{failed(t->attempts_in, t->answered_in, t->unanswered_in)};
            out["failed-out"] = Json::UInt64{failed(t->attempts_out, t->answered_out, t->unanswered_out)};
        }
        list.append(std::move(out));
    }
    Value out(Json::objectValue);
    out["trunks"] = std::move(list);
    return out;
}

namespace {

void add_streams(json::Value& list, const net::StreamTransport& streams) {
    const auto& c = streams.counters();
    add(list, "streams-now", streams.connections(), "connections, of both directions");
    add(list, "streams-kept-bytes", streams.kept_bytes(), "begun messages, and what waits to be written, now");
    add(list, "streams-accepted", c.accepted, "connections that peers made");
    add(list, "streams-made", c.made, "connections made to peers");
    add(list, "streams-closed", c.closed, "connections that ended");
    add(list, "streams-received", c.received, "messages received");
    add(list, "streams-received-bytes", c.received_bytes, "bytes received");
    add(list, "streams-sent", c.sent, "messages given to connections");
    add(list, "streams-sent-bytes", c.sent_bytes, "bytes written");
    add(list, "streams-pings", c.pings, "keep-alives that were answered");
    add(list, "streams-pings-unanswered", c.pings_unanswered, "keep-alives that came too often for an answer");
    add(list, "streams-own-pings", c.own_pings, "keep-alives sent to trunks");
    add(list, "streams-no-pong", c.no_pong, "connections closed because a keep-alive of ours had no answer");
    add(list, "streams-strangers", c.strangers, "connections from addresses of nobody, closed at once");
    add(list, "streams-too-many", c.too_many, "connections refused or not made because there were too many");
    add(list, "streams-too-many-from-one", c.too_many_from_one, "those refused because their address had too many");
    add(list, "streams-connect-failed", c.connect_failed, "connections that could not be made in time, or at all");
    add(list, "tls-handshakes", c.handshakes, "handshakes of TLS done");
    add(list, "tls-resumed", c.resumed, "those of them that resumed a session");
    add(list, "tls-handshake-failed", c.handshake_failed,
        "handshakes that failed, with the peer's certificate or at all");
    add(list, "tls-slow-handshake", c.slow_handshake, "connections closed because a handshake was not done in time");
    add(list, "tls-wrong-peer", c.wrong_peer, "connections closed because the certificate is not the peer's");
    add(list, "streams-aliases", c.aliases,
        "connections that peers made and let us use for requests to them (RFC 5923)");
    add(list, "streams-aliases-ignored", c.aliases_ignored,
        "requests for that from peers that have not proved who they are");
    add(list, "streams-lost-sync", c.lost_sync,
        "connections closed because what came was no SIP, or had no certain end");
    add(list, "streams-too-large", c.too_large, "connections closed because of a message that is too large");
    add(list, "streams-slow-first", c.slow_first, "connections closed because no first message came in time");
    add(list, "streams-slow-message", c.slow_message, "connections closed because a message was not finished in time");
    add(list, "streams-slow-reader", c.slow_reader,
        "connections closed because the peer did not take what was written");
    add(list, "streams-idle", c.idle, "connections closed because nothing came or went for long");
    add(list, "streams-broken", c.broken, "connections that ended by an error of the network");
    add(list, "streams-queue-full", c.queue_full, "messages refused because too much waited on their connection");
    add(list, "streams-memory-full", c.memory_full, "messages and connections refused because too much waited on all");
}

}  // namespace

json::Value counters(const Parts& parts, const Now& now) {
    Value list(Json::arrayValue);
    for (const call::CounterView& c : parts.engine.counters()) add(list, c.name, c.value, c.help);
    add_costs(list, parts.costs);
    const auto& i = parts.intake.counters();
    const auto us = [](Duration d) {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
    };
    add(list, "invites-received", i.invites, "INVITEs that would begin a call, retransmissions included");
    add(list, "invites-waiting", parts.intake.waiting(), "those that wait for their turn, now");
    add(list, "invites-refused-early", i.refused, "those answered 503 because of overload or too many that wait");
    add(list, "invites-stale", i.stale, "those dropped because they had waited until they were sent again");
    add(list, "invites-longest-wait-us", us(i.longest), "the longest wait of one that was taken");
    add(list, "overload-now", parts.intake.overload().on() ? 1 : 0,
        "whether more new calls come than can be set up, now");
    add(list, "overloads", parts.intake.overload().times(), "times that this began");
    add(list, "overload-admitted-percent", parts.intake.admitted_percent(now.instant),
        "INVITEs of the last second that were not refused");
    const auto& u = parts.transport.counters();
    add(list, "udp-received", u.received, "datagrams received");
    add(list, "udp-received-bytes", u.received_bytes, "their bytes");
    add(list, "udp-truncated", u.truncated, "datagrams longer than any can be, dropped");
    add(list, "udp-receive-failed", u.receive_failed, "receives that gave an error");
    add(list, "udp-sent", u.sent, "datagrams sent");
    add(list, "udp-sent-bytes", u.sent_bytes, "their bytes");
    add(list, "udp-send-waited", u.send_waited, "datagrams that waited for room in a socket buffer");
    add(list, "udp-send-waiting", parts.transport.waiting(), "those that wait now");
    add(list, "udp-send-dropped", u.send_dropped, "datagrams dropped because too many waited");
    add(list, "udp-send-failed", u.send_failed, "datagrams that the kernel refused");
    add(list, "udp-unreachable", u.unreachable, "ICMP errors that said nobody is there");
    const auto kernel = parts.transport.kernel_queues();
    add(list, "udp-kernel-dropped", kernel.dropped, "datagrams that found the sockets' receive buffers full");
    add(list, "udp-kernel-bytes", kernel.bytes, "what stands in these, now");
    add(list, "udp-kernel-limit-bytes", kernel.limit, "what fits");
    const auto& k = parts.stun.counters();
    add(list, "stun-answered", k.answered, "keep-alives by STUN that were answered");
    add(list, "stun-refused", k.refused, "those answered 420: an attribute is not known");
    add(list, "stun-unusable", k.unusable, "datagrams that begin as STUN does and want no answer, dropped");
    add(list, "stun-strangers", k.strangers, "keep-alives by STUN from addresses of nobody, dropped");
    add(list, "stun-too-many", k.too_many, "keep-alives by STUN dropped because too many came in a second");
    add_streams(list, parts.streams);
    if (const auto days = parts.certificates.least_days_left(now))
        add(list, "tls-certificate-days-left", static_cast<std::uint64_t>(std::max<std::int64_t>(0, *days)),
            "until the first of our certificates ends, now");
    const auto& d = parts.session.counters();
    add(list, "dataplane-session-up", parts.session.up() ? 1 : 0, "whether there is a session with the dataplane, now");
    add(list, "dataplane-sessions", d.sessions, "sessions begun");
    add(list, "dataplane-commands", d.commands, "flow commands given");
    add(list, "dataplane-events", d.events, "flow events taken");
    add(list, "dataplane-commands-waited", d.commands_waited, "commands that waited for room in the ring");
    add(list, "dataplane-commands-waiting", parts.session.waiting(), "those that wait now");
    add(list, "dataplane-commands-dropped", d.dropped, "commands given without a session");
    add(list, "dataplane-overflows", d.overflows, "sessions ended because too many commands waited");
    add(list, "dataplane-broken", d.broken, "sessions ended because a ring was broken");
    for (const store::StoreCounter& c : parts.store.counters()) add(list, c.name, c.value, c.help);
    Value out(Json::objectValue);
    out["counters"] = std::move(list);
    return out;
}

}  // namespace sallyport::ops
