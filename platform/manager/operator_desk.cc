#include "platform/manager/operator_desk.h"

#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "platform/base/version.h"

namespace sallyport::manager {
namespace {

constexpr Duration kAnswerTime = std::chrono::seconds(3);
constexpr std::size_t kMaxId = 128;

rpc::Error error_of(int code, std::string message) { return {.code = code, .message = std::move(message), .data = {}}; }

enum class Owner { kDataplane, kControl };
struct Subject {
    std::string_view what;
    Owner owner;
    const char* method;
};
constexpr std::array kSubjects = {Subject{"calls", Owner::kControl, "show-calls"},
                                  Subject{"call", Owner::kControl, "show-call"},
                                  Subject{"trunks", Owner::kControl, "show-trunks"},
                                  Subject{"flows", Owner::kDataplane, "show-flows"},
                                  Subject{"certificates", Owner::kControl, "show-certificates"},
                                  Subject{"dataplane", Owner::kDataplane, "show-dataplane"}};

}  // namespace

json::Value counter(std::string_view name, std::uint64_t value, std::string_view help) {
    json::Value out(Json::objectValue);
    out["name"] = std::string(name);
    out["value"] = Json::UInt64{value};
    out["help"] = std::string(help);
    return out;
}

OperatorDesk::OperatorDesk(os::EventLoop& loop, SupervisedProcess& dataplane, SupervisedProcess& control,
                           std::function<json::Value()> counters)
    : loop_(loop),
      dataplane_(dataplane),
      control_(control),
      counters_(std::move(counters)),
      started_(loop.now().instant) {}

void OperatorDesk::take(rpc::Call call) {
    ++calls_;
    if (call.method() == "reload") return reload(std::move(call));
    if (call.method() != "show") return call.fail(error_of(rpc::kMethodNotFound, "the methods are show and reload"));
    const auto& params = call.params();
    if (!params["what"].isString()) return call.fail(error_of(rpc::kInvalidParams, "what: must be a text"));
    const auto what = params["what"].asString();
    if (what == "version") return show_version(std::move(call));
    if (what == "counters") return show_counters(std::move(call));
    for (const auto& subject : kSubjects) {
        if (subject.what != what) continue;
        json::Value forwarded(Json::objectValue);
        if (what == "call") {
            const auto& id = params["id"];
            if (!id.isString() || id.asString().empty() || id.asString().size() > kMaxId) {
                return call.fail(error_of(rpc::kInvalidParams, "id: must be the id of a call, as in `show calls`"));
            }
            forwarded["id"] = id;
        }
        // std::function wants to be copied, a Call does not.
        auto waiting = std::make_shared<rpc::Call>(std::move(call));
        return ask(subject.owner == Owner::kControl ? control_ : dataplane_, subject.method, std::move(forwarded),
                   [waiting](rpc::Outcome outcome) { waiting->answer(std::move(outcome)); });
    }
    call.fail(error_of(rpc::kInvalidParams,
                       "what: must be version, calls, call, trunks, flows, certificates, dataplane or counters"));
}

// The control plane reads them anew, from us.
void OperatorDesk::reload(rpc::Call call) {
    const auto& what = call.params()["what"];
    if (!what.isString() || what.asString() != "certificates")
        return call.fail(error_of(rpc::kInvalidParams, "what: must be certificates"));
    auto waiting = std::make_shared<rpc::Call>(std::move(call));
    ask(control_, "reload-certificates", json::Value(Json::objectValue),
        [waiting](rpc::Outcome outcome) { waiting->answer(std::move(outcome)); });
}

void OperatorDesk::ask(SupervisedProcess& process, std::string method, json::Value params, rpc::Done done) {
    auto* connection = process.connection();
    if (connection == nullptr) return done(std::unexpected(process.not_running_error()));
    connection->call(std::move(method), std::move(params), kAnswerTime,
                     [&process, done = std::move(done)](rpc::Outcome outcome) {
                         if (!outcome && outcome.error().code == rpc::kDisconnected) {
                             return done(std::unexpected(process.not_running_error()));
                         }
                         if (!outcome && outcome.error().code == rpc::kTimeout) {
                             outcome.error().message = process.spec().label + " does not answer (waited 3 s)";
                         }
                         done(std::move(outcome));
                     });
}

void OperatorDesk::show_version(rpc::Call call) const {
    json::Value manager(Json::objectValue);
    manager["name"] = "manager";
    manager["state"] = "running";
    manager["pid"] = static_cast<Json::Int64>(::getpid());
    manager["version"] = kVersionText;
    manager["restarts"] = 0;
    manager["uptime-ms"] =
        Json::Int64{std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now().instant - started_).count()};
    json::Value out(Json::objectValue);
    out["version"] = kVersionText;
    out["processes"].append(std::move(manager));
    out["processes"].append(dataplane_.status());
    out["processes"].append(control_.status());
    call.reply(std::move(out));
}

void OperatorDesk::show_counters(rpc::Call call) {
    struct Gathering {
        rpc::Call call;
        json::Value answer;
        int missing;
    };
    auto all = std::make_shared<Gathering>(
        Gathering{.call = std::move(call), .answer = json::Value(Json::objectValue), .missing = 2});
    all->answer["manager"] = counters_();
    for (SupervisedProcess* process : {&control_, &dataplane_}) {
        ask(*process, "show-counters", json::Value(Json::objectValue),
            [all, role = process->spec().role](rpc::Outcome outcome) {
                if (outcome && !(outcome->result.isObject() && outcome->result["counters"].isArray())) {
                    outcome = std::unexpected(error_of(rpc::kInternalError, role + " gave an answer without counters"));
                }
                if (outcome) {
                    all->answer[role] = std::move(outcome->result["counters"]);
                } else {
                    json::Value absent(Json::objectValue);
                    absent["process"] = role;
                    absent["message"] = outcome.error().message;
                    all->answer["missing"].append(std::move(absent));
                }
                if (--all->missing == 0) all->call.reply(std::move(all->answer));
            });
    }
}

}  // namespace sallyport::manager
