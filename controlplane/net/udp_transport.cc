#include "controlplane/net/udp_transport.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "controlplane/net/socket_address.h"
#include "platform/os/log.h"

namespace sallyport::net {

namespace {

using Entry = transaction::SendQueue::Entry;

// The kernel stamps by the wall clock. One that was set meanwhile makes an arrival in the future now, and those in the
// sockets at that moment look old.
Instant arrival(const msghdr& message, const Now& now) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(const_cast<msghdr*>(&message), c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
        const WallTime at{std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec)};
        return now.instant - std::max(Duration::zero(), now.wall - at);
    }
    return now.instant;
}

// Bursts of a whole call centre fit; the kernel gives what net.core.rmem_max allows.
constexpr int kSocketBuffer = 8 << 20;
// Some 900 INVITEs: a burst that the intake does not take in a turn. In an overload it is always full, and what stands
// in it only grows old.
constexpr int kInviteBuffer = 1 << 20;

os::Result<os::UniqueFd> udp_socket(bool v6, int receive_buffer) {
    os::UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(os::system_error("open a UDP socket"));
    for (const auto& done : {set_free_bind(fd.get(), v6),
                             v6 ? set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVERR, 1, "set IPV6_RECVERR")
                                : set_option(fd.get(), IPPROTO_IP, IP_RECVERR, 1, "set IP_RECVERR"),
                             set_option(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "set SO_TIMESTAMPNS"),
                             set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, receive_buffer, "set SO_RCVBUF"),
                             set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, kSocketBuffer, "set SO_SNDBUF")})
        if (!done) return std::unexpected(done.error());
    return fd;
}

constexpr std::uint32_t four(std::string_view text) {
    std::uint32_t out = 0;
    for (const char c : text.substr(0, 4)) out = out << 8 | static_cast<std::uint8_t>(c);
    return out;
}

// Which socket of the two gets a datagram; its payload begins at 0. A load beyond its end ends the filter with 0.
constexpr auto kWhichSocket = std::to_array<sock_filter>({
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, four("CANC"), 7, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, four("INVI"), 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, four("ITE "), 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 7),
    BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 0x20202020),  // lower case
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, four("urn:"), 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0),
    BPF_STMT(BPF_RET | BPF_K, 1),
});

}  // namespace

os::Result<os::UniqueFd> open_udp(const Endpoint& local, const std::string& device, std::string& notes) {
    const std::string where = local.text() + (device.empty() ? "" : " on " + device);
    auto fd = udp_socket(local.address.is_v6(), kSocketBuffer);
    if (!fd) return std::unexpected(where + ": " + fd.error());
    if (!bind_to_device(fd->get(), device)) {
        if (errno != EPERM) return std::unexpected(os::system_error("bind " + where + " to its device"));
        notes = where + " is not bound to its device: the kernel does not permit it";
    }
    const SocketAddress address(local);
    if (::bind(fd->get(), address.get(), address.length) != 0)
        return std::unexpected(os::system_error("bind " + where));
    return fd;
}

os::Result<os::UniqueFd> open_udp_for_invites(const os::UniqueFd& first, const std::string& device) {
    const auto where = bound_to(first.get());
    if (where.empty()) return std::unexpected(os::system_error("ask where a socket is bound"));
    auto fd = udp_socket(where.address.is_v6(), kInviteBuffer);
    if (!fd) return fd;
    if (!bind_to_device(fd->get(), device) && errno != EPERM)
        return std::unexpected(os::system_error("bind a second socket to " + device));
    for (const int each : {first.get(), fd->get()})
        if (auto set = set_option(each, SOL_SOCKET, SO_REUSEPORT, 1, "set SO_REUSEPORT"); !set)
            return std::unexpected(set.error());
    const SocketAddress address(where);
    if (::bind(fd->get(), address.get(), address.length) != 0)
        return std::unexpected(os::system_error("bind a second socket to " + where.text()));
    auto filter = kWhichSocket;
    const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
    if (::setsockopt(first.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) != 0)
        return std::unexpected(os::system_error("set SO_ATTACH_REUSEPORT_CBPF"));
    return fd;
}

struct UdpTransport::ReceiveBuffers {
    std::array<std::array<std::byte, kMaxDatagram + 1>, kBatch> bytes;
    std::array<SocketAddress, kBatch> sources;
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> messages;
    struct alignas(cmsghdr) Control {
        std::array<std::byte, CMSG_SPACE(sizeof(timespec))> bytes;
    };
    std::array<Control, kBatch> control;
};

UdpTransport::UdpTransport(os::EventLoop& loop, Handlers handlers)
    : loop_(loop), handlers_(std::move(handlers)), buffers_(std::make_unique<ReceiveBuffers>()) {}

UdpTransport::~UdpTransport() {
    if (!started_) return;
    for (const Socket& s : sockets_) {
        if (!s.fd) continue;
        loop_.remove(s.fd.get());
        loop_.remove(s.invites.get());
    }
}

os::Result<void> UdpTransport::open(const std::vector<config::SipInterface>& interfaces) {
    std::vector<Socket> sockets;
    for (const config::SipInterface& i : interfaces) {
        sockets.emplace_back();
        if (!i.has(Transport::kUdp)) continue;
        std::string notes;
        auto fd = open_udp(i.local, i.device, notes);
        if (!fd) return std::unexpected("sip-interface " + i.name + ": " + fd.error());
        // Without it, networks with the same addresses are not kept apart.
        if (!notes.empty()) log::warning("sip-interface {}: {}", i.name, notes);
        auto invites = open_udp_for_invites(*fd, i.device);
        if (!invites) return std::unexpected("sip-interface " + i.name + ": " + invites.error());
        sockets.back().fd = std::move(*fd);
        sockets.back().invites = std::move(*invites);
    }
    sockets_ = std::move(sockets);
    by_socket_.resize(sockets_.size());
    return {};
}

void UdpTransport::start() {
    if (std::exchange(started_, true)) return;
    const auto count = static_cast<std::uint16_t>(sockets_.size());  // at most 256, says the schema
    for (std::uint16_t i = 0; i < count; ++i) {
        if (!sockets_[i].fd) continue;
        loop_.add(sockets_[i].fd.get(), EPOLLIN, [this, i](std::uint32_t events) { on_ready(i, events); });
        loop_.add(sockets_[i].invites.get(), EPOLLIN, [this, i](std::uint32_t events) { on_invites_ready(i, events); });
    }
}

void UdpTransport::on_ready(std::uint16_t index, std::uint32_t events) {
    const int fd = sockets_[index].fd.get();
    if ((events & EPOLLERR) != 0) read_errors(fd, index);
    if ((events & EPOLLOUT) != 0) flush_waiting(index);
    if ((events & EPOLLIN) != 0) receive(fd, index, kMaxPerTurn);
}

void UdpTransport::on_invites_ready(std::uint16_t index, std::uint32_t events) {
    Socket& socket = sockets_[index];
    if ((events & EPOLLERR) != 0) read_errors(socket.invites.get(), index);
    socket.invites_ready |= (events & EPOLLIN) != 0;
}

void UdpTransport::receive_invites(std::size_t most) {
    const auto count = static_cast<std::uint16_t>(sockets_.size());
    for (std::uint16_t i = 0; i < count; ++i)
        if (std::exchange(sockets_[i].invites_ready, false)) receive(sockets_[i].invites.get(), i, most);
}

void UdpTransport::receive(int fd, std::uint16_t index, std::size_t most) {
    ReceiveBuffers& b = *buffers_;
    for (std::size_t taken = 0; taken < most;) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            b.vectors[i] = {b.bytes[i].data(), b.bytes[i].size()};
            b.messages[i] = {};
            b.messages[i].msg_hdr.msg_name = &b.sources[i].storage;
            b.messages[i].msg_hdr.msg_namelen = sizeof(b.sources[i].storage);
            b.messages[i].msg_hdr.msg_iov = &b.vectors[i];
            b.messages[i].msg_hdr.msg_iovlen = 1;
            b.messages[i].msg_hdr.msg_control = b.control[i].bytes.data();
            b.messages[i].msg_hdr.msg_controllen = b.control[i].bytes.size();
        }
        const int n = ::recvmmsg(fd, b.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (n < 0) {
            if (errno == EAGAIN || errno == EINTR) return;
            // An ICMP error that waited is told here once; it is read in full from the error queue.
            ++counters_.receive_failed;
            read_errors(fd, index);
            return;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const mmsghdr& m = b.messages[i];
            const auto source = b.sources[i].endpoint();
            if ((m.msg_hdr.msg_flags & MSG_TRUNC) != 0 || source.empty()) {
                ++counters_.truncated;
                continue;
            }
            ++counters_.received;
            counters_.received_bytes += m.msg_len;
            handlers_.on_datagram(index, source, arrival(m.msg_hdr, loop_.now()),
                                  std::span(b.bytes[i]).first(m.msg_len));
        }
        taken += static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) < kBatch) return;
    }
}

// ip(7): the message name is the destination of the datagram that caused the error.
void UdpTransport::read_errors(int fd, std::uint16_t index) {
    for (std::size_t i = 0; i < kMaxPerTurn; ++i) {
        SocketAddress destination;
        alignas(cmsghdr) std::array<std::byte, 512> control{};
        msghdr message{};
        message.msg_name = &destination.storage;
        message.msg_namelen = sizeof(destination.storage);
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
            const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
            const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
            if (!v4 && !v6) continue;
            sock_extended_err error{};
            std::memcpy(&error, CMSG_DATA(c), sizeof(error));
            // RFC 3261 §18.4: only what means that nobody is there; "fragmentation needed" and the like do not.
            const bool gone = error.ee_errno == ECONNREFUSED || error.ee_errno == EHOSTUNREACH ||
                              error.ee_errno == ENETUNREACH || error.ee_errno == EHOSTDOWN;
            const auto to = message.msg_namelen == 0 ? Endpoint() : destination.endpoint();
            if (!gone || to.empty()) continue;
            ++counters_.unreachable;
            handlers_.on_unreachable({index, to});
        }
    }
}

std::size_t UdpTransport::send_some(std::uint16_t index, const transaction::SendQueue& queue,
                                    std::span<const Entry* const> entries, std::vector<Entry>& refused) {
    std::size_t done = 0;
    bool tried_again = false;
    while (done < entries.size()) {
        std::array<SocketAddress, kBatch> to;
        std::array<iovec, kBatch> vectors;
        std::array<mmsghdr, kBatch> messages;
        const std::size_t count = std::min(kBatch, entries.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            const Entry& e = *entries[done + i];
            const std::string_view bytes = queue.bytes(e);
            to[i] = SocketAddress(e.path.remote);
            vectors[i] = {const_cast<char*>(bytes.data()), bytes.size()};  // sendmmsg only reads
            messages[i] = {};
            messages[i].msg_hdr.msg_name = &to[i].storage;
            messages[i].msg_hdr.msg_namelen = to[i].length;
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int n = ::sendmmsg(sockets_[index].fd.get(), messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
        if (n > 0) {
            for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) counters_.sent_bytes += messages[i].msg_len;
            counters_.sent += static_cast<std::uint64_t>(n);
            done += static_cast<std::size_t>(n);
            tried_again = false;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == ENOBUFS) return done;
        // The error may be an ICMP one of an earlier datagram to someone else, told once: so try again.
        if (!std::exchange(tried_again, true)) continue;
        tried_again = false;
        ++counters_.send_failed;
        refused.push_back(*entries[done]);
        ++done;
    }
    return done;
}

std::vector<Entry> UdpTransport::send(const transaction::SendQueue& queue) {
    std::vector<Entry> refused;
    for (auto& list : by_socket_) list.clear();
    for (const Entry& e : queue.entries()) {
        if (is_stream(e.path.transport)) continue;  // StreamTransport's
        if (e.path.sip_interface < sockets_.size() && sockets_[e.path.sip_interface].fd && !e.path.remote.empty()) {
            by_socket_[e.path.sip_interface].push_back(&e);
        } else {
            ++counters_.send_failed;
            refused.push_back(e);
        }
    }
    const auto count = static_cast<std::uint16_t>(sockets_.size());
    for (std::uint16_t i = 0; i < count; ++i) {
        Socket& socket = sockets_[i];
        const auto& list = by_socket_[i];
        if (list.empty()) continue;
        // What waits goes first.
        const std::size_t done = socket.waiting.empty() ? send_some(i, queue, list, refused) : 0;
        for (std::size_t k = done; k < list.size(); ++k) {
            if (socket.waiting.push(list[k]->path, queue.bytes(*list[k]), list[k]->owner))
                ++counters_.send_waited;
            else
                ++counters_.send_dropped;
        }
        watch(socket);
    }
    return refused;
}

void UdpTransport::flush_waiting(std::uint16_t index) {
    Socket& socket = sockets_[index];
    std::vector<const Entry*> entries;
    for (const Entry& e : socket.waiting.entries().subspan(socket.waiting_from)) entries.push_back(&e);
    std::vector<Entry> refused;
    socket.waiting_from += send_some(index, socket.waiting, entries, refused);
    if (socket.waiting_from == socket.waiting.entries().size()) {
        socket.waiting.clear();
        socket.waiting_from = 0;
    }
    watch(socket);
    for (const Entry& e : refused) handlers_.on_send_error(e);
}

void UdpTransport::watch(Socket& socket) {
    const bool wanted = !socket.waiting.empty();
    if (!started_ || wanted == socket.watching_writable) return;
    socket.watching_writable = wanted;
    loop_.modify(socket.fd.get(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

UdpTransport::KernelQueues UdpTransport::kernel_queues() const {
    KernelQueues out;
    for (const Socket& s : sockets_) {
        for (const auto& fd : {std::cref(s.fd), std::cref(s.invites)}) {
            std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
            socklen_t length = sizeof(memory);
            if (::getsockopt(fd.get().get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) continue;
            out.dropped += memory[SK_MEMINFO_DROPS];
            out.bytes += memory[SK_MEMINFO_RMEM_ALLOC];
            out.limit += memory[SK_MEMINFO_RCVBUF];
        }
    }
    return out;
}

std::size_t UdpTransport::waiting() const {
    std::size_t out = 0;
    for (const Socket& s : sockets_) out += s.waiting.entries().size() - s.waiting_from;
    return out;
}

Endpoint UdpTransport::local(std::uint16_t sip_interface) const {
    return bound_to(sockets_.at(sip_interface).fd.get());
}

}  // namespace sallyport::net
