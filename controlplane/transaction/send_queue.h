#pragma once
// Messages on their way out: one contiguous arena and a list of what lies in it, so that the network layer
// sends a whole turn of the event loop with one sendmmsg. It is drained and cleared once per turn.
//
// Bounded by entries and bytes. What does not fit is dropped and counted, as a full socket buffer would do:
// SIP over UDP retransmits.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "controlplane/transaction/path.h"

namespace sallyport::transaction {

class SendQueue {
public:
    static constexpr std::size_t kMaxEntries = 8192;
    static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

    struct Entry {
        Path path;
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
        // Whose it is, for TransactionLayer::on_send_error; opaque here, 0 for nobody's.
        std::uint64_t owner = 0;
    };

    explicit SendQueue(std::size_t max_entries = kMaxEntries, std::size_t max_bytes = kMaxBytes)
        : max_entries_(max_entries), max_bytes_(max_bytes) {}

    // False when it was full, or `bytes` empty.
    bool push(const Path& path, std::string_view bytes, std::uint64_t owner = 0) {
        if (bytes.empty()) return false;
        if (entries_.size() >= max_entries_ || bytes.size() > max_bytes_ - arena_.size()) {
            ++dropped_;
            return false;
        }
        entries_.push_back(
            {path, static_cast<std::uint32_t>(arena_.size()), static_cast<std::uint32_t>(bytes.size()), owner});
        arena_.insert(arena_.end(), bytes.begin(), bytes.end());
        return true;
    }

    std::span<const Entry> entries() const { return entries_; }
    // Valid until the next push() or clear().
    std::string_view bytes(const Entry& e) const { return {arena_.data() + e.offset, e.length}; }
    bool empty() const { return entries_.empty(); }
    void clear() {
        entries_.clear();
        arena_.clear();
    }
    std::uint64_t dropped() const { return dropped_; }

private:
    std::vector<char> arena_;
    std::vector<Entry> entries_;
    std::size_t max_entries_;
    std::size_t max_bytes_;
    std::uint64_t dropped_ = 0;
};

}  // namespace sallyport::transaction
