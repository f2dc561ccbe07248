#include "platform/rpc/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/os/clock.h"
#include "platform/os/fd_passing.h"
#include "platform/os/shared_memory.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::rpc;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

struct Side {
    std::shared_ptr<Connection> connection;
    std::vector<Call> calls;  // not answered yet
    std::vector<std::string> closed;
};

}  // namespace

TEST_GROUP(Connection) {
    os::EventLoop loop;
    Side left;
    Side right;
    os::UniqueFd raw;  // instead of `right`, in tests of a peer that misbehaves

    void setup() override { connect({}, {}); }
    void teardown() override {
        for (Side* side : {&left, &right}) {
            side->calls.clear();
            if (side->connection) side->connection->close();
        }
    }

    static std::array<int, 2> pair() {
        std::array<int, 2> fds{};
        CHECK_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()));
        return fds;
    }
    void open(Side& side, int fd, ConnectionLimits limits) {
        side.connection =
            Connection::make(loop, os::UniqueFd(fd),
                             {.on_call = [&side](Call call) { side.calls.push_back(std::move(call)); },
                              .on_closed = [&side](const std::string& reason) { side.closed.push_back(reason); }},
                             limits);
    }
    void connect(ConnectionLimits left_limits, ConnectionLimits right_limits) {
        const auto fds = pair();
        open(left, fds[0], left_limits);
        open(right, fds[1], right_limits);
    }
    void connect_raw(ConnectionLimits limits) {
        const auto fds = pair();
        open(left, fds[0], limits);
        raw.reset(fds[1]);
    }
    bool until(const std::function<bool()>& done) {
        for (const auto end = os::monotonic_now() + 5s; os::monotonic_now() < end;) {
            if (done()) return true;
            loop.turn(10ms);
        }
        return false;
    }
    void write_raw(const std::string& text) {
        CHECK_EQUAL(static_cast<ssize_t>(text.size()), ::write(raw.get(), text.data(), text.size()));
    }
    std::string read_raw() {
        std::array<char, 4096> buffer{};
        const auto n = ::read(raw.get(), buffer.data(), buffer.size());
        return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "";
    }
    static std::function<void(Outcome)> keep(std::optional<Outcome>& into) {
        return [&into](Outcome outcome) { into = std::move(outcome); };
    }
};

TEST(Connection, BothSidesCallAndAnswerOnOneConnectionInAnyOrder) {
    std::optional<Outcome> first;
    std::optional<Outcome> second;
    std::optional<Outcome> backwards;
    left.connection->call("one", {}, 5s, keep(first));
    left.connection->call("two", {}, 5s, keep(second));
    right.connection->call("three", {}, 5s, keep(backwards));
    CHECK(until([&] { return right.calls.size() == 2 && left.calls.size() == 1; }));
    STRCMP_EQUAL("two", right.calls[1].method().c_str());
    right.calls[1].reply("2");
    CHECK(until([&] { return second.has_value(); }));
    CHECK(!first);
    right.calls[0].fail({.code = kNotFound, .message = "no", .data = {}});
    left.calls[0].reply("3");
    CHECK(until([&] { return first && backwards; }));
    CHECK_EQUAL(kNotFound, first->error().code);
    CHECK((*second)->result == "2");
    CHECK((*backwards)->result == "3");
}

TEST(Connection, DescriptorsRideWithTheirReplyAlsoWhenRepliesAreReadTogether) {
    connect({.max_descriptors = 4}, {});
    std::optional<Outcome> plain;
    std::optional<Outcome> loaded;
    left.connection->call("plain", {}, 5s, keep(plain));
    left.connection->call("loaded", {}, 5s, keep(loaded));
    CHECK(until([&] { return right.calls.size() == 2; }));
    auto memory = os::make_memfd("rpc", 4096);
    os::map_memory(memory->get(), 4096, true)->writable()[9] = std::byte{9};
    right.calls[0].reply("x");
    std::vector<os::UniqueFd> descriptors;
    descriptors.push_back(std::move(*memory));
    right.calls[1].reply("y", std::move(descriptors));
    CHECK(until([&] { return plain && loaded; }));
    CHECK((*plain)->descriptors.empty());
    CHECK_EQUAL(1U, (*loaded)->descriptors.size());
    const auto mapping = os::map_received((*loaded)->descriptors[0].get(), 4096, false);
    CHECK(mapping.has_value());
    CHECK(mapping->bytes()[9] == std::byte{9});
}

TEST(Connection, ACallEndsByItsTimeoutAndALateAnswerIsIgnored) {
    std::optional<Outcome> outcome;
    left.connection->call("slow", {}, 20ms, keep(outcome));
    CHECK(until([&] { return outcome.has_value(); }));
    CHECK_EQUAL(kTimeout, outcome->error().code);
    CHECK_EQUAL(1U, right.calls.size());
    outcome.reset();
    right.calls[0].reply("late");
    std::optional<Outcome> next;
    left.connection->call("next", {}, 5s, keep(next));
    CHECK(until([&] { return right.calls.size() == 2; }));
    right.calls[1].reply("in time");
    CHECK(until([&] { return next.has_value(); }));
    CHECK(!outcome);
    CHECK((*next)->result == "in time");
}

TEST(Connection, TheEndOfTheConnectionEndsTheCalls) {
    std::optional<Outcome> outcome;
    left.connection->call("x", {}, 60s, keep(outcome));
    CHECK(until([&] { return right.calls.size() == 1; }));
    right.connection->close();
    CHECK(until([&] { return outcome.has_value() && !left.closed.empty(); }));
    CHECK_EQUAL(kDisconnected, outcome->error().code);
    CHECK_EQUAL(1U, left.closed.size());
    CHECK(right.closed.empty());  // it closed itself
    outcome.reset();
    left.connection->call("x", {}, 60s, keep(outcome));
    CHECK_EQUAL(kDisconnected, outcome->error().code);
    right.calls[0].reply("into the void");
}

TEST(Connection, AnUnansweredCallIsAnsweredWhenItIsForgotten) {
    std::optional<Outcome> outcome;
    left.connection->call("x", {}, 5s, keep(outcome));
    CHECK(until([&] { return right.calls.size() == 1; }));
    right.calls.clear();
    CHECK(until([&] { return outcome.has_value(); }));
    CHECK_EQUAL(kInternalError, outcome->error().code);
}

TEST(Connection, CallsBeyondTheBoundsFailAndTheOthersGoOn) {
    connect({.max_outgoing_calls = 3}, {.max_incoming_calls = 2});
    std::array<std::optional<Outcome>, 4> outcomes;
    for (auto& o : outcomes) left.connection->call("x", {}, 5s, keep(o));
    CHECK_EQUAL(kOverloaded, outcomes[3]->error().code);  // ours: at once
    CHECK(until([&] { return outcomes[2].has_value(); }));
    CHECK_EQUAL(kOverloaded, outcomes[2]->error().code);  // the peer's
    CHECK_EQUAL(2U, right.calls.size());
    for (auto& call : right.calls) call.reply("ok");
    CHECK(until([&] { return outcomes[0] && outcomes[1]; }));
    CHECK(outcomes[0]->has_value() && outcomes[1]->has_value());
    std::optional<Outcome> again;
    left.connection->call("x", {}, 5s, keep(again));
    CHECK(until([&] { return right.calls.size() == 3; }));
    right.calls[2].reply("ok");
    CHECK(until([&] { return again.has_value(); }));
}

TEST(Connection, AMessageOfNearlyTheBoundPassesAndALongerAnswerBecomesAnError) {
    std::optional<Outcome> outcome;
    json::Value params(Json::objectValue);
    params["text"] = std::string(kMaxLine - 200, 'x');
    left.connection->call("large", params, 5s, keep(outcome));
    CHECK(until([&] { return right.calls.size() == 1; }));
    CHECK(right.calls[0].params() == params);
    right.calls[0].reply(std::string(kMaxLine, 'y'));
    CHECK(until([&] { return outcome.has_value(); }));
    CHECK_EQUAL(kOverloaded, outcome->error().code);
    outcome.reset();
    params["text"] = std::string(kMaxLine, 'x');
    left.connection->call("too large", params, 5s, keep(outcome));
    CHECK_EQUAL(kOverloaded, outcome->error().code);
}

TEST(Connection, GarbageIsAnsweredAndTheConnectionStays) {
    connect_raw({});
    write_raw("garbage\n{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"x\"}\n");
    CHECK(until([&] { return left.calls.size() == 1; }));
    const auto answer = read_raw();
    CHECK(answer.find("-32700") != std::string::npos);
    CHECK(answer.find("\"id\":null") != std::string::npos);
    left.calls[0].reply("still here");
    CHECK(read_raw().find("still here") != std::string::npos);
}

TEST(Connection, APeerThatBreaksABoundLosesItsConnection) {
    connect_raw({});
    std::string endless(100000, 'x');
    for (int i = 0; i < 12 && left.closed.empty(); ++i) {
        [[maybe_unused]] const auto n = ::write(raw.get(), endless.data(), endless.size());
        loop.turn(0s);
    }
    CHECK(until([&] { return !left.closed.empty(); }));
    CHECK(left.closed[0].find("1 MiB") != std::string::npos);

    connect_raw({.max_descriptors = 0});
    const int fd = STDERR_FILENO;
    const std::string line = "{}\n";
    CHECK(os::send_with_fds(raw.get(), std::as_bytes(std::span(line)), std::span(&fd, 1)).has_value());
    CHECK(until([&] { return left.closed.size() == 2; }));

    connect_raw({.max_descriptors = 1});
    write_raw("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1,\"descriptors\":1}\n");
    CHECK(until([&] { return left.closed.size() == 3; }));
}

TEST(Connection, APeerThatDoesNotReadLosesItsConnection) {
    connect_raw({.max_outgoing_calls = 100, .max_unsent_bytes = 2 * kMaxLine});
    json::Value params(Json::objectValue);
    params["text"] = std::string(kMaxLine / 2, 'x');
    int ended = 0;
    for (int i = 0; i < 20 && left.closed.empty(); ++i) {
        left.connection->call("x", params, 60s, [&](Outcome o) { ended += o ? 0 : 1; });
    }
    CHECK_EQUAL(1U, left.closed.size());
    STRCMP_EQUAL("the other side does not read", left.closed[0].c_str());
    CHECK(ended >= 4);
}

TEST(Connection, AHandlerMayDropTheConnection) {
    connect_raw({});
    bool called = false;
    const auto fds = pair();
    std::shared_ptr<Connection> owned;
    owned = Connection::make(loop, os::UniqueFd(fds[0]),
                             {.on_call =
                                  [&](Call) {
                                      called = true;
                                      owned.reset();
                                  },
                              .on_closed = {}});
    raw.reset(fds[1]);
    write_raw("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"b\"}\n");
    CHECK(until([&] { return called; }));
    CHECK(!owned);
}
