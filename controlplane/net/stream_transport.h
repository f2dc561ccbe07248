#pragma once
// SIP over streams, TCP and TLS (RFC 3261 §18): listeners, connections of both directions, what is read and written.
//
// A connection has a number, which is never used again, and is found by it or by where it leads. One that nobody has
// made yet is made when something is to be sent there. Messages come out of it by sip::StreamFramer; what is to go out
// waits in its queue, in order, and what could not go out is told (take_losses).
//
// Bounded, and counted where a bound strikes: connections in all and from one address; the time to connect, to send the
// first message, to finish one that has begun, to take what is written; the time without a message; the bytes that
// wait on one connection, and on all (config::ConnectionBounds). Nobody waits: a connection that breaks a bound is
// closed.
//
// Keep-alives (RFC 5626 §4.4.1): those of peers are answered, within a rate; ours go to whom the configuration says,
// and a connection without an answer is given up.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/net/tls.h"
#include "controlplane/sip/stream_framer.h"
#include "controlplane/transaction/send_queue.h"
#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/config/views.h"
#include "platform/os/event_loop.h"
#include "platform/os/log.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::net {

using StreamLimits = config::ConnectionBounds;

class StreamTransport {
public:
    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t made = 0;
        std::uint64_t closed = 0;
        std::uint64_t received = 0;  // messages
        std::uint64_t sent = 0;
        std::uint64_t received_bytes = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t pings = 0;             // answered
        std::uint64_t pings_unanswered = 0;  // they came too often, or the answer before was not taken
        std::uint64_t own_pings = 0;
        std::uint64_t no_pong = 0;    // connections given up
        std::uint64_t strangers = 0;  // closed before anything was read
        std::uint64_t too_many = 0;
        std::uint64_t too_many_from_one = 0;
        std::uint64_t connect_failed = 0;
        std::uint64_t handshakes = 0;
        std::uint64_t resumed = 0;  // of these
        std::uint64_t handshake_failed = 0;
        std::uint64_t slow_handshake = 0;
        std::uint64_t wrong_peer = 0;  // a certificate of somebody else
        std::uint64_t lost_sync = 0;
        std::uint64_t too_large = 0;   // a message
        std::uint64_t slow_first = 0;  // no message in time
        std::uint64_t slow_message = 0;
        std::uint64_t slow_reader = 0;
        std::uint64_t idle = 0;
        std::uint64_t queue_full = 0;  // messages refused
        std::uint64_t memory_full = 0;
        std::uint64_t broken = 0;  // by the peer, or by the network
        std::uint64_t aliases = 0;
        std::uint64_t aliases_ignored = 0;
    };
    // Who is at the other end.
    struct Peer {
        bool listed = false;  // a trunk has a peer at that very port
        bool verify = true;   // TLS: by the authorities of the sip-interface's profile, if it has any
        std::string name{};   // that its certificate must have; empty: any
        bool wildcards = false;
        Duration keep_alive{};  // of connections that we make; zero: none
    };
    struct Handlers {
        std::function<void(const transaction::Path& from, std::span<const std::byte> message)> on_message;
        std::function<void(const transaction::Path& from, const sip::Frame& last)> on_unframed;
        // Whether a connection from there is wanted at all.
        std::function<bool(const transaction::Path& from)> admits;
        // Who is to be expected there.
        std::function<Peer(const transaction::Path& path)> peer;
        // What went on which connection, when its path named none. From within send().
        std::function<void(const transaction::SendQueue::Entry& entry, std::uint32_t connection)> on_stream;
    };

    // In this order: what waited to be written, then the connections that are gone, with what was sent and not
    // answered.
    struct Losses {
        std::vector<transaction::SendQueue::Entry> failed;
        std::vector<transaction::Path> gone;
    };

    StreamTransport(os::EventLoop& loop, Handlers handlers, const StreamLimits& limits = {});
    ~StreamTransport();
    StreamTransport(const StreamTransport&) = delete;
    StreamTransport& operator=(const StreamTransport&) = delete;

    // The certificates of a TLS profile, by its index, from now on; connections that there are keep what they have.
    void set_tls(std::size_t profile, std::shared_ptr<const TlsContext> context);

    // Opens every listener; on an error none is.
    os::Result<void> open(const std::vector<config::SipInterface>& interfaces);
    // The peer that made this connection wants to be reached over it as if it led to `port` of its address (RFC 5923).
    // It is, when it has proved to be the trunk's peer that listens there; a later connection takes the place of an
    // earlier one.
    void alias(const transaction::Path& from, std::uint16_t port);
    // Begins to accept.
    void start();
    // Sends what of the queue goes over streams, with all else that has gathered. Returns what could not even wait; see
    // UdpTransport::send.
    std::vector<transaction::SendQueue::Entry> send(const transaction::SendQueue& queue);

    // Reads what TLS holds of connections that had more than fits into a turn. At the end of each; true: there is more.
    bool read_more();
    // Writes what else has gathered: answers to pings, last words. At the end of each turn.
    void flush();
    // Since the last call. For the engine, which may then have more to send.
    Losses take_losses() { return std::exchange(losses_, {}); }
    bool has_losses() const { return !losses_.gone.empty(); }

    const Counters& counters() const { return counters_; }
    std::size_t connections() const { return connections_.size(); }
    std::size_t kept_bytes() const { return kept_; }
    Endpoint local(std::uint16_t sip_interface, Transport transport) const;  // as bound

private:
    struct Listener;
    struct Connection;
    struct Route {  // where a connection leads
        std::uint16_t sip_interface = 0;
        Endpoint remote;
        Transport transport = Transport::kTcp;
        friend bool operator==(const Route&, const Route&) = default;
    };
    struct RouteHash {
        std::size_t operator()(const Route& r) const;
    };

    void on_accept(Listener& listener);
    void accept_one(Listener& listener, os::UniqueFd fd, const Endpoint& remote);
    Connection& add(os::UniqueFd fd, const transaction::Path& path, bool accepted);
    Connection* find(std::uint32_t number);
    Connection* find(const transaction::Path& to);
    Connection* make(const transaction::Path& to);
    bool take(Connection& connection, const transaction::SendQueue::Entry& entry, std::string_view bytes);
    void to_write(Connection& connection);
    void on_ready(std::uint32_t number, std::uint32_t events);
    // Each of these may close it.
    void connected(Connection& connection);
    bool begin_handshake(Connection& connection);
    void shake(Connection& connection);
    void established(Connection& connection);
    void read(Connection& connection);
    void feed(Connection& connection, std::string_view bytes);
    void write(Connection& connection);
    void ping(Connection& connection, Instant now);
    void expire(Connection& connection, Instant now);
    void close(Connection& connection);
    void unroute(const Connection& connection);
    std::shared_ptr<const TlsContext> tls_of(std::uint16_t sip_interface) const;
    void watch(Connection& connection);
    void rearm(Connection& connection);
    void account(Connection& connection);

    os::EventLoop& loop_;
    Handlers handlers_;
    StreamLimits limits_;
    std::vector<config::SipInterface> interfaces_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    os::UniqueFd spare_;  // for a moment without descriptors
    std::unordered_map<std::uint32_t, std::unique_ptr<Connection>> connections_;
    std::unordered_map<Route, std::uint32_t, RouteHash> routes_;
    std::unordered_map<IpAddress, std::size_t, IpAddressHash> accepted_from_;
    std::vector<std::uint32_t> to_write_;
    std::vector<std::uint32_t> to_read_;                  // bytes of theirs wait in TLS, where epoll does not see them
    std::vector<std::shared_ptr<const TlsContext>> tls_;  // by profile
    Losses losses_;
    std::vector<char> scratch_;
    std::uint32_t next_number_ = 1;
    std::size_t kept_ = 0;
    Counters counters_;
    log::LogLimit log_limit_{4};  // peers can cause each of these lines
    bool started_ = false;
};

}  // namespace sallyport::net
