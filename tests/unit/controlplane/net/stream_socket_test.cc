#include "controlplane/net/stream_socket.h"

#include <sys/socket.h>

#include <array>
#include <string>

#include "tests/support/certificates.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using net::StreamSocket;
using net::TlsContext;
using net::TlsSession;

namespace {

const test::Authority kAuthority("Sallyport Test Root");  // outside of the tests, which count what they leave

std::array<os::UniqueFd, 2> pair() {
    std::array<int, 2> fds{};
    LONGS_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()));
    std::array<os::UniqueFd, 2> out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i].reset(fds[i]);
    return out;
}

// A client and our socket, with whoever holds the wire between them.
struct Wire {
    std::array<os::UniqueFd, 2> client_side = pair();
    std::array<os::UniqueFd, 2> our_side = pair();
    std::shared_ptr<const TlsContext> context;
    std::unique_ptr<TlsSession> client;
    StreamSocket socket;

    Wire() : socket(std::move(our_side[0]), 10s) {
        const auto made = kAuthority.make("gate.example", {"DNS:gate.example"});
        auto loaded =
            TlsContext::make({.pairs = {{made.certificate, made.key}}, .authorities = kAuthority.certificate()}, {});
        CHECK(loaded.has_value());
        context = *loaded;
        client = TlsSession::client(context, client_side[0].get(), "gate.example", true, "peer");
        CHECK(socket.begin_tls(TlsSession::server(context, socket.fd())));
        for (int i = 0; i < 10; ++i) {
            client->handshake();
            pass(client_side[1].get(), our_side[1].get(), 100'000);
            socket.handshake();
            pass(our_side[1].get(), client_side[1].get(), 100'000);
        }
    }

    static std::size_t pass(int from, int to, std::size_t most) {
        std::string bytes(most, '\0');
        const auto got = ::recv(from, bytes.data(), bytes.size(), 0);
        if (got <= 0) return 0;
        LONGS_EQUAL(got, ::send(to, bytes.data(), static_cast<std::size_t>(got), 0));
        return static_cast<std::size_t>(got);
    }
    std::size_t let_through(std::size_t most) { return pass(client_side[1].get(), our_side[1].get(), most); }
    void say(const std::string& text) {
        std::size_t n = 0;
        CHECK(client->write(text, n) == TlsSession::Status::kDone);
    }
};

}  // namespace

TEST_GROUP(StreamSocketTest) {};

// What cannot be read on must not keep the loop awake: half a record would cost a CPU until its other half comes.
TEST(StreamSocketTest, half_a_record_waits_for_the_socket) {
    Wire wire;
    wire.say(std::string(1000, 'x'));
    LONGS_EQUAL(500, wire.let_through(500));
    std::array<char, 4096> buffer{};
    std::size_t got = 1;
    CHECK(wire.socket.read(buffer, got) == StreamSocket::Status::kOpen);
    LONGS_EQUAL(0, got);
    CHECK_FALSE(wire.socket.has_pending());
    wire.let_through(100'000);
    CHECK(wire.socket.read(buffer, got) == StreamSocket::Status::kOpen);
    LONGS_EQUAL(1000, got);
    CHECK_FALSE(wire.socket.has_pending());
}

TEST(StreamSocketTest, what_did_not_fit_is_pending) {
    Wire wire;
    wire.say(std::string(1000, 'x'));
    wire.let_through(100'000);
    std::array<char, 600> buffer{};
    std::size_t got = 0;
    CHECK(wire.socket.read(buffer, got) == StreamSocket::Status::kOpen);
    LONGS_EQUAL(600, got);
    CHECK(wire.socket.has_pending());
    CHECK(wire.socket.read(buffer, got) == StreamSocket::Status::kOpen);
    LONGS_EQUAL(400, got);
    CHECK_FALSE(wire.socket.has_pending());
}
