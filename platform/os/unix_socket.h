#pragma once
// Unix sockets: listen, connect, accept, and who is on the other side.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

enum class UnixType : std::uint8_t { kStream, kSeqPacket };

struct PeerCredentials {
    pid_t pid = 0;  // in our PID namespace; 0 when the peer is outside it
    uid_t uid = 0;
    gid_t gid = 0;
};

struct UnixListenOptions {
    mode_t mode = 0600;
    std::optional<uid_t> owner = std::nullopt;  // of the socket file; connecting needs write permission on it
    std::optional<gid_t> group = std::nullopt;
    int backlog = 64;
};

// Non-blocking, close-on-exec. A socket file that nobody listens on is replaced; one that someone does, or a file
// that is no socket, is an error that says so.
Result<UniqueFd> listen_unix(const std::string& path, UnixType type, const UnixListenOptions& options = {});
// Non-blocking, close-on-exec. A unix connect ends at once: accepted, refused, or (backlog full) an error, which
// errno holds too.
Result<UniqueFd> connect_unix(const std::string& path, UnixType type);
// Non-blocking, close-on-exec; an empty UniqueFd when none is waiting.
Result<UniqueFd> accept_unix(int listener);
Result<PeerCredentials> peer_credentials(int fd);
// True when a connect to `path` is accepted or queued.
bool somebody_listens(const std::string& path, UnixType type);

// A listening socket and its file: the file goes with the object, unless somebody has replaced it meanwhile.
class SocketFile {
public:
    SocketFile() = default;
    explicit SocketFile(std::string path);
    SocketFile(SocketFile&& other) noexcept;
    SocketFile& operator=(SocketFile&& other) noexcept;
    ~SocketFile() { remove(); }
    void remove();

private:
    // Which file it is. The number of an inode is used anew soon; when it was born tells two apart.
    struct Identity {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t born_s = 0;
        std::uint32_t born_ns = 0;
        friend bool operator==(const Identity&, const Identity&) = default;
    };
    static std::optional<Identity> identity_of(const std::string& path);

    std::string path_;
    std::optional<Identity> identity_;
};

}  // namespace sallyport::os
