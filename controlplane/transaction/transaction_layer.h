#pragma once
// The transaction layer of RFC 3261 §17 with RFC 6026 and RFC 4320, over datagrams and streams, without sockets or
// clocks.
//
// In: parsed messages and `now`; timers fire from the TimerWheel, which the owner advances. Out: messages in
// the SendQueue, and calls to the TransactionUser (TU). Messages are views that live only as long as the call.
// The TU may call anything of the layer from within an event; an id that has ended is refused, never reused
// (it carries a generation).
//
// The layer does by itself: retransmissions; the ACK to a non-2xx; CANCEL (built from the stored INVITE, held
// back until a provisional response, RFC 3261 §9.1); the answer to a CANCEL; 503 when its table is full; 482
// for merged requests; the drop of strays. It leaves to the TU: 100 Trying (send it at once), Timer C,
// retransmission of the 2xx and its ACK (RFC 3261 §13), loop and Max-Forwards checks.
//
// A client transaction is matched by branch and CSeq method (§17.1.3), a server transaction by branch,
// sent-by and method (§17.2.3). A request without the magic cookie (RFC 2543) is matched by Request-URI,
// Call-ID, From tag, CSeq number and top Via, which leaves out its To tag: that of the ACK would differ.
//
// A merged request (§8.2.2.2): no To tag; same Call-ID, From tag, CSeq and Request-URI as an ongoing server
// transaction but another branch. The Request-URI is more than the RFC asks for: an upstream proxy may fork to
// two numbers behind us, and both are wanted.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "controlplane/sip/response_template.h"
#include "controlplane/transaction/client_machine.h"
#include "controlplane/transaction/ids.h"
#include "controlplane/transaction/send_queue.h"
#include "controlplane/transaction/server_machine.h"
#include "platform/base/random.h"
#include "platform/base/siphash.h"
#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"

namespace sallyport::transaction {

class TransactionUser {
public:
    virtual ~TransactionUser() = default;

    // A new request that is neither ACK nor CANCEL. The TU answers it with respond(), now or later. An INVITE
    // must get its final response within kLongestProceeding, others within 64*T1 (else they end as kUnanswered).
    virtual void on_request(Instant now, ServerId id, const Path& from, const sip::Message& request) = 0;
    // An ACK to a 2xx, or a stray one: no transaction of ours waits for it.
    virtual void on_ack(Instant now, const Path& from, const sip::Message& ack) = 0;
    // A CANCEL for an INVITE that has no final response yet. It was answered with 200 already; the TU sends
    // 487 to the INVITE. (Without a matching INVITE: 481; after a final response: 200 and no event.)
    virtual void on_cancel(Instant now, ServerId invite, const Path& from, const sip::Message& cancel) = 0;

    // Provisional and final responses, retransmissions of the final one filtered out; each 2xx to INVITE,
    // retransmitted or from another branch of a fork, while in Accepted (RFC 6026 §7.2): the TU sends its ACK
    // again. Not: responses to CANCEL.
    virtual void on_response(Instant now, ClientId id, const Path& from, const sip::Message& response) = 0;
    // No final response will come. The id is dead after this.
    virtual void on_client_failure(Instant now, ClientId id, ClientFailure why) = 0;
    // The response could not be delivered, or there was none in time. The id is dead after this.
    virtual void on_server_failure(Instant now, ServerId id, ServerFailure why) = 0;

    // The CANCEL that was made for this INVITE, before it is sent and kept: the TU may return other bytes, with the
    // same transaction and dialog.
    virtual std::string_view on_cancel_made(ClientId, std::string_view cancel) { return cancel; }

    // The transaction ended as it should; its id is dead after this. Not called after a failure.
    virtual void on_client_terminated(Instant, ClientId) {}
    virtual void on_server_terminated(Instant, ServerId) {}
};

// A place in TransactionSettings::timers.
using TimerSet = std::uint16_t;

struct TransactionSettings {
    std::vector<MachineTimers> timers{MachineTimers{}};  // never empty; the TU says which for each request
    std::size_t max_server_transactions = 20000;
    std::size_t max_client_transactions = 20000;
    // Of these, such as are over and only absorb what comes late: beyond that the oldest go before their time (Timers
    // D, I to M), so that a peak does not fill the tables for 64*T1 after it.
    std::size_t max_lingering_server_transactions = 10000;
    std::size_t max_lingering_client_transactions = 5000;
    // Each table also counts as full when its texts take more than this for each of its slots.
    std::size_t mean_transaction_bytes = 8192;
    std::uint16_t shard = 0;  // stands in each branch
    // By sip-interface: whether it has TCP, too. There a request too large for a datagram goes that way (§18.1.1).
    std::vector<bool> has_tcp{};
    std::uint32_t retry_after_s = 5;  // in the 503 when the table is full
};

struct TransactionCounters {
    std::uint64_t requests_received = 0;  // retransmissions included
    std::uint64_t responses_received = 0;
    std::uint64_t request_retransmissions_received = 0;  // absorbed
    std::uint64_t requests_sent = 0;                     // by the TU, and CANCEL
    std::uint64_t responses_sent = 0;
    std::uint64_t retransmissions_sent = 0;
    std::uint64_t stray_responses = 0;     // no transaction, or more than one Via; dropped
    std::uint64_t foreign_responses = 0;   // from another address than the request went to; dropped
    std::uint64_t stray_acks = 0;          // to our stateless answers; dropped
    std::uint64_t unmatched_cancels = 0;   // 481
    std::uint64_t merged_requests = 0;     // 482
    std::uint64_t malformed = 0;           // answered with 400 or dropped
    std::uint64_t oversized_requests = 0;  // dropped: see kMaxKept
    std::uint64_t refused_again = 0;       // 503: retransmissions of refused INVITEs
    std::uint64_t server_table_full = 0;   // 503
    std::uint64_t client_table_full = 0;   // refused to the TU
    std::uint64_t lingering_cut = 0;       // ended before their time
    std::uint64_t timeouts = 0;            // B, F
    std::uint64_t acks_missing = 0;        // H
    std::uint64_t unanswered = 0;          // by the TU
    std::uint64_t transport_errors = 0;
    std::uint64_t sent_anew = 0;          // over another stream, for the first one was gone
    std::uint64_t too_large_for_udp = 0;  // requests that went by TCP for their size
    std::uint64_t back_to_udp = 0;        // and then by UDP, for nobody took them
};

// What stands after "z9hG4bK": shard, 96 random bits.
struct Branch {
    static constexpr std::size_t kSize = 7 + 4 + 24;
    std::array<char, kSize> text{};
    std::string_view view() const { return {text.data(), text.size()}; }
};

// Where the response to a request that came from `from` goes, without a transaction too.
Path response_path(const Path& from, const sip::Message& request);

class TransactionLayer {
public:
    // Of a request's Request-URI and the headers that each response repeats (RFC 3261 §8.2.6). Above it a request is
    // dropped: its answer would be as large, to an address that may be forged, or could not be written at all.
    static constexpr std::size_t kMaxKept = std::size_t{16} * 1024;
    // RFC 3261 §18.1.1, the path MTU being unknown.
    static constexpr std::size_t kLargestDatagram = 1300;
    // A peer that took no TCP is not asked again before.
    static constexpr Duration kTcpRests = std::chrono::minutes(5);

    // All references outlive the layer.
    TransactionLayer(const TransactionSettings& settings, TimerWheel& wheel, RandomSource& random, SendQueue& out,
                     TransactionUser& user);
    ~TransactionLayer();
    TransactionLayer(const TransactionLayer&) = delete;
    TransactionLayer& operator=(const TransactionLayer&) = delete;

    // --- from the network ---
    // `timers`: of a request, those of whom it comes from.
    void on_message(Instant now, const Path& from, const sip::Message& message, TimerSet timers = 0);
    // What parse() refused: 400 (505) when it is answerable, else dropped.
    void on_malformed(const Path& from, const sip::Message& message, const sip::ParseError& error);
    // The message of this entry could not be sent (RFC 3261 §17.1.4, §17.2.4). One that went to a stream is sent once
    // more, over another one.
    void on_send_error(Instant now, const SendQueue::Entry& entry);
    // The stream that this entry went on, in the place of any.
    void on_stream(const SendQueue::Entry& entry, std::uint32_t connection);
    // ICMP says so (RFC 3261 §18.4): all that await a response from there fail. Or this stream is gone: all that await
    // one on it are sent once more, over another one.
    void on_unreachable(Instant now, const Path& to);

    // Is there a transaction that takes this request as its retransmission?
    bool knows(const Path& from, const sip::Message& request);

    // Ends transactions that are over and above the bound of those that linger. Between inputs: the TU hears of it.
    void trim(Instant now);

    // --- client side ---
    Branch make_branch();
    // `bytes` is the whole request, its only Via with a branch from make_branch(). Sends it and keeps it.
    // `context` is the TU's own and comes back by context(). nullopt when the table is full, or when `bytes`
    // are no request with such a Via, or ACK or CANCEL. What a MessageWriter has made is not parsed again. A request
    // for UDP that is too large for it goes by TCP where that may be (path(id) tells), and by UDP when nobody takes it.
    std::optional<ClientId> send_request(Instant now, const Path& to, std::string_view bytes, std::uint64_t context = 0,
                                         TimerSet timers = 0);
    // Cancels an INVITE: sends CANCEL as soon as a provisional response has come. If no final response comes
    // within 64*T1 of it, the INVITE ends as kCancelled (§9.1). False when there is nothing to cancel: the id is
    // dead or has its final response, or was cancelled before. `extra`: Reason and such.
    bool cancel(Instant now, ClientId id, std::span<const sip::ExtraHeader> extra = {});
    // Cancels an INVITE that a process before this one sent: `cancel` is the CANCEL for it. Repeats it, and
    // acknowledges the failure that the INVITE ends with; tells the TU nothing. False, and nothing is sent: the
    // table is full, or `cancel` is none.
    bool cancel_inherited(Instant now, const Path& to, std::string_view cancel, TimerSet timers = 0);
    // Ends it without a word: nothing more is sent or reported.
    void forget(ClientId id);
    // ACK to a 2xx and whatever else belongs to no transaction.
    void send(const Path& to, std::string_view bytes) { out_.push(to, bytes); }

    // --- server side ---
    // Starts a response in `writer`: status line, Via, From, To (with `to_tag` where it has none), Call-ID, CSeq,
    // for 101-299 Record-Route (§12.1.1), for 100 Timestamp. The TU adds its own and gives finish() to respond().
    // False when the id is dead, or rests.
    bool begin_response(ServerId id, sip::MessageWriter& writer, unsigned status, std::string_view reason,
                        std::string_view to_tag);
    // False, and nothing is sent: the id is dead, a final response was sent before (except 2xx after 2xx to
    // INVITE: the TU's retransmission), `bytes` are no response; a 1xx, or 408 (which ends it) to other than
    // INVITE (RFC 4320 §4.1, §4.2).
    bool respond(Instant now, ServerId id, std::string_view bytes);
    // Its final response has arrived: none is begun any more. What is left only absorbs repetitions of the request.
    void rest(ServerId id);
    // Ends it without a word: nothing more is sent or reported.
    void forget(ServerId id);
    // The tag that the 200 to a CANCEL shall carry before any response had one (§9.2).
    void set_to_tag(ServerId id, std::string_view tag);
    // A response without a transaction, for requests that deserve no state (403, 503 by the TU). The ACK to
    // it is recognised and dropped. Never answers an ACK.
    void reject(const Path& from, const sip::Message& request, unsigned status, std::string_view reason,
                std::span<const sip::ExtraHeader> extra = {});

    // The same with 503 and Retry-After, for an INVITE that there is no room or time for; when it comes again it gets
    // that again, whether or not there is by then.
    void refuse(const Path& from, const sip::Message& invite, std::uint32_t retry_after_s);

    // --- both ---
    void set_context(ClientId id, std::uint64_t context);
    void set_context(ServerId id, std::uint64_t context);
    std::optional<std::uint64_t> context(ClientId id) const;  // nullopt: dead
    std::optional<std::uint64_t> context(ServerId id) const;
    bool alive(ClientId id) const { return context(id).has_value(); }
    bool alive(ServerId id) const { return context(id).has_value(); }
    // Where respond() sends to: the stream that the request came on; else (RFC 3261 §18.2.2, RFC 3581 §4) the source
    // address, and its port if the request
    // asked for rport, else that of sent-by. maddr is not followed: we would shoot at whom a stranger names.
    std::optional<Path> path(ServerId id) const;
    // Where the request went.
    std::optional<Path> path(ClientId id) const;

    std::size_t client_transactions() const;
    std::size_t server_transactions() const;
    // Of these, such as are over and only absorb what comes late.
    std::size_t lingering_client_transactions() const;
    std::size_t lingering_server_transactions() const;
    std::size_t text_bytes() const;  // what the transactions keep of messages
    const TransactionCounters& counters() const { return counters_; }

private:
    struct Client;
    struct Server;
    struct Tables;
    friend struct Client;
    friend struct Server;

    void on_response(Instant now, const Path& from, const sip::Message& response);
    void on_request(Instant now, const Path& from, const sip::Message& request, TimerSet timers);
    void on_ack(Instant now, const Path& from, const sip::Message& ack);
    void on_cancel(Instant now, const Path& from, const sip::Message& cancel, TimerSet timers);

    Client* find(ClientId id) const;
    Server* find(ServerId id) const;
    const MachineTimers& timers(TimerSet set) const { return settings_.timers.at(set); }
    Client* start_client(const Path& to, std::string_view bytes, bool invite, const MachineTimers& timers,
                         const Hash128& key);
    void run(Instant now, Client& client, const ClientStep& step, const Path& from, const sip::Message* response);
    void send_ack(Client& client, const sip::Message& response);
    void send_cancel(Instant now, Client& invite_client);
    void end(Client& client);
    void fail(Instant now, Client& client);
    void lead(Client& client, std::uint32_t connection);
    bool wants_tcp(Instant now, const Path& to, std::size_t size) const;
    void back_to_udp(Instant now, Client& client);
    std::uint64_t peer_hash(const Path& to) const;
    void note_waiting(Client& client);

    Hash128 hash_of(std::string_view key) const { return siphash13_128(hash_key_, key); }
    Server* start_server(const Path& from, const sip::Message& request, const MachineTimers& timers,
                         const Hash128& key);
    Server* find_server(const Hash128& key) const;
    Hash128 server_key(const Path& from, const sip::Message& request, std::string_view method);
    Hash128 merge_key(const sip::Message& request);
    Hash128 client_key(std::string_view branch, std::string_view method);
    void run(Instant now, Server& server, const ServerStep& step, const Path& from, const sip::Message* ack);
    void end(Server& server);
    void fail(Instant now, Server& server);
    bool oversized(const sip::Message& request);
    void begin_stateless(const Path& from, const sip::Message& request, unsigned status, std::string_view reason);
    std::array<char, 16> stateless_tag(const sip::Message& request) const;

    TransactionSettings settings_;
    TimerWheel& wheel_;
    RandomSource& random_;
    SendQueue& out_;
    TransactionUser& user_;
    SipHashKey hash_key_;
    TransactionCounters counters_;
    sip::Message scratch_message_;  // of our own stored requests
    sip::MessageWriter scratch_writer_;
    sip::ResponseTemplate scratch_template_;
    std::string scratch_key_;
    std::string scratch_request_;
    std::unique_ptr<Tables> tables_;
};

}  // namespace sallyport::transaction
