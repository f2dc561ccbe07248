#include "controlplane/net/stream_transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/net/socket_address.h"
#include "tests/support/certificates.h"
#include "tests/support/heap.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace sallyport;
using net::SocketAddress;
using net::StreamLimits;
using net::StreamTransport;
using transaction::Path;
using Entry = transaction::SendQueue::Entry;

namespace {

const Endpoint kAnyPort(IpAddress::v4(0x7f000001), 0);
const test::Authority kAuthority("Sallyport Test Root");

std::string message(const std::string& what, const std::string& length = "Content-Length: 0") {
    return "OPTIONS sip:" + what + " SIP/2.0\r\n" + length + "\r\n\r\n";
}

// A socket of a peer: one that connects, or one that a listener has accepted.
class Peer {
public:
    explicit Peer(int fd) : fd_(fd) {}
    explicit Peer(const Endpoint& to) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const SocketAddress address(to);
        LONGS_EQUAL(0, ::connect(fd_.get(), address.get(), address.length));
    }
    // From an address and port that a listener has, too.
    Peer(const Endpoint& to, const Endpoint& from) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const SocketAddress here(from);
        const int on = 1;
        for (const int option : {SO_REUSEADDR, SO_REUSEPORT})
            LONGS_EQUAL(0, ::setsockopt(fd_.get(), SOL_SOCKET, option, &on, sizeof on));
        LONGS_EQUAL(0, ::bind(fd_.get(), here.get(), here.length));
        const SocketAddress address(to);
        LONGS_EQUAL(0, ::connect(fd_.get(), address.get(), address.length));
    }
    void send(const std::string& bytes) const {
        LONGS_EQUAL(bytes.size(), ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    // The kernel takes little for it: else, given time, megabytes.
    void keep_window_small() const {
        const int bytes = 65536;
        LONGS_EQUAL(0, ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
    }
    // What is there now.
    std::string read() {
        std::string out(65536, '\0');
        const auto got = ::recv(fd_.get(), out.data(), out.size(), MSG_DONTWAIT);
        ended_ |= got == 0 || (got < 0 && errno == ECONNRESET);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }
    bool ended() {
        read();
        return ended_;
    }
    void close() { fd_.reset(); }
    // Its kernel keeps few bytes for it.
    void narrow() const {
        const int bytes = 32768;
        LONGS_EQUAL(0, ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
    }
    Endpoint local() const { return net::bound_to(fd_.get()); }

private:
    os::UniqueFd fd_;
    bool ended_ = false;
};

struct Listener {
    os::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    Listener() {
        const SocketAddress address(kAnyPort);
        const int on = 1;
        LONGS_EQUAL(0, ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on));
        LONGS_EQUAL(0, ::bind(fd.get(), address.get(), address.length));
        LONGS_EQUAL(0, ::listen(fd.get(), 16));
    }
    Endpoint local() const { return net::bound_to(fd.get()); }
    std::optional<Peer> accept() const {
        const int got = ::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC);
        return got < 0 ? std::nullopt : std::optional<Peer>(std::in_place, got);
    }
};

struct StreamTransportTest : public Utest {
    struct Heard {
        Path from;
        std::string text;
    };
    os::EventLoop loop;
    std::vector<Heard> heard;
    std::vector<Heard> unframed;
    std::vector<std::uint32_t> went;
    bool admitted = true;
    StreamTransport::Peer expected;
    std::optional<StreamTransport> streams;

    void open(const StreamLimits& limits = {}) {
        streams.emplace(loop,
                        StreamTransport::Handlers{
                            .on_message =
                                [this](const Path& from, std::span<const std::byte> b) {
                                    heard.push_back({from, {reinterpret_cast<const char*>(b.data()), b.size()}});
                                },
                            .on_unframed =
                                [this](const Path& from, const sip::Frame& last) {
                                    unframed.push_back({from, std::to_string(last.status)});
                                },
                            .admits = [this](const Path&) { return admitted; },
                            .peer = [this](const Path&) { return expected; },
                            .on_stream = [this](const Entry&, std::uint32_t number) { went.push_back(number); }},
                        limits);
        config::SipInterface udp_only{"u", 0, kAnyPort, "", {Transport::kUdp}};
        config::SipInterface both{"t", 0, kAnyPort, "", {Transport::kUdp, Transport::kTcp}};
        config::SipInterface tls{"s", 0, kAnyPort, "", {Transport::kTls}, 0, 0};
        const auto opened = streams->open({udp_only, both, tls});
        CHECK_TEXT(opened.has_value(), opened ? "" : opened.error().c_str());
        streams->start();
    }
    Endpoint local() const { return streams->local(1, Transport::kTcp); }
    template <typename Condition>
    void turn_until(Condition condition) {
        bool met = condition();  // asked once: it may take what it looks for
        for (int i = 0; i < 1000 && !met; ++i) {
            loop.turn(5ms);
            met = condition();
            streams->flush();
        }
        CHECK(met);
    }
    std::vector<Entry> send(const Path& to, const std::string& bytes, std::uint64_t owner = 42) {
        transaction::SendQueue queue;
        queue.push(to, bytes, owner);
        return streams->send(queue);
    }
    std::string read_until(Peer& peer, const std::string& what) {
        std::string all;
        turn_until([&] {
            all += peer.read();
            return all.find(what) != std::string::npos;
        });
        return all;
    }
    void ends(Peer& peer) {
        turn_until([&] { return peer.ended(); });
    }
};

}  // namespace

TEST_GROUP_BASE(StreamTransport, StreamTransportTest) {};

TEST(StreamTransport, messages_come_with_where_they_came_from_and_answers_go_back_there) {
    open();
    Peer peer(local());
    peer.send(message("a") + message("b").substr(0, 20));
    turn_until([&] { return heard.size() == 1; });
    peer.send(message("b").substr(20));
    turn_until([&] { return heard.size() == 2; });
    STRCMP_EQUAL(message("b").c_str(), heard[1].text.c_str());
    const auto from = heard[0].from;
    LONGS_EQUAL(1, from.sip_interface);
    CHECK(from.transport == Transport::kTcp && from.connection != 0 && from.remote == peer.local());
    CHECK(heard[1].from == from);
    // By its number, wherever the path would lead.
    auto to = from;
    to.remote = Endpoint(IpAddress::v4(0x7f000001), 1);
    CHECK(send(to, "answer").empty());
    STRCMP_EQUAL("answer", read_until(peer, "answer").c_str());
    LONGS_EQUAL(0, went.size());
    LONGS_EQUAL(0, streams->kept_bytes());
}

TEST(StreamTransport, a_connection_is_made_once_and_used_for_all_that_goes_there) {
    open();
    const Listener listener;
    const Path to{1, listener.local(), Transport::kTcp};
    CHECK(send(to, "one ").empty());
    CHECK(send(to, "two").empty());
    std::optional<Peer> peer;
    turn_until([&] { return (peer = listener.accept()).has_value(); });
    STRCMP_EQUAL("one two", read_until(*peer, "two").c_str());
    LONGS_EQUAL(1, streams->connections());
    LONGS_EQUAL(2, went.size());
    LONGS_EQUAL(went[0], went[1]);
    // What the peer sends on it comes with the same number.
    peer->send(message("back"));
    turn_until([&] { return !heard.empty(); });
    LONGS_EQUAL(went[0], heard[0].from.connection);
    // It leaves from the address of the sip-interface.
    CHECK(heard[0].from.remote == listener.local());
}

TEST(StreamTransport, where_nobody_listens_what_waited_is_told) {
    open();
    Endpoint nobody;
    {
        const Listener gone;
        nobody = gone.local();
    }
    const Path to{1, nobody, Transport::kTcp};
    const auto refused = send(to, "lost", 7);
    turn_until([&] { return streams->connections() == 0; });
    const auto losses = streams->take_losses();
    LONGS_EQUAL(1, refused.size() + losses.failed.size());
    LONGS_EQUAL(1, streams->counters().connect_failed);
    CHECK(streams->take_losses().gone.empty());
}

TEST(StreamTransport, a_connection_that_breaks_is_told_and_its_place_is_free) {
    open();
    const Listener listener;
    const Path to{1, listener.local(), Transport::kTcp};
    send(to, "one");
    std::optional<Peer> peer;
    turn_until([&] { return (peer = listener.accept()).has_value(); });
    read_until(*peer, "one");
    peer->close();
    turn_until([&] { return streams->connections() == 0; });
    const auto losses = streams->take_losses();
    CHECK(losses.failed.empty());  // it was written
    LONGS_EQUAL(1, losses.gone.size());
    LONGS_EQUAL(went[0], losses.gone[0].connection);
    // Its number leads nowhere: the next one goes by another connection.
    auto by_number = to;
    by_number.connection = went[0];
    send(by_number, "two");
    turn_until([&] { return (peer = listener.accept()).has_value(); });
    read_until(*peer, "two");
    CHECK(went[0] != went[1]);
}

TEST(StreamTransport, strangers_and_those_too_many_are_closed_at_once) {
    StreamLimits limits;
    limits.accepted_from_one_address = 2;
    open(limits);
    admitted = false;
    Peer stranger(local());
    ends(stranger);
    LONGS_EQUAL(1, streams->counters().strangers);
    admitted = true;
    Peer a(local());
    Peer b(local());
    Peer c(local());
    ends(c);
    LONGS_EQUAL(1, streams->counters().too_many_from_one);
    a.close();
    turn_until([&] { return streams->connections() == 1; });
    Peer d(local());
    turn_until([&] { return streams->connections() == 2; });
    limits.accepted_from_one_address = 100;
    limits.connections = 1;
    open(limits);
    Peer e(local());
    Peer f(local());
    ends(f);
    LONGS_EQUAL(1, streams->counters().too_many);
    // Nor is one made.
    LONGS_EQUAL(1, send({1, Listener().local(), Transport::kTcp}, "x").size());
}

TEST(StreamTransport, who_is_slow_is_closed_when_its_time_is_over) {
    StreamLimits limits;
    limits.first_message = 40ms;
    limits.message = 40ms;
    limits.idle = 120ms;
    open(limits);
    Peer silent(local());
    Peer pings(local());
    pings.send("\r\n\r\n");
    STRCMP_EQUAL("\r\n", read_until(pings, "\r\n").c_str());
    ends(silent);
    ends(pings);  // pings are no message
    LONGS_EQUAL(2, streams->counters().slow_first);

    Peer slow(local());
    slow.send(message("whole") + "OPTIONS sip:half");
    ends(slow);
    LONGS_EQUAL(1, streams->counters().slow_message);

    Peer idle(local());
    Peer kept(local());
    for (const auto* each : {&idle, &kept}) each->send(message("whole"));
    const auto until = std::chrono::steady_clock::now() + 200ms;
    turn_until([&] {
        ::usleep(5000);
        kept.send("\r\n\r\n");
        return std::chrono::steady_clock::now() > until;
    });
    CHECK(idle.ended());
    CHECK_FALSE(kept.ended());
    ends(kept);
    LONGS_EQUAL(2, streams->counters().idle);
    LONGS_EQUAL(0, streams->connections());
    LONGS_EQUAL(0, streams->kept_bytes());
}

TEST(StreamTransport, a_byte_now_and_then_does_not_keep_a_message_open) {
    StreamLimits limits;
    limits.message = 60ms;
    open(limits);
    Peer peer(local());
    peer.send(message("whole"));
    turn_until([&] { return !heard.empty(); });
    const auto text = message("never-ends");
    const auto start = std::chrono::steady_clock::now();
    std::size_t at = 0;
    turn_until([&] {
        if (peer.ended()) return true;
        if (at < text.size() - 1) ::usleep(1000), peer.send(text.substr(at++, 1));
        return false;
    });
    CHECK(std::chrono::steady_clock::now() - start >= 55ms);
    LONGS_EQUAL(1, streams->counters().slow_message);
}

TEST(StreamTransport, who_does_not_read_is_closed_and_what_waited_is_told) {
    StreamLimits limits;
    limits.write = 50ms;
    limits.written_bytes = std::size_t{10} << 20;
    open(limits);
    Peer peer(local());
    peer.keep_window_small();
    peer.send(message("a"));
    turn_until([&] { return !heard.empty(); });
    const std::string large(5 << 20, 'x');  // more than the kernel takes for such a window (tcp_wmem: 4 MiB)
    CHECK(send(heard[0].from, large).empty());
    CHECK(send(heard[0].from, large).empty());
    LONGS_EQUAL(1, send(heard[0].from, large).size());  // no room
    LONGS_EQUAL(1, streams->counters().queue_full);
    turn_until([&] { return streams->connections() == 0; });
    LONGS_EQUAL(1, streams->counters().slow_reader);
    LONGS_EQUAL(2, streams->take_losses().failed.size());
    LONGS_EQUAL(0, streams->kept_bytes());
}

TEST(StreamTransport, who_is_never_quite_done_with_reading_costs_no_more_than_what_waits) {
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    StreamLimits limits;
    limits.written_bytes = 17 * kMiB;  // more than our kernel takes at once
    open(limits);
    Peer peer(local());
    peer.narrow();
    peer.send(message("a"));
    turn_until([&] { return !heard.empty(); });
    const std::string bytes(kMiB, 'x');
    const auto before = test::heap_in_use();
    for (std::size_t sent = 0; sent < 160 * kMiB; sent += bytes.size()) {
        turn_until([&] {
            while (streams->kept_bytes() > 16 * kMiB && !peer.read().empty()) {
            }
            return streams->kept_bytes() <= 16 * kMiB;
        });
        CHECK(sent < 32 * kMiB || streams->kept_bytes() > 0);
        CHECK(send(heard[0].from, bytes).empty());
    }
    CHECK(test::heap_in_use() < before + 80 * kMiB);
}

TEST(StreamTransport, what_is_no_sip_is_closed_and_a_message_without_an_end_gets_its_answer_first) {
    open();
    Peer web(local());
    web.send("GET / HTTP/1.1\r\n\r\n");
    ends(web);
    LONGS_EQUAL(1, streams->counters().lost_sync);
    LONGS_EQUAL(0, unframed.size());

    Peer peer(local());
    peer.send(message("a", "X: y") + message("b"));
    bool answered = false;
    std::string all;
    turn_until([&] {
        if (!unframed.empty() && !std::exchange(answered, true)) send(unframed[0].from, "the answer");
        all += peer.read();
        return peer.ended();
    });
    STRCMP_EQUAL("400", unframed[0].text.c_str());
    STRCMP_EQUAL("the answer", all.c_str());
    LONGS_EQUAL(0, heard.size());
}

TEST(StreamTransport, what_is_too_large_is_answered_and_closed) {
    StreamLimits limits;
    limits.message_bytes = 4096;
    open(limits);
    Peer fits(local());
    fits.send(message("fits", "X: " + std::string(4000, 'x') + "\r\nContent-Length: 0"));
    turn_until([&] { return heard.size() == 1; });
    Peer body(local());
    body.send(message("large", "Content-Length: 4096"));
    ends(body);
    STRCMP_EQUAL("513", unframed.at(0).text.c_str());
    Peer head(local());
    head.send("OPTIONS sip:a SIP/2.0\r\nX: " + std::string(5000, 'x'));
    ends(head);
    LONGS_EQUAL(2, streams->counters().too_large);
    LONGS_EQUAL(0, streams->counters().lost_sync);
}

TEST(StreamTransport, a_flood_of_pings_gets_a_few_answers) {
    open();
    Peer pings(local());
    pings.send(message("whole"));
    turn_until([&] { return heard.size() == 1; });
    std::string all;
    for (int i = 0; i < 20; ++i) {
        pings.send("\r\n\r\n");
        const auto& c = streams->counters();
        turn_until([&] { return c.pings + c.pings_unanswered == static_cast<unsigned>(i) + 1; });
        all += pings.read();
    }
    const auto answered = streams->counters().pings;
    CHECK(answered >= 4 && answered <= 8);  // a second may have begun
    turn_until([&] { return (all += pings.read()).size() == 2 * answered; });
    CHECK_FALSE(pings.ended());
}

TEST(StreamTransport, a_connection_to_a_trunk_is_pinged_and_given_up_without_a_pong) {
    StreamLimits limits;
    limits.pong = 60ms;
    open(limits);
    expected.keep_alive = 30ms;
    const Listener listener;
    send({1, listener.local(), Transport::kTcp}, "one");
    std::optional<Peer> trunk;
    turn_until([&] { return (trunk = listener.accept()).has_value(); });
    read_until(*trunk, "one");
    for (int i = 0; i < 3; ++i) {
        STRCMP_EQUAL("\r\n\r\n", read_until(*trunk, "\r\n\r\n").c_str());
        trunk->send("\r\n");
    }
    // A ping of the peer's that crosses ours is no reason to give up: its first half is the pong.
    read_until(*trunk, "\r\n\r\n");
    trunk->send("\r\n\r\n\r\n");
    read_until(*trunk, "\r\n");
    LONGS_EQUAL(1, streams->counters().pings);
    LONGS_EQUAL(0, streams->counters().no_pong);
    ends(*trunk);
    LONGS_EQUAL(1, streams->counters().no_pong);
    CHECK(streams->counters().own_pings >= 5);
    LONGS_EQUAL(1, streams->take_losses().gone.size());
    LONGS_EQUAL(0, streams->kept_bytes());
}

TEST(StreamTransport, connections_that_peers_made_are_not_pinged) {
    open();
    expected.keep_alive = 10ms;
    Peer them(local());
    them.send(message("whole"));
    turn_until([&] { return heard.size() == 1; });
    const auto until = std::chrono::steady_clock::now() + 60ms;
    turn_until([&] { return std::chrono::steady_clock::now() > until; });
    STRCMP_EQUAL("", them.read().c_str());
    LONGS_EQUAL(0, streams->counters().own_pings);
}

// Two of them, one at each end.
TEST_GROUP_BASE(StreamTransportTls, StreamTransportTest) {
    std::optional<StreamTransport> other;
    std::vector<Heard> other_heard;

    static std::shared_ptr<const net::TlsContext> context(const std::string& name, config::TlsClients clients = {}) {
        const auto made = kAuthority.make(name, {"DNS:" + name});
        return net::TlsContext::make({.pairs = {{made.certificate, made.key}}, .authorities = kAuthority.certificate()},
                                     {.clients = clients})
            .value();
    }
    void open_both(const StreamLimits& limits = {}, config::TlsClients clients = {}, config::TlsClients here = {}) {
        open(limits);
        streams->set_tls(0, context("gate.example", here));
        other.emplace(loop,
                      StreamTransport::Handlers{
                          .on_message =
                              [this](const Path& from, std::span<const std::byte> b) {
                                  other_heard.push_back({from, {reinterpret_cast<const char*>(b.data()), b.size()}});
                              },
                          .on_unframed = [](const Path&, const sip::Frame&) {},
                          .admits = [](const Path&) { return true; },
                          .peer = [](const Path&) { return StreamTransport::Peer{.name = "gate.example"}; },
                          .on_stream = [](const Entry&, std::uint32_t) {}},
                      limits);
        config::SipInterface tls{"s", 0, kAnyPort, "", {Transport::kTls}, 0, 0};
        CHECK(other->open({tls}).has_value());
        other->set_tls(0, context("carrier.example", clients));
        other->start();
    }
    Path there() {
        if (other) there_ = {2, other->local(0, Transport::kTls), Transport::kTls};
        return there_;
    }
    void send_other(const std::string& bytes) {
        transaction::SendQueue queue;
        queue.push({0, streams->local(2, Transport::kTls), Transport::kTls}, bytes, 0);
        CHECK(other->send(queue).empty());
    }
    Path there_;
    template <typename Condition>
    void both_until(Condition condition) {
        turn_until([&] {
            other->flush();
            return condition();
        });
    }
};

TEST(StreamTransportTls, messages_go_both_ways) {
    open_both({}, config::TlsClients::kRequired);
    expected.name = "carrier.example";
    const auto large = message("large", "X: " + std::string(40000, 'x') + "\r\nContent-Length: 0");
    CHECK(send(there(), message("one") + large).empty());
    both_until([&] { return other_heard.size() == 2; });
    STRCMP_EQUAL(large.c_str(), other_heard[1].text.c_str());
    CHECK(other_heard[0].from.transport == Transport::kTls);
    transaction::SendQueue queue;
    queue.push(other_heard[0].from, message("back"), 0);
    CHECK(other->send(queue).empty());
    both_until([&] { return heard.size() == 1; });
    LONGS_EQUAL(went[0], heard[0].from.connection);
    LONGS_EQUAL(1, streams->counters().handshakes);
}

// RFC 5923: `other` makes a connection, and wants to be reached over it where it listens.
TEST(StreamTransportTls, an_authenticated_peer_is_reached_over_the_connection_that_it_made) {
    open_both({}, {}, config::TlsClients::kOptional);
    expected = {.listed = true, .name = "carrier.example"};
    send_other(message("hello"));
    both_until([&] { return heard.size() == 1; });
    streams->alias(heard[0].from, there().remote.port);
    streams->alias(heard[0].from, there().remote.port);  // each request says so
    LONGS_EQUAL(1, streams->counters().aliases);
    send(there(), message("back"));
    both_until([&] { return other_heard.size() == 1; });
    LONGS_EQUAL(0, streams->counters().made);
    LONGS_EQUAL(heard[0].from.connection, went.at(0));
    // It says another port: the one before leads nowhere now. When it is gone, neither does.
    streams->alias(heard[0].from, 5061);
    send(there(), message("back"));
    both_until([&] { return other_heard.size() == 2; });
    LONGS_EQUAL(1, streams->counters().made);
    other.reset();
    turn_until([&] { return streams->connections() == 0; });
    Path elsewhere = there_;
    elsewhere.remote.port = 5061;
    send(elsewhere, message("back"));
    LONGS_EQUAL(2, streams->counters().made + streams->counters().connect_failed);
}

TEST(StreamTransportTls, who_has_not_proved_who_it_is_gets_no_alias) {
    const auto made_for = [this](config::TlsClients here, const StreamTransport::Peer& who, bool own_port = true) {
        heard.clear();
        open_both({}, {}, here);
        expected = who;
        send_other(message("hello"));
        both_until([&] { return heard.size() == 1; });
        streams->alias(heard[0].from, own_port ? there().remote.port : 5061);
        LONGS_EQUAL(1, streams->counters().aliases_ignored);
        expected = {.verify = false};
        send(there(), message("back"));
        both_until([&] { return other->counters().received == 1; });
        return streams->counters().made;
    };
    const StreamTransport::Peer good{.listed = true, .name = "carrier.example"};
    LONGS_EQUAL(1, made_for(config::TlsClients::kNone, good));                  // no certificate was asked for
    LONGS_EQUAL(1, made_for(config::TlsClients::kRequired, {.listed = true}));  // it does not name 127.0.0.1
    LONGS_EQUAL(1, made_for(config::TlsClients::kRequired, {.listed = false, .name = "carrier.example"}));
    LONGS_EQUAL(1,
                made_for(config::TlsClients::kRequired, {.listed = true, .verify = false, .name = "carrier.example"}));
}

TEST(StreamTransport, a_connection_that_a_peer_made_in_the_clear_is_not_used_for_requests_to_it) {
    open();
    expected.listed = true;
    const Listener listener;
    Peer them(local(), listener.local());
    them.send(message("hello"));
    turn_until([&] { return heard.size() == 1; });
    CHECK(heard[0].from.remote == listener.local());
    streams->alias(heard[0].from, listener.local().port);
    LONGS_EQUAL(1, streams->counters().aliases_ignored);
    const auto text = message("back");
    send({1, listener.local(), Transport::kTcp}, text);
    LONGS_EQUAL(1, streams->counters().made + streams->counters().connect_failed);
}

TEST(StreamTransportTls, who_is_somebody_else_gets_nothing) {
    open_both();
    expected.name = "somebody.example";
    send(there(), message("secret"));
    both_until([&] { return streams->connections() == 0; });
    LONGS_EQUAL(1, streams->counters().wrong_peer);
    LONGS_EQUAL(1, streams->take_losses().failed.size());
    LONGS_EQUAL(0, other_heard.size());
}

TEST(StreamTransportTls, half_a_handshake_is_closed_in_time) {
    StreamLimits limits;
    limits.handshake = 60ms;
    open_both(limits);
    Peer silent(other->local(0, Transport::kTls));
    Peer talks_sip(other->local(0, Transport::kTls));
    talks_sip.send(message("in the clear"));
    both_until([&] { return talks_sip.ended(); });
    both_until([&] { return silent.ended(); });
    LONGS_EQUAL(1, other->counters().slow_handshake);
    LONGS_EQUAL(1, other->counters().handshake_failed);
    LONGS_EQUAL(0, other_heard.size());
}

TEST(StreamTransportTls, new_certificates_do_not_touch_what_is_open) {
    open_both();
    send(there(), message("one"));
    both_until([&] { return other_heard.size() == 1; });
    other->set_tls(0, context("carrier.example"));
    streams->set_tls(0, context("gate.example"));
    send(there(), message("two"));
    both_until([&] { return other_heard.size() == 2; });
    LONGS_EQUAL(1, streams->counters().made);
    CHECK(other_heard[0].from == other_heard[1].from);
    streams->set_tls(0, nullptr);
    const auto before = other->counters().accepted;
    Path elsewhere = there();
    elsewhere.remote.address = *IpAddress::parse("127.0.0.2");
    send(elsewhere, message("lost"));
    both_until([&] { return streams->connections() == 1; });
    LONGS_EQUAL(before, other->counters().accepted);
}
