#pragma once
// The client transactions of RFC 3261 §17.1 with RFC 6026 §7.2, as bare machines: an event in, a step out.
// They know no message and no clock; the layer does what the step says.
//
//   INVITE:  Calling -> Proceeding -> Completed (3xx-6xx) or Accepted (2xx) -> Terminated
//   others:  Trying  -> Proceeding -> Completed                              -> Terminated
//
// `retransmit` is Timer A (INVITE) or E, and does not run over a stream; `end` is B or F until the final response, then
// M, or D or K, which are zero over a stream.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "controlplane/transaction/ids.h"
#include "platform/base/time.h"

namespace sallyport::transaction {

// Those of RFC 3261 for one kind of peer. B and F are ours to choose: how long we try. The others depend on how long
// the peer tries, and stay 64*T1, or T4.
struct MachineTimers {
    Duration t1 = std::chrono::milliseconds(500);
    Duration t2 = std::chrono::seconds(4);
    Duration t4 = std::chrono::seconds(5);
    Duration timer_b = 64 * t1;                   // and F
    Duration timeout() const { return 64 * t1; }  // H, J, L, M; after CANCEL (§9.1)
    Duration timer_d() const { return std::max<Duration>(std::chrono::seconds(32), 64 * t1); }
};

enum class ClientState : std::uint8_t { kCalling, kTrying, kProceeding, kCompleted, kAccepted, kTerminated };

enum class ClientEvent : std::uint8_t {
    kRetransmitTimer,
    kEndTimer,
    kProvisional,
    kSuccess,  // 2xx
    kFailure,  // 3xx-6xx
    kTransportError,
    kCancelSent,  // INVITE in Proceeding: the wait for its final response is bounded from now on (§9.1)
};

struct ClientStep {
    bool send = false;  // the request, once more
    bool ack = false;   // to the non-2xx at hand
    bool pass = false;  // the response to the TU
    bool terminated = false;
    bool stop_timers = false;  // both; before arming
    std::optional<Duration> retransmit = std::nullopt;
    std::optional<Duration> end = std::nullopt;
    std::optional<ClientFailure> failure = std::nullopt;
};

class ClientMachine {
public:
    ClientMachine() = default;
    // `timers` outlive it.
    ClientMachine(bool invite, bool stream, const MachineTimers& timers);

    ClientStep start();
    ClientStep on(ClientEvent event);
    ClientState state() const { return state_; }
    bool invite() const { return invite_; }
    const MachineTimers& timers() const { return *timers_; }

private:
    ClientStep calling(ClientEvent event);
    ClientStep trying(ClientEvent event);
    ClientStep proceeding_invite(ClientEvent event);
    ClientStep proceeding_other(ClientEvent event);
    ClientStep completed(ClientEvent event);
    ClientStep accepted(ClientEvent event);
    ClientStep final_to_invite(ClientEvent event);
    ClientStep final_to_other();
    ClientStep linger(ClientStep step, Duration how_long);
    ClientStep terminate(std::optional<ClientFailure> failure);

    const MachineTimers* timers_ = nullptr;
    Duration interval_{};
    ClientState state_ = ClientState::kTerminated;
    bool invite_ = false;
    bool stream_ = false;
    bool cancelled_ = false;
};

}  // namespace sallyport::transaction
