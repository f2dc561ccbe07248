#pragma once
// The socket of one stream, in the clear or under TLS: who reads and writes sees no difference.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/net/tls.h"
#include "platform/base/ip_address.h"
#include "platform/base/time.h"
#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::net {

// A socket for TCP before it is bound. A device that the kernel does not let us bind to is left out, and told in
// `notes`.
os::Result<os::UniqueFd> open_tcp(const Endpoint& local, const std::string& device, std::string& notes);
// Bound, and listening. The address need not be there yet.
os::Result<os::UniqueFd> listen_tcp(const Endpoint& local, const std::string& device);
// A connection that the peer begins to accept. Its local port is chosen with the other end in view: one port serves
// for many peers.
os::Result<os::UniqueFd> connect_tcp(const IpAddress& local, const std::string& device, const Endpoint& remote);

class StreamSocket {
public:
    enum class Status : std::uint8_t { kOpen, kEnded, kFailed };  // kOpen: there may be more, now or later

    // `unacknowledged`: how long what was written may be on its way before the connection counts as broken.
    StreamSocket(os::UniqueFd fd, Duration unacknowledged);

    // Reads what is there, as far as it fits.
    Status read(std::span<char> into, std::size_t& got);
    // Writes as much as the socket takes now.
    Status write(std::string_view bytes, std::size_t& written);
    // The last read() was full, and TLS holds bytes that were read from the socket and not taken: epoll does not see
    // them. (Part of a record is held, too, and waits for the socket.)
    bool has_pending() const { return pending_; }
    // The last word: nothing is written after it.
    void shut();
    void close() { fd_.reset(); }

    // From now on all goes under TLS, once handshake() is done. nullptr: no session could be made.
    bool begin_tls(std::unique_ptr<TlsSession> session);
    TlsSession::Status handshake();
    const TlsSession* tls() const { return tls_.get(); }

    int fd() const { return fd_.get(); }
    int connect_error() const;  // errno of a connect() that has ended; 0: connected
    // TLS has to write before it can go on.
    bool wants_write() const { return wants_write_; }

private:
    os::UniqueFd fd_;
    std::unique_ptr<TlsSession> tls_;
    bool wants_write_ = false;
    bool pending_ = false;
};

}  // namespace sallyport::net
