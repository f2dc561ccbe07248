#pragma once
// Requests that are no call: MESSAGE, OPTIONS, PUBLISH and, by policy, methods that nobody knows; those within the
// dialog of a call that belong to the users (INFO, MESSAGE, ...); SUBSCRIBE and the NOTIFYs that come of it. Each goes
// on as a request of our own, through the same hiding as a call, and its final response comes back: as a
// transaction-stateful element, at both ends a user agent (RFC 3261 §6). Nothing is kept when the response is out but
// the dialogs of subscriptions (subscriptions.h).
//
// RFC 4320: no provisional response, and no 408. When the far side does not answer, nothing is sent; the server
// transaction absorbs what is repeated until the client has given up.
//
// Bounds: the table of requests under way (above it 503 with Retry-After, `requests-shed`), the bodies (content.h), and
// those of what crosses of one message (controlplane/policy).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>

#include "controlplane/dialog/dialog.h"
#include "controlplane/policy/methods.h"
#include "controlplane/policy/passing.h"
#include "controlplane/relay/host.h"
#include "controlplane/relay/subscriptions.h"
#include "controlplane/routing/router.h"

namespace sallyport::relay {

struct Counters {
    std::uint64_t passed = 0;      // sent on
    std::uint64_t answered = 0;    // their final responses, passed back
    std::uint64_t unanswered = 0;  // no final response, or a 408
    std::uint64_t refused = 0;     // by us, whatever the reason
    std::uint64_t shed = 0;        // of these, for want of room or because of overload
    std::uint64_t methods_refused = 0;
    std::uint64_t extensions_refused = 0;
    std::uint64_t bodies_refused = 0;
};

// A request of a dialog, and where it goes.
struct InDialog {
    policy::Passage passage;
    policy::Methods methods;       // that may pass
    policy::RuleSide near_rules;   // of the side that it comes from,
    policy::RuleSide far_rules;    // and of that to which it goes
    const dialog::Dialog& dialog;  // of the other side; the request gets the next number of its CSeq
    transaction::Path to;
};

class Relay {
public:
    // In the context of each transaction that is the relay's; the numbers of calls are far below.
    static constexpr std::uint64_t kOurs = std::uint64_t{1} << 63;
    static bool owns(std::uint64_t context) { return (context & kOurs) != 0; }

    // `most`: requests under way; and subscriptions.
    Relay(Host& host, std::size_t most, std::size_t most_subscriptions);

    // Whether it is for us and not for somebody behind us: OPTIONS without a user (RFC 3261 §11), or one that may not
    // go any further (§16.3 step 3).
    static bool for_us(const sip::Message& request);

    // A request outside of any dialog. It is answered here, or it goes on.
    void on_request(transaction::ServerId id, const transaction::Path& from, const routing::Source& source,
                    const sip::Message& request);
    // One within a dialog of ours. True: it has gone on, and the dialog's CSeq is used; false: it was answered.
    bool on_dialog_request(transaction::ServerId id, const transaction::Path& from, const sip::Message& request,
                           const InDialog& way);
    // One within the dialog of a subscription, as subscriptions().find() has found it.
    void on_subscription_request(transaction::ServerId id, const transaction::Path& from, const sip::Message& received,
                                 const Subscriptions::Found& found);
    const Subscriptions& subscriptions() const { return subscriptions_; }
    // One that there is no time for.
    void count_shed() {
        ++counters_.shed;
        ++counters_.refused;
    }

    // Of transactions whose context is ours.
    void on_response(std::uint64_t context, const sip::Message& received);
    void on_client_failure(std::uint64_t context, transaction::ClientFailure why);
    void on_server_failure(std::uint64_t context);

    std::size_t under_way() const { return pending_.size(); }
    const Counters& counters() const { return counters_; }

private:
    // One request on its way through.
    struct Pending {
        transaction::ServerId server;
        transaction::ClientId client;
        sip::Method method = sip::Method::kOther;
        config::MethodSet methods;  // for an Allow of ours
        transaction::Path near;     // where it came from
        transaction::Path far;      // where it went
        policy::RuleSide near_rules;
        policy::RuleSide far_rules;
        std::string to_tag;  // of our responses; of use where the request had none
        Subscriptions::Link link{};
    };
    struct Refusal {
        unsigned status = 500;
        std::string reason;
        std::string_view header;  // "" or the name of one more header
        std::string value;
    };

    static Refusal plain(unsigned status, std::string_view header = {}, std::string_view value = {});
    std::expected<routing::Target, Refusal> judge(const routing::Source& source, const sip::Message& request);
    std::expected<void, Refusal> judge_any(const sip::Message& request, const policy::Methods& methods);
    // Sends it on. `dialog`: of the other side, or what the request is to be the first of.
    std::expected<void, Refusal> pass(Pending pending, const sip::Message& request, const policy::Passage& passage,
                                      const policy::HiddenNames& hidden, const dialog::Dialog& dialog);
    // relay_subscribe.cc
    std::expected<void, Refusal> begin_subscription(Pending pending, const routing::Source& source,
                                                    const routing::Target& target, const sip::Message& request,
                                                    const policy::Passage& passage, const policy::HiddenNames& hidden,
                                                    const dialog::Dialog& beyond);
    void refuse(const policy::RuleSide& side, transaction::ServerId id, const Refusal& refusal,
                std::string_view to_tag);
    void pass_response(const Pending& pending, const sip::Message& response);

    Host& host_;
    std::size_t most_;
    std::uint64_t next_ = 0;
    std::unordered_map<std::uint64_t, Pending> pending_;  // by context
    Subscriptions subscriptions_;
    Counters counters_;
};

}  // namespace sallyport::relay
