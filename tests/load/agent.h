#pragma once
// One side of the load: a user agent with many calls at one address, caller or callee as each call wants it. It
// retransmits as RFC 3261 says for UDP (Timers A, B, E, F, G, H), so that a loss is not a failed call, and judges
// each call's end by its scenario.

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/base/timer_wheel.h"
#include "tests/load/port.h"
#include "tests/load/scenario.h"
#include "tests/load/sip_scan.h"
#include "tests/load/tally.h"

namespace sallyport::load {

class Agent {
public:
    struct Setup {
        std::string prefix;                            // of Call-IDs and branches: runs must not meet each other's
        Endpoint target;                               // where initial INVITEs go
        Duration hold{};                               // from the answer to the BYE
        Duration ring{};                               // from 180 to 200
        Duration patience = std::chrono::seconds(32);  // 64*T1
        std::string transport = "UDP";                 // of Via; with another the port carries without loss
        bool stream_per_call = false;                  // that it makes; closed when the call has ended
    };

    Agent(Port& port, TimerWheel& wheel, Tally& tally, Setup setup);

    void call(Scenario scenario, Instant now);
    void receive(Instant now);  // what the socket has
    void flush();
    std::size_t open() const { return by_call_id_.size(); }
    std::size_t up() const { return up_; }  // answered and not ending yet, of calls that it made
    // Calls that hold end now, `per_turn` at a time; called until none is left to end.
    void hang_up_some(Instant now, std::size_t per_turn);

private:
    static constexpr Duration kT1 = std::chrono::milliseconds(500);
    static constexpr Duration kT2 = std::chrono::seconds(4);

    enum class State : std::uint8_t { kFree, kCalling, kRinging, kUp, kChanging, kEnding, kEnded };

    struct Call {
        std::uint32_t slot = 0;
        bool caller = false;
        bool cancelled = false;
        bool acked = false;
        bool resumed = false;
        Scenario scenario = Scenario::kBasic;
        State state = State::kFree;
        std::uint8_t answers_seen = 0;
        std::string call_id;
        std::string local;   // value of From in our requests, with tag
        std::string remote;  // of To
        std::string target;
        std::string routes;
        sockaddr_in peer{};
        std::uint32_t cseq = 0;
        Instant began{};
        // Our request under way.
        std::string request;
        Method pending = Method::kOther;
        std::uint32_t pending_cseq = 0;
        std::uint32_t branch = 0;
        Duration interval{};
        Instant give_up{};
        Timer retransmit;
        // The peer's INVITE under way: the head that each response repeats, and a final response until its ACK.
        std::string head;
        std::string answer;
        std::uint32_t remote_cseq = 0;
        bool wants_ack = false;
        Duration answer_interval{};
        Instant answer_give_up{};
        Timer repeat;
        Timer next;  // of the scenario
        Agent* agent = nullptr;
        void on_retransmit(Instant now) { agent->retransmit(*this, now); }
        void on_repeat(Instant now) { agent->repeat(*this, now); }
        void on_next(Instant now) { agent->step(*this, now); }
    };

    Call& take_call();
    Call* find(std::string_view call_id);
    void forget(Call& call);
    void end(Call& call);

    void begin(std::string& out, Method method, std::string_view uri, std::uint32_t branch) const;
    bool reliable() const { return setup_.transport != "UDP"; }
    void send_request(Call& call, Method method, Instant now, std::string_view sdp_direction = {});
    void send_ack(Call& call, std::uint32_t cseq, bool to_failure);
    void send_cancel(Call& call, Instant now);
    void retransmit(Call& call, Instant now);
    void repeat(Call& call, Instant now);
    void step(Call& call, Instant now);

    void on_response(Instant now);
    void on_invite_response(Call& call, Instant now);
    void on_answered(Call& call, Instant now);
    void on_refused(Call& call, Instant now);
    void on_request(const sockaddr_in& source, Instant now);
    void on_new_invite(const sockaddr_in& source, Instant now);
    void on_reinvite(Call& call, Instant now);
    void remember_head(Call& call);
    // To the request that is in scan_.
    void respond(const sockaddr_in& to, unsigned status, std::string_view reason, std::string_view to_value);
    // To the INVITE whose head the call keeps.
    void answer(Call& call, unsigned status, std::string_view reason, bool sdp, Instant now);
    void append_sdp(std::string& out, const Call& call, std::string_view direction) const;
    void transmit(const sockaddr_in& to, std::string_view bytes);

    Port& port_;
    TimerWheel& wheel_;
    Tally& tally_;
    Setup setup_;
    sockaddr_in target_{};
    std::string contact_;
    std::string host_;
    std::vector<std::unique_ptr<Call>> calls_;
    std::vector<std::uint32_t> free_;
    std::unordered_map<std::string, std::uint32_t> by_call_id_;
    std::uint64_t serial_ = 0;
    std::uint32_t branches_ = 0;
    std::size_t up_ = 0;
    std::size_t hang_up_from_ = 0;
    Scan scan_;
    std::string scratch_;
    std::string key_;
};

}  // namespace sallyport::load
