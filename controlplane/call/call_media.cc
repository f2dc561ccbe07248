// A call's media: what the ledger is asked for, and what comes back.

#include <algorithm>

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"
#include "media/offer_answer/stream_end.h"

namespace sallyport::call {

namespace {

// The dataplane answers within milliseconds; a record does not wait for one that is gone.
constexpr Duration kCountersWait = std::chrono::seconds(5);

void add(DirectionRecord& sum, const wire::FlowCounters& c) {
    sum.known = true;
    sum.packets += c.packets_in;
    sum.bytes += c.bytes_in;
    sum.forwarded += c.packets_forwarded;
    sum.dropped += c.packets_dropped;
    sum.lost += c.packets_lost;
    sum.out_of_order += c.packets_out_of_order;
    sum.duplicate += c.packets_duplicate;
    sum.jitter_us = c.jitter_us;
    sum.jitter_max_us = std::max(sum.jitter_max_us, c.jitter_max_us);
    sum.ssrc = c.ssrc;
}

}  // namespace

// Ports for the offer. False: there are none.
bool Call::open_media(const sdp::Session& offer) {
    const auto left_out = plan_.open(offer, core_.pools(), core_.now().instant);
    if (left_out)
        core_.counters().streams_refused += *left_out;
    else
        ++core_.counters().no_ports;
    return left_out.has_value();
}

const sdp::LocalMedia& Call::local_media(std::size_t leg) const {
    auto& out = core_.spare_media();
    plan_.local_media(leg, core_.view(), out);
    return out;
}

bool Call::want_flows() {
    auto& flows = core_.spare_flows();
    plan_.flows(core_.view(), flows);
    return core_.ledger().want(number_, flows, core_.out().flow_commands);
}

// The descriptions in force on both legs become flows. False: the ledger has no room.
bool Call::apply_media(const sdp::Session* from_caller, const sdp::Session* from_callee, bool final) {
    if (from_caller == nullptr || from_callee == nullptr) return false;
    plan_.conclude(*from_caller, *from_callee);
    if (!want_flows()) return false;
    if (final) {
        plan_.trim(core_.pools(), core_.now().instant);
        note_codecs();
    }
    return true;
}

void Call::note_codecs() {
    for (const auto& leg : legs_) {
        const auto* answer = leg.media.last_answer();
        if (answer == nullptr) continue;
        notes_.codecs.clear();
        for (std::size_t i = 0; i < answer->media.size(); ++i) {
            const auto codec = sdp::codec_summary(*answer, i);
            if (!codec.name.empty()) notes_.codecs.push_back(codec.name + "/" + std::to_string(codec.clock_rate));
        }
        return;
    }
}

void Call::drop_media() {
    // A call that cannot go on after a restart has counted them itself: the ledger does not know them (export.cc).
    if (finals_left_ == 0) finals_left_ = core_.ledger().present_flows(number_);
    core_.ledger().want(number_, {}, core_.out().flow_commands);
    plan_.release(core_.pools(), core_.now().instant);
    if (finals_left_ == 0) return finish_record();
    core_.wheel().arm<&Call::on_counters_late>(end_timer_, core_.now().instant + kCountersWait, this);
}

void Call::on_flow_report(const flow::FlowReport& report) {
    using Kind = flow::FlowReport::Kind;
    switch (report.kind) {
        case Kind::kCounters:
            if (!report.final) return;
            note_counters(report);
            if (finals_left_ == 0) return;  // of a stream that was given up while the call lives
            changed();
            if (--finals_left_ == 0) finish_record();
            return;
        case Kind::kRemoved:
            if (!closed_) return;
            if (finals_left_ > 0) notes_.quality_complete = false;
            return finish_record();  // all that there are have come
        case Kind::kLost: notes_.quality_complete = false; return changed();
        case Kind::kFailed: return on_media_rejected();
        case Kind::kIdle:
        case Kind::kActive: return note_silence();
        case Kind::kInForce:
        case Kind::kLatched: return;
    }
}

// A stream may have had several flows one after the other: sums.
void Call::note_counters(const flow::FlowReport& report) {
    const auto& cookie = report.cookie;
    if (cookie.component != 0 || cookie.leg > kCallee) return;
    auto it = std::ranges::find(notes_.streams, cookie.stream, &StreamRecord::index);
    if (it == notes_.streams.end()) {
        notes_.streams.push_back({cookie.stream, {}, {}});
        it = notes_.streams.end() - 1;
    }
    add(cookie.leg == kCaller ? it->from_caller : it->from_callee, report.counters);
}

void Call::on_media_rejected() {
    if (closed_) return;
    ++core_.counters().media_rejected;
    const Ending ending{EndedBy::kSallyport, 503, "Media was refused"};
    if (state_ == State::kCalling || state_ == State::kRinging) return cancel_setup(503, ending, nullptr);
    release(ending);
}

// Reported when the RTP of all streams is silent in both directions.
void Call::note_silence() {
    std::size_t flows = 0;
    std::size_t idle = 0;
    core_.ledger().visit(number_, [&](const flow::Ledger::FlowState& f) {
        if (!f.wanted || f.spec.cookie.component != 0) return;
        ++flows;
        if (f.idle) ++idle;
    });
    const bool silent = flows > 0 && idle == flows;
    if (silent && !media_silent_) ++core_.counters().calls_media_silent;
    media_silent_ = silent;
}

}  // namespace sallyport::call
