#pragma once
// The file of call records, one JSON line each. Append only; a line is in it whole or not at all.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::store {

class RecordFile {
public:
    // Makes the file when it is not there. A last line without its end, which a crash has cut, is removed: its
    // record waits in the table of calls.
    static os::Result<RecordFile> open(const std::string& path);

    // Appends `lines`, each with its newline. On failure nothing of it stays in the file.
    os::Result<void> append(std::string_view lines);
    os::Result<void> sync();  // fdatasync
    // The path anew: after somebody has moved the file away, which is synced first. An error in syncing is told when
    // the new file is in use.
    os::Result<void> reopen();

    // Removes from `wanted` what stands as a line in the last kSearchedBytes of the file.
    static constexpr std::size_t kSearchedBytes = std::size_t{64} << 20;
    os::Result<void> forget_written(std::unordered_set<std::string>& wanted) const;

private:
    explicit RecordFile(std::string path) : path_(std::move(path)) {}
    std::string path_;
    os::UniqueFd fd_;
    std::uint64_t size_ = 0;  // of the whole lines
    bool torn_ = false;       // something lies behind them
};

}  // namespace sallyport::store
