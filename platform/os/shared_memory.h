#pragma once
// Memory that two processes share through a descriptor (memfd), and its mapping.
//
// A memfd of ours is sealed against shrinking and growing: the other side cannot make our reads fault. Its
// mode is 0600, so that a receiver of another user cannot open its descriptor anew with more rights. For a
// page that the receiver shall only read: map it writable here, then seal_writes(), then hand over
// reopen_read_only(). After the seal no new writable mapping exists for anyone, and write() fails.

#include <cstddef>
#include <span>
#include <string_view>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

class Mapping {
public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    std::span<std::byte> writable() const { return writable_ ? bytes_ : std::span<std::byte>{}; }
    std::span<const std::byte> bytes() const { return bytes_; }
    explicit operator bool() const { return !bytes_.empty(); }

private:
    friend Result<Mapping> map_memory(int fd, std::size_t bytes, bool writable);
    std::span<std::byte> bytes_;
    bool writable_ = false;
};

// Zeroed, of exactly `bytes`, close-on-exec, sealed SHRINK and GROW.
Result<UniqueFd> make_memfd(std::string_view name, std::size_t bytes);
// Existing writable mappings stay; no new ones, no write(): F_SEAL_FUTURE_WRITE.
Result<void> seal_writes(int fd);
Result<UniqueFd> reopen_read_only(int fd);

// For a descriptor from another process: its size is exactly `bytes` and it is sealed against shrinking, or it
// is refused. Read-only mappings of a read-only descriptor cannot be made writable again (mprotect fails).
Result<Mapping> map_received(int fd, std::size_t bytes, bool writable);
// Maps the first `bytes` of a descriptor of our own, a plain file included.
Result<Mapping> map_memory(int fd, std::size_t bytes, bool writable);

}  // namespace sallyport::os
