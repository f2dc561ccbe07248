// What the operator sees of the engine.

#include "controlplane/call/call.h"
#include "controlplane/call/engine_core.h"

namespace sallyport::call {

std::string_view Call::state_name() const {
    switch (state_) {
        case State::kCalling: return "calling";
        case State::kRinging: return "ringing";
        case State::kAnswered: return "answered";
        case State::kUp: return exchange_.active ? "changing" : media_silent_ ? "silent" : "up";
        case State::kCancelling: return "cancelling";
        case State::kReleasing: return "releasing";
        case State::kEnded: return "ended";
    }
    return "";
}

LegView Call::leg_view(std::size_t i) const {
    const auto& leg = legs_[i];
    const auto& config = core_.view();
    LegView out;
    out.call_id = leg.dialog.call_id;
    out.local_tag = leg.dialog.local_tag;
    out.remote_tag = leg.dialog.remote_tag;
    if (leg.trunk) out.trunk = config.trunks.at(*leg.trunk).name;
    out.realm = config.realms.at(leg.realm).name;
    out.sip_interface = config.sip_interfaces.at(leg.sip_interface).name;
    out.peer = leg.peer;
    return out;
}

CallView Call::view() const {
    CallView out;
    out.number = number_;
    out.id = record_.id;
    out.state = state_name();
    out.from_user = record_.from_user;
    out.to_user = record_.to_user;
    out.route = record_.route;
    out.invite = record_.invite;
    out.ringing = record_.ringing;
    out.answer = record_.answer;
    out.caller = leg_view(kCaller);
    out.callee = leg_view(kCallee);
    out.codecs = record_.codecs;
    core_.ledger().visit(number_, [&](const flow::Ledger::FlowState& f) {
        FlowView flow;
        flow.key = f.spec.key;
        flow.out = f.spec.out;
        flow.remote = f.spec.remote;
        flow.latched = f.latched;
        flow.leg = f.spec.cookie.leg;
        flow.stream = f.spec.cookie.stream;
        flow.component = f.spec.cookie.component;
        flow.confirmed = f.confirmed && f.flow_index.has_value();
        flow.flow_index = f.flow_index.value_or(0);
        flow.idle = f.idle;
        out.flows.push_back(flow);
    });
    return out;
}

std::vector<TrunkView> EngineCore::trunk_list() const {
    std::vector<TrunkView> out;
    for (std::size_t i = 0; i < view_.trunks.size(); ++i) {
        const auto& trunk = view_.trunks[i];
        TrunkView v;
        v.name = trunk.name;
        v.sip_interface = view_.sip_interfaces.at(trunk.sip_interface).name;
        v.peers = trunk.peers;
        const auto& routed = router_.trunk_counters(static_cast<std::uint16_t>(i));
        v.attempts_in = routed.calls_in + routed.refused_in;
        v.attempts_out = routed.calls_out;
        v.answered_in = answered_in_[i];
        v.answered_out = answered_out_[i];
        out.push_back(std::move(v));
    }
    for (const auto& [number, call] : calls_) {
        if (!call->live()) continue;
        const unsigned unanswered = call->record().answer ? 0 : 1;
        if (const auto& t = call->leg(kCaller).trunk) {
            ++out.at(*t).calls_in;
            out.at(*t).unanswered_in += unanswered;
        }
        if (const auto& t = call->leg(kCallee).trunk) {
            ++out.at(*t).calls_out;
            out.at(*t).unanswered_out += unanswered;
        }
    }
    return out;
}

std::vector<CounterView> EngineCore::counter_list() const {
    std::size_t ports = 0;
    std::size_t resting = 0;
    for (std::size_t i = 0; i < pools_.realms(); ++i) {
        const auto stats = pools_.stats(static_cast<std::uint16_t>(i));
        ports += stats.in_use;
        resting += stats.resting;
    }
    const auto ledger = ledger_.stats();
    const auto& routing = router_.counters();
    const auto& t = layer_.counters();
    const auto& c = counters_;
    const auto& p = pass_counters_;
    return {
        {"live-calls", live_calls_},
        {"live-call-objects", calls_.size()},
        {"live-dialogs", dialogs_.size()},
        {"live-client-transactions", layer_.client_transactions()},
        {"live-server-transactions", layer_.server_transactions()},
        {"live-timers", wheel_.size()},
        {"live-port-pairs", ports},
        {"live-flows-wanted", ledger.flows_wanted},
        {"live-flows-present", ledger.flows_present},
        {"resting-port-pairs", resting},
        {"datagrams", c.datagrams},
        {"malformed", c.malformed},
        {"calls", c.calls},
        {"calls-answered", c.calls_answered},
        {"calls-refused", c.calls_refused},
        {"invites-unusable", c.invites_unusable},
        {"calls-failed", c.calls_failed},
        {"calls-interrupted", c.calls_interrupted},
        {"calls-imported", c.calls_imported},
        {"imports-refused", c.imports_refused},
        {"exports-cut", c.exports_cut},
        {"calls-table-full", c.table_full},
        {"calls-no-ports", c.no_ports},
        {"streams-refused", c.streams_refused},
        {"calls-no-dataplane", c.no_dataplane},
        {"calls-media-rejected", c.media_rejected},
        {"calls-media-silent", c.calls_media_silent},
        {"calls-no-answer", c.no_answer},
        {"calls-limit-reached", c.limit_reached},
        {"reinvites", c.reinvites},
        {"reinvites-failed", c.reinvites_failed},
        {"reinvites-glare", c.glare},
        {"acks-missing", c.acks_missing},
        {"byes-unsent", c.byes_unsent},
        {"forks-dismissed", c.forks_dismissed},
        {"early-dialogs-ignored", c.branches_ignored},
        {"unknown-dialogs", c.unknown_dialogs},
        {"stray-acks", c.stray_acks},
        {"requests-out-of-order", c.old_requests},
        {"methods-refused", c.methods_refused},
        {"extensions-refused", c.extensions_refused},
        {"responses-cut", c.responses_cut},
        {"bodies-refused", c.bodies_refused},
        {"options-answered", c.options_answered},
        {"records", c.records},
        {"records-incomplete", c.records_incomplete},
        {"sources-dropped", routing.unknown_dropped},
        {"sources-forbidden", routing.unknown_forbidden},
        {"no-route", routing.no_route},
        {"headers-passed", p.passed},
        {"headers-rewritten", p.rewritten},
        {"headers-stripped", p.stripped},
        {"headers-withheld", p.withheld},
        {"headers-cut", p.cut},
        {"sip-requests-received", t.requests_received},
        {"sip-responses-received", t.responses_received},
        {"sip-requests-sent", t.requests_sent},
        {"sip-responses-sent", t.responses_sent},
        {"sip-retransmissions-received", t.request_retransmissions_received},
        {"sip-retransmissions-sent", t.retransmissions_sent},
        {"sip-stray-responses", t.stray_responses},
        {"sip-unmatched-cancels", t.unmatched_cancels},
        {"sip-merged-requests", t.merged_requests},
        {"sip-malformed", t.malformed},
        {"sip-oversized-requests", t.oversized_requests},
        {"sip-timeouts", t.timeouts},
        {"sip-acks-missing", t.acks_missing},
        {"sip-transport-errors", t.transport_errors},
        {"sip-server-table-full", t.server_table_full},
        {"sip-client-table-full", t.client_table_full},
        {"sends-dropped", out_.sends.dropped()},
        {"flow-transactions", ledger.transactions},
        {"flow-transactions-rejected", ledger.rejected},
        {"flows-adopted", ledger.adopted},
        {"flows-of-strangers-removed", ledger.strangers_removed},
        {"flow-repairs", ledger.repairs},
        {"flow-events-unexpected", ledger.unexpected_events},
    };
}

}  // namespace sallyport::call
