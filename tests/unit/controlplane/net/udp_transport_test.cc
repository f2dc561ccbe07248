#include "controlplane/net/udp_transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;
using net::UdpTransport;

namespace {

struct Heard {
    std::uint16_t sip_interface = 0;
    Endpoint source;
    std::string text;
    Instant arrived{};
};

// A peer on loopback, whose port the kernel chooses.
class Peer {
public:
    Peer() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a = address(Endpoint(IpAddress::v4(0x7f000001), 0));
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof(a)) != 0) FAIL("bind");
        socklen_t length = sizeof(a);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &length);
        local_ = Endpoint(IpAddress::v4(ntohl(a.sin_addr.s_addr)), ntohs(a.sin_port));
        timeval limit{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    }
    ~Peer() { close(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    const Endpoint& local() const { return local_; }
    void send(const Endpoint& to, const std::string& text) const {
        const sockaddr_in a = address(to);
        LONGS_EQUAL(text.size(),
                    ::sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&a), sizeof(a)));
    }
    std::string receive() const {
        std::string out(70000, '\0');
        const ssize_t n = ::recv(fd_, out.data(), out.size(), 0);
        out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return out;
    }

private:
    static sockaddr_in address(const Endpoint& e) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(e.address.v4_host_order());
        a.sin_port = htons(e.port);
        return a;
    }
    int fd_;
    Endpoint local_;
};

}  // namespace

TEST_GROUP(UdpTransport) {
    os::EventLoop loop;
    std::vector<Heard> heard;
    std::vector<transaction::Path> unreachable;
    std::vector<transaction::SendQueue::Entry> send_errors;
    std::optional<UdpTransport> transport;

    void open(std::size_t interfaces) {
        transport.emplace(
            loop,
            UdpTransport::Handlers{
                .on_datagram =
                    [this](std::uint16_t i, const Endpoint& source, Instant arrived, std::span<const std::byte> b) {
                        heard.push_back({i, source, {reinterpret_cast<const char*>(b.data()), b.size()}, arrived});
                    },
                .on_unreachable = [this](const transaction::Path& to) { unreachable.push_back(to); },
                .on_send_error = [this](const auto& entry) { send_errors.push_back(entry); }});
        std::vector<config::SipInterface> list;
        for (std::size_t i = 0; i < interfaces; ++i)
            list.push_back({"s" + std::to_string(i), 0, Endpoint(IpAddress::v4(0x7f000001), 0), ""});
        const auto opened = transport->open(list);
        CHECK_TEXT(opened.has_value(), opened ? "" : opened.error().c_str());
        transport->start();
    }
    template <typename Condition>
    void turn_until(Condition condition) {
        for (int i = 0; i < 500 && !condition(); ++i) loop.turn(10ms);
        CHECK(condition());
    }
};

TEST(UdpTransport, a_datagram_comes_with_its_source_and_its_sip_interface) {
    open(2);
    const Peer peer;
    peer.send(transport->local(1), "OPTIONS");
    turn_until([&] { return !heard.empty(); });
    LONGS_EQUAL(1, heard[0].sip_interface);
    CHECK(heard[0].source == peer.local());
    STRCMP_EQUAL("OPTIONS", heard[0].text.c_str());
}

TEST(UdpTransport, a_datagram_that_waited_in_the_kernel_says_for_how_long) {
    open(1);
    const Peer peer;
    loop.turn(0ms);
    peer.send(transport->local(0), "early");
    ::usleep(30'000);
    peer.send(transport->local(0), "late");
    turn_until([&] { return heard.size() == 2; });
    const auto waited = loop.now().instant - heard[0].arrived;
    CHECK(waited >= 30ms);
    CHECK(waited < 5s);
    CHECK(heard[1].arrived - heard[0].arrived >= 30ms);
    CHECK(heard[1].arrived <= loop.now().instant);
}

TEST(UdpTransport, what_the_kernel_has_no_room_for_is_counted) {
    open(1);
    const auto before = transport->kernel_queues();
    LONGS_EQUAL(0, before.dropped);
    LONGS_EQUAL(0, before.bytes);
    CHECK(before.limit > 100'000);
    const Peer peer;
    const std::string large(60'000, 'x');
    const auto sent = 2 * before.limit / large.size();
    for (std::uint64_t i = 0; i < sent; ++i) peer.send(transport->local(0), large);
    const auto full = transport->kernel_queues();
    CHECK(full.dropped > 0);
    CHECK(full.bytes > before.limit / 2);
    turn_until([&] { return heard.size() + full.dropped == sent; });
    LONGS_EQUAL(0, transport->kernel_queues().bytes);
}

TEST(UdpTransport, many_datagrams_come_whole_and_in_order) {
    open(1);
    const Peer peer;
    for (int i = 0; i < 300; ++i)
        peer.send(transport->local(0), std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x'));
    turn_until([&] { return heard.size() == 300; });
    for (int i = 0; i < 300; ++i)
        CHECK(heard[static_cast<std::size_t>(i)].text ==
              std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x'));
    LONGS_EQUAL(300, transport->counters().received);
}

TEST(UdpTransport, the_longest_datagram_is_not_cut) {
    open(1);
    const Peer peer;
    const std::string longest(65507, 'z');  // 65,535 less the headers of IPv4 and UDP
    peer.send(transport->local(0), longest);
    turn_until([&] { return !heard.empty(); });
    CHECK(heard[0].text == longest);
    LONGS_EQUAL(0, transport->counters().truncated);
}

TEST(UdpTransport, a_queue_goes_out_in_order_each_entry_by_its_own_sip_interface) {
    open(2);
    const Peer peer;
    transaction::SendQueue queue;
    for (int i = 0; i < 100; ++i) queue.push({static_cast<std::uint16_t>(i % 2), peer.local()}, std::to_string(i));
    LONGS_EQUAL(0, transport->send(queue).size());
    int next[2] = {0, 1};
    for (int i = 0; i < 100; ++i) {
        const int n = std::stoi(peer.receive());
        LONGS_EQUAL(next[n % 2], n);
        next[n % 2] += 2;
    }
    LONGS_EQUAL(100, transport->counters().sent);
}

TEST(UdpTransport, an_icmp_error_names_the_destination_and_hurts_no_other) {
    open(1);
    const Peer there;
    Peer gone;
    const Endpoint nobody = gone.local();
    gone.close();
    transaction::SendQueue queue;
    queue.push({0, nobody}, "into the void");
    LONGS_EQUAL(0, transport->send(queue).size());
    // The error waits in the socket when the next send comes: it must not be taken for that one's.
    queue.clear();
    queue.push({0, there.local()}, "hello");
    LONGS_EQUAL(0, transport->send(queue).size());
    STRCMP_EQUAL("hello", there.receive().c_str());
    turn_until([&] { return !unreachable.empty(); });
    CHECK(unreachable[0].remote == nobody);
    LONGS_EQUAL(0, send_errors.size());
}

TEST(UdpTransport, what_the_kernel_refuses_is_given_back_with_its_owner_and_the_rest_goes) {
    open(1);
    const Peer peer;
    transaction::SendQueue queue;
    queue.push({0, peer.local()}, "first", 1);
    queue.push({0, Endpoint(IpAddress::v4(0x7f000001), 0)}, "port zero", 2);
    queue.push({7, peer.local()}, "no such sip-interface", 3);
    queue.push({0, peer.local()}, "last", 4);
    const auto refused = transport->send(queue);
    LONGS_EQUAL(2, refused.size());
    LONGS_EQUAL(2 + 3, refused[0].owner + refused[1].owner);
    STRCMP_EQUAL("first", peer.receive().c_str());
    STRCMP_EQUAL("last", peer.receive().c_str());
    LONGS_EQUAL(2, transport->counters().send_failed);
}

TEST(UdpTransport, before_start_datagrams_wait) {
    open(1);
    transport.reset();
    transport.emplace(
        loop, UdpTransport::Handlers{.on_datagram = [this](std::uint16_t i, const Endpoint& s, Instant,
                                                           std::span<const std::byte>) { heard.push_back({i, s, {}}); },
                                     .on_unreachable = {},
                                     .on_send_error = {}});
    CHECK(transport->open({{"s", 0, Endpoint(IpAddress::v4(0x7f000001), 0), ""}}).has_value());
    const Peer peer;
    peer.send(transport->local(0), "x");
    loop.turn(20ms);
    LONGS_EQUAL(0, heard.size());
    transport->start();
    turn_until([&] { return heard.size() == 1; });
}

// What belongs to calls that there are is read first, and whatever else waits.
TEST(UdpTransport, invites_and_cancels_wait_until_they_are_asked_for) {
    open(1);
    const Peer peer;
    const std::vector<std::string> asked_for{"INVITE sip:a@b SIP/2.0", "CANCEL sip:a@b SIP/2.0",
                                             "INVITE tel:1 SIP/2.0"};
    for (const auto& text : asked_for) peer.send(transport->local(0), text);
    // The last ones are shorter than the filter looks.
    const std::vector<std::string> at_once{"ACK sip:a@b SIP/2.0",
                                           "SIP/2.0 200 OK",
                                           "BYE sip:a@b SIP/2.0",
                                           "INVITES sip:a@b",
                                           "invite sip:a@b SIP/2.0",
                                           "INVITE urn:service:sos SIP/2.0",
                                           "INVITE URN:service:sos",
                                           "INVITE sip",
                                           "INVI",
                                           "CAN"};
    for (const auto& text : at_once) peer.send(transport->local(0), text);
    turn_until([&] { return heard.size() == at_once.size(); });
    for (std::size_t i = 0; i < at_once.size(); ++i) STRCMP_EQUAL(at_once[i].c_str(), heard[i].text.c_str());
    heard.clear();
    transport->receive_invites(32);
    LONGS_EQUAL(asked_for.size(), heard.size());
    for (std::size_t i = 0; i < asked_for.size(); ++i) STRCMP_EQUAL(asked_for[i].c_str(), heard[i].text.c_str());
    CHECK(heard[0].source == peer.local());
}

TEST(UdpTransport, more_invites_than_there_is_room_for_take_none_from_the_others) {
    open(1);
    const Peer peer;
    const std::string invite = "INVITE sip:a@b SIP/2.0\r\n" + std::string(1000, 'x');
    const auto before = transport->kernel_queues();
    while (transport->kernel_queues().dropped == before.dropped) peer.send(transport->local(0), invite);
    peer.send(transport->local(0), "BYE");
    turn_until([&] { return !heard.empty(); });
    STRCMP_EQUAL("BYE", heard[0].text.c_str());
    // As many as asked for, in whole batches, and the rest the next time.
    transport->receive_invites(3 * UdpTransport::kBatch);
    LONGS_EQUAL(1 + 3 * UdpTransport::kBatch, heard.size());
    turn_until([&] {
        transport->receive_invites(UdpTransport::kBatch);
        return transport->kernel_queues().bytes == 0;
    });
}

TEST(UdpTransport, an_address_that_is_not_there_yet_can_be_listened_on) {
    std::string notes;
    const auto fd = net::open_udp(Endpoint::parse("192.0.2.77:5060").value(), "", notes);
    CHECK_TEXT(fd.has_value(), fd ? "" : fd.error().c_str());
}

TEST(UdpTransport, a_device_that_does_not_exist_is_an_error_that_names_it) {
    std::string notes;
    const auto fd = net::open_udp(Endpoint::parse("127.0.0.1:0").value_or(Endpoint(IpAddress::v4(0x7f000001), 0)),
                                  "no-such-dev", notes);
    CHECK_FALSE(fd.has_value());
    CHECK(fd.error().find("no-such-dev") != std::string::npos);
}

TEST(UdpTransport, a_listener_in_use_is_an_error_that_names_the_sip_interface) {
    open(1);
    UdpTransport second(loop, {});
    const auto opened = second.open({{"outside", 0, transport->local(0), ""}});
    CHECK_FALSE(opened.has_value());
    CHECK(opened.error().find("sip-interface outside") != std::string::npos);
}
