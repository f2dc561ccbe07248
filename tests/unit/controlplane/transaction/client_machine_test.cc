#include "controlplane/transaction/client_machine.h"

#include <string>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::transaction;
using namespace std::chrono_literals;

namespace {

constexpr MachineTimers kTimers{500ms, 4s, 5s};
constexpr auto kRetransmit = ClientEvent::kRetransmitTimer;
constexpr auto kEnd = ClientEvent::kEndTimer;
constexpr auto k1xx = ClientEvent::kProvisional;
constexpr auto k2xx = ClientEvent::kSuccess;
constexpr auto k3xx = ClientEvent::kFailure;
constexpr auto kError = ClientEvent::kTransportError;
constexpr auto kCancelSent = ClientEvent::kCancelSent;

bool does_nothing(const ClientStep& s) {
    return !s.send && !s.ack && !s.pass && !s.terminated && !s.stop_timers && !s.retransmit && !s.end && !s.failure;
}

}  // namespace

TEST_GROUP(ClientInviteMachine) {
    ClientMachine m{true, false, kTimers};
    void in(ClientState s) { CHECK(m.state() == s); }
};

TEST(ClientInviteMachine, StartsWithTimersAAndB) {
    const auto s = m.start();
    CHECK(s.send);
    CHECK(s.retransmit == 500ms);
    CHECK(s.end == 32s);
    in(ClientState::kCalling);
}

TEST(ClientInviteMachine, TimerADoublesWithoutCeiling) {
    m.start();
    Duration expected = 1s;
    for (int i = 0; i < 6; ++i, expected *= 2) {
        const auto s = m.on(kRetransmit);
        CHECK(s.send);
        CHECK(s.retransmit == expected);
    }
    CHECK(expected > 32s);
}

TEST(ClientInviteMachine, TimerBEndsCalling) {
    m.start();
    const auto s = m.on(kEnd);
    CHECK(s.failure == ClientFailure::kTimeout);
    CHECK(s.terminated);
    in(ClientState::kTerminated);
    CHECK(does_nothing(m.on(k2xx)));
}

TEST(ClientInviteMachine, AProvisionalStopsAllTimers) {
    m.start();
    const auto s = m.on(k1xx);
    CHECK(s.pass && s.stop_timers && !s.end && !s.retransmit);
    in(ClientState::kProceeding);
    CHECK(m.on(k1xx).pass);
    // A timer that fired in the same turn does no harm.
    CHECK(does_nothing(m.on(kRetransmit)));
    CHECK(does_nothing(m.on(kEnd)));
    in(ClientState::kProceeding);
}

TEST(ClientInviteMachine, AFailureIsAcknowledgedAndPassedOnce) {
    m.start();
    auto s = m.on(k3xx);
    CHECK(s.ack && s.pass && s.stop_timers);
    CHECK(s.end == 32s);  // D
    in(ClientState::kCompleted);
    s = m.on(k3xx);
    CHECK(s.ack && !s.pass && !s.end);
    CHECK(does_nothing(m.on(k1xx)));
    CHECK(does_nothing(m.on(k2xx)));
    s = m.on(kEnd);
    CHECK(s.terminated && !s.failure);
}

TEST(ClientInviteMachine, EachSuccessIsPassedWhileAccepted) {
    m.start();
    m.on(k1xx);
    auto s = m.on(k2xx);
    CHECK(s.pass && !s.ack && s.stop_timers);
    CHECK(s.end == 32s);  // M
    in(ClientState::kAccepted);
    s = m.on(k2xx);
    CHECK(s.pass && !s.end);
    CHECK(does_nothing(m.on(k1xx)));
    CHECK(does_nothing(m.on(k3xx)));
    CHECK(does_nothing(m.on(kError)));
    s = m.on(kEnd);
    CHECK(s.terminated && !s.failure);
}

TEST(ClientInviteMachine, ATransportErrorEndsCallingButNotProceeding) {
    m.start();
    ClientMachine other = m;
    const auto s = m.on(kError);
    CHECK(s.failure == ClientFailure::kTransportError);
    CHECK(s.terminated);
    other.on(k1xx);
    CHECK(does_nothing(other.on(kError)));
}

TEST(ClientInviteMachine, ATransportErrorOfTheAckEndsQuietly) {
    m.start();
    m.on(k3xx);
    const auto s = m.on(kError);
    CHECK(s.terminated && !s.failure);
}

TEST(ClientInviteMachine, ACancelledOneDoesNotWaitForEver) {
    m.start();
    CHECK(does_nothing(m.on(kCancelSent)));  // not before a provisional response
    m.on(k1xx);
    CHECK(m.on(kCancelSent).end == 32s);
    CHECK(m.on(k1xx).pass);
    ClientMachine other = m;
    const auto s = m.on(kEnd);
    CHECK(s.failure == ClientFailure::kCancelled);
    CHECK(other.on(k3xx).ack);  // 487 in time
    CHECK(!other.on(kEnd).failure);
}

TEST_GROUP(ClientOtherMachine) {
    ClientMachine m{false, false, kTimers};
    void in(ClientState s) { CHECK(m.state() == s); }
};

TEST(ClientOtherMachine, TimerEDoublesUpToT2) {
    auto s = m.start();
    CHECK(s.send);
    CHECK(s.retransmit == 500ms);
    CHECK(s.end == 32s);
    for (const Duration d : {Duration(1s), Duration(2s), Duration(4s), Duration(4s), Duration(4s)}) {
        s = m.on(kRetransmit);
        CHECK(s.send);
        CHECK(s.retransmit == d);
    }
}

TEST(ClientOtherMachine, ProceedingRetransmitsEachT2AndStillTimesOut) {
    m.start();
    auto s = m.on(k1xx);
    CHECK(s.pass && !s.stop_timers);
    in(ClientState::kProceeding);
    s = m.on(kRetransmit);
    CHECK(s.send);
    CHECK(s.retransmit == 4s);
    CHECK(m.on(k1xx).pass);
    s = m.on(kEnd);
    CHECK(s.failure == ClientFailure::kTimeout);
}

TEST(ClientOtherMachine, TheFirstFinalResponseIsPassedAndTheOthersAreAbsorbed) {
    for (const auto event : {k2xx, k3xx}) {
        for (const bool proceeding : {false, true}) {
            ClientMachine c{false, false, kTimers};
            c.start();
            if (proceeding) c.on(k1xx);
            auto s = c.on(event);
            CHECK(s.pass && !s.ack && s.stop_timers);
            CHECK(s.end == 5s);  // K
            CHECK(does_nothing(c.on(k2xx)));
            CHECK(does_nothing(c.on(k3xx)));
            CHECK(does_nothing(c.on(k1xx)));
            s = c.on(kEnd);
            CHECK(s.terminated && !s.failure);
        }
    }
}

TEST(ClientOtherMachine, TimesOutAndFails) {
    ClientMachine other = m;
    CHECK(m.on(kEnd).failure == ClientFailure::kTimeout);
    CHECK(other.on(kError).failure == ClientFailure::kTransportError);
    CHECK(does_nothing(other.on(kRetransmit)));
}
