#pragma once
// The subscriptions that go through us (RFC 6665): SUBSCRIBE makes a dialog on either side, and each request of the one
// has its image on the other. The relay carries the requests; here is what they belong to.
//
// A SUBSCRIBE may be forked behind us: each notifier is heard by the NOTIFY that it sends first (§4.4.1), with a tag of
// its own, and gets a dialog of its own towards the subscriber; it may come before the response to the SUBSCRIBE, which
// then finds it. The first has the tag of our 2xx.
//
// A dialog ends with the NOTIFY that says `terminated`, with a 481 from either side, with a NOTIFY that nobody answers
// (§4.2.2), and 64*T1 after it has expired, so that what was late still finds it. Refreshing it is the subscriber's
// matter. Nothing of this outlives the process: later requests get 481, and the subscriber begins anew (§4.1.2.3).
//
// Bounds: `system.max-subscriptions`; kMaxNotifiers of each.

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/dialog/dialog.h"
#include "controlplane/relay/host.h"
#include "controlplane/sip/message.h"
#include "controlplane/transaction/path.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::relay {

inline constexpr std::size_t kSubscriber = 0;  // there we are the notifier
inline constexpr std::size_t kNotifier = 1;    // there we are the subscriber
inline constexpr std::size_t kMaxNotifiers = 8;

// Where one side of a subscription is.
struct End {
    transaction::Path peer;
    std::optional<std::uint16_t> trunk;  // none: a source of an open realm
};

struct SubscriptionCounters {
    std::uint64_t begun = 0;              // SUBSCRIBEs outside of a dialog that went on
    std::uint64_t refused = 0;            // for want of room
    std::uint64_t expired = 0;            // dialogs that nobody refreshed or ended
    std::uint64_t notifiers_ignored = 0;  // NOTIFYs of notifiers beyond the bound, or too late
};

class Subscriptions {
public:
    // One request of a subscription on its way through; a value that outlives all of it.
    struct Link {
        enum class Kind : std::uint8_t { kNone, kBegin, kRefresh, kNotify };
        Kind kind = Kind::kNone;
        std::uint64_t subscription = 0;
        std::string tag;            // ours towards the subscriber, of the dialog in question
        std::uint32_t expires = 0;  // what the request asks for
    };
    // What a request belongs to.
    struct Found {
        std::uint64_t subscription = 0;
        std::size_t leg = kSubscriber;  // on which it came
        std::string tag;                // "": of a notifier that is new
    };
    // Where a request that came on `leg` goes.
    struct Way {
        std::array<End, 2> ends;
        dialog::Dialog* from = nullptr;  // until the next call of anything here
        dialog::Dialog* to = nullptr;
        transaction::Path path;
        Link link;
    };

    Subscriptions(Host& host, std::size_t most);

    bool full() const { return all_.size() >= most_; }
    // `near`: as the SUBSCRIBE was accepted; `far`: as it is sent on, its CSeq that of the request.
    Link begin(const std::array<End, 2>& ends, dialog::Dialog near, dialog::Dialog far, const sip::Message& subscribe);
    void refuse_for_room() { ++counters_.refused; }
    // It has left with other addresses than `far` has.
    void readdress(const Link& link, const sip::Message& subscribe);
    // It could not be sent on.
    void abandon(const Link& link) { remove(link.subscription); }

    std::optional<Found> find(const sip::Message& request) const;
    // Takes what a request in order brings (CSeq, Contact), or says why it cannot: a status with its reason.
    struct Fault {
        unsigned status = 481;
        std::string reason;
    };
    std::expected<Way, Fault> take(const Found& found, const sip::Message& request);
    // It has gone on: NOTIFY that says `terminated` ends the dialog with it.
    void passed(const Link& link, const sip::Message& request);

    // The final response, before it is passed back. False: it is a 2xx that cannot be used. `to_tag`: of our response.
    bool on_response(const Link& link, const sip::Message& response, std::string& to_tag);
    void on_no_response(const Link& link);

    std::size_t size() const { return all_.size(); }
    const SubscriptionCounters& counters() const { return counters_; }
    const std::array<End, 2>* ends_of(const Found& found) const;
    bool may_come(const Found& found, const transaction::Path& from) const;

private:
    // A notifier's dialog, and its image towards the subscriber.
    struct Branch {
        Subscriptions* table = nullptr;
        std::uint64_t subscription = 0;
        std::array<dialog::Dialog, 2> dialogs;
        bool over = false;  // terminated before the response to the SUBSCRIBE has come
        Timer timer;        // its end
        void on_expired(Instant now);
    };
    struct Subscription {
        std::array<End, 2> ends;
        dialog::Dialog near;  // what each branch begins as
        dialog::Dialog far;
        Instant listen_until{};     // to new notifiers
        std::uint32_t expires = 0;  // what was asked for, or granted
        bool begun = false;         // the SUBSCRIBE has its response
        std::vector<std::unique_ptr<Branch>> branches;
        std::uint64_t number = 0;
    };

    Duration margin() const;
    const dialog::Dialog* dialog_of(const Found& found) const;  // nullptr: of a notifier that is new
    Subscription* find(std::uint64_t number);
    static Branch* branch_with(Subscription& s, std::size_t leg, std::string_view remote_tag);
    static Branch* branch_of_tag(Subscription& s, std::string_view tag);
    Branch* add_branch(Subscription& s, dialog::Dialog far);
    void forget_tag(std::string_view tag);
    void arm(Branch& branch, std::uint32_t expires);
    void end(Subscription& s, std::string_view tag);
    void bury(Subscription& s);
    void remove(std::uint64_t number);

    struct TagHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view tag) const { return std::hash<std::string_view>()(tag); }
    };

    Host& host_;
    std::size_t most_;
    std::uint64_t next_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Subscription>> all_;
    std::unordered_map<std::string, std::uint64_t, TagHash, std::equal_to<>> by_tag_;  // ours, of both sides
    SubscriptionCounters counters_;
};

}  // namespace sallyport::relay
