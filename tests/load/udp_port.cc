#include "tests/load/udp_port.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sallyport::load {

os::Result<std::unique_ptr<UdpPort>> UdpPort::open(const std::string& network, const Endpoint& local) {
    const InNamespace inside(network);
    if (inside.failed()) return std::unexpected(os::system_error("enter the namespace " + network));
    os::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(os::system_error("open a UDP socket"));
    constexpr int kSocketBuffer = 16 << 20;
    for (const int name : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
        if (::setsockopt(fd.get(), SOL_SOCKET, name, &kSocketBuffer, sizeof(kSocketBuffer)) != 0)
            return std::unexpected(os::system_error("size a socket's buffer (are we root?)"));
    const auto address = to_sockaddr(local);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return std::unexpected(os::system_error("bind " + local.text()));
    return std::unique_ptr<UdpPort>(new UdpPort(std::move(fd), local));
}

std::span<const UdpPort::Datagram> UdpPort::receive() {
    auto& b = *buffers_;
    for (std::size_t i = 0; i < kBatch; ++i) {
        b.vectors[i] = {b.bytes[i].data(), b.bytes[i].size()};
        b.messages[i] = {};
        b.messages[i].msg_hdr.msg_name = &b.sources[i];
        b.messages[i].msg_hdr.msg_namelen = sizeof(b.sources[i]);
        b.messages[i].msg_hdr.msg_iov = &b.vectors[i];
        b.messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int n = ::recvmmsg(fd_.get(), b.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (n <= 0) return {};
    const auto count = static_cast<std::size_t>(n);
    for (std::size_t i = 0; i < count; ++i)
        b.datagrams[i] = {b.sources[i], std::string_view(b.bytes[i].data(), b.messages[i].msg_len)};
    return std::span(b.datagrams).first(count);
}

void UdpPort::send(const sockaddr_in& to, std::string_view bytes) {
    queue_.push_back({to, arena_.size(), bytes.size()});
    arena_.append(bytes);
}

std::size_t UdpPort::flush() {
    std::size_t refused = 0;
    for (std::size_t done = 0; done < queue_.size();) {
        std::array<iovec, kBatch> vectors;
        std::array<mmsghdr, kBatch> messages;
        const auto count = std::min(kBatch, queue_.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            auto& q = queue_[done + i];
            vectors[i] = {arena_.data() + q.offset, q.length};
            messages[i] = {};
            messages[i].msg_hdr.msg_name = &q.to;
            messages[i].msg_hdr.msg_namelen = sizeof(q.to);
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int n = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(count), 0);
        if (n > 0) {
            done += static_cast<std::size_t>(n);
        } else if (errno != EINTR) {
            ++refused;
            ++done;
        }
    }
    queue_.clear();
    arena_.clear();
    return refused;
}

}  // namespace sallyport::load
