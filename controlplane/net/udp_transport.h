#pragma once
// SIP over UDP: two sockets per sip-interface that has it, read and written in batches.
//
// They are bound to its address and, where the kernel allows it, to its TAP device, so that networks with
// the same addresses stay apart. The address need not be there yet (IP_FREEBIND). What the socket buffer does
// not take waits in a bounded queue per sip-interface; what does not fit there is dropped and counted (SIP
// retransmits). ICMP errors come back with the address that they are about (IP_RECVERR).
//
// The kernel gives INVITE and CANCEL to the one socket, all else and emergency calls to the other (SO_REUSEPORT with a
// filter): however many new calls come, what belongs to those that there are finds room, and is read first. New ones
// are read when asked for, as many as asked for; those that are too many cost this process nothing.

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "controlplane/transaction/send_queue.h"
#include "controlplane/transaction/transaction_layer.h"
#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/config/views.h"
#include "platform/os/event_loop.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::net {

// Bound and non-blocking. `device` may be empty. A device that the kernel does not let us bind to is left out
// (then `notes` says so); one that does not exist is an error.
os::Result<os::UniqueFd> open_udp(const Endpoint& local, const std::string& device, std::string& notes);

// A second socket at the place of `first`: from now on the kernel gives it the INVITEs and CANCELs, except emergency
// calls (urn:...). Nobody else can join, for each first socket is bound alone.
os::Result<os::UniqueFd> open_udp_for_invites(const os::UniqueFd& first, const std::string& device);

class UdpTransport {
public:
    static constexpr std::size_t kBatch = 32;
    static constexpr std::size_t kMaxDatagram = 65535;
    // Datagrams taken from one socket in a turn: the others, the timers and the dataplane get theirs.
    static constexpr std::size_t kMaxPerTurn = 256;
    static constexpr std::size_t kMaxWaiting = 4096;
    static constexpr std::size_t kMaxWaitingBytes = std::size_t{4} << 20;

    struct Counters {
        std::uint64_t received = 0;
        std::uint64_t received_bytes = 0;
        std::uint64_t truncated = 0;  // dropped
        std::uint64_t sent = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t send_waited = 0;   // the socket buffer was full
        std::uint64_t send_dropped = 0;  // and the queue too
        std::uint64_t send_failed = 0;
        std::uint64_t unreachable = 0;  // ICMP errors
        std::uint64_t receive_failed = 0;
    };
    // The sockets' receive buffers: queues too, and the first to overflow when this process does not read.
    struct KernelQueues {
        std::uint64_t dropped = 0;  // datagrams that found no room, since the start
        std::uint64_t bytes = 0;    // that wait now, with the kernel's own
        std::uint64_t limit = 0;
    };
    struct Handlers {
        // `arrived`: when the kernel got it.
        std::function<void(std::uint16_t sip_interface, const Endpoint& source, Instant arrived,
                           std::span<const std::byte> datagram)>
            on_datagram;
        std::function<void(const transaction::Path& to)> on_unreachable;
        // Of a datagram that had waited; for the others see send().
        std::function<void(const transaction::SendQueue::Entry& entry)> on_send_error;
    };

    UdpTransport(os::EventLoop& loop, Handlers handlers);
    ~UdpTransport();
    UdpTransport(const UdpTransport&) = delete;
    UdpTransport& operator=(const UdpTransport&) = delete;

    // Opens every listener; on an error none is.
    os::Result<void> open(const std::vector<config::SipInterface>& interfaces);
    // Begins to receive. Until then datagrams wait in the sockets.
    void start();
    // Sends what is in the queue, in its order per sip-interface. Returns what the kernel refused; the caller tells
    // the engine when the queue is cleared, because the engine may then fill it again.
    std::vector<transaction::SendQueue::Entry> send(const transaction::SendQueue& queue);
    // Takes what waits in the sockets for INVITEs and CANCELs: at most about `most` of each. Once a turn, at its end.
    void receive_invites(std::size_t most);

    const Counters& counters() const { return counters_; }
    KernelQueues kernel_queues() const;
    std::size_t waiting() const;
    Endpoint local(std::uint16_t sip_interface) const;  // as bound: with the port that the kernel chose for 0

private:
    struct Socket {
        os::UniqueFd fd;  // sends, too; none: no UDP here
        os::UniqueFd invites;
        bool invites_ready = false;
        transaction::SendQueue waiting{kMaxWaiting, kMaxWaitingBytes};
        std::size_t waiting_from = 0;  // entries before it are sent
        bool watching_writable = false;
    };
    struct ReceiveBuffers;

    void on_ready(std::uint16_t index, std::uint32_t events);
    void on_invites_ready(std::uint16_t index, std::uint32_t events);
    void receive(int fd, std::uint16_t index, std::size_t most);
    void read_errors(int fd, std::uint16_t index);
    void flush_waiting(std::uint16_t index);
    void watch(Socket& socket);
    // Sends `entries` of `queue`; returns how many were done with. Fewer than all: the socket buffer is full.
    std::size_t send_some(std::uint16_t index, const transaction::SendQueue& queue,
                          std::span<const transaction::SendQueue::Entry* const> entries,
                          std::vector<transaction::SendQueue::Entry>& refused);

    os::EventLoop& loop_;
    Handlers handlers_;
    std::vector<Socket> sockets_;
    std::unique_ptr<ReceiveBuffers> buffers_;
    std::vector<std::vector<const transaction::SendQueue::Entry*>> by_socket_;  // scratch of send()
    Counters counters_;
    bool started_ = false;
};

}  // namespace sallyport::net
