#pragma once
// A back-to-back user agent call: what comes on one leg goes on, as a message of its own, on the other.
//
//   kCalling --18x--> kRinging --2xx--> kAnswered --ACK--> kUp --BYE, limit--> kReleasing --> kEnded
//      |                 |                  |
//      +-- CANCEL, no answer, our refusal --+--> kCancelling --final response--> kEnded
//      +-- 3xx-6xx ---------------------------------------------------------> kEnded
//
// The ACK to the callee's 2xx is sent at once, not when the caller's comes: the callee need not repeat its 2xx
// because the caller's ACK is late. Only when the 2xx carries an offer it waits for the answer in that ACK.
// Flows are asked for with the first description that makes them possible, and the SDP goes on without waiting
// for the dataplane: commands leave before messages, and media begins a round trip later at the earliest. A
// refusal by the dataplane ends the call: 503 before the answer, BYE after it.
//
// A re-INVITE crosses the same way (call_modify.cc). We never start one and so never wait for a glare timer: 491
// passes to the side that asked, where one end owns the Call-ID and the other does not (RFC 3261 §14.1).
//
// kEnded lasts until the flows' last counters have come and no INVITE transaction of the call can bring a late 2xx.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/call/call_limits.h"
#include "controlplane/call/call_record.h"
#include "controlplane/call/engine.h"
#include "controlplane/call/leg.h"
#include "controlplane/flow/ledger.h"
#include "controlplane/flow/media_plan.h"
#include "controlplane/policy/message_rules.h"
#include "controlplane/policy/passed_status.h"
#include "controlplane/policy/passing.h"
#include "controlplane/routing/router.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/boxed.h"
#include "platform/base/node_pool.h"
#include "platform/base/shared.h"

namespace sallyport::call {

class Call;
class EngineCore;

// Its memory goes back to where it is from (EngineCore::new_call).
struct CallDeleter {
    NodePool* memory = nullptr;
    void operator()(Call* call) const;
};
using CallPtr = std::unique_ptr<Call, CallDeleter>;

enum class State : std::uint8_t { kCalling, kRinging, kAnswered, kUp, kCancelling, kReleasing, kEnded };

// Why a call ends, for its record and for Reason headers of ours.
struct Ending {
    EndedBy by = EndedBy::kSallyport;
    std::uint16_t code = 200;
    std::string_view text;
};

using policy::passed_status;
// `SIP;cause=408;text="No answer"`
std::string reason_value(const Ending& ending);

// What an exported call begins with (export.cc).
struct ExportHead {
    std::uint16_t version = 0;
    std::uint8_t kind = 0;
    CallRecord record;
    ByteReader rest;  // what stands behind; the bytes are the exported ones
};

class Call {
public:
    Call(EngineCore& core, std::uint64_t number, std::uint16_t caller_realm, std::uint16_t callee_realm);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    std::uint64_t number() const { return number_; }
    State state() const { return state_; }
    bool live() const { return state_ != State::kEnded; }

    // --- inputs, called by the core; `now` is the core's
    // The INVITE has been judged and routed. Media ports are taken and the INVITE goes on, or it is refused.
    void start(transaction::ServerId server, const transaction::Path& from, const sip::Message& invite,
               const routing::Source& source, const routing::Target& target, dialog::Dialog dialog,
               Shared<sdp::Session> offer);
    void on_request(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                    const sip::Message& request);
    void on_ack(std::size_t leg, const sip::Message& ack);
    bool on_orphan(std::size_t leg, const sip::Message& response);  // export.cc
    void on_cancel(transaction::ServerId invite, const sip::Message& cancel);
    void on_response(transaction::ClientId id, const sip::Message& response);
    void on_client_failure(transaction::ClientId id, transaction::ClientFailure why);
    void on_client_terminated(transaction::ClientId id);
    void on_server_failure(transaction::ServerId id);
    void on_flow_report(const flow::FlowReport& report);

    bool owns(std::size_t leg, const sip::Message& request) const;  // is it of one of this leg's dialogs?
    bool may_come(std::size_t leg, const transaction::Path& from, const sip::Message& message);

    // --- export.cc
    // False: it is longer than kMaxSave, and only its head has been written.
    bool export_to(std::vector<std::byte>& out, Now now) const;
    static std::expected<CallPtr, std::string> import_from(EngineCore& core, const ExportHead& head, Now now);
    // After the import, when the call stands in the core's tables: go on, or end as "interrupted".
    bool resume();

    // --- inspect.cc
    CallView view() const;
    const Leg& leg(std::size_t i) const { return legs_[i]; }
    transaction::TimerSet timer_set(std::size_t leg) const;

    // --- whose rules apply
    policy::RuleSide side(std::size_t i) const { return {legs_[i].realm, legs_[i].trunk}; }
    policy::RuleSide asking_side() const { return side(exchange_.from); }     // of the INVITE under way
    std::optional<policy::RuleSide> side_of(transaction::ClientId id) const;  // nullopt: it is over
    bool answered() const { return notes_.answer.has_value(); }
    // Was it sent by the same peer, for the same number, to the same place?
    bool came_by(const routing::Source& source, std::uint16_t route, std::string_view called) const;

private:
    friend class EngineCore;
    friend class CallList;

    // A client transaction of ours that has not ended.
    struct ClientRef {
        transaction::ClientId id;
        std::size_t leg = 0;
        bool invite = false;
        bool answered = false;  // an INVITE with its 2xx: only repetitions and forks can come
        // That 2xx has its ACK, which goes again on each repetition of it (RFC 3261 §13.2.2.4): made anew, or this one
        // when it has something of the other side's in it.
        bool acked = false;
        transaction::Path ack_path{};
        std::string ack{};
    };

    // What its record will say and nothing else of it does.
    struct Notes {
        WallTime invite{};
        std::optional<WallTime> ringing;
        std::optional<WallTime> answer;
        std::string from_user;
        std::string to_user;
        std::vector<std::string> codecs;
        std::vector<StreamRecord> streams;
        std::uint16_t route = 0;
        bool quality_complete = true;
    };
    struct Ended {
        WallTime at{};
        EndedBy by = EndedBy::kNone;
        std::uint16_t code = 0;
        std::string reason;
    };
    // A record as it stands, without copies.
    struct Told {
        std::array<std::array<char, Endpoint::kMaxText>, 2> peers;
        CallRecordText text;
    };

    // A BYE for which the table of client transactions had no room.
    struct ByeRetry {
        Timer timer;
        Instant give_up;
    };

    // call_setup.cc: from the INVITE to the final response
    void begin_record(const sip::Message& invite, std::uint16_t route);
    void send_invite(const sip::Message& invite, std::string_view body);
    void on_invite_response(const sip::Message& response);
    void on_provisional(const sip::Message& response);
    void on_failure_response(const sip::Message& response);
    std::string_view preview(Branch& branch, const sip::Message& response);
    Branch* branch_for(const sip::Message& response);
    void refuse(std::uint16_t status, std::string_view text);
    void refuse_with(std::uint16_t status, const Ending& ending, const sip::Message* cause);
    void cancel_setup(std::uint16_t status, const Ending& ending, const sip::Message* cause);
    void arm_no_answer();
    void renew_timer_c();
    void stop_waiting();
    void on_no_answer(Instant now);

    // call_answer.cc: 2xx and ACK
    void on_answer(const sip::Message& response);
    void adopt(Branch& branch);
    sdp::OfferAnswer& media_of(Branch& branch, std::size_t leg) {
        return branch.media ? (*branch.media)[leg] : legs_[leg].media;
    }
    void fail_answer();
    bool take_answer(Branch& branch, const sip::Message& response, std::string_view& body);
    bool take_late_offer(Branch& branch, const sip::Message& response, std::string_view& body);
    bool relay_late_offer(sdp::OfferAnswer& from, sdp::OfferAnswer& to, std::size_t to_leg, Shared<sdp::Session> offer,
                          std::string_view& body);
    bool write_ok(const sip::Message& response, std::string_view body);
    void send_ok();
    void repeat_ok(Instant now);
    bool pass_late_answer(const sip::Message& ack);
    void answered_without_ack();
    void finish_exchange();
    void send_ack(std::size_t leg, transaction::ClientId invite, std::uint32_t cseq, std::string_view body,
                  const sip::Message* cause);
    void repeat_ack(const ClientRef& client, const sip::Message& response);
    void dismiss(const sip::Message& response);

    // call_modify.cc: requests within the dialogs
    dialog::Dialog& dialog_of(std::size_t leg, const sip::Message& request);
    void pass_request(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                      const sip::Message& request);
    unsigned busy_status(std::size_t leg) const;
    void on_reinvite(transaction::ServerId id, const transaction::Path& from, std::size_t leg,
                     const sip::Message& request);
    void pass_reinvite(const sip::Message& request, std::uint8_t max_forwards, std::string_view offer);
    void on_reinvite_response(const sip::Message& response);
    void on_reinvite_answer(const sip::Message& response);
    bool take_reinvite_answer(const sip::Message& response, std::string_view& body);
    void fail_reinvite(unsigned status, const sip::Message* cause);
    void roll_back();

    // call_release.cc: the end, and the client transactions
    void on_bye(transaction::ServerId id, std::size_t leg, const sip::Message& bye);
    void release(const Ending& ending, const sip::Message* bye = nullptr);
    void send_bye(std::size_t leg, const sip::Message* cause);
    bool try_bye(std::size_t leg, const sip::Message* cause);
    void on_bye_due(Instant now);
    void close(const Ending& ending);
    void tell(Told& told) const;
    bool pending() const;
    void settle();
    void finish_record();
    void shrink();
    void on_counters_late(Instant now);
    void arm_limit();
    void on_limit(Instant now);
    void forget_client(transaction::ClientId id);
    void mark_answered(transaction::ClientId id);
    void late_answer(ClientRef& client, const sip::Message& response);

    // call_media.cc
    bool open_media(const sdp::Session& offer);
    const sdp::LocalMedia& local_media(std::size_t leg) const;  // until the next call
    bool want_flows();                                          // those of plan_
    bool apply_media(const sdp::Session* from_caller, const sdp::Session* from_callee, bool final);
    void note_codecs();
    void drop_media();
    void note_counters(const flow::FlowReport& report);
    void on_media_rejected();
    void note_silence();

    // call_messages.cc
    policy::Passage passage(std::size_t from) const;
    const config::Timers& timers(std::size_t leg) const;
    transaction::Path path(std::size_t leg) const { return path(leg, legs_[leg].dialog); }
    transaction::Path path(std::size_t leg, const dialog::Dialog& dialog) const;
    transaction::Path answer_path(std::size_t leg) const;  // where the answer to the INVITE under way goes
    std::optional<transaction::ClientId> send_request(std::size_t leg, const transaction::Path& to,
                                                      std::string_view method, std::string_view bytes);
    // What the rules have dealt with already.
    std::optional<transaction::ClientId> send_ruled(std::size_t leg, const transaction::Path& to,
                                                    std::string_view method, std::string_view bytes);
    void begin(const transaction::Path& to, const dialog::Dialog& dialog, std::string_view method, std::uint32_t cseq,
               std::string_view branch, std::uint8_t max_forwards = policy::kMaxForwards);
    void answer(transaction::ServerId id, unsigned status, std::string_view reason, std::string_view to_tag,
                std::span<const sip::ExtraHeader> extra = {});
    void prepare_failure();
    void prepare_cancel(std::size_t leg, const transaction::Path& to, std::string_view branch);
    void write_contact(std::size_t leg);
    void write_product(sip::HeaderId id);
    void write_reason(const Ending& ending);
    void write_required(unsigned status);
    std::string_view tag_of(std::size_t leg) const { return legs_[leg].dialog.local_tag(); }

    // What a CANCEL or BYE says of why: of the other side's message as far as it crosses, or our own words; or "".
    std::string reason_for(std::size_t from, const sip::Message* cause, const Ending& ending) const;
    void cancel_invite(const std::string& reason);

    void changed();

    // export.cc
    bool stable() const;
    void take_notes(const CallRecord& record);
    void export_head(ByteWriter& out, const CallRecordText& text) const;
    void export_leg(ByteWriter& out, const Leg& leg, const LegRecordText& known) const;
    void export_exchange(ByteWriter& out, Now now) const;
    std::expected<void, std::string> import_exchange(ByteReader& in, Now now);
    std::expected<void, std::string> import_leg(ByteReader& in, std::uint8_t head_kind, Leg& leg,
                                                const LegRecord& known);
    std::expected<void, std::string> import_rest(ByteReader& in, Now now);
    void interrupt();
    void abort_exchange();
    void resend(Instant give_up);

    // inspect.cc
    std::string_view state_name() const;
    LegView leg_view(std::size_t leg) const;

    EngineCore& core_;
    std::uint64_t number_;
    Call* older_ = nullptr;  // of CallList
    Call* newer_ = nullptr;
    State state_ = State::kCalling;
    bool closed_ = false;       // over for its record and its media
    bool record_done_ = false;  // the record is out
    bool shrunk_ = false;       // over, but for a late 2xx
    bool retired_ = false;      // the core will delete it
    bool media_silent_ = false;
    bool dirty_ = false;  // the core's: is in the list of those to be saved
    std::uint8_t import_kind_ = 0;
    std::size_t finals_left_ = 0;  // flows of a closed call whose last counters have not come
    std::array<Leg, 2> legs_;
    Exchange exchange_;
    std::vector<Branch> branches_;
    transaction::ClientId invite_client_;  // of the initial INVITE, for the life of the call
    std::uint32_t invite_cseq_ = 0;        // of that
    std::vector<ClientRef> clients_;       // those that may still say something
    std::vector<std::string> dismissed_;   // To tags of the 2xx that got ACK and BYE
    flow::MediaPlan plan_;
    CallLimits::Permit permit_;  // until it is over
    Notes notes_;
    Boxed<Ended> ended_;          // once it is closed
    Boxed<CallRecord> imported_;  // of a call of another process, when it has names that the configuration has not
    Instant limit_at_ = kNever;
    Timer end_timer_;  // the longest duration of the call; when it is closed, the wait for its last counters
    std::unique_ptr<ByeRetry> bye_retry_;
};

}  // namespace sallyport::call
