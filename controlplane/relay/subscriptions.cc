#include "controlplane/relay/subscriptions.h"

#include <algorithm>
#include <utility>

#include "controlplane/relay/way.h"
#include "controlplane/sip/headers.h"

namespace sallyport::relay {

namespace {

using sip::HeaderId;

// RFC 6665 §3.1.1 leaves the default to the event package; where nobody has said it, an hour.
constexpr std::uint32_t kDefaultExpires = 3600;
// Whoever asks for more is kept so long; his peer hears 481 then, and he subscribes anew.
constexpr std::uint32_t kLongestExpires = 30 * 24 * 3600;

std::uint32_t expires_of(const sip::Message& message, std::uint32_t otherwise) {
    return std::min(sip::parse_delta_seconds(message.value(HeaderId::kExpires)).value_or(otherwise), kLongestExpires);
}

// `active;expires=600`, `terminated;reason=timeout` (RFC 6665 §8.4).
struct State {
    bool terminated = false;
    std::optional<std::uint32_t> expires;
};
State state_of(const sip::Message& notify) {
    const auto value = notify.value(HeaderId::kSubscriptionState);
    const auto end = std::min(value.find(';'), value.size());
    State out;
    out.terminated = sip::iequals(sip::trim(value.substr(0, end)), "terminated");
    if (end < value.size()) out.expires = sip::parse_delta_seconds(sip::ParamList(value.substr(end)).value("expires"));
    return out;
}

}  // namespace

Subscriptions::Subscriptions(Host& host, std::size_t most) : host_(host), most_(most) {}

Duration Subscriptions::margin() const { return 64 * Duration(host_.view().system.t1); }

Subscriptions::Link Subscriptions::begin(const std::array<End, 2>& ends, dialog::Dialog near, dialog::Dialog far,
                                         const sip::Message& subscribe) {
    const auto number = ++next_;
    auto& s = *all_.emplace(number, std::make_unique<Subscription>()).first->second;
    s.number = number;
    s.ends = ends;
    s.expires = expires_of(subscribe, kDefaultExpires);
    s.listen_until = host_.now().instant + margin();
    s.near = std::move(near);
    s.far = std::move(far);
    by_tag_.emplace(s.near.local_tag(), number);
    by_tag_.emplace(s.far.local_tag(), number);
    ++counters_.begun;
    return {Link::Kind::kBegin, number, std::string(s.near.local_tag()), s.expires};
}

void Subscriptions::readdress(const Link& link, const sip::Message& subscribe) {
    if (auto* s = find(link.subscription)) dialog::readdress(s->far, subscribe);
}

Subscriptions::Subscription* Subscriptions::find(std::uint64_t number) {
    const auto it = all_.find(number);
    return it == all_.end() ? nullptr : it->second.get();
}

Subscriptions::Branch* Subscriptions::branch_with(Subscription& s, std::size_t leg, std::string_view remote_tag) {
    const auto it =
        std::ranges::find_if(s.branches, [&](const auto& b) { return b->dialogs.at(leg).remote_tag() == remote_tag; });
    return it == s.branches.end() ? nullptr : it->get();
}

Subscriptions::Branch* Subscriptions::branch_of_tag(Subscription& s, std::string_view tag) {
    const auto it =
        std::ranges::find_if(s.branches, [&](const auto& b) { return b->dialogs[kSubscriber].local_tag() == tag; });
    return it == s.branches.end() ? nullptr : it->get();
}

// RFC 3261 §12.2.2: Call-ID and both tags.
std::optional<Subscriptions::Found> Subscriptions::find(const sip::Message& request) const {
    const auto tag = by_tag_.find(request.to_tag());
    if (tag == by_tag_.end()) return std::nullopt;
    const auto& s = *all_.at(tag->second);
    for (const auto& branch : s.branches) {
        if (branch->over) continue;
        for (const auto leg : {kSubscriber, kNotifier}) {
            if (dialog::matches(branch->dialogs.at(leg), request))
                return Found{s.number, leg, std::string(branch->dialogs[kSubscriber].local_tag())};
        }
    }
    // RFC 6665 §4.4.1: a NOTIFY begins the dialog of a notifier that has not been heard of.
    const bool ours = request.to_tag() == s.far.local_tag() && request.call_id() == s.far.call_id();
    if (!ours || request.method() != sip::Method::kNotify || request.from_tag().empty()) return std::nullopt;
    for (const auto& branch : s.branches)
        if (branch->dialogs[kNotifier].remote_tag() == request.from_tag()) return std::nullopt;  // it is over
    return Found{s.number, kNotifier, {}};
}

const std::array<End, 2>* Subscriptions::ends_of(const Found& found) const {
    const auto it = all_.find(found.subscription);
    return it == all_.end() ? nullptr : &it->second->ends;
}

bool Subscriptions::may_come(const Found& found, const transaction::Path& from) const {
    const auto& end = ends_of(found)->at(found.leg);
    return relay::may_come(host_.view(), end.peer, end.trunk, dialog_of(found), from);
}

const dialog::Dialog* Subscriptions::dialog_of(const Found& found) const {
    const auto it = all_.find(found.subscription);
    if (it == all_.end()) return nullptr;
    for (const auto& branch : it->second->branches)
        if (branch->dialogs[kSubscriber].local_tag() == found.tag) return &branch->dialogs.at(found.leg);
    return nullptr;
}

// `far`: of the notifier, established.
Subscriptions::Branch* Subscriptions::add_branch(Subscription& s, dialog::Dialog far) {
    const bool late = s.begun && host_.now().instant >= s.listen_until;
    if (s.branches.size() >= kMaxNotifiers || late) {
        ++counters_.notifiers_ignored;
        return nullptr;
    }
    auto branch = std::make_unique<Branch>();
    branch->table = this;
    branch->subscription = s.number;
    branch->dialogs[kSubscriber] = s.near;
    branch->dialogs[kNotifier] = std::move(far);
    if (!s.branches.empty()) {  // the first has the tag of our 2xx
        branch->dialogs[kSubscriber].set_local_tag(host_.make_tag());
        by_tag_.emplace(branch->dialogs[kSubscriber].local_tag(), s.number);
    }
    s.branches.push_back(std::move(branch));
    auto& added = *s.branches.back();
    arm(added, s.expires);
    return &added;
}

void Subscriptions::arm(Branch& branch, std::uint32_t expires) {
    const auto end = host_.now().instant + std::chrono::seconds(expires) + margin();
    host_.wheel().arm<&Branch::on_expired>(branch.timer, end, &branch);
}

std::expected<Subscriptions::Way, Subscriptions::Fault> Subscriptions::take(const Found& found,
                                                                            const sip::Message& request) {
    const auto gone = Fault{481, std::string(sip::default_reason(481))};
    auto* s = find(found.subscription);
    if (s == nullptr) return std::unexpected(gone);
    auto* branch = found.tag.empty() ? nullptr : branch_of_tag(*s, found.tag);
    if (branch == nullptr) {
        auto heard = dialog::accept(request, s->far.local_tag());
        if (!heard) return std::unexpected(Fault{400, std::string(heard.error())});
        heard->set_local(s->far.local());
        heard->local_cseq = s->far.local_cseq;
        branch = add_branch(*s, std::move(*heard));
        if (branch == nullptr) return std::unexpected(gone);
    } else {
        auto& here = branch->dialogs.at(found.leg);
        if (!dialog::take_cseq(here, request.cseq().number))  // RFC 3261 §12.2.2
            return std::unexpected(Fault{500, "CSeq is out of order"});
        if (const auto refreshed = dialog::refresh_target(here, request); !refreshed)
            return std::unexpected(Fault{400, std::string(refreshed.error())});
    }
    const auto to = 1 - found.leg;
    Way way;
    way.ends = s->ends;
    way.from = &branch->dialogs.at(found.leg);
    way.to = &branch->dialogs.at(to);
    way.path = way_to(host_.view(), s->ends.at(to).peer, {.trunk = s->ends.at(to).trunk.has_value(), .secure = false},
                      *way.to);
    way.link = {found.leg == kSubscriber ? Link::Kind::kRefresh : Link::Kind::kNotify, s->number,
                std::string(branch->dialogs[kSubscriber].local_tag()), expires_of(request, s->expires)};
    return way;
}

void Subscriptions::passed(const Link& link, const sip::Message& request) {
    auto* s = find(link.subscription);
    auto* branch = s == nullptr ? nullptr : branch_of_tag(*s, link.tag);
    if (branch == nullptr || link.kind != Link::Kind::kNotify) return;
    const auto state = state_of(request);
    if (state.terminated) return end(*s, link.tag);
    if (state.expires) arm(*branch, std::min(*state.expires, kLongestExpires));
}

bool Subscriptions::on_response(const Link& link, const sip::Message& response, std::string& to_tag) {
    auto* s = find(link.subscription);
    if (s == nullptr) return true;  // over meanwhile; its response is passed all the same
    if (link.kind != Link::Kind::kBegin) {
        if (response.status() == 481) {
            end(*s, link.tag);
        } else if (link.kind == Link::Kind::kRefresh && response.status() < 300) {
            if (auto* branch = branch_of_tag(*s, link.tag)) {
                // An unusable target leaves the old one.
                [[maybe_unused]] const auto refreshed = dialog::refresh_target(branch->dialogs[kNotifier], response);
                arm(*branch, expires_of(response, link.expires));
            }
        }
        return true;
    }
    s->begun = true;
    if (response.status() >= 300) {
        remove(s->number);
        return true;
    }
    s->expires = expires_of(response, link.expires);
    s->listen_until = host_.now().instant + margin();
    auto* branch = branch_with(*s, kNotifier, response.to_tag());
    if (branch == nullptr) {
        auto heard = s->far;
        if (dialog::establish(heard, response)) branch = add_branch(*s, std::move(heard));
        if (branch == nullptr) {
            remove(s->number);
            return false;
        }
    } else if (!branch->over) {
        arm(*branch, s->expires);
    }
    to_tag = branch->dialogs[kSubscriber].local_tag();
    bury(*s);
    return true;
}

void Subscriptions::on_no_response(const Link& link) {
    auto* s = find(link.subscription);
    if (s == nullptr) return;
    if (link.kind == Link::Kind::kNotify) return end(*s, link.tag);  // RFC 6665 §4.2.2
    if (link.kind != Link::Kind::kBegin) return;
    s->begun = true;
    bury(*s);  // what is left then has been heard of by NOTIFYs (§4.1.2.4)
}

// Ends those whose NOTIFY said `terminated` before the response; without any the whole.
void Subscriptions::bury(Subscription& s) {
    std::erase_if(s.branches, [&](const auto& branch) {
        if (branch->over && branch->dialogs[kSubscriber].local_tag() != s.near.local_tag())
            forget_tag(branch->dialogs[kSubscriber].local_tag());
        return branch->over;
    });
    if (s.branches.empty()) remove(s.number);
}

// That dialog. While the response to the SUBSCRIBE is awaited it is only marked: the response has to find its tag.
void Subscriptions::end(Subscription& s, std::string_view tag) {
    const auto it =
        std::ranges::find_if(s.branches, [&](const auto& b) { return b->dialogs[kSubscriber].local_tag() == tag; });
    if (it == s.branches.end()) return;
    if (!s.begun) {
        (*it)->over = true;
        return;
    }
    (*it)->over = true;
    bury(s);
}

void Subscriptions::remove(std::uint64_t number) {
    const auto it = all_.find(number);
    if (it == all_.end()) return;
    const auto& s = *it->second;
    forget_tag(s.near.local_tag());
    forget_tag(s.far.local_tag());
    for (const auto& branch : s.branches) forget_tag(branch->dialogs[kSubscriber].local_tag());
    all_.erase(it);
}

void Subscriptions::forget_tag(std::string_view tag) {
    if (const auto it = by_tag_.find(tag); it != by_tag_.end()) by_tag_.erase(it);
}

void Subscriptions::Branch::on_expired(Instant) {
    ++table->counters_.expired;
    auto* s = table->find(subscription);
    s->begun = true;  // a response that has not come by now comes no more
    over = true;
    table->bury(*s);  // this goes with it
}

}  // namespace sallyport::relay
