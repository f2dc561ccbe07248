#include "platform/rpc/manager_link.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "platform/os/clock.h"
#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/rpc/client.h"
#include "platform/rpc/listener.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::rpc;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

// The log's own memory is made before a test begins, which would count it as a leak.
const bool g_quiet = (log::start("test"), log::set_level(log::Level::kError), true);

}  // namespace

TEST_GROUP(ManagerLink) {
    os::EventLoop loop;
    std::string folder;
    std::unique_ptr<Listener> manager;
    std::vector<json::Value> hellos;
    std::shared_ptr<Connection> process;  // the manager's end
    std::optional<Error> refuse;

    std::vector<json::Value> views;
    std::size_t descriptors = 0;
    int connected = 0;
    std::vector<std::string> refused;
    std::vector<std::string> calls;
    std::unique_ptr<ManagerLink> link;

    void setup() override {
        CHECK(g_quiet);
        char name[] = "/tmp/sallyport-link-XXXXXX";
        folder = ::mkdtemp(name);
        link = std::make_unique<ManagerLink>(
            loop, ManagerLink::Options{.runtime_dir = folder, .role = "dataplane", .version = "1"},
            ManagerLink::Handlers{.on_view =
                                      [this](const json::Value& view, std::vector<os::UniqueFd> fds) {
                                          views.push_back(view);
                                          descriptors = fds.size();
                                      },
                                  .on_connected = [this] { ++connected; },
                                  .on_call =
                                      [this](Call call) {
                                          calls.push_back(call.method());
                                          call.reply("answer");
                                      },
                                  .on_refused = [this](const std::string& why) { refused.push_back(why); }});
    }
    void teardown() override {
        link.reset();
        stop_manager();
        ::rmdir(folder.c_str());
    }
    void start_manager() {
        auto made = Listener::make(loop, folder + "/process.sock", {}, {.connections = 4}, {},
                                   {.on_call =
                                        [this](const auto& connection, const os::PeerCredentials&, Call call) {
                                            process = connection;
                                            hellos.push_back(call.params());
                                            answer_hello(std::move(call));
                                        },
                                    .on_closed = {},
                                    .may_stay = {}});
        CHECK(made.has_value());
        manager = std::move(*made);
    }
    void answer_hello(Call call) {
        if (refuse) return call.fail(*refuse);
        json::Value result(Json::objectValue);
        std::vector<os::UniqueFd> fds;
        if (call.params().isMember("view-digest")) {
            result["kept"] = true;
        } else {
            result["view"]["name"] = "v";
            for (int i = 0; i < 3; ++i) fds.emplace_back(::dup(STDERR_FILENO));
        }
        call.reply(std::move(result), std::move(fds));
    }
    void stop_manager() {
        process.reset();
        manager.reset();
    }
    bool until(const std::function<bool()>& done) {
        for (const auto end = os::monotonic_now() + 5s; os::monotonic_now() < end;) {
            if (done()) return true;
            loop.turn(10ms);
        }
        return false;
    }
};

TEST(ManagerLink, BringsTheViewWithItsDescriptorsOnceAndServesCalls) {
    start_manager();
    link->start();
    CHECK(until([&] { return connected == 1; }));
    CHECK_EQUAL(1U, views.size());
    STRCMP_EQUAL("v", views[0]["name"].asCString());
    CHECK_EQUAL(3U, descriptors);
    STRCMP_EQUAL("dataplane", hellos[0]["role"].asCString());
    CHECK_EQUAL(::getpid(), hellos[0]["pid"].asInt());
    CHECK(!hellos[0].isMember("view-digest"));
    std::optional<Outcome> outcome;
    process->call("show-flows", {}, 5s, [&](Outcome o) { outcome = std::move(o); });
    CHECK(until([&] { return outcome.has_value(); }));
    CHECK((*outcome)->result == "answer");
}

TEST(ManagerLink, WaitsForAManagerThatComesLater) {
    link->start();
    for (int i = 0; i < 3; ++i) loop.turn(20ms);
    CHECK_EQUAL(0, connected);
    start_manager();
    CHECK(until([&] { return connected == 1; }));
}

TEST(ManagerLink, ComesBackToANewManagerAndNamesTheViewThatItHas) {
    start_manager();
    link->start();
    CHECK(until([&] { return connected == 1; }));
    stop_manager();
    CHECK(until([&] { return !link->connected(); }));
    std::optional<Outcome> outcome;
    link->call("ports-ready", {}, 1s, [&](Outcome o) { outcome = std::move(o); });
    CHECK_EQUAL(kDisconnected, outcome->error().code);
    start_manager();
    CHECK(until([&] { return connected == 2; }));
    CHECK_EQUAL(1U, views.size());  // it goes on with the one it has
    STRCMP_EQUAL(view_digest(views[0]).c_str(), hellos.back()["view-digest"].asCString());
}

TEST(ManagerLink, ARefusalIsTold) {
    refuse = Error{.code = kRefused, .message = "another dataplane has this role", .data = {}};
    start_manager();
    link->start();
    CHECK(until([&] { return !refused.empty(); }));
    STRCMP_EQUAL("another dataplane has this role", refused[0].c_str());
    CHECK_EQUAL(0, connected);
}

TEST(ManagerLink, AnErrorThatIsNoRefusalIsTriedAgain) {
    refuse = Error{.code = kInternalError, .message = "not now", .data = {}};
    start_manager();
    link->start();
    CHECK(until([&] { return hellos.size() == 1; }));
    refuse.reset();
    CHECK(until([&] { return connected == 1; }));
    CHECK(refused.empty());
}

TEST(ManagerLink, TheDigestTellsViewsApart) {
    json::Value a(Json::objectValue);
    a["port"] = 5060;
    json::Value b = a;
    STRCMP_EQUAL(view_digest(a).c_str(), view_digest(b).c_str());
    CHECK_EQUAL(16U, view_digest(a).size());
    b["port"] = 5061;
    CHECK(view_digest(a) != view_digest(b));
    // What came over the wire has the digest of what was sent.
    STRCMP_EQUAL(view_digest(a).c_str(), view_digest(*json::parse(json::write_line(a))).c_str());
}

TEST(ManagerLink, TheBlockingClientAsksAndGetsAnswersErrorsAndTimeouts) {
    start_manager();
    std::thread asker([&] {
        auto client = Client::connect(folder + "/process.sock");
        if (client) {
            const auto answer = client->call("hello", json::Value(Json::objectValue), 5s);
            if (answer) views.push_back(*answer);
        }
        loop.post([this] { ++connected; });
    });
    const bool came = until([&] { return connected == 1; });
    asker.join();
    CHECK(came);
    CHECK(views.empty());  // an answer with descriptors is not for this client
    refuse = Error{.code = kNotRunning, .message = "control plane is not running", .data = {}};
    std::string message;
    std::thread second([&] {
        auto client = Client::connect(folder + "/process.sock");
        if (client) {
            const auto answer = client->call("x", json::Value(Json::objectValue), 5s);
            if (!answer) message = answer.error().message;
        }
        loop.post([this] { ++connected; });
    });
    const bool came_again = until([&] { return connected == 2; });
    second.join();
    CHECK(came_again);
    STRCMP_EQUAL("control plane is not running", message.c_str());
    // Nobody turns the loop: nobody answers.
    auto client = Client::connect(folder + "/process.sock");
    CHECK_EQUAL(kTimeout, client->call("x", json::Value(Json::objectValue), 20ms).error().code);
}

TEST(ManagerLink, TheBlockingClientTellsWhoIsNotThereFromWhoDoesNotLetItIn) {
    start_manager();
    const auto path = folder + "/process.sock";
    CHECK_EQUAL(kNotRunning, Client::connect(folder + "/absent.sock").error().code);
    CHECK_EQUAL(0, ::chmod(folder.c_str(), 0755));
    CHECK_EQUAL(0, ::seteuid(65534));
    const auto by_nobody = Client::connect(path);
    CHECK_EQUAL(0, ::seteuid(0));
    CHECK_EQUAL(kRefused, by_nobody.error().code);
    CHECK(by_nobody.error().message.starts_with("may not connect to the manager; run as root (connect to "));
    // Nobody accepts: the backlog fills.
    std::vector<Client> waiting;
    auto next = Client::connect(path);
    for (; next && waiting.size() < 1000; next = Client::connect(path)) waiting.push_back(std::move(*next));
    CHECK_EQUAL(kOverloaded, next.error().code);
}

TEST_GROUP(Listener) {
    os::EventLoop loop;
};

TEST(Listener, AConnectionBeyondTheBoundIsClosedAndCounted) {
    char name[] = "/tmp/sallyport-listen-XXXXXX";
    const std::string folder = ::mkdtemp(name);
    const auto path = folder + "/s";
    {
        int closed = 0;
        auto listener = Listener::make(loop, path, {}, {.connections = 2}, {},
                                       {.on_call = [](const auto&, const os::PeerCredentials&, Call) {},
                                        .on_closed = [&](const Connection*) { ++closed; },
                                        .may_stay = {}});
        CHECK(listener.has_value());
        std::vector<os::UniqueFd> clients;
        for (int i = 0; i < 3; ++i) clients.push_back(std::move(*os::connect_unix(path, os::UnixType::kStream)));
        while ((*listener)->accepted() + (*listener)->refused() < 3) loop.turn(1s);
        CHECK_EQUAL(2U, (*listener)->accepted());
        CHECK_EQUAL(1U, (*listener)->refused());
        char c = 0;
        CHECK_EQUAL(0, ::read(clients[2].get(), &c, 1));
        clients.clear();
        while (closed < 2) loop.turn(1s);
        clients.push_back(std::move(*os::connect_unix(path, os::UnixType::kStream)));
        while ((*listener)->accepted() < 3) loop.turn(1s);
    }
    CHECK_EQUAL(0, ::rmdir(folder.c_str()));  // the socket went with its listener
}

TEST(Listener, AUserOtherThanRootHasAShareAndASilentConnectionIsDropped) {
    char name[] = "/tmp/sallyport-listen-XXXXXX";
    const std::string folder = ::mkdtemp(name);
    CHECK_EQUAL(0, ::chmod(folder.c_str(), 0755));
    const auto path = folder + "/s";
    constexpr uid_t kNobody = 65534;
    {
        std::set<const Connection*> used;
        auto listener =
            Listener::make(loop, path, {.mode = 0666}, {.connections = 3, .per_user = 2, .first_call = 50ms}, {},
                           {.on_call = [&](const auto& connection, const os::PeerCredentials&,
                                           Call) { used.insert(connection.get()); },
                            .on_closed = {},
                            .may_stay = [&](const Connection* connection) { return used.contains(connection); }});
        CHECK(listener.has_value());
        std::vector<os::UniqueFd> clients;
        const auto connect = [&] { clients.push_back(std::move(*os::connect_unix(path, os::UnixType::kStream))); };
        CHECK_EQUAL(0, ::seteuid(kNobody));
        for (int i = 0; i < 3; ++i) connect();
        CHECK_EQUAL(0, ::seteuid(0));
        for (int i = 0; i < 2; ++i) connect();
        while ((*listener)->accepted() + (*listener)->refused() < 5) loop.turn(1s);
        CHECK_EQUAL(3U, (*listener)->accepted());
        char c = 0;
        CHECK_EQUAL(0, ::read(clients[2].get(), &c, 1));
        CHECK_EQUAL(0, ::read(clients[4].get(), &c, 1));
        constexpr std::string_view kCall = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}\n";
        CHECK_EQUAL(static_cast<ssize_t>(kCall.size()), ::write(clients[3].get(), kCall.data(), kCall.size()));
        const auto end = os::monotonic_now() + 10s;
        while ((*listener)->dropped() < 2 && os::monotonic_now() < end) loop.turn(100ms);
        CHECK_EQUAL(2U, (*listener)->dropped());
        CHECK_EQUAL(0, ::read(clients[0].get(), &c, 1));
        connect();
        connect();
        while ((*listener)->accepted() + (*listener)->refused() < 7) loop.turn(1s);
        CHECK_EQUAL(5U, (*listener)->accepted());
    }
    CHECK_EQUAL(0, ::rmdir(folder.c_str()));
}
