#include "controlplane/transaction/server_machine.h"

namespace sallyport::transaction {

ServerMachine::ServerMachine(bool invite, bool stream, const MachineTimers& timers)
    : timers_(&timers),
      interval_(timers.t1),
      state_(invite ? ServerState::kProceeding : ServerState::kTrying),
      invite_(invite),
      stream_(stream) {}

ServerStep ServerMachine::start() { return {.end = invite_ ? kLongestProceeding : timers_->timeout()}; }

ServerStep ServerMachine::on(ServerEvent event) {
    switch (state_) {
        case ServerState::kProceeding: return proceeding(event);
        case ServerState::kTrying: return trying(event);
        case ServerState::kCompleted: return invite_ ? completed_invite(event) : completed_other(event);
        case ServerState::kConfirmed: return confirmed(event);
        case ServerState::kAccepted: return accepted(event);
        case ServerState::kTerminated: break;
    }
    return {};
}

ServerStep ServerMachine::terminate(std::optional<ServerFailure> failure) {
    state_ = ServerState::kTerminated;
    return {.terminated = true, .stop_timers = true, .failure = failure};
}

// RFC 3261 §17.2.1
ServerStep ServerMachine::proceeding(ServerEvent event) {
    switch (event) {
        case ServerEvent::kRequest: return {.send = true};
        case ServerEvent::kSendProvisional: return {.accepted = true, .send = true};
        case ServerEvent::kSendSuccess:
            // RFC 6026 §7.1: stay to absorb retransmissions of the INVITE; Timer L. The TU repeats the 2xx.
            state_ = ServerState::kAccepted;
            return {.accepted = true, .send = true, .end = timers_->timeout()};
        case ServerEvent::kSendFailure:
        case ServerEvent::kSendTimeout:
            state_ = ServerState::kCompleted;
            return {.accepted = true,
                    .send = true,
                    .retransmit = stream_ ? std::nullopt : std::optional(interval_),  // G
                    .end = timers_->timeout()};                                       // H
        case ServerEvent::kTransportError: return terminate(ServerFailure::kTransportError);
        case ServerEvent::kEndTimer: return terminate(ServerFailure::kUnanswered);
        case ServerEvent::kAck:
        case ServerEvent::kRetransmitTimer: break;
    }
    return {};
}

ServerStep ServerMachine::completed_invite(ServerEvent event) {
    switch (event) {
        case ServerEvent::kRequest: return {.send = true};
        case ServerEvent::kRetransmitTimer:
            interval_ = std::min(interval_ * 2, timers_->t2);
            return {.send = true, .retransmit = interval_};
        case ServerEvent::kAck:
            if (stream_) return terminate(std::nullopt);  // I is zero
            state_ = ServerState::kConfirmed;
            return {.stop_timers = true, .end = timers_->t4};
        case ServerEvent::kEndTimer: return terminate(ServerFailure::kNoAck);  // H
        case ServerEvent::kTransportError: return terminate(ServerFailure::kTransportError);
        case ServerEvent::kSendProvisional:
        case ServerEvent::kSendSuccess:
        case ServerEvent::kSendFailure:
        case ServerEvent::kSendTimeout: break;  // the final response was given
    }
    return {};
}

ServerStep ServerMachine::confirmed(ServerEvent event) {
    return event == ServerEvent::kEndTimer ? terminate(std::nullopt) : ServerStep{};
}

// RFC 6026 §7.1
ServerStep ServerMachine::accepted(ServerEvent event) {
    switch (event) {
        case ServerEvent::kSendSuccess: return {.accepted = true, .send = true};
        case ServerEvent::kAck: return {.pass = true};
        case ServerEvent::kEndTimer: return terminate(std::nullopt);
        // A 2xx that was not sent is like one that was lost: the TU repeats it until its ACK comes.
        case ServerEvent::kTransportError:
        case ServerEvent::kRequest:
        case ServerEvent::kSendProvisional:
        case ServerEvent::kSendFailure:
        case ServerEvent::kSendTimeout:
        case ServerEvent::kRetransmitTimer: break;
    }
    return {};
}

// RFC 3261 §17.2.2
ServerStep ServerMachine::trying(ServerEvent event) {
    switch (event) {
        case ServerEvent::kSendSuccess:
        case ServerEvent::kSendFailure:
            // J. Over a stream it is zero in the RFC; here it stays for a moment, to send again what the stream lost.
            state_ = ServerState::kCompleted;
            return {.accepted = true, .send = true, .end = stream_ ? timers_->t4 : timers_->timeout()};
        // RFC 4320 §4.2: a 408 tells the client nothing but arrives when it no longer listens.
        case ServerEvent::kSendTimeout: return terminate(std::nullopt);
        case ServerEvent::kEndTimer: return terminate(ServerFailure::kUnanswered);
        case ServerEvent::kTransportError: return terminate(ServerFailure::kTransportError);
        case ServerEvent::kSendProvisional:  // RFC 4320 §4.1
        case ServerEvent::kRequest:
        case ServerEvent::kAck:
        case ServerEvent::kRetransmitTimer: break;
    }
    return {};
}

ServerStep ServerMachine::completed_other(ServerEvent event) {
    switch (event) {
        case ServerEvent::kRequest: return {.send = true};
        case ServerEvent::kEndTimer: return terminate(std::nullopt);
        case ServerEvent::kTransportError: return terminate(ServerFailure::kTransportError);
        case ServerEvent::kSendProvisional:
        case ServerEvent::kSendSuccess:
        case ServerEvent::kSendFailure:
        case ServerEvent::kSendTimeout:
        case ServerEvent::kAck:
        case ServerEvent::kRetransmitTimer: break;
    }
    return {};
}

}  // namespace sallyport::transaction
