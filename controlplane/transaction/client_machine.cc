#include "controlplane/transaction/client_machine.h"

namespace sallyport::transaction {

ClientMachine::ClientMachine(bool invite, bool stream, const MachineTimers& timers)
    : timers_(&timers),
      interval_(timers.t1),
      state_(invite ? ClientState::kCalling : ClientState::kTrying),
      invite_(invite),
      stream_(stream) {}

ClientStep ClientMachine::start() {
    return {.send = true, .retransmit = stream_ ? std::nullopt : std::optional(interval_), .end = timers_->timer_b};
}

ClientStep ClientMachine::on(ClientEvent event) {
    switch (state_) {
        case ClientState::kCalling: return calling(event);
        case ClientState::kTrying: return trying(event);
        case ClientState::kProceeding: return invite_ ? proceeding_invite(event) : proceeding_other(event);
        case ClientState::kCompleted: return completed(event);
        case ClientState::kAccepted: return accepted(event);
        case ClientState::kTerminated: break;
    }
    return {};
}

ClientStep ClientMachine::terminate(std::optional<ClientFailure> failure) {
    state_ = ClientState::kTerminated;
    return {.terminated = true, .stop_timers = true, .failure = failure};
}

// In Completed, for repetitions of the final response: over a stream there are none (RFC 3261 §17.1.1.2, §17.1.2.2).
ClientStep ClientMachine::linger(ClientStep step, Duration how_long) {
    step.stop_timers = true;
    state_ = stream_ ? ClientState::kTerminated : ClientState::kCompleted;
    step.terminated = stream_;
    if (!stream_) step.end = how_long;
    return step;
}

// RFC 3261 §17.1.1.2
ClientStep ClientMachine::calling(ClientEvent event) {
    switch (event) {
        case ClientEvent::kRetransmitTimer:  // A doubles without a ceiling; B ends it
            interval_ *= 2;
            return {.send = true, .retransmit = interval_};
        case ClientEvent::kEndTimer: return terminate(ClientFailure::kTimeout);
        case ClientEvent::kProvisional:
            // No timer runs in Proceeding: how long it may ring is the TU's matter (Timer C).
            state_ = ClientState::kProceeding;
            return {.pass = true, .stop_timers = true};
        case ClientEvent::kSuccess:
        case ClientEvent::kFailure: return final_to_invite(event);
        case ClientEvent::kTransportError: return terminate(ClientFailure::kTransportError);
        case ClientEvent::kCancelSent: break;
    }
    return {};
}

ClientStep ClientMachine::proceeding_invite(ClientEvent event) {
    switch (event) {
        case ClientEvent::kProvisional: return {.pass = true};
        case ClientEvent::kSuccess:
        case ClientEvent::kFailure: return final_to_invite(event);
        case ClientEvent::kCancelSent: cancelled_ = true; return {.end = timers_->timeout()};
        case ClientEvent::kEndTimer:
            // Armed by kCancelSent only: an RFC 2543 server sends no 487 (§9.1).
            return cancelled_ ? terminate(ClientFailure::kCancelled) : ClientStep{};
        case ClientEvent::kRetransmitTimer:
        case ClientEvent::kTransportError: break;  // nothing of ours is on its way
    }
    return {};
}

ClientStep ClientMachine::final_to_invite(ClientEvent event) {
    if (event == ClientEvent::kSuccess) {
        // RFC 6026 §7.2: stay, so that each 2xx reaches the TU; Timer M.
        state_ = ClientState::kAccepted;
        return {.pass = true, .stop_timers = true, .end = timers_->timeout()};
    }
    return linger({.ack = true, .pass = true}, timers_->timer_d());
}

// RFC 3261 §17.1.2.2
ClientStep ClientMachine::trying(ClientEvent event) {
    switch (event) {
        case ClientEvent::kRetransmitTimer:  // E
            interval_ = std::min(interval_ * 2, timers_->t2);
            return {.send = true, .retransmit = interval_};
        case ClientEvent::kEndTimer: return terminate(ClientFailure::kTimeout);
        case ClientEvent::kProvisional: state_ = ClientState::kProceeding; return {.pass = true};
        case ClientEvent::kSuccess:
        case ClientEvent::kFailure: return final_to_other();
        case ClientEvent::kTransportError: return terminate(ClientFailure::kTransportError);
        case ClientEvent::kCancelSent: break;
    }
    return {};
}

ClientStep ClientMachine::proceeding_other(ClientEvent event) {
    switch (event) {
        case ClientEvent::kRetransmitTimer: return {.send = true, .retransmit = timers_->t2};
        case ClientEvent::kEndTimer: return terminate(ClientFailure::kTimeout);
        case ClientEvent::kProvisional: return {.pass = true};
        case ClientEvent::kSuccess:
        case ClientEvent::kFailure: return final_to_other();
        case ClientEvent::kTransportError: return terminate(ClientFailure::kTransportError);
        case ClientEvent::kCancelSent: break;
    }
    return {};
}

ClientStep ClientMachine::final_to_other() {
    return linger({.pass = true}, timers_->t4);  // K
}

ClientStep ClientMachine::completed(ClientEvent event) {
    switch (event) {
        case ClientEvent::kFailure: return {.ack = invite_};  // retransmitted: its ACK was lost
        case ClientEvent::kEndTimer:                          // D or K
        // The ACK could not be sent. The TU has had its final response: there is nothing more to tell.
        case ClientEvent::kTransportError: return terminate(std::nullopt);
        case ClientEvent::kSuccess:
        case ClientEvent::kProvisional:
        case ClientEvent::kRetransmitTimer:
        case ClientEvent::kCancelSent: break;
    }
    return {};
}

// RFC 6026 §7.2
ClientStep ClientMachine::accepted(ClientEvent event) {
    switch (event) {
        case ClientEvent::kSuccess: return {.pass = true};
        case ClientEvent::kEndTimer: return terminate(std::nullopt);  // M
        case ClientEvent::kProvisional:
        case ClientEvent::kFailure:
        case ClientEvent::kRetransmitTimer:
        case ClientEvent::kTransportError:
        case ClientEvent::kCancelSent: break;
    }
    return {};
}

}  // namespace sallyport::transaction
