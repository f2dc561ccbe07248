#pragma once
// What the relay needs of the engine around it.

#include <span>
#include <string>
#include <string_view>

#include "controlplane/policy/message_rules.h"
#include "controlplane/policy/passing.h"
#include "controlplane/routing/router.h"
#include "controlplane/sip/message_writer.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/inline_text.h"
#include "platform/base/random.h"
#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::relay {

class Host {
public:
    virtual ~Host() = default;

    virtual Now now() const = 0;
    virtual const config::ControlView& view() const = 0;
    virtual RandomSource& random() = 0;
    virtual transaction::TransactionLayer& layer() = 0;
    virtual TimerWheel& wheel() = 0;
    virtual sip::MessageWriter& writer() = 0;
    virtual policy::PassCounters& pass_counters() = 0;
    virtual routing::Router& router() = 0;

    using Token = InlineText<40>;
    virtual Token make_tag() = 0;
    virtual Token make_call_id() = 0;
    // "SIP/2.0/UDP 192.0.2.1:5060" and "<sip:192.0.2.1:5060>": what we are on this way.
    virtual std::string_view via(const transaction::Path& path) const = 0;
    virtual std::string_view contact(const transaction::Path& path) const = 0;
    // The value of Allow where these pass.
    virtual std::string_view allow(config::MethodSet methods) const = 0;

    // A message that came, as the inbound rules of that side leave it. nullptr: a request that goes beyond a bound
    // (513).
    virtual const sip::Message* inbound(const policy::RuleSide& side, const sip::Message& message) = 0;
    // The message that came, while one that rules have changed is dealt with; else nullptr.
    virtual const sip::Message* as_received() const = 0;
    // A request of ours, as the outbound rules of that side leave it; "" when it goes beyond a bound.
    virtual std::string_view outbound(const policy::RuleSide& side, std::string_view bytes) = 0;

    // What outbound() has made last, if it was other bytes than it got.
    virtual const sip::Message& outgoing() const = 0;

    // `side`: of whom it goes to. A response of ours with nothing of anybody else in it.
    virtual void respond(const policy::RuleSide& side, transaction::ServerId id, unsigned status,
                         std::string_view reason, std::string_view to_tag, std::span<const sip::ExtraHeader> extra) = 0;
    // Sends the final response that stands in writer(), with this body; its Content-Type stands there too.
    virtual void conclude(const policy::RuleSide& side, transaction::ServerId id, unsigned status,
                          std::string_view to_tag, std::string_view body) = 0;
};

}  // namespace sallyport::relay
