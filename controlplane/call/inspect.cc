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
    out.call_id = leg.dialog.call_id();
    out.local_tag = leg.dialog.local_tag();
    out.remote_tag = leg.dialog.remote_tag();
    if (leg.trunk) out.trunk = config.trunks.at(*leg.trunk).name;
    out.realm = config.realms.at(leg.realm).name;
    out.sip_interface = config.sip_interfaces.at(leg.peer.sip_interface).name;
    out.peer = leg.peer.remote;
    out.transport = leg.peer.transport;
    return out;
}

bool Call::came_by(const routing::Source& source, std::uint16_t route, std::string_view called) const {
    const auto& caller = legs_[kCaller];
    const bool from_trunk = source.kind == routing::Source::Kind::kTrunk;
    return caller.realm == source.realm && caller.trunk.has_value() == from_trunk &&
           (!from_trunk || *caller.trunk == source.trunk) && notes_.route == route &&
           // RFC 3261 §19.1.4: an escape is the character that it stands for
           sip::unescaped(notes_.to_user) == sip::unescaped(called);
}

CallView Call::view() const {
    const auto& config = core_.view();
    CallView out;
    out.number = number_;
    out.id = text_of(number_);
    out.state = state_name();
    out.from_user = notes_.from_user;
    out.to_user = notes_.to_user;
    out.route = imported_ ? imported_->route : config.routes.at(notes_.route).name;
    out.invite = notes_.invite;
    out.ringing = notes_.ringing;
    out.answer = notes_.answer;
    out.caller = leg_view(kCaller);
    out.callee = leg_view(kCallee);
    out.codecs = notes_.codecs;
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
        v.shed_in = shed_in_[i];
        const auto refused = [&](CallLimits::Direction direction) {
            const auto of = [&](CallLimits::Cause cause) {
                return limits_.refused(static_cast<std::uint16_t>(i), direction, cause);
            };
            return LimitedView{of(CallLimits::kCalls), of(CallLimits::kRate),
                               of(CallLimits::kRealmCalls) + of(CallLimits::kRealmRate)};
        };
        v.limited_in = refused(CallLimits::kIn);
        v.limited_out = refused(CallLimits::kOut);
        v.requests_in = routed.requests_in;
        v.requests_out = routed.requests_out;
        out.push_back(std::move(v));
    }
    for (const auto& call : calls_) {
        if (!call.live()) continue;
        const unsigned unanswered = call.answered() ? 0 : 1;
        if (const auto& t = call.leg(kCaller).trunk) {
            ++out.at(*t).calls_in;
            out.at(*t).unanswered_in += unanswered;
        }
        if (const auto& t = call.leg(kCallee).trunk) {
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
        resting += pools_.resting(static_cast<std::uint16_t>(i), now_.instant);
    }
    const auto ledger = ledger_.stats();
    const auto& routing = router_.counters();
    const auto& t = layer_.counters();
    const auto& c = counters_;
    const auto& p = pass_counters_;
    const auto& r = relay_.counters();
    const auto& s = relay_.subscriptions().counters();
    std::vector<CounterView> out{
        {"live-calls", live_calls_, "calls from INVITE to end, now"},
        {"live-calls-admitted", limits_.permits(), "calls that count for the limits of trunks and realms, now"},
        {"live-call-objects", calls_.size(), "calls kept, those that are over but not yet settled included, now"},
        {"live-dialogs", dialogs_.size(), "dialogs, one or more a leg, now"},
        {"live-client-transactions", layer_.client_transactions(), "transactions of requests sent, now"},
        {"live-server-transactions", layer_.server_transactions(), "transactions of requests received, now"},
        {"live-client-transactions-over", layer_.lingering_client_transactions(),
         "of these sent, such as are over and only absorb what comes late, now"},
        {"live-server-transactions-over", layer_.lingering_server_transactions(),
         "of these received, such as are over and only absorb what comes late, now"},
        {"live-requests", relay_.under_way(), "requests that are no call, on their way through, now"},
        {"live-subscriptions", relay_.subscriptions().size(), "subscriptions (SUBSCRIBE), now"},
        {"live-timers", wheel_.size(), "timers armed, now"},
        {"live-port-pairs", ports, "media port pairs in use, now"},
        {"live-flows-wanted", ledger.flows_wanted, "flows that the calls want, now"},
        {"live-flows-present", ledger.flows_present, "flows that the dataplane has confirmed, now"},
        {"live-flow-entries", ledger.entries, "flows known: wanted, present or on their way out, now"},
        {"live-flow-transactions", ledger.under_way, "transactions of flow commands and lists without an answer, now"},
        {"live-transaction-bytes", layer_.text_bytes(), "what all transactions keep of messages, in bytes, now"},
        {"resting-port-pairs", resting, "port pairs that wait before they are used again, now"},
        {"messages", c.messages, "SIP messages received: datagrams, and those of streams"},
        {"malformed", c.malformed, "messages of known sources that are no SIP"},
        {"calls", c.calls, "INVITEs that became a call"},
        {"calls-answered", c.calls_answered, "calls that were answered"},
        {"calls-refused", c.calls_refused, "INVITEs that did not become a call"},
        {"invites-shed", c.invites_shed, "INVITEs refused because of overload (503); neither calls nor records"},
        {"invites-unusable", c.invites_unusable,
         "INVITEs whose Call-ID, tags, addresses or routes are unusable or too long (400)"},
        {"calls-failed", c.calls_failed, "calls that ended without an answer"},
        {"calls-interrupted", c.calls_interrupted, "unfinished calls found after a restart, ended by a record"},
        {"calls-imported", c.calls_imported, "calls that go on after a restart"},
        {"imports-refused", c.imports_refused, "saved calls that could not be taken back"},
        {"exports-cut", c.exports_cut, "saves of a call whose state is too long: only its record would survive"},
        {"calls-table-full", c.table_full, "INVITEs refused because there were too many calls (503)"},
        {"calls-trunk-full", limits_.refused(CallLimits::kCalls), "INVITEs refused because of a trunk's max-calls"},
        {"calls-trunk-rate", limits_.refused(CallLimits::kRate),
         "INVITEs refused because of a trunk's calls-per-second"},
        {"calls-realm-full", limits_.refused(CallLimits::kRealmCalls),
         "INVITEs refused because of a realm's max-calls"},
        {"calls-realm-rate", limits_.refused(CallLimits::kRealmRate),
         "INVITEs refused because of a realm's calls-per-second"},
        {"calls-no-ports", c.no_ports, "offers refused because no media port was free"},
        {"streams-refused", c.streams_refused,
         "streams of an offer above the most that a call may have, answered with port 0"},
        {"calls-no-dataplane", c.no_dataplane, "INVITEs refused without a session with the dataplane (503)"},
        {"calls-media-rejected", c.media_rejected, "calls whose flows the dataplane refused"},
        {"calls-media-silent", c.calls_media_silent, "times that both directions of a call fell silent"},
        {"calls-no-answer", c.no_answer, "calls cancelled after no-answer-s"},
        {"calls-no-progress", c.timer_c, "calls cancelled because of Timer C, timer-c-s"},
        {"calls-limit-reached", c.limit_reached, "calls ended after max-call-duration-s"},
        {"reinvites", c.reinvites, "re-INVITEs taken"},
        {"reinvites-failed", c.reinvites_failed, "of these, ended without a 2xx"},
        {"reinvites-glare", c.glare, "re-INVITEs answered 491"},
        {"acks-missing", c.acks_missing, "2xx of ours that were never acknowledged"},
        {"byes-unsent", c.byes_unsent, "BYEs that could not be sent within 64*T1"},
        {"forks-dismissed", c.forks_dismissed, "second 2xx of a forked INVITE, answered with ACK and BYE"},
        {"early-dialogs-ignored", c.branches_ignored, "early dialogs beyond the bound, or unusable"},
        {"unknown-dialogs", c.unknown_dialogs, "requests in a dialog that is not ours (481)"},
        {"requests-from-elsewhere", c.wrong_places,
         "requests of a dialog that came from another address than its peer's, dropped"},
        {"stray-acks", c.stray_acks, "ACKs in a dialog that is not ours"},
        {"requests-out-of-order", c.old_requests, "requests whose CSeq went back"},
        {"methods-refused", r.methods_refused, "requests of a method that does not pass (405, 501)"},
        {"extensions-refused", c.extensions_refused + r.extensions_refused, "requests that require an extension (420)"},
        {"loops-refused", c.loops, "INVITEs of ours that came back and would go the same way again (482)"},
        {"sips-refused", c.sips_refused, "calls to sips: that would not have TLS on both sides (480)"},
        {"responses-cut", c.responses_cut,
         "responses sent without what came from the other side, because they were too long"},
        {"bodies-refused", c.bodies_refused + r.bodies_refused,
         "bodies not understood, malformed, too long, or of too many parts (415, 400, 413)"},
        {"options-answered", c.options_answered, "OPTIONS answered"},
        {"requests-passed", r.passed, "requests that are no call, sent on"},
        {"requests-answered", r.answered, "of these, final responses passed back"},
        {"requests-unanswered", r.unanswered, "of these, without a final response"},
        {"requests-refused", r.refused, "requests that are no call, answered by us with a failure"},
        {"requests-shed", r.shed, "of these, for want of room or because of overload (503)"},
        {"subscriptions", s.begun, "SUBSCRIBEs outside of a dialog, sent on"},
        {"subscriptions-refused", s.refused, "SUBSCRIBEs refused because there were too many subscriptions (503)"},
        {"subscriptions-expired", s.expired, "dialogs of subscriptions that nobody refreshed or ended"},
        {"notifiers-ignored", s.notifiers_ignored, "NOTIFYs of further notifiers beyond the bound, or too late (481)"},
        {"records", c.records, "call records made"},
        {"records-incomplete", c.records_incomplete, "of these, without the last counters of their flows"},
        {"sources-dropped", routing.unknown_dropped, "requests of unknown sources, dropped"},
        {"sources-forbidden", routing.unknown_forbidden, "requests of unknown sources, answered 403"},
        {"no-route", routing.no_route, "calls and requests that no route matched (404)"},
        {"headers-passed", p.passed, "headers passed as received"},
        {"headers-rewritten", p.rewritten, "headers passed with our addresses"},
        {"headers-stripped", p.stripped, "headers that do not cross"},
        {"headers-withheld", p.withheld, "headers that would have passed, but named the other side"},
        {"headers-cut", p.cut, "header fields and list elements above what crosses of one message"},
        {"sip-requests-received", t.requests_received, "requests received, retransmissions included"},
        {"sip-responses-received", t.responses_received, "responses received, retransmissions included"},
        {"sip-requests-sent", t.requests_sent, "requests sent, each once"},
        {"sip-responses-sent", t.responses_sent, "responses sent, each once"},
        {"sip-retransmissions-received", t.request_retransmissions_received, "repeated requests received, absorbed"},
        {"sip-retransmissions-sent", t.retransmissions_sent, "requests and responses sent again"},
        {"sip-stray-responses", t.stray_responses, "responses to nothing that we sent, dropped"},
        {"sip-responses-from-elsewhere", t.foreign_responses,
         "responses to requests of ours from another address than these went to, dropped"},
        {"sip-unmatched-cancels", t.unmatched_cancels, "CANCELs of no INVITE (481)"},
        {"sip-merged-requests", t.merged_requests, "requests that came by two ways (482)"},
        {"sip-malformed", t.malformed, "messages answered 400 or dropped"},
        {"sip-oversized-requests", t.oversized_requests,
         "requests dropped: what each response repeats is above 16 KiB"},
        {"sip-lingering-cut", t.lingering_cut, "transactions that were over, ended before 64*T1 because too many were"},
        {"sip-timeouts", t.timeouts, "requests of ours without a final response (Timers B, F)"},
        {"sip-acks-missing", t.acks_missing, "failures of ours that were never acknowledged (Timer H)"},
        {"sip-transport-errors", t.transport_errors, "transactions ended because a message could not be sent"},
        {"sip-sent-anew", t.sent_anew, "messages sent once more because their stream was gone"},
        {"sip-too-large-for-udp", t.too_large_for_udp, "requests that went by TCP because of their size"},
        {"sip-back-to-udp", t.back_to_udp, "those that nobody took there, sent by UDP"},
        {"sip-refused-again", t.refused_again,
         "INVITEs that were refused for overload or want of room and came again (503)"},
        {"sip-server-table-full", t.server_table_full, "requests refused because the table was full (503)"},
        {"sip-client-table-full", t.client_table_full, "requests not sent because the table was full"},
        {"sends-dropped", out_.sends.dropped(), "messages dropped because too many waited in a turn"},
        {"flow-transactions", ledger.transactions, "transactions of flow commands given"},
        {"flow-transactions-rejected", ledger.rejected, "of these, rejected by the dataplane"},
        {"flows-adopted", ledger.adopted, "flows found in the dataplane that a call owns"},
        {"flows-of-strangers-removed", ledger.strangers_removed,
         "flows found in the dataplane that no call owns, removed"},
        {"flow-repairs", ledger.repairs, "lists asked for because of a rejection"},
        {"flow-events-unexpected", ledger.unexpected_events, "flow events that answer nothing"},
        {"rules-refused", c.rules_refused, "requests that rules made too long, or that cost too much (513)"},
        {"rules-too-large", rules_.too_large(), "messages that rules made larger than a datagram"},
    };
    list_rules(out);
    return out;
}

}  // namespace sallyport::call
