#pragma once
// The server transactions of RFC 3261 §17.2 with RFC 6026 §7.1 and RFC 4320, as bare machines.
//
//   INVITE:  Proceeding -> Completed (3xx-6xx) -> Confirmed -> Terminated
//                       -> Accepted (2xx)                   -> Terminated
//   others:  Trying -> Completed -> Terminated; no Proceeding, for we send no provisional response there
//
// `retransmit` is G, and does not run over a stream; `end` is H, then I; or L; or J. Over a stream I is zero and J is
// T4. In Trying J bounds the TU's silence: after it the client has given up (Timer F), and a 408 would only be noise
// (RFC 4320 §4.2). Proceeding has no timer in the RFC; `end` bounds it so that no silence of the TU can keep a slot for
// ever.

#include <cstdint>
#include <optional>

#include "controlplane/transaction/client_machine.h"
#include "controlplane/transaction/ids.h"
#include "platform/base/time.h"

namespace sallyport::transaction {

enum class ServerState : std::uint8_t { kProceeding, kTrying, kCompleted, kConfirmed, kAccepted, kTerminated };

enum class ServerEvent : std::uint8_t {
    kRequest,  // retransmitted
    kAck,
    kSendProvisional,  // from the TU
    kSendSuccess,
    kSendFailure,
    kSendTimeout,  // 408
    kRetransmitTimer,
    kEndTimer,
    kTransportError,
};

// Above the longest time that a call may ring (`no-answer-s`, 600 s) with its end.
inline constexpr Duration kLongestProceeding = std::chrono::minutes(15);

struct ServerStep {
    bool accepted = false;  // of an event from the TU: the response is the one to keep and send
    bool send = false;      // the response that was sent last, if there is one
    bool pass = false;      // the ACK to the TU
    bool terminated = false;
    bool stop_timers = false;
    std::optional<Duration> retransmit = std::nullopt;
    std::optional<Duration> end = std::nullopt;
    std::optional<ServerFailure> failure = std::nullopt;
};

class ServerMachine {
public:
    ServerMachine() = default;
    // `timers` outlive it.
    ServerMachine(bool invite, bool stream, const MachineTimers& timers);

    ServerStep start();
    ServerStep on(ServerEvent event);
    ServerState state() const { return state_; }
    bool invite() const { return invite_; }

private:
    ServerStep proceeding(ServerEvent event);
    ServerStep trying(ServerEvent event);
    ServerStep completed_invite(ServerEvent event);
    ServerStep completed_other(ServerEvent event);
    ServerStep confirmed(ServerEvent event);
    ServerStep accepted(ServerEvent event);
    ServerStep terminate(std::optional<ServerFailure> failure);

    const MachineTimers* timers_ = nullptr;
    Duration interval_{};
    ServerState state_ = ServerState::kTerminated;
    bool invite_ = false;
    bool stream_ = false;
};

}  // namespace sallyport::transaction
