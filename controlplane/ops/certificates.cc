#include "controlplane/ops/certificates.h"

#include <algorithm>

#include "controlplane/ops/time_text.h"
#include "platform/os/log.h"

namespace sallyport::ops {

namespace {

using json::Value;

const char* name_of(config::TlsClients v) {
    switch (v) {
        case config::TlsClients::kNone: return "none";
        case config::TlsClients::kOptional: return "optional";
        case config::TlsClients::kRequired: return "required";
    }
    return "";
}

std::int64_t days_left(const x509::CertificateInfo& c, const Now& now) {
    return std::chrono::floor<std::chrono::days>(c.not_after - now.wall).count();
}

std::string text_in(const Value& object, const char* key) {
    return object.isObject() && object[key].isString() ? object[key].asString() : std::string();
}

}  // namespace

Certificates::Certificates(const config::ControlView& view, Fetch fetch, Use use)
    : view_(view), fetch_(std::move(fetch)), use_(std::move(use)), profiles_(view.tls_profiles.size()) {}

void Certificates::take(std::size_t profile, const Now& now, const rpc::Outcome& outcome) {
    auto& mine = profiles_[profile];
    const auto& name = view_.tls_profiles[profile].name;
    const auto fail = [&](const std::string& why) {
        mine.error = why;
        log::error(
            "TLS profile {}: {}; {}", name, why,
            mine.context ? "the certificates before stay in use" : "it has no certificates, and takes no connection");
    };
    if (!outcome) return fail(outcome.error().message);
    net::TlsMaterial material;
    for (const auto& pair : outcome->result["certificates"])
        material.pairs.push_back({text_in(pair, "chain"), text_in(pair, "key")});
    material.authorities = text_in(outcome->result, "authorities");
    const auto& settings = view_.tls_profiles[profile];
    auto made = net::TlsContext::make(material, {.clients = settings.clients, .only_13 = settings.only_13});
    if (!made) return fail(made.error());
    mine.context = *made;
    mine.loaded = now.wall;
    mine.error.clear();
    use_(profile, mine.context);
}

void Certificates::load(std::function<Now()> now, std::function<void(Value)> done) {
    if (profiles_.empty()) return done(show(now()));
    struct Load {
        std::size_t left;
        std::function<Now()> now;
        std::function<void(Value)> done;
    };
    auto load = std::make_shared<Load>(Load{profiles_.size(), std::move(now), std::move(done)});
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
        Value params(Json::objectValue);
        params["profile"] = view_.tls_profiles[i].name;
        fetch_(std::move(params), [this, alive = std::weak_ptr(alive_), load, i](rpc::Outcome outcome) {
            if (alive.expired()) return;
            take(i, load->now(), outcome);
            if (--load->left > 0) return;
            next_look_ = Instant::min();
            look(load->now());
            load->done(show(load->now()));
        });
    }
}

Value Certificates::show(const Now& now) const {
    Value list(Json::arrayValue);
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
        const auto& mine = profiles_[i];
        Value out(Json::objectValue);
        out["name"] = view_.tls_profiles[i].name;
        out["clients"] = name_of(view_.tls_profiles[i].clients);
        if (mine.loaded) out["loaded-time"] = time_text(*mine.loaded);
        if (!mine.error.empty()) out["error"] = mine.error;
        out["certificates"] = Value(Json::arrayValue);
        if (mine.context) {
            for (const auto& c : mine.context->certificates()) {
                Value one(Json::objectValue);
                one["subject"] = c.subject;
                one["issuer"] = c.issuer;
                one["names"] = Value(Json::arrayValue);
                for (const auto& name : c.names) one["names"].append(name);
                one["from-time"] = time_text(c.not_before);
                one["until-time"] = time_text(c.not_after);
                one["days-left"] = Json::Int64{days_left(c, now)};
                out["certificates"].append(std::move(one));
            }
        }
        list.append(std::move(out));
    }
    Value out(Json::objectValue);
    out["profiles"] = std::move(list);
    return out;
}

void Certificates::look(const Now& now) {
    if (now.instant < next_look_) return;
    next_look_ = now.instant + kLookEvery;
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
        if (!profiles_[i].context) continue;
        for (const auto& c : profiles_[i].context->certificates()) {
            if (c.not_after <= now.wall)
                log::error("TLS profile {}: {} has ended at {}", view_.tls_profiles[i].name, c.subject,
                           time_text(c.not_after));
            else if (c.not_after - now.wall < kWarnBefore)
                log::warning("TLS profile {}: {} ends in {} days", view_.tls_profiles[i].name, c.subject,
                             days_left(c, now));
        }
    }
}

std::optional<std::int64_t> Certificates::least_days_left(const Now& now) const {
    std::optional<std::int64_t> out;
    for (const auto& profile : profiles_) {
        if (!profile.context) continue;
        for (const auto& c : profile.context->certificates())
            out = std::min(out.value_or(days_left(c, now)), days_left(c, now));
    }
    return out;
}

}  // namespace sallyport::ops
