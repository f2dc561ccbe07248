#pragma once
// The order in which datagrams are dealt with, and which not at all when too many come. Sans-IO: `now` and the time of
// arrival are arguments.
//
// What belongs to calls that there are (responses, ACK, BYE, re-INVITE, ...) is dealt with at once. An INVITE that
// would begin a call waits until all that has arrived was looked at, and then has its turn, the oldest first: so that
// new calls get what the existing ones leave, and no CPU is idle while one waits. When they wait too long (overload.h)
// or there are too many, the newest are refused at once, which costs a fraction of a call. One that waited for T1 was
// sent again: it is dropped without an answer, as useless work. A CANCEL keeps its place behind the INVITEs that wait,
// for its own may be among them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/call/overload.h"
#include "controlplane/transaction/send_queue.h"
#include "platform/base/time.h"

namespace sallyport::call {

class Intake {
public:
    static constexpr std::size_t kMaxWaiting = 4096;
    static constexpr std::size_t kMaxWaitingBytes = std::size_t{8} << 20;
    static constexpr Duration kStale = std::chrono::milliseconds(500);  // T1: the peer has sent it again
    // INVITEs begun in a turn; then the sockets are looked at again.
    static constexpr std::size_t kPerTurn = 32;
    // INVITEs to take from a socket in a turn: while there is overload no more than two refused for one begun, so that
    // refusing has its share and not the greater one. The kernel drops the others, and they come again.
    static constexpr std::size_t kReadPerTurn = 256;
    static constexpr std::size_t kReadPerTurnOverloaded = 3 * kPerTurn;

    struct Handlers {
        using Handler = std::function<void(Now now, const transaction::Path& from, std::string_view datagram)>;
        Handler deal;
        Handler refuse;  // an INVITE that is too many, or a request that is no call while these are
    };
    struct Counters {
        std::uint64_t invites = 0;  // that would begin a call, retransmissions included
        std::uint64_t refused = 0;
        std::uint64_t stale = 0;  // dropped
        Duration longest{};       // wait of one that was begun
    };

    explicit Intake(Handlers handlers);

    void on_datagram(Now now, const transaction::Path& from, Instant arrived, std::string_view datagram);
    // Begins some that wait. True: there are more.
    bool serve(Now now);

    std::size_t wanted() const { return overload_.on() ? kReadPerTurnOverloaded : kReadPerTurn; }
    std::size_t waiting() const { return count_; }
    const Overload& overload() const { return overload_; }
    const Counters& counters() const { return counters_; }
    // Of the INVITEs of the last whole second, how many per cent were not refused; 100 when there were none.
    unsigned admitted_percent(Instant now) const;

private:
    struct Waiting {
        transaction::Path from;
        Instant arrived{};
        bool cancel = false;
        std::string datagram;
    };

    Duration oldest_wait(Instant now) const;
    void drop(Now now, const transaction::Path& from, std::string_view datagram);
    void push(const transaction::Path& from, Instant arrived, bool cancel, std::string_view datagram);
    void pop();
    void count(Instant now, bool refused);

    Handlers handlers_;
    Overload overload_;
    std::vector<Waiting> ring_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    Counters counters_;
    // Of the second that began at `second_`, and of the one before it.
    Instant second_{};
    std::uint32_t offered_ = 0;
    std::uint32_t refused_ = 0;
    unsigned last_percent_ = 100;
};

}  // namespace sallyport::call
