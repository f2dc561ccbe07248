#include "controlplane/store/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace sallyport::store {

namespace {

// The offset behind the last newline before `size`.
os::Result<std::uint64_t> end_of_last_line(int fd, std::uint64_t size, const std::string& path) {
    std::array<char, 4096> chunk{};
    while (size > 0) {
        const std::uint64_t from = size > chunk.size() ? size - chunk.size() : 0;
        const ssize_t n = ::pread(fd, chunk.data(), size - from, static_cast<off_t>(from));
        if (n < 0) return std::unexpected(os::system_error("read " + path));
        const std::string_view text(chunk.data(), static_cast<std::size_t>(n));
        if (const auto at = text.rfind('\n'); at != std::string_view::npos) return from + at + 1;
        size = from;
    }
    return 0;
}

}  // namespace

os::Result<RecordFile> RecordFile::open(const std::string& path) {
    RecordFile file(path);
    if (auto opened = file.reopen(); !opened) return std::unexpected(opened.error());
    return file;
}

os::Result<void> RecordFile::reopen() {
    // Of the file that was moved away nothing more is synced later. A failure is told, but holds nothing up.
    const auto synced = fd_ ? sync() : os::Result<void>();
    os::UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!fd) return std::unexpected(os::system_error("open " + path_));
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return std::unexpected(os::system_error("stat " + path_));
    const auto size = static_cast<std::uint64_t>(st.st_size);
    const auto whole = end_of_last_line(fd.get(), size, path_);
    if (!whole) return std::unexpected(whole.error());
    if (*whole != size && ::ftruncate(fd.get(), static_cast<off_t>(*whole)) != 0)
        return std::unexpected(os::system_error("remove the cut last line of " + path_));
    fd_ = std::move(fd);
    size_ = *whole;
    torn_ = false;
    return synced;
}

os::Result<void> RecordFile::append(std::string_view lines) {
    if (torn_ && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
        return std::unexpected(os::system_error("remove a cut line of " + path_));
    torn_ = false;
    std::string_view left = lines;
    while (!left.empty()) {
        const ssize_t n = ::write(fd_.get(), left.data(), left.size());
        if (n > 0) {
            left.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        const int error = n == 0 ? EIO : errno;
        // Back to the last whole line; if that fails now, before the next append, or when the file is opened again.
        torn_ = left.size() != lines.size() && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0;
        return std::unexpected(os::system_error("write " + path_, error));
    }
    size_ += lines.size();
    return {};
}

os::Result<void> RecordFile::sync() {
    if (::fdatasync(fd_.get()) != 0) return std::unexpected(os::system_error("sync " + path_));
    return {};
}

os::Result<void> RecordFile::forget_written(std::unordered_set<std::string>& wanted) const {
    std::string part;  // of a line that began in the chunk before
    std::string chunk(std::size_t{1} << 20, '\0');
    std::uint64_t at = size_ > kSearchedBytes ? size_ - kSearchedBytes : 0;
    while (at < size_ && !wanted.empty()) {
        const std::size_t length = std::min<std::uint64_t>(chunk.size(), size_ - at);
        const ssize_t n = ::pread(fd_.get(), chunk.data(), length, static_cast<off_t>(at));
        if (n < 0) return std::unexpected(os::system_error("read " + path_));
        if (n == 0) break;
        at += static_cast<std::uint64_t>(n);
        std::string_view text(chunk.data(), static_cast<std::size_t>(n));
        for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
            part += text.substr(0, end);
            wanted.erase(part);
            part.clear();
            text.remove_prefix(end + 1);
        }
        part += text;
    }
    return {};
}

}  // namespace sallyport::store
