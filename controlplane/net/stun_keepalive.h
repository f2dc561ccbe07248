#pragma once
// Keep-alives by STUN on the ports of SIP (RFC 5626 §3.5.2, §4.4.2): whoever may talk to us is told from where it does.
//
// Bounded: so many answers a second for all together. What is no more than that is dropped and counted, as is what
// comes from addresses of nobody.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "controlplane/transaction/send_queue.h"
#include "platform/base/time.h"

namespace sallyport::net {

class StunKeepAlive {
public:
    // 100,000 telephones that ask every 24 s or more (RFC 5626 §4.4.2).
    static constexpr std::size_t kMaxPerSecond = 5'000;

    struct Counters {
        std::uint64_t answered = 0;
        std::uint64_t refused = 0;    // answered 420
        std::uint64_t unusable = 0;   // no STUN, or none that wants an answer
        std::uint64_t strangers = 0;  // dropped
        std::uint64_t too_many = 0;   // dropped
    };

    // Whether anything from there is wanted at all.
    explicit StunKeepAlive(std::function<bool(const transaction::Path& from)> admits) : admits_(std::move(admits)) {}

    // False: it is no STUN, nor looks like it.
    bool take(Instant now, const transaction::Path& from, std::span<const std::byte> datagram,
              transaction::SendQueue& out);
    const Counters& counters() const { return counters_; }

private:
    std::function<bool(const transaction::Path& from)> admits_;
    Instant second_began_{};
    std::size_t in_second_ = 0;
    std::vector<std::byte> answer_;
    Counters counters_;
};

}  // namespace sallyport::net
