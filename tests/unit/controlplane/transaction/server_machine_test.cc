#include "controlplane/transaction/server_machine.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace std::chrono_literals;

namespace {

constexpr MachineTimers kTimers{500ms, 4s, 5s};
using E = ServerEvent;

bool does_nothing(const ServerStep& s) {
    return !s.accepted && !s.send && !s.pass && !s.terminated && !s.stop_timers && !s.retransmit && !s.end &&
           !s.failure;
}

}  // namespace

TEST_GROUP(ServerInviteMachine) {
    ServerMachine m{true, false, kTimers};
    void in(ServerState s) { CHECK(m.state() == s); }
};

TEST(ServerInviteMachine, ProceedingRepeatsTheLastProvisional) {
    CHECK(m.start().end == kLongestProceeding);
    in(ServerState::kProceeding);
    auto s = m.on(E::kSendProvisional);
    CHECK(s.accepted && s.send);
    s = m.on(E::kRequest);
    CHECK(s.send && !s.accepted);
    CHECK(does_nothing(m.on(E::kAck)));
    in(ServerState::kProceeding);
}

TEST(ServerInviteMachine, ProceedingHasAnEndEvenIfTheTuForgets) {
    m.start();
    m.on(E::kSendProvisional);
    const auto s = m.on(E::kEndTimer);
    CHECK(s.terminated && s.failure == ServerFailure::kUnanswered);
    in(ServerState::kTerminated);
}

TEST(ServerInviteMachine, AFailureIsRepeatedByTimerGUntilItsAck) {
    auto s = m.on(E::kSendFailure);
    CHECK(s.accepted && s.send);
    CHECK(s.retransmit == 500ms);
    CHECK(s.end == 32s);  // H
    in(ServerState::kCompleted);
    for (const Duration d : {Duration(1s), Duration(2s), Duration(4s), Duration(4s)}) {
        s = m.on(E::kRetransmitTimer);
        CHECK(s.send);
        CHECK(s.retransmit == d);
    }
    CHECK(m.on(E::kRequest).send);
    s = m.on(E::kAck);
    CHECK(s.stop_timers && !s.pass);
    CHECK(s.end == 5s);  // I
    in(ServerState::kConfirmed);
    CHECK(does_nothing(m.on(E::kAck)));
    CHECK(does_nothing(m.on(E::kRequest)));
    CHECK(does_nothing(m.on(E::kRetransmitTimer)));
    s = m.on(E::kEndTimer);
    CHECK(s.terminated && !s.failure);
}

TEST(ServerInviteMachine, TimerHTellsThatNoAckCame) {
    m.on(E::kSendFailure);
    const auto s = m.on(E::kEndTimer);
    CHECK(s.failure == ServerFailure::kNoAck);
    CHECK(s.terminated);
}

TEST(ServerInviteMachine, AcceptedAbsorbsTheInviteAndPassesAcks) {
    auto s = m.on(E::kSendSuccess);
    CHECK(s.accepted && s.send && !s.retransmit);
    CHECK(s.end == 32s);  // L
    in(ServerState::kAccepted);
    CHECK(does_nothing(m.on(E::kRequest)));
    s = m.on(E::kSendSuccess);  // the TU's retransmission
    CHECK(s.accepted && s.send && !s.end);
    CHECK(m.on(E::kAck).pass);
    CHECK(does_nothing(m.on(E::kSendProvisional)));
    CHECK(does_nothing(m.on(E::kSendFailure)));
    CHECK(does_nothing(m.on(E::kTransportError)));
    s = m.on(E::kEndTimer);
    CHECK(s.terminated && !s.failure);
}

TEST(ServerInviteMachine, OneFinalFailureOnly) {
    m.on(E::kSendFailure);
    for (const auto e : {E::kSendProvisional, E::kSendSuccess, E::kSendFailure, E::kSendTimeout})
        CHECK(does_nothing(m.on(e)));
    in(ServerState::kCompleted);
}

TEST(ServerInviteMachine, A408IsAFinalResponseLikeOthers) { CHECK(m.on(E::kSendTimeout).send); }

TEST(ServerInviteMachine, TransportErrorsEndIt) {
    ServerMachine other = m;
    CHECK(m.on(E::kTransportError).failure == ServerFailure::kTransportError);
    other.on(E::kSendFailure);
    CHECK(other.on(E::kTransportError).failure == ServerFailure::kTransportError);
}

TEST_GROUP(ServerOtherMachine) {
    ServerMachine m{false, false, kTimers};
    void in(ServerState s) { CHECK(m.state() == s); }
};

TEST(ServerOtherMachine, TryingAbsorbsRetransmissionsInSilence) {
    CHECK(m.start().end == 32s);
    CHECK(does_nothing(m.on(E::kRequest)));
    in(ServerState::kTrying);
}

TEST(ServerOtherMachine, NeverSendsAProvisional) {
    m.start();
    CHECK(does_nothing(m.on(E::kSendProvisional)));
    in(ServerState::kTrying);
}

TEST(ServerOtherMachine, CompletedRepeatsTheResponseUntilTimerJ) {
    m.start();
    auto s = m.on(E::kSendSuccess);
    CHECK(s.accepted && s.send);
    CHECK(s.end == 32s);
    in(ServerState::kCompleted);
    CHECK(m.on(E::kRequest).send);
    for (const auto e : {E::kSendProvisional, E::kSendSuccess, E::kSendFailure, E::kSendTimeout, E::kAck})
        CHECK(does_nothing(m.on(e)));
    s = m.on(E::kEndTimer);
    CHECK(s.terminated && !s.failure);
}

TEST(ServerOtherMachine, A408IsNotSent) {
    m.start();
    const auto s = m.on(E::kSendTimeout);
    CHECK(!s.send && !s.accepted);
    CHECK(s.terminated && !s.failure);
}

TEST(ServerOtherMachine, ASilentTuDoesNotKeepIt) {
    m.start();
    CHECK(m.on(E::kEndTimer).failure == ServerFailure::kUnanswered);
}

TEST(ServerOtherMachine, TransportErrorsEndIt) {
    ServerMachine other = m;
    CHECK(m.on(E::kTransportError).failure == ServerFailure::kTransportError);
    other.on(E::kSendFailure);
    CHECK(other.on(E::kTransportError).failure == ServerFailure::kTransportError);
}
