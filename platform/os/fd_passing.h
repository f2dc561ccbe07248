#pragma once
// Bytes and descriptors over a unix socket (SCM_RIGHTS). What arrives is bounded, close-on-exec and owned at
// once, so that a peer cannot leak descriptors into us.

#include <cstddef>
#include <span>
#include <vector>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

inline constexpr std::size_t kMaxPassedFds = 64;  // in one message

// Returns the bytes sent; 0 when the socket would block (then no descriptor was sent either). With
// descriptors, at least one byte must go along. The descriptors stay the caller's.
Result<std::size_t> send_with_fds(int socket, std::span<const std::byte> bytes, std::span<const int> fds);

struct Received {
    std::size_t bytes = 0;
    std::vector<UniqueFd> fds;
    bool would_block = false;
    bool closed = false;  // orderly end of a stream or of a SEQPACKET connection
};

// At most `max_fds` descriptors are taken; more is an error, and all of them are closed. A SEQPACKET datagram
// longer than `buffer` is an error too.
Result<Received> receive_with_fds(int socket, std::span<std::byte> buffer, std::size_t max_fds);

}  // namespace sallyport::os
