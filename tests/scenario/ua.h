#pragma once
// A simulated SIP user agent: caller and callee, RFC 3261's transactions and dialogs in their plainest form.
// What it sees that no peer should see goes to `problems`, and a test asserts that there are none.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/base/transport.h"
#include "tests/scenario/sip_text.h"

namespace sallyport::scenario {

class World;
class Ua;

struct SdpChoice {
    std::string address{};  // empty: the agent's own
    std::uint16_t port = 4000;
    std::string direction = "sendrecv";
    std::string formats = "8 0 101";  // payload types; 101 is telephone-event
    unsigned version = 1;
    std::string username = "-";
};

// One dialog, or one early dialog, as its agent sees it.
struct UaCall {
    Ua* owner = nullptr;
    std::string call_id, local_tag, remote_tag, local_uri, remote_uri, remote_target;
    std::vector<std::string> routes;
    unsigned local_cseq = 0;
    unsigned remote_cseq = 0;
    enum class State { kCalling, kEarly, kUp, kEnded } state = State::kCalling;
    int final_status = 0;    // of the last INVITE of ours
    int initial_status = 0;  // of the first
    std::vector<int> provisionals;
    std::string remote_sdp;  // the last description of the other side
    std::string local_sdp;
    std::string early_tag_sdp;    // last SDP in a provisional
    bool answer_pending = false;  // a 2xx of ours carried an offer: the ACK brings the answer
    bool acked = false;           // our last 2xx was ACKed
    bool ended_by_peer = false;
    std::string bye_reason;
    SipText invite;  // the last INVITE sent or received
};

class Ua {
public:
    // What a callee does with an INVITE.
    struct Script {
        Duration ring_after = std::chrono::milliseconds(100);
        Duration answer_after = std::chrono::milliseconds(500);
        bool trying = true;
        bool ring = true;
        bool early_media = false;         // SDP in the 18x
        int reject = 0;                   // final response instead of 200
        bool answer = true;               // false: rings for ever
        bool ack_ours = true;             // false: this caller never ACKs a 2xx
        bool answer_without_sdp = false;  // the 2xx, after early media (RFC 3261 §13.2.1 forbids it)
        bool answer_bye = true;
        bool accept_cancel = true;  // false: CANCEL gets 200 but the INVITE goes on (a race)
        int reject_reinvite = 0;
        bool contact = true;
        bool to_tag = true;                                               // false: a callee of RFC 2543
        bool answer_reinvite = true;                                      // false: 100 and no more
        std::string body_type = "application/sdp";                        // of the initial INVITE and of responses
        std::vector<std::pair<std::string, std::string>> headers{};       // into each INVITE and its responses
        std::vector<std::pair<std::string, std::string>> last_headers{};  // into each BYE and CANCEL
    };

    Ua(World& world, std::string host, Endpoint self, Endpoint gate);

    // --- actions ------------------------------------------------------------------------------------
    UaCall& invite(const std::string& user, const std::string& sdp, int max_forwards = 70);
    UaCall& invite(const std::string& user) { return invite(user, sdp({})); }
    void reinvite(UaCall& call, const std::string& sdp);
    void cancel(UaCall& call);
    void bye(UaCall& call);
    void request(UaCall& call, const std::string& method, std::function<void(const SipText&)> done = {});
    void send_raw(const std::string& bytes);
    SipText bare_request(const std::string& method, const std::string& user);
    // The next request of that dialog, not sent yet.
    SipText next_request(UaCall& call, const std::string& method);
    // Any request, repeated until its response, which goes to `done`.
    void ask(const SipText& request, std::function<void(const SipText&)> done = {});
    // A second 2xx, or an 18x, of another branch: another To-tag on the INVITE that `call` answered.
    UaCall& fork(UaCall& call, int status, const std::string& sdp);

    std::string sdp(const SdpChoice& choice) const;
    void on_datagram(const std::string& bytes);

    Script script;
    std::function<std::string(UaCall&, const std::string& offer)> answer_sdp;  // default: sdp({})
    // What a request other than those of a call gets: a 200 that this may change. False: no answer. Without it 405.
    std::function<bool(const SipText& request, SipText& response)> answer_other;
    std::deque<std::unique_ptr<UaCall>> calls;
    std::vector<SipText> received;
    std::vector<std::string> wire;  // all bytes that came in
    std::vector<std::string> problems;
    bool strays_expected = false;  // a test sends requests without a transaction behind them
    std::string host;
    Endpoint self;
    Transport transport = Transport::kUdp;
    bool secure = false;                                 // calls sips:, and is one
    std::string contact_instead;                         // of what it would say
    std::string contact(const std::string& user) const;  // "<sip:alice@192.0.2.10:5060>"
    std::string local_user = "alice";
    std::string media_address;  // "": that of self
    std::string answered_ua = "InnerPhone/1.0";
    std::size_t live() const;  // calls that are not ended, and transactions under way

    const SipText* last(int status) const;
    std::size_t count_requests(std::string_view method) const;

private:
    struct Client {
        std::string method, bytes;
        UaCall* call = nullptr;
        SipText request;
        Duration interval{};
        Instant started{};
        bool provisional = false;
        bool final = false;
        bool cancel_wanted = false;
        std::string ack;  // sent again on each repeated final response
        std::function<void(const SipText&)> done;
    };
    struct Server {
        SipText request;
        std::string last;  // response bytes
        int status = 0;
        UaCall* call = nullptr;
        bool acked = false;
        Duration interval{};
        Instant answered{};
    };

    std::string token(std::string_view prefix);
    SipText make_request(UaCall& call, const std::string& method, unsigned cseq, const std::string& branch);
    void start(UaCall* call, const SipText& request, std::function<void(const SipText&)> done = {});
    void retransmit(const std::string& branch);
    void on_response(const SipText& response);
    void on_invite_response(Client& client, const SipText& response);
    void on_request(const SipText& request);
    void on_invite(Server& server);
    void answer_invite(const std::string& key, UaCall* call);
    void on_ack(const SipText& ack);
    void on_cancel(const SipText& request, Server& server);
    void respond(Server& server, int status, const std::string& sdp = {});
    SipText make_response(const Server& server, int status);
    void send_final(const std::string& key, int status, const std::string& sdp);
    void repeat_final(const std::string& key);
    UaCall* find(const SipText& message, bool request);
    UaCall& new_call(const std::string& call_id);
    void send(const std::string& bytes);
    void ended(UaCall& call);

    World& world_;
    Endpoint gate_;
    std::map<std::string, Client> clients_;
    std::map<std::string, Server> servers_;
    std::multimap<std::string, std::string> invites_;  // Call-ID -> keys of servers_
    std::multimap<std::string, UaCall*> by_call_id_;
    unsigned next_token_ = 0;
};

}  // namespace sallyport::scenario
