#include "controlplane/relay/relay.h"

#include <utility>

#include "controlplane/policy/hidden_names.h"
#include "controlplane/policy/passed_status.h"
#include "controlplane/relay/content.h"

namespace sallyport::relay {

namespace {

using sip::HeaderId;
using sip::Method;

constexpr std::string_view kRetryAfter = "5";
constexpr std::uint32_t kMaxFirstCSeq = 0x7fff;

// RFC 3428 §4, RFC 3903 §4: a MESSAGE must not have one, in PUBLISH it means nothing. What makes a dialog must have one
// (RFC 3261 §12.1.1). For others ours stands where the sender had one.
bool has_contact(const sip::Message& message) {
    if (message.method() == Method::kSubscribe || message.method() == Method::kNotify) return true;
    return message.has(HeaderId::kContact) && message.method() != Method::kMessage &&
           message.method() != Method::kPublish;
}

std::string reason_value(unsigned status) {
    std::string out = "SIP;cause=" + std::to_string(status) + ";text=";
    sip::append_quoted(out, sip::default_reason(status));
    return out;
}

}  // namespace

Relay::Relay(Host& host, std::size_t most, std::size_t most_subscriptions)
    : host_(host), most_(most), subscriptions_(host, most_subscriptions) {}

bool Relay::for_us(const sip::Message& request) {
    if (request.method() != Method::kOptions) return false;
    return (request.uri().is_sip() && request.uri().user.empty()) || !policy::next_max_forwards(request);
}

Relay::Refusal Relay::plain(unsigned status, std::string_view header, std::string_view value) {
    return {status, std::string(sip::default_reason(status)), header, std::string(value)};
}

// What is asked of a request in a dialog and outside of one.
std::expected<void, Relay::Refusal> Relay::judge_any(const sip::Message& request, const policy::Methods& methods) {
    // RFC 3261 §8.2.1: the method first. 405 must say what passes (§21.4.6).
    if (const auto status = policy::refusal(methods, request.method()); status != 0) {
        ++counters_.methods_refused;
        return std::unexpected(plain(status, "Allow", host_.allow(methods.known)));
    }
    if (!policy::next_max_forwards(request)) return std::unexpected(plain(483));
    if (const auto unsupported = policy::unsupported_options(request); !unsupported.empty()) {
        ++counters_.extensions_refused;
        return std::unexpected(plain(420, "Unsupported", unsupported));
    }
    if (pending_.size() >= most_) {
        ++counters_.shed;
        return std::unexpected(plain(503, "Retry-After", kRetryAfter));
    }
    return {};
}

std::expected<routing::Target, Relay::Refusal> Relay::judge(const routing::Source& source,
                                                            const sip::Message& request) {
    const auto& view = host_.view();
    // In the order of RFC 3261 §16.3: the Request-URI first.
    if (request.request_uri().size() > dialog::kMaxUri) return std::unexpected(plain(414));
    const auto scheme = request.uri().scheme;
    // A sips: target asks for TLS on every hop (RFC 5630 §3.1.1), which we cannot give.
    if (scheme != sip::UriScheme::kSip && scheme != sip::UriScheme::kTel) return std::unexpected(plain(416));
    if (auto any = judge_any(request, policy::methods_of(view.realms.at(source.realm))); !any)
        return std::unexpected(std::move(any.error()));
    const auto called = routing::called_number(request.uri());
    const auto target = host_.router().route(source, called, routing::Router::What::kRequest);
    if (!target) return std::unexpected(Refusal{target.error().status, std::string(target.error().reason), {}, {}});
    const auto methods = policy::methods_between(view, source.realm, target->realm);
    if (const auto status = policy::refusal(methods, request.method()); status != 0) {
        ++counters_.methods_refused;
        return std::unexpected(plain(status, "Allow", host_.allow(methods.known)));
    }
    return *target;
}

void Relay::refuse(const policy::RuleSide& side, transaction::ServerId id, const Refusal& refusal,
                   std::string_view to_tag) {
    ++counters_.refused;
    const sip::ExtraHeader extra{refusal.header, refusal.value};
    host_.respond(side, id, refusal.status, refusal.reason, to_tag, std::span(&extra, refusal.header.empty() ? 0 : 1));
}

void Relay::on_request(transaction::ServerId id, const transaction::Path& from, const routing::Source& source,
                       const sip::Message& request) {
    const auto tag = host_.make_tag();
    const bool from_trunk = source.kind == routing::Source::Kind::kTrunk;
    const policy::RuleSide rules{source.realm, from_trunk ? std::optional(source.trunk) : std::nullopt};
    const auto target = judge(source, request);
    if (!target) return refuse(rules, id, target.error(), tag);
    const auto& view = host_.view();
    Pending pending{.server = id,
                    .client = {},
                    .method = request.method(),
                    .methods = policy::methods_between(view, source.realm, target->realm).known,
                    .near = from,
                    .far = {target->sip_interface, target->peer, target->transport},
                    .near_rules = rules,
                    .far_rules = {target->realm, target->trunk},
                    .to_tag = std::string(tag),
                    .link = {}};
    const policy::Passage passage{policy::make_side(view, from.sip_interface, from.remote),
                                  policy::make_side(view, target->sip_interface, target->peer),
                                  {},
                                  host_.as_received()};
    const policy::HiddenNames hidden(request, passage);
    const auto addresses = policy::outgoing_addresses(request, passage, hidden);
    const auto beyond = dialog::make(host_.make_call_id(), host_.make_tag(), addresses.from(), addresses.to(),
                                     addresses.request_uri(), host_.random().below(kMaxFirstCSeq));
    const auto done = request.method() == Method::kSubscribe
                          ? begin_subscription(std::move(pending), source, *target, request, passage, hidden, beyond)
                          : pass(std::move(pending), request, passage, hidden, beyond);
    if (!done) refuse(rules, id, done.error(), tag);
}

bool Relay::on_dialog_request(transaction::ServerId id, const transaction::Path& from, const sip::Message& request,
                              const InDialog& way) {
    auto any = judge_any(request, way.methods);
    // Of no dialog (RFC 3903 §4), or of one of their own.
    const auto m = request.method();
    if (any && (m == Method::kPublish || m == Method::kSubscribe || m == Method::kNotify)) {
        ++counters_.methods_refused;
        any = std::unexpected(plain(405, "Allow", host_.allow(way.methods.known)));
    }
    if (!any) {
        refuse(way.near_rules, id, any.error(), {});
        return false;
    }
    Pending pending{.server = id,
                    .client = {},
                    .method = request.method(),
                    .methods = way.methods.known,
                    .near = from,
                    .far = way.to,
                    .near_rules = way.near_rules,
                    .far_rules = way.far_rules,
                    .to_tag = {},
                    .link = {}};
    const policy::HiddenNames hidden(request, way.passage);
    const auto done = pass(std::move(pending), request, way.passage, hidden, way.dialog);
    if (!done) refuse(way.near_rules, id, done.error(), {});
    return done.has_value();
}

std::expected<void, Relay::Refusal> Relay::pass(Pending pending, const sip::Message& request,
                                                const policy::Passage& passage, const policy::HiddenNames& hidden,
                                                const dialog::Dialog& dialog) {
    const auto content = content_of(request, hidden);
    if (content.status != 0) {
        ++counters_.bodies_refused;
        return std::unexpected(Refusal{content.status, std::string(content.reason), {}, {}});
    }
    auto& layer = host_.layer();
    auto& w = host_.writer();
    const auto branch = layer.make_branch();
    const auto hops = policy::next_max_forwards(request).value_or(policy::kMaxForwards);
    dialog::begin_request(w, dialog,
                          {request.method_text(), dialog.local_cseq + 1, branch.view(), host_.via(pending.far), hops});
    if (has_contact(request)) w.header(HeaderId::kContact, host_.contact(pending.far));
    if (request.method() == Method::kOptions) {
        w.header(HeaderId::kAllow, host_.allow(pending.methods));
        w.header(HeaderId::kAccept, policy::kAccept);
    }
    const auto& product = host_.view().system.product;
    if (!product.empty()) w.header(HeaderId::kUserAgent, product);
    policy::append_passed(w, request, passage, hidden, host_.pass_counters());
    const auto made = w.finish_as_is(content.body);
    const auto bytes = host_.outbound(pending.far_rules, made);
    // The dialog is named as its SUBSCRIBE names it.
    if (!bytes.empty() && bytes.data() != made.data() && pending.link.kind == Subscriptions::Link::Kind::kBegin)
        subscriptions_.readdress(pending.link, host_.outgoing());
    if (bytes.empty()) return std::unexpected(plain(513));
    const auto context = kOurs | ++next_;
    const auto client = layer.send_request(host_.now().instant, pending.far, bytes, context,
                                           host_.view().timer_set(pending.far_rules.trunk, pending.far_rules.realm));
    if (!client) {
        ++counters_.shed;
        return std::unexpected(plain(503, "Retry-After", kRetryAfter));
    }
    ++counters_.passed;
    pending.client = *client;
    layer.set_context(pending.server, context);
    pending_.emplace(context, std::move(pending));
    return {};
}

void Relay::on_response(std::uint64_t context, const sip::Message& received) {
    const auto it = pending_.find(context);
    // RFC 4320 §4.1: nothing provisional goes on.
    if (it == pending_.end() || received.status() < 200) return;
    const auto* ruled = host_.inbound(it->second.far_rules, received);
    const auto& response = ruled == nullptr ? received : *ruled;
    auto pending = std::move(it->second);
    pending_.erase(it);
    if (response.status() == 408) {  // RFC 4320 §4.2
        ++counters_.unanswered;
        return subscriptions_.on_no_response(pending.link);
    }
    ++counters_.answered;
    if (!subscriptions_.on_response(pending.link, response, pending.to_tag))
        return host_.respond(pending.near_rules, pending.server, 500, "The answer cannot be used", pending.to_tag, {});
    pass_response(pending, response);
}

void Relay::pass_response(const Pending& pending, const sip::Message& response) {
    const auto& view = host_.view();
    const auto said = response.status();
    const auto status = said < 300 ? said : policy::passed_status(said, pending.method);
    auto& w = host_.writer();
    // Our own words: a reason phrase can name anything.
    if (!host_.layer().begin_response(pending.server, w, status, sip::default_reason(status), pending.to_tag)) return;
    if (status < 300 && has_contact(response)) w.header(HeaderId::kContact, host_.contact(pending.near));
    const bool options = pending.method == Method::kOptions;
    if (status == 405 || options) w.header(HeaderId::kAllow, host_.allow(pending.methods));
    if (options) w.header(HeaderId::kAccept, policy::kAccept);
    const policy::Passage passage{policy::make_side(view, pending.far.sip_interface, pending.far.remote),
                                  policy::make_side(view, pending.near.sip_interface, pending.near.remote),
                                  {},
                                  host_.as_received()};
    const policy::HiddenNames hidden(response, passage);
    policy::append_passed(w, response, passage, hidden, host_.pass_counters());
    if (said != status && !response.has(HeaderId::kReason)) w.header(HeaderId::kReason, reason_value(said));
    if (!view.system.product.empty()) w.header(HeaderId::kServer, view.system.product);
    const auto content = content_of(response, hidden);
    if (content.status != 0) ++counters_.bodies_refused;
    host_.conclude(pending.near_rules, pending.server, status, pending.to_tag, content.body);
}

void Relay::on_client_failure(std::uint64_t context, transaction::ClientFailure why) {
    const auto it = pending_.find(context);
    if (it == pending_.end()) return;
    const auto pending = std::move(it->second);
    pending_.erase(it);
    ++counters_.unanswered;
    subscriptions_.on_no_response(pending.link);
    // RFC 4320 §4.2: the client has given up by now.
    if (why == transaction::ClientFailure::kTimeout) return;
    const auto status = policy::passed_status(503, pending.method);  // RFC 3261 §8.1.3.1
    const auto reason = reason_value(503);
    const sip::ExtraHeader extra{"Reason", reason};
    host_.respond(pending.near_rules, pending.server, status, sip::default_reason(status), pending.to_tag,
                  std::span(&extra, 1));
}

// Nobody waits for the answer any more.
void Relay::on_server_failure(std::uint64_t context) {
    const auto it = pending_.find(context);
    if (it == pending_.end()) return;
    ++counters_.unanswered;
    host_.layer().forget(it->second.client);
    const auto link = it->second.link;
    pending_.erase(it);
    subscriptions_.on_no_response(link);
}

}  // namespace sallyport::relay
