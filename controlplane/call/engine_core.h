#pragma once
// What the engine is made of: the tables of calls and dialogs, the layers below, and the judgement of a
// request before it becomes a call or reaches one. Calls (call.h) use its services.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/call/call.h"
#include "controlplane/call/call_limits.h"
#include "controlplane/call/call_list.h"
#include "controlplane/call/engine.h"
#include "controlplane/flow/ledger.h"
#include "controlplane/flow/port_pool.h"
#include "controlplane/policy/message_rules.h"
#include "controlplane/policy/methods.h"
#include "controlplane/policy/passing.h"
#include "controlplane/relay/relay.h"
#include "controlplane/routing/router.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/node_pool.h"
#include "platform/base/shared.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::call {

struct EngineCounters {
    std::uint64_t messages = 0;
    std::uint64_t malformed = 0;  // from known sources
    std::uint64_t calls = 0;      // INVITEs that became a call
    std::uint64_t calls_answered = 0;
    std::uint64_t calls_refused = 0;      // INVITEs that did not become a call
    std::uint64_t invites_shed = 0;       // because of overload: no call, no record
    std::uint64_t invites_unusable = 0;   // of those: without usable Contact, or a text of the dialog is too long
    std::uint64_t calls_failed = 0;       // not answered: refused by the callee, cancelled, timed out
    std::uint64_t calls_interrupted = 0;  // found unfinished after a restart
    std::uint64_t calls_imported = 0;
    std::uint64_t imports_refused = 0;
    std::uint64_t exports_cut = 0;  // saves of a call whose state is too long: it would not survive, its record would
    std::uint64_t table_full = 0;
    std::uint64_t no_ports = 0;
    std::uint64_t streams_refused = 0;  // above flow::kMostStreams
    std::uint64_t no_dataplane = 0;
    std::uint64_t media_rejected = 0;
    std::uint64_t calls_media_silent = 0;
    std::uint64_t reinvites = 0;
    std::uint64_t reinvites_failed = 0;
    std::uint64_t glare = 0;  // 491 of ours
    std::uint64_t no_answer = 0;
    std::uint64_t timer_c = 0;
    std::uint64_t limit_reached = 0;
    std::uint64_t acks_missing = 0;      // a 2xx of ours was never acknowledged
    std::uint64_t byes_unsent = 0;       // no room for their transaction within 64*T1
    std::uint64_t forks_dismissed = 0;   // a second 2xx got ACK and BYE
    std::uint64_t branches_ignored = 0;  // early dialogs beyond the bound, or unusable
    std::uint64_t unknown_dialogs = 0;   // 481
    std::uint64_t stray_acks = 0;
    std::uint64_t wrong_places = 0;        // requests of a dialog that came from elsewhere
    std::uint64_t old_requests = 0;        // CSeq went back
    std::uint64_t extensions_refused = 0;  // 420
    std::uint64_t sips_refused = 0;        // 480: no TLS on both sides
    std::uint64_t loops = 0;               // 482: a call of ours that came back
    std::uint64_t responses_cut = 0;       // too long to be sent as they were
    std::uint64_t bodies_refused = 0;      // 415 and 400: not understood, malformed, too many parts
    std::uint64_t options_answered = 0;
    std::uint64_t rules_refused = 0;  // requests that rules made too long or dear: 513
    std::uint64_t records = 0;
    std::uint64_t records_incomplete = 0;  // without the last counters of their flows
};

class EngineCore final : public transaction::TransactionUser, public relay::Host {
public:
    EngineCore(const config::ControlView& view, RandomSource& random, std::uint8_t shard, Outbox& out, Now now);

    // --- inputs: see engine.h
    void on_message(Now now, const transaction::Path& from, std::string_view bytes);
    void on_unframed(Now now, const transaction::Path& from, std::string_view head, const sip::ParseError& why);
    void on_surplus_invite(Now now, const transaction::Path& from, std::string_view bytes);
    void on_send_error(Now now, const transaction::SendQueue::Entry& entry);
    void on_unreachable(Now now, const transaction::Path& to);
    bool admits(const transaction::Path& from);
    void on_flow_event(Now now, const wire::FlowEvent& event);
    void on_dataplane_session(Now now, bool up);
    void advance(Now now);
    void flush(Now now);
    std::expected<bool, ImportRefusal> import_call(Now now, std::span<const std::byte> exported);
    Instant next_deadline() const { return wheel_.next(); }
    std::vector<CounterView> counter_list() const;
    std::vector<TrunkView> trunk_list() const;

    // --- TransactionUser
    void on_request(Instant now, transaction::ServerId id, const transaction::Path& from,
                    const sip::Message& request) override;
    void on_ack(Instant now, const transaction::Path& from, const sip::Message& ack) override;
    void on_cancel(Instant now, transaction::ServerId invite, const transaction::Path& from,
                   const sip::Message& cancel) override;
    void on_response(Instant now, transaction::ClientId id, const transaction::Path& from,
                     const sip::Message& response) override;
    void on_client_failure(Instant now, transaction::ClientId id, transaction::ClientFailure why) override;
    void on_server_failure(Instant now, transaction::ServerId id, transaction::ServerFailure why) override;
    void on_client_terminated(Instant now, transaction::ClientId id) override;
    std::string_view on_cancel_made(transaction::ClientId invite, std::string_view cancel) override;

    // --- services for calls and for the relay
    Now now() const override { return now_; }
    const config::ControlView& view() const override { return view_; }
    RandomSource& random() override { return random_; }
    transaction::TransactionLayer& layer() override { return layer_; }
    TimerWheel& wheel() override { return wheel_; }
    sip::MessageWriter& writer() override { return writer_; }
    policy::PassCounters& pass_counters() override { return pass_counters_; }
    routing::Router& router() override { return router_; }
    relay::Relay& relay() { return relay_; }
    CallLimits& limits() { return limits_; }
    flow::PortPools& pools() { return pools_; }
    flow::Ledger& ledger() { return ledger_; }
    const flow::Ledger& ledger() const { return ledger_; }
    Outbox& out() { return out_; }
    EngineCounters& counters() { return counters_; }
    // What a call fills and is done with at once: their memory is used again.
    sdp::LocalMedia& spare_media() { return spare_media_; }
    std::vector<wire::FlowSpec>& spare_flows() { return spare_flows_; }

    // --- rules (engine_rules.cc)
    // The message as the inbound rules of that side leave it: itself, or one that lives until the next message comes.
    // nullptr: a request that goes beyond a bound (513).
    const sip::Message* inbound(const policy::RuleSide& side, const sip::Message& message) override;
    // The message that came, while one that rules have changed is dealt with; else nullptr.
    const sip::Message* as_received() const override { return as_received_; }
    // A request or response of ours, as the outbound rules of that side leave it; before it goes to the layer, so that
    // what is repeated is the same. "": a request that goes beyond a bound. Valid until the next call.
    std::string_view outbound(const policy::RuleSide& side, std::string_view bytes) override {
        return rules_.any(policy::MessageRules::Way::kOutbound, side) ? ruled(side, bytes) : bytes;
    }
    // What outbound() has made last, if it was other bytes than it got.
    const sip::Message& outgoing() const override { return outgoing_; }
    policy::RuleSide source_side() const {
        const bool trunk = source_.kind == routing::Source::Kind::kTrunk;
        return {source_.realm, trunk ? std::optional(source_.trunk) : std::nullopt};
    }

    Token make_tag() override;
    Token make_call_id() override;
    std::uint64_t make_number();
    // "SIP/2.0/UDP 192.0.2.1:5060" and "<sip:192.0.2.1:5060>": what we are on this way.
    std::string_view via(const transaction::Path& path) const override { return at(path).via; }
    std::string_view contact(const transaction::Path& path) const override { return at(path).contact; }
    std::string_view allow(config::MethodSet methods) const override { return allow_texts_.of(methods); }
    std::string_view allow(const Leg& caller, const Leg& callee) const;
    // `secure`: "<sips:192.0.2.1:5061>".
    std::string_view contact(const transaction::Path& path, bool secure) const {
        return secure ? at(path).secure_contact : at(path).contact;
    }

    bool add_dialog(std::string_view tag, std::uint64_t call, std::size_t leg);  // false: taken
    void remove_dialog(std::string_view tag);
    void changed(Call& call);
    // The call is over in every respect: it goes when the present input has been dealt with.
    void retire(const Call& call) { retired_.push_back(call.number()); }
    void emit(CallRecord record);
    void emit(const CallRecordText& text);

    // A response of ours with nothing of anybody else in it.
    void respond(const policy::RuleSide& side, transaction::ServerId id, unsigned status, std::string_view reason,
                 std::string_view to_tag, std::span<const sip::ExtraHeader> extra = {}) override;
    // To the request at hand.
    void respond(transaction::ServerId id, unsigned status, std::string_view reason, std::string_view to_tag,
                 std::span<const sip::ExtraHeader> extra = {}) {
        respond(side_, id, status, reason, to_tag, extra);
    }
    // Sends the final response that stands in writer().
    void conclude(const policy::RuleSide& side, transaction::ServerId id, unsigned status, std::string_view to_tag,
                  std::string_view body) override;
    void conclude(const policy::RuleSide& side, transaction::ServerId id, unsigned status, std::string_view to_tag) {
        conclude(side, id, status, to_tag, {});
    }
    void conclude(transaction::ServerId id, unsigned status, std::string_view to_tag) {
        conclude(side_, id, status, to_tag, {});
    }
    // OPTIONS, which we answer ourselves (RFC 3261 §11.2). `methods`: what passes there.
    void answer_options(transaction::ServerId id, config::MethodSet methods, std::string_view to_tag);

    CallPtr new_call(std::uint64_t number, std::uint16_t caller_realm, std::uint16_t callee_realm);
    Call* find(std::uint64_t number) { return calls_.find(number); }
    const CallList& calls() const { return calls_; }
    std::size_t live_calls() const { return live_calls_; }
    void count_live(int change) { live_calls_ = static_cast<std::size_t>(static_cast<long>(live_calls_) + change); }
    void count_answered(const Leg& caller, const Leg& callee);

private:
    struct DialogRef {
        std::uint64_t call = 0;
        std::size_t leg = 0;
    };
    struct TagHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view tag) const { return std::hash<std::string_view>()(tag); }
    };
    struct Admission {
        dialog::Dialog dialog;
        Shared<sdp::Session> offer;
        routing::Target target;
        CallLimits::Permit permit;
    };
    struct Refusal {
        unsigned status = 500;
        std::string reason;
        std::string_view header;  // "" or the name of one more header
        std::string value;
    };

    void enter(Now now) {
        now_ = now;
        as_received_ = nullptr;
    }
    std::string_view ruled(const policy::RuleSide& side, std::string_view bytes);
    void list_rules(std::vector<CounterView>& out) const;
    void leave();  // at the end of each input: reports of the ledger, calls that are over
    bool admit_source(const transaction::Path& from, bool parsed);
    void deal(const transaction::Path& from, bool surplus, std::string_view bytes);
    bool shed(const transaction::Path& from);
    void take_alias(const transaction::Path& from);
    bool admit_dialog(bool may_come);
    bool take_orphan(const transaction::Path& from);
    std::pair<Call*, std::size_t> find_dialog(const sip::Message& request);
    std::expected<Admission, Refusal> judge(const transaction::Path& from, const sip::Message& invite);
    static Refusal limited(const CallLimits::Refused& why);
    bool comes_round(const sip::Message& invite, const routing::Target& target);
    void on_invite(transaction::ServerId id, const transaction::Path& from, const sip::Message& invite);
    void refuse(transaction::ServerId id, const transaction::Path& from, const sip::Message& invite,
                const Refusal& refusal);
    void on_dialog_request(transaction::ServerId id, const transaction::Path& from, const sip::Message& request);
    void report();
    std::expected<bool, std::string> place(CallPtr call);
    void record_refused(ExportHead head);
    void count_record(bool quality_complete);

    const config::ControlView& view_;
    RandomSource& random_;
    Outbox& out_;
    Now now_;
    std::uint8_t shard_;
    std::uint64_t next_number_;
    struct Place {
        std::string via;
        std::string contact;
        std::string secure_contact;
    };
    const Place& at(const transaction::Path& path) const {
        return places_.at(path.sip_interface).at(static_cast<std::size_t>(path.transport));
    }
    std::vector<std::array<Place, kTransports>> places_;  // by sip interface and transport
    TimerWheel wheel_;
    routing::Router router_;
    CallLimits limits_;
    policy::AllowTexts allow_texts_;
    flow::PortPools pools_;
    flow::Ledger ledger_;
    flow::Ledger::Reports reports_;
    flow::Ledger::Reports told_;  // those at hand
    sip::Message message_;
    sip::MessageWriter writer_;
    routing::Source source_;          // of the request at hand
    transaction::TimerSet timers_{};  // of whom it comes from
    policy::MessageRules rules_;
    policy::RuleSide side_;  // where the request at hand comes from
    const sip::Message* as_received_ = nullptr;
    sip::Message incoming_;  // what rules have made of the message at hand; a view of:
    std::string incoming_bytes_;
    sip::Message outgoing_;  // of what goes out, as the one that writes it has it, then as rules have made it
    std::string outgoing_bytes_;
    EngineCounters counters_;
    policy::PassCounters pass_counters_;
    static constexpr std::size_t kMostNodes = 512;  // kept for the next
    NodePool dialog_nodes_{kMostNodes};
    using DialogNode = std::pair<const Token, DialogRef>;
    std::unordered_map<Token, DialogRef, TagHash, std::equal_to<>, NodeAllocator<DialogNode>> dialogs_{
        NodeAllocator<DialogNode>(dialog_nodes_)};
    sdp::LocalMedia spare_media_;
    std::vector<wire::FlowSpec> spare_flows_;
    std::vector<std::uint64_t> changed_;
    std::vector<std::uint64_t> retired_;
    std::vector<std::uint64_t> answered_in_;  // by trunk
    std::vector<std::uint64_t> answered_out_;
    std::vector<std::uint64_t> shed_in_;
    std::size_t live_calls_ = 0;
    // Below what the layer and the calls hold timers in; the calls go before the layer.
    transaction::TransactionLayer layer_;
    relay::Relay relay_;
    static constexpr std::size_t kMostSpareCalls = 128;
    NodePool call_memory_{kMostSpareCalls};
    CallList calls_;
};

// The SDP of a message: what is there, or why it cannot be taken (body.cc).
struct Body {
    Shared<sdp::Session> sdp;
    unsigned status = 0;  // 0: fine; 415, 400
    std::string reason;
    // With 415: what would be taken. Accept, or Accept-Encoding (RFC 3261 §8.2.3).
    sip::ExtraHeader would_take{"Accept", policy::kAccept};
};
Body read_body(const sip::Message& message);

// Could SDP in a response be of use to whoever says this of Accept? Without any it could (RFC 3261 §20.1).
bool accepts_sdp(const sip::Message& request);

// The user part of an address, or the number of a tel: URI.
std::string user_of(std::string_view uri);

}  // namespace sallyport::call
