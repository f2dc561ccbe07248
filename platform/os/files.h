#pragma once
// Small files and folders: read with a bound, replaced as a whole or not at all.

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

// A longer file is an error.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);
// By a temporary file beside it and rename: whoever reads sees the old text or the new. Not synced to the disk.
Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode);

struct FolderOptions {
    mode_t mode = 0755;
    std::optional<uid_t> owner = std::nullopt;
    std::optional<gid_t> group = std::nullopt;
};
// Makes the folder and what is missing above it (0755), and gives it mode and owner. The last part of `path` may
// not be a symbolic link.
Result<void> make_folder(const std::string& path, const FolderOptions& options);

// Makes room for `wanted` descriptors of this process, as far as the system lets it; how many it may open then.
std::size_t raise_descriptor_limit(std::size_t wanted);

// Held as long as the descriptor is open, and by one process only. An error says who cannot.
Result<UniqueFd> lock_file(const std::string& path);

}  // namespace sallyport::os
