#pragma once
// A UDP socket in a network namespace, read and written in batches.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/ip_address.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"
#include "tests/load/socket_port.h"

namespace sallyport::load {

class UdpPort final : public SocketPort {
public:
    // `network`: the name of a namespace below /run/netns; empty: the present one.
    static os::Result<std::unique_ptr<UdpPort>> open(const std::string& network, const Endpoint& local);

    int fd() const override { return fd_.get(); }
    const Endpoint& local() const override { return local_; }
    std::span<const Datagram> receive() override;
    void send(const sockaddr_in& to, std::string_view bytes) override;
    std::size_t flush() override;

private:
    static constexpr std::size_t kBatch = 64;
    static constexpr std::size_t kMaxDatagram = 8192;
    struct Queued {
        sockaddr_in to;
        std::size_t offset;
        std::size_t length;
    };
    struct Buffers {
        std::array<std::array<char, kMaxDatagram>, kBatch> bytes;
        std::array<sockaddr_in, kBatch> sources;
        std::array<iovec, kBatch> vectors;
        std::array<mmsghdr, kBatch> messages;
        std::array<Datagram, kBatch> datagrams;
    };

    UdpPort(os::UniqueFd fd, const Endpoint& local)
        : fd_(std::move(fd)), local_(local), buffers_(std::make_unique<Buffers>()) {}

    os::UniqueFd fd_;
    Endpoint local_;
    std::unique_ptr<Buffers> buffers_;
    std::vector<Queued> queue_;
    std::string arena_;
};

}  // namespace sallyport::load
