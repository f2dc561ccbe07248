#include "controlplane/call/intake.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "controlplane/sip/glance.h"
#include "platform/base/buffer.h"

namespace sallyport::call {

using namespace std::chrono_literals;

Intake::Intake(Handlers handlers) : handlers_(std::move(handlers)), ring_(kMaxWaiting) {}

Duration Intake::oldest_wait(Instant now) const {
    return count_ == 0 ? Duration::zero() : std::max(Duration::zero(), now - ring_[first_].arrived);
}

void Intake::on_datagram(Now now, const transaction::Path& from, Instant arrived, std::string_view datagram) {
    const auto kind = sip::glance(datagram);
    if (kind == sip::Glance::kCancel && count_ > 0 && count_ < kMaxWaiting) return push(from, arrived, true, datagram);
    // Calls come first: what is none has no place in their queue, and none at all while that is too long.
    if (kind == sip::Glance::kNewRequest && overload_.on()) return handlers_.refuse(now, from, datagram);
    if (kind != sip::Glance::kNewInvite) return handlers_.deal(now, from, datagram);
    ++counters_.invites;
    if (now.instant - arrived >= kStale) return drop(now, from, datagram);
    const auto waited = count_ > 0 ? oldest_wait(now.instant) : std::max(Duration::zero(), now.instant - arrived);
    overload_.look(now.instant, waited);
    const bool full = count_ == kMaxWaiting || bytes_ + datagram.size() > kMaxWaitingBytes;
    // What the next turn begins anyway is never refused: when the kernel's queue alone is longer than the target, all
    // the time would go into refusing.
    const bool refused = full || (count_ >= kPerTurn && overload_.refuses(waited));
    count(now.instant, refused);
    if (!refused) return push(from, arrived, false, datagram);
    ++counters_.refused;
    handlers_.refuse(now, from, datagram);
}

bool Intake::serve(Now now) {
    for (std::size_t begun = 0; count_ > 0 && begun < kPerTurn;) {
        const Waiting& next = ring_[first_];
        const auto waited = std::max(Duration::zero(), now.instant - next.arrived);
        if (!next.cancel && waited >= kStale) {
            drop(now, next.from, next.datagram);
        } else {
            ++begun;
            counters_.longest = std::max(counters_.longest, waited);
            handlers_.deal(now, next.from, next.datagram);
        }
        pop();
    }
    overload_.look(now.instant, oldest_wait(now.instant));
    return count_ > 0;
}

// It was sent again meanwhile; over a stream nothing is, and the sender is to know.
void Intake::drop(Now now, const transaction::Path& from, std::string_view datagram) {
    ++counters_.stale;
    if (is_stream(from.transport)) handlers_.refuse(now, from, datagram);
}

void Intake::push(const transaction::Path& from, Instant arrived, bool cancel, std::string_view datagram) {
    Waiting& last = ring_[(first_ + count_++) % ring_.size()];
    last.from = from;
    last.arrived = arrived;
    last.cancel = cancel;
    last.datagram.assign(datagram);
    bytes_ += datagram.size();
}

void Intake::pop() {
    Waiting& gone = ring_[first_];
    bytes_ -= gone.datagram.size();
    // All places have their turn, however few are taken at a time: what each kept, nobody would count.
    clear_buffer(gone.datagram, 0);
    first_ = (first_ + 1) % ring_.size();
    --count_;
}

void Intake::count(Instant now, bool refused) {
    if (now - second_ >= 1s) {
        last_percent_ = admitted_percent(now);
        second_ = now;
        offered_ = refused_ = 0;
    }
    ++offered_;
    refused_ += refused ? 1 : 0;
}

unsigned Intake::admitted_percent(Instant now) const {
    if (now - second_ < 1s) return last_percent_;
    if (now - second_ >= 2s || offered_ == 0) return 100;
    return static_cast<unsigned>(std::uint64_t{100} * (offered_ - refused_) / offered_);
}

}  // namespace sallyport::call
