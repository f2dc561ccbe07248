// Requests that make a subscription, or belong to one.

#include <utility>

#include "controlplane/policy/hidden_names.h"
#include "controlplane/relay/relay.h"
#include "controlplane/relay/way.h"

namespace sallyport::relay {

namespace {

using sip::Method;

constexpr std::string_view kRetryAfter = "5";

}  // namespace

std::expected<void, Relay::Refusal> Relay::begin_subscription(
    Pending pending, const routing::Source& source, const routing::Target& target, const sip::Message& request,
    const policy::Passage& passage, const policy::HiddenNames& hidden, const dialog::Dialog& beyond) {
    if (subscriptions_.full()) {
        subscriptions_.refuse_for_room();
        return std::unexpected(plain(503, "Retry-After", kRetryAfter));
    }
    // The dialog on this side is what its peer has begun, whatever rules have made of it.
    const auto* received = host_.as_received();
    auto near = dialog::accept(received == nullptr ? request : *received, pending.to_tag);
    if (!near) return std::unexpected(Refusal{400, std::string(near.error()), {}, {}});
    auto far = beyond;
    ++far.local_cseq;
    std::array<End, 2> ends{End{pending.near, std::nullopt}, End{pending.far, target.trunk}};
    if (source.kind == routing::Source::Kind::kTrunk) ends[kSubscriber].trunk = source.trunk;
    pending.link = subscriptions_.begin(ends, std::move(*near), std::move(far), request);
    const auto link = pending.link;
    auto done = pass(std::move(pending), request, passage, hidden, beyond);
    if (!done) subscriptions_.abandon(link);
    return done;
}

void Relay::on_subscription_request(transaction::ServerId id, const transaction::Path& from,
                                    const sip::Message& received, const Subscriptions::Found& found) {
    const auto& view = host_.view();
    const auto ends = *subscriptions_.ends_of(found);
    const auto rules = [&](const End& end) {
        return policy::RuleSide{view.sip_interfaces.at(end.peer.sip_interface).realm, end.trunk};
    };
    const auto near = rules(ends.at(found.leg));
    const auto far = rules(ends.at(1 - found.leg));
    const auto* ruled = host_.inbound(near, received);
    if (ruled == nullptr) return refuse(near, id, plain(513), {});
    const auto& request = *ruled;
    const auto methods = policy::methods_between(view, near.realm, far.realm);
    if (const auto any = judge_any(request, methods); !any) return refuse(near, id, any.error(), {});
    if (received.method() != (found.leg == kSubscriber ? Method::kSubscribe : Method::kNotify)) {
        ++counters_.methods_refused;
        return refuse(near, id, plain(405, "Allow", host_.allow(methods.known)), {});
    }
    const auto way = subscriptions_.take(found, received);
    if (!way) return refuse(near, id, {way.error().status, way.error().reason, {}, {}}, {});
    const auto& here = ends.at(found.leg).peer;
    const auto& there = ends.at(1 - found.leg).peer;
    const policy::Passage passage{policy::make_side(view, here.sip_interface, here.remote),
                                  policy::make_side(view, there.sip_interface, there.remote),
                                  {way->from->call_id(), way->from->local_tag(), way->from->remote_tag()},
                                  host_.as_received()};
    const policy::HiddenNames hidden(request, passage);
    Pending pending{.server = id,
                    .client = {},
                    .method = request.method(),
                    .methods = methods.known,
                    .near = from,
                    .far = way->path,
                    .near_rules = near,
                    .far_rules = far,
                    .to_tag = {},
                    .link = way->link};
    if (const auto done = pass(std::move(pending), request, passage, hidden, *way->to); !done)
        return refuse(near, id, done.error(), {});
    ++way->to->local_cseq;
    subscriptions_.passed(way->link, received);
}

}  // namespace sallyport::relay
