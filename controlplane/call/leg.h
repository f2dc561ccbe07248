#pragma once
// One side of a call. Leg 0 is the caller's: there we are the UAS of the INVITE; leg 1 is the callee's: there
// we are its UAC. Once the call is up both behave alike.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/dialog/dialog.h"
#include "controlplane/flow/media_plan.h"
#include "controlplane/transaction/ids.h"
#include "controlplane/transaction/path.h"
#include "media/offer_answer/offer_answer.h"
#include "platform/base/boxed.h"
#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::call {

inline constexpr std::size_t kCaller = flow::kCaller;
inline constexpr std::size_t kCallee = flow::kCallee;
constexpr std::size_t other(std::size_t leg) { return 1 - leg; }

struct Leg {
    explicit Leg(std::uint64_t sdp_session) : media(sdp_session) {}

    std::uint16_t realm = 0;
    std::optional<std::uint16_t> trunk;  // none: a source of an open realm
    transaction::Path peer;              // where the INVITE came from, or went to
    dialog::Dialog dialog;
    sdp::OfferAnswer media;
    bool secure = false;       // of a call to sips: nothing goes here but over TLS
    bool established = false;  // a 2xx was sent (leg 0) or received (leg 1)
    bool bye_wanted = false;   // BYE waits for the ACK to our 2xx (RFC 3261 §15), or for room to send it
    bool bye_done = false;     // nothing more is to be said on this leg
    std::string bye_reason;    // for the Reason of a BYE that has nothing else of the other side's

    std::uint32_t imported_cseq = 0;  // of requests that another process sent (export.cc)
};

// One early dialog on the callee's leg and its image on the caller's: a fork downstream gives several, each
// with its own To tag and its own SDP state on both legs (RFC 3261 §12.1, RFC 3960 §3.1.1).
struct Branch {
    Branch(const Leg& caller, const Leg& callee) : dialogs{caller.dialog, callee.dialog} {}

    std::array<dialog::Dialog, 2> dialogs;  // by leg
    // Its own from the first description on that it sends before the 2xx; without one that of the legs serves.
    Boxed<std::array<sdp::OfferAnswer, 2>> media;
};

// What an INVITE needs only while it is on its way.
struct ExchangeDetail {
    std::string target;        // of the re-INVITE's Contact; in force with the 2xx
    transaction::Path source;  // the peer of the re-INVITE's leg; in force with the 2xx
    Timer timer;               // for an answer to come; from our 2xx on for its ACK
    Instant no_answer_at{};    // when there will be none, whatever Timer C says
    // While answered (RFC 3261 §13.3.1.4). After a restart `ok` may be a failure: see export.cc.
    std::string ok;
    transaction::Path ok_path;
    Duration interval{};
    Instant give_up{};
    // For a process that finds this unfinished: the failure that the one side gets, the CANCEL for the other.
    std::string failure;
    std::string cancel;
    transaction::Path cancel_path;
};

// One INVITE on its way through: the initial one or a re-INVITE of either side. To assign {} gives all its memory back.
struct Exchange {
    bool active = false;
    bool initial = false;
    bool late_offer = false;     // no SDP in the INVITE: the offer comes with the 2xx, the answer with the ACK
    bool cancelled = false;      // CANCEL has been passed on
    bool answered = false;       // our 2xx is out, its ACK is awaited
    bool aborted = false;        // it is no 2xx, but the failure of an INVITE that a crash cut off
    std::size_t from = kCaller;  // the leg on which the INVITE came
    transaction::ServerId server;
    transaction::ClientId client;
    std::uint32_t cseq_in = 0;
    std::uint32_t cseq_out = 0;
    std::unique_ptr<ExchangeDetail> detail;  // there as long as it is active

    void begin() {
        active = true;
        detail = std::make_unique<ExchangeDetail>();
    }
};

}  // namespace sallyport::call
