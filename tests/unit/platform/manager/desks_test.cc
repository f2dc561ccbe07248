// The two desks over real sockets; the processes are this test's own connections.
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/version.h"
#include "platform/manager/operator_desk.h"
#include "platform/manager/process_desk.h"
#include "platform/os/clock.h"
#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/rpc/listener.h"
#include "platform/rpc/manager_link.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::manager;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

const bool g_quiet = (log::start("test"), log::set_level(log::Level::kError), true);

json::Value view_named(const char* name) {
    json::Value out(Json::objectValue);
    out["name"] = name;
    return out;
}

ProcessSpec spec_of(const char* role, const char* label) {
    return {.role = role,
            .label = label,
            .arguments = {*os::program_path(::getpid())},  // which says hello here
            .user = std::nullopt,
            .prepare = {}};
}

}  // namespace

TEST_GROUP(ReadPorts) {
    const std::vector<std::string> interfaces{"access", "core"};
    static json::Value ports(const char* text) { return *json::parse(text); }
};

TEST(ReadPorts, MacsComeInTheOrderOfTheInterfaces) {
    const auto macs = read_ports(ports(R"({"ports":[{"interface":"core","mac":"02:00:00:00:00:02"},
                                          {"interface":"access","mac":"02:00:00:00:00:01"}]})"),
                                 interfaces);
    CHECK(macs.has_value());
    STRCMP_EQUAL("02:00:00:00:00:01", (*macs)[0].text().c_str());
    STRCMP_EQUAL("02:00:00:00:00:02", (*macs)[1].text().c_str());
}

TEST(ReadPorts, WhatIsNotExactlyOnePortAnInterfaceIsRefused) {
    for (
        const char* text :
        {R"({})", R"({"ports":{}})", R"({"ports":[1,2]})",
         R"({"ports":[{"interface":"access","mac":"02:00:00:00:00:01"}]})",
         R"({"ports":[{"interface":"access","mac":"02:00:00:00:00:01"},{"interface":"access","mac":"02:00:00:00:00:01"}]})",
         R"({"ports":[{"interface":"access","mac":"02:00:00:00:00:01"},{"interface":"other","mac":"02:00:00:00:00:01"}]})",
         R"({"ports":[{"interface":"access","mac":"01:00:00:00:00:01"},{"interface":"core","mac":"02:00:00:00:00:01"}]})",
         R"({"ports":[{"interface":"access","mac":"00:00:00:00:00:00"},{"interface":"core","mac":"02:00:00:00:00:01"}]})",
         R"({"ports":[{"interface":"access","mac":7},{"interface":"core","mac":"02:00:00:00:00:01"}]})"}) {
        CHECK_TEXT(!read_ports(ports(text), interfaces), text);
    }
}

// This test's process plays both roles: the kernel says so of each of its connections.
TEST_GROUP(Desks) {
    os::EventLoop loop;
    std::string folder;
    std::unique_ptr<SupervisedProcess> dataplane;
    std::unique_ptr<SupervisedProcess> control;
    std::unique_ptr<ProcessDesk> processes;
    std::unique_ptr<OperatorDesk> operators;
    std::unique_ptr<rpc::Listener> process_listener;
    std::unique_ptr<rpc::Listener> operator_listener;
    std::vector<json::Value> ports_ready;
    std::vector<std::shared_ptr<rpc::Connection>> clients;
    std::function<void(rpc::Call)> on_show = [](rpc::Call call) { call.reply(view_named("shown")); };

    void setup() override {
        CHECK(g_quiet);
        char name[] = "/tmp/sallyport-desk-XXXXXX";
        folder = ::mkdtemp(name);
        dataplane = std::make_unique<SupervisedProcess>(loop, spec_of("dataplane", "dataplane"), [] {});
        control = std::make_unique<SupervisedProcess>(loop, spec_of("control", "control plane"), [] {});
        make_desks(::getuid());
    }
    void make_desks(uid_t control_user) {
        process_listener.reset();
        operator_listener.reset();
        const auto two_files = []() -> os::Result<std::vector<os::UniqueFd>> {
            std::vector<os::UniqueFd> out;
            out.emplace_back(::dup(STDERR_FILENO));
            out.emplace_back(::dup(STDERR_FILENO));
            return out;
        };
        std::map<std::string, Role> roles;
        roles["dataplane"] = {
            .process = dataplane.get(), .user = ::getuid(), .view = view_named("d"), .descriptors = two_files};
        roles["control"] = {.process = control.get(), .user = control_user, .view = view_named("c"), .descriptors = {}};
        processes = std::make_unique<ProcessDesk>(
            roles, ProcessDesk::Handlers{
                       .ports_ready = [this](const json::Value& params) -> os::Result<void> {
                           ports_ready.push_back(params);
                           return {};
                       },
                       .tls_material = [](const json::Value& params) -> os::Result<json::Value> { return params; }});
        operators = std::make_unique<OperatorDesk>(loop, *dataplane, *control, [] {
            json::Value list(Json::arrayValue);
            list.append(counter("own", 1, "of the manager"));
            return list;
        });
        process_listener = std::move(
            *rpc::Listener::make(loop, folder + "/p", {}, {.connections = 8}, {},
                                 {.on_call = [this](const auto& c, const os::PeerCredentials& peer,
                                                    rpc::Call call) { processes->take(c, peer, std::move(call)); },
                                  .on_closed = [this](const rpc::Connection* c) { processes->closed(c); },
                                  .may_stay = {}}));
        operator_listener =
            std::move(*rpc::Listener::make(loop, folder + "/m", {}, {.connections = 8}, {},
                                           {.on_call = [this](const auto&, const os::PeerCredentials&,
                                                              rpc::Call call) { operators->take(std::move(call)); },
                                            .on_closed = {},
                                            .may_stay = {}}));
    }
    void teardown() override {
        for (auto& c : clients) c->close();
        process_listener.reset();
        operator_listener.reset();
        ::rmdir(folder.c_str());
    }
    std::shared_ptr<rpc::Connection> connect(const char* name) {
        auto fd = os::connect_unix(folder + "/" + name, os::UnixType::kStream);
        clients.push_back(rpc::Connection::make(
            loop, std::move(*fd), {.on_call = [this](rpc::Call call) { on_show(std::move(call)); }, .on_closed = {}},
            {.max_descriptors = os::kMaxPassedFds}));
        return clients.back();
    }
    rpc::Outcome ask(const std::shared_ptr<rpc::Connection>& on, const char* method, json::Value params) {
        std::optional<rpc::Outcome> out;
        on->call(method, std::move(params), 5s, [&](rpc::Outcome o) { out = std::move(o); });
        for (const auto end = os::monotonic_now() + 10s; !out && os::monotonic_now() < end;) loop.turn(10ms);
        CHECK(out.has_value());
        return std::move(*out);
    }
    rpc::Outcome hello(const std::shared_ptr<rpc::Connection>& on, const char* role, const char* digest = nullptr,
                       const char* version = kVersionText) {
        json::Value params(Json::objectValue);
        params["role"] = role;
        params["version"] = version;
        if (digest != nullptr) params["view-digest"] = digest;
        return ask(on, "hello", std::move(params));
    }
    rpc::Outcome show(const char* what) {
        json::Value params(Json::objectValue);
        params["what"] = what;
        return ask(connect("m"), "show", std::move(params));
    }
};

TEST(Desks, HelloGivesEachRoleItsOwnViewAndTheDataplaneItsDescriptors) {
    auto d = hello(connect("p"), "dataplane");
    CHECK(d.has_value());
    STRCMP_EQUAL("d", d->result["view"]["name"].asCString());
    CHECK_EQUAL(2U, d->descriptors.size());
    auto c = hello(connect("p"), "control");
    STRCMP_EQUAL("c", c->result["view"]["name"].asCString());
    CHECK(c->descriptors.empty());
    CHECK(control->connection() != nullptr);
    STRCMP_EQUAL("running", control->status()["state"].asCString());
}

TEST(Desks, AProcessOfAnEarlierManagerKeepsItsView) {
    const auto outcome = hello(connect("p"), "dataplane", rpc::view_digest(view_named("d")).c_str());
    CHECK(outcome.has_value());
    CHECK(outcome->result["kept"].asBool());
    CHECK(!outcome->result.isMember("view"));
    CHECK(outcome->descriptors.empty());
}

TEST(Desks, WhoMayNotHaveTheRoleIsRefused) {
    CHECK_EQUAL(rpc::kRefused, hello(connect("p"), "king").error().code);
    CHECK_EQUAL(rpc::kRefused, ask(connect("p"), "hello", json::Value(Json::objectValue)).error().code);
    make_desks(::getuid() + 1);
    CHECK_EQUAL(rpc::kRefused, hello(connect("p"), "control").error().code);  // of another user
    CHECK(control->connection() == nullptr);
    const auto on = connect("p");
    CHECK(hello(on, "dataplane").has_value());
    CHECK_EQUAL(rpc::kRefused, hello(on, "dataplane").error().code);  // twice on one connection
    CHECK_EQUAL(4U - 2U, processes->refused());
}

TEST(Desks, PortsReadyIsForTheDataplaneAfterItsHello) {
    const auto before = connect("p");
    CHECK_EQUAL(rpc::kRefused, ask(before, "ports-ready", {}).error().code);
    const auto c = connect("p");
    CHECK(hello(c, "control").has_value());
    CHECK_EQUAL(rpc::kMethodNotFound, ask(c, "ports-ready", {}).error().code);
    const auto d = connect("p");
    CHECK(hello(d, "dataplane").has_value());
    CHECK(ports_ready.empty());
    CHECK(ask(d, "ports-ready", view_named("x")).has_value());
    CHECK_EQUAL(1U, ports_ready.size());
    CHECK_EQUAL(rpc::kMethodNotFound, ask(d, "show", {}).error().code);
}

TEST(Desks, KeysAreForTheControlPlaneAlone) {
    const auto dataplane_end = connect("p");
    const auto control_end = connect("p");
    json::Value params(Json::objectValue);
    params["profile"] = "gate";
    CHECK_EQUAL(rpc::kRefused, ask(control_end, "tls-material", params).error().code);  // before its hello
    CHECK(hello(dataplane_end, "dataplane").has_value());
    CHECK(hello(control_end, "control").has_value());
    CHECK_EQUAL(rpc::kMethodNotFound, ask(dataplane_end, "tls-material", params).error().code);
    STRCMP_EQUAL("gate", ask(control_end, "tls-material", params).value().result["profile"].asCString());
}

TEST(Desks, ShowPassesTheOwnersAnswerThroughAndWordsItsAbsence) {
    auto answer = show("calls");
    CHECK_EQUAL(rpc::kNotRunning, answer.error().code);
    STRCMP_EQUAL("control plane is not running (since 0 s)", answer.error().message.c_str());
    const auto c = connect("p");
    CHECK(hello(c, "control").has_value());
    std::string asked;
    on_show = [&](rpc::Call call) {
        asked = call.method();
        call.reply(view_named("the calls"));
    };
    STRCMP_EQUAL("the calls", show("calls")->result["name"].asCString());
    STRCMP_EQUAL("show-calls", asked.c_str());
    on_show = [](rpc::Call call) { call.fail({.code = rpc::kNotFound, .message = "no such call", .data = {}}); };
    STRCMP_EQUAL("no such call", show("trunks").error().message.c_str());
    c->close();
    while (control->connection() != nullptr) loop.turn(10ms);
    CHECK_EQUAL(rpc::kNotRunning, show("calls").error().code);
}

TEST(Desks, AProcessThatDiesOverAQuestionIsSaidNotToRun) {
    const auto c = connect("p");
    CHECK(hello(c, "control").has_value());
    std::vector<rpc::Call> waiting;
    on_show = [&](rpc::Call call) {
        waiting.push_back(std::move(call));
        c->close();
    };
    CHECK_EQUAL(rpc::kNotRunning, show("calls").error().code);
    waiting.clear();
}

TEST(Desks, ShowCountersJoinsWhatThereIsAndNamesWhatIsMissing) {
    CHECK(hello(connect("p"), "dataplane").has_value());
    on_show = [](rpc::Call call) {
        json::Value out(Json::objectValue);
        out["counters"].append(counter("drop-no-flow", 5, ""));
        call.reply(std::move(out));
    };
    const auto answer = show("counters");
    CHECK_EQUAL(5, answer->result["dataplane"][0]["value"].asInt());
    CHECK_EQUAL(1, answer->result["manager"][0]["value"].asInt());
    CHECK(!answer->result.isMember("control"));
    STRCMP_EQUAL("control", answer->result["missing"][0]["process"].asCString());
    // An answer of another shape is not believed.
    on_show = [](rpc::Call call) { call.reply(json::Value(7)); };
    CHECK_EQUAL(2U, show("counters")->result["missing"].size());
}

TEST(Desks, QuestionsThatAreNoneAreRefused) {
    CHECK_EQUAL(rpc::kInvalidParams, show("nonsense").error().code);
    CHECK_EQUAL(rpc::kInvalidParams, show("call").error().code);  // of which?
    CHECK_EQUAL(rpc::kMethodNotFound, ask(connect("m"), "hello", {}).error().code);
    CHECK_EQUAL(rpc::kInvalidParams, ask(connect("m"), "show", {}).error().code);
    const auto version = show("version");
    CHECK_EQUAL(3U, version->result["processes"].size());
    STRCMP_EQUAL("not-running", version->result["processes"][1]["state"].asCString());
}
