#include "platform/os/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>
#include <utility>

namespace sallyport::os {

Mapping::Mapping(Mapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), writable_(std::exchange(other.writable_, false)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(writable_, other.writable_);
    return *this;
}

Mapping::~Mapping() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<UniqueFd> make_memfd(std::string_view name, std::size_t bytes) {
    const std::string label(name);
    UniqueFd fd(::memfd_create(label.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return std::unexpected(system_error("memfd_create " + label));
    if (::fchmod(fd.get(), 0600) != 0 || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0 ||
        ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        return std::unexpected(system_error("memfd " + label + " of " + std::to_string(bytes) + " bytes"));
    }
    return fd;
}

Result<void> seal_writes(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0) return std::unexpected(system_error("seal memfd"));
    return {};
}

Result<UniqueFd> reopen_read_only(int fd) {
    const auto path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd out(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!out) return std::unexpected(system_error("open memfd read-only"));
    return out;
}

Result<Mapping> map_received(int fd, std::size_t bytes, bool writable) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return std::unexpected(system_error("stat of the received memory"));
    if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) != bytes) {
        return std::unexpected("the received memory has " + std::to_string(status.st_size) + " bytes, expected " +
                               std::to_string(bytes) + ": the two processes are of different versions");
    }
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return std::unexpected(std::string("the received memory is not sealed against shrinking: refused"));
    }
    return map_memory(fd, bytes, writable);
}

Result<Mapping> map_memory(int fd, std::size_t bytes, bool writable) {
    if (bytes == 0) return std::unexpected(std::string("a mapping of 0 bytes was asked for"));
    void* at = ::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return std::unexpected(system_error("mmap of " + std::to_string(bytes) + " bytes"));
    Mapping out;
    out.bytes_ = {static_cast<std::byte*>(at), bytes};
    out.writable_ = writable;
    return out;
}

}  // namespace sallyport::os
