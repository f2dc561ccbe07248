#include "controlplane/store/call_table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <utility>
#include <vector>

#include "platform/base/siphash.h"

namespace sallyport::store {

namespace {

constexpr std::uint64_t kMagic = 0x53414c4c59435431;  // "SALLYCT1"
constexpr std::uint32_t kVersion = 3;

struct FileHeader {
    std::uint64_t magic = kMagic;
    std::uint32_t version = kVersion;
    std::uint32_t slots = 0;
};
static_assert(sizeof(FileHeader) == 16);

// Sparse, so that it costs nothing to have room for each call at its longest.
std::size_t slabs_for(std::uint32_t slots) {
    constexpr std::uint32_t kLongestPerSlab =
        (CellSpace::kSlabBytes - CellSpace::kSlabHeaderBytes) / CellSpace::kSizes.back();
    return (slots + kLongestPerSlab - 1) / kLongestPerSlab + CellSpace::kSizes.size();
}

std::size_t file_bytes(std::uint32_t slots) {
    return CallTable::kFileHeaderBytes + slabs_for(slots) * CellSpace::kSlabBytes;
}

// Of a file of our layout that is as long as it says; else none.
std::uint32_t slots_of(int fd, std::size_t size) {
    FileHeader found{};
    if (::pread(fd, &found, sizeof(found), 0) != ssize_t{sizeof(found)}) return 0;
    constexpr std::uint32_t kMost = 1U << 24;
    if (found.magic != kMagic || found.version != kVersion || found.slots == 0 || found.slots > kMost) return 0;
    return size == file_bytes(found.slots) ? found.slots : 0;
}

}  // namespace

struct CallTable::CellHeader {
    std::uint64_t checksum = 0;  // of the fields below and the payload; 0: nothing is here
    std::uint64_t generation = 0;
    std::uint64_t call = 0;
    std::uint32_t state = 0;
    std::uint32_t length = 0;

    std::uint64_t compute(std::span<const std::byte> payload) const {
        // Not against an attacker (the file is ours alone), but against torn writes: the key is fixed. The
        // header's fields are the key of the payload's hash.
        const SipHashKey key{generation ^ std::uint64_t{state} << 32 ^ 0x53616c6c79706f72,
                             call ^ std::uint64_t{length} << 20};
        return siphash13(key, {reinterpret_cast<const char*>(payload.data()), payload.size()}) | 1;
    }
};

os::Result<CallTable> CallTable::open(const std::string& path, std::uint32_t slots, std::string& notes) {
    static_assert(sizeof(CellHeader) == kCellHeaderBytes);
    notes.clear();
    os::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return std::unexpected(os::system_error("open " + path));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::unexpected(path + " is in use by another control process; end it first");
        return std::unexpected(os::system_error("lock " + path));
    }
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return std::unexpected(os::system_error("stat " + path));
    const auto had = slots_of(fd.get(), static_cast<std::size_t>(st.st_size));
    if (st.st_size != 0 && had == 0) {
        notes = path + " is of another version or damaged, and is begun anew";
        if (::ftruncate(fd.get(), 0) != 0) return std::unexpected(os::system_error("empty " + path));
    }
    slots = std::max(slots, had);  // calls of a larger configuration are kept
    if (slots != had) {
        if (::ftruncate(fd.get(), static_cast<off_t>(file_bytes(slots))) != 0)
            return std::unexpected(os::system_error("size " + path));
        const FileHeader header{.slots = slots};
        if (::pwrite(fd.get(), &header, sizeof(header), 0) != ssize_t{sizeof(header)})
            return std::unexpected(os::system_error("write " + path));
    }
    auto mapping = os::map_memory(fd.get(), file_bytes(slots), true);
    if (!mapping) return std::unexpected(mapping.error());
    CallTable table(std::move(fd), std::move(*mapping), slots);
    table.recover();
    return table;
}

CallTable::CallTable(os::UniqueFd fd, os::Mapping mapping, std::uint32_t slots)
    : fd_(std::move(fd)),
      mapping_(std::move(mapping)),
      slots_(slots),
      counters_(std::make_unique<Counters>()),
      cells_(mapping_.writable().subspan(kFileHeaderBytes),
             {.written =
                  [file = fd_.get()](std::size_t at, std::size_t bytes) {
                      const auto from = static_cast<off_t>(kFileHeaderBytes + at);
                      const off_t data = ::lseek(file, from, SEEK_DATA);
                      return data >= 0 && data < from + static_cast<off_t>(bytes);
                  },
              .reserve =
                  [file = fd_.get(), counters = counters_.get()](std::size_t at, std::size_t bytes) {
                      const auto from = static_cast<off_t>(kFileHeaderBytes + at);
                      if (::posix_fallocate(file, from, static_cast<off_t>(bytes)) == 0) return true;
                      ++counters->no_memory;
                      return false;
                  },
              .give_back =
                  [file = fd_.get()](std::size_t at, std::size_t bytes) {
                      // A file system that knows no holes keeps the pages: no harm.
                      (void)::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                        static_cast<off_t>(kFileHeaderBytes + at), static_cast<off_t>(bytes));
                  }}) {}

void CallTable::recover() {
    std::unordered_set<std::uint64_t> torn;
    std::vector<CellSpace::Cell> superseded;
    cells_.visit([&](const CellSpace::Cell& cell) {
        CellHeader h;
        std::memcpy(&h, cells_.data(cell), sizeof(h));
        if (h.checksum == 0) return false;
        const bool good = h.length <= cell.bytes - kCellHeaderBytes &&
                          (h.state == static_cast<std::uint32_t>(State::kLive) ||
                           h.state == static_cast<std::uint32_t>(State::kPending)) &&
                          h.checksum == h.compute({cells_.data(cell) + kCellHeaderBytes, h.length});
        if (!good) {
            ++counters_->torn;
            torn.insert(h.call);
            std::memset(cells_.data(cell), 0, sizeof(h));
            return false;
        }
        generation_ = std::max(generation_, h.generation);
        const Entry found{cell, h.length, static_cast<State>(h.state), h.generation};
        const auto [known, added] = entries_.try_emplace(h.call, found);
        if (added) return true;
        // The crash came before the older one was cleared.
        if (known->second.generation > found.generation) {
            superseded.push_back(found.cell);
        } else {
            superseded.push_back(known->second.cell);
            known->second = found;
        }
        return true;
    });
    for (const auto& cell : superseded) clear(cell);
    counters_->unreadable = static_cast<std::uint64_t>(
        std::ranges::count_if(torn, [&](std::uint64_t call) { return !entries_.contains(call); }));
}

// One store: the cell is there or it is not.
void CallTable::clear(const CellSpace::Cell& cell) {
    std::atomic_signal_fence(std::memory_order_release);
    const std::uint64_t nothing = 0;
    std::memcpy(cells_.data(cell), &nothing, sizeof(nothing));
    cells_.give_back(cell);
}

bool CallTable::put(std::uint64_t call, State state, std::span<const std::byte> payload) {
    const auto found = entries_.find(call);
    if (payload.size() > kMaxPayload) {
        ++counters_->too_big;
        if (found != entries_.end()) release(call);  // an old state would be worse than none
        return false;
    }
    const auto cell = found == entries_.end() && entries_.size() >= slots_
                          ? std::nullopt
                          : cells_.take(kCellHeaderBytes + payload.size());
    if (!cell) {
        ++counters_->full;
        return false;
    }
    auto* const at = cells_.data(*cell);
    CellHeader header;
    header.generation = ++generation_;
    header.call = call;
    header.state = static_cast<std::uint32_t>(state);
    header.length = static_cast<std::uint32_t>(payload.size());
    header.checksum = header.compute(payload);
    if (!payload.empty()) std::memcpy(at + kCellHeaderBytes, payload.data(), payload.size());
    // The order as the compiler sees it; what dies is the process, not the memory.
    std::atomic_signal_fence(std::memory_order_release);
    std::memcpy(at, &header, sizeof(header));
    const Entry entry{*cell, header.length, state, header.generation};
    if (found == entries_.end()) {
        entries_.emplace(call, entry);
    } else {
        clear(found->second.cell);
        found->second = entry;
    }
    return true;
}

bool CallTable::save(std::uint64_t call, std::span<const std::byte> exported) {
    return put(call, State::kLive, exported);
}

bool CallTable::save_record(std::uint64_t call, std::string_view line) {
    return put(call, State::kPending, std::as_bytes(std::span(line.data(), line.size())));
}

void CallTable::release(std::uint64_t call) {
    const auto found = entries_.find(call);
    if (found == entries_.end()) return;
    clear(found->second.cell);
    entries_.erase(found);
}

std::span<const std::byte> CallTable::payload_of(const Entry& entry) const {
    return {cells_.data(entry.cell) + kCellHeaderBytes, entry.length};
}

void CallTable::visit_live(const std::function<void(std::uint64_t, std::span<const std::byte>)>& visit) const {
    for (const auto& [call, entry] : entries_)
        if (entry.state == State::kLive) visit(call, payload_of(entry));
}

void CallTable::visit_pending(const std::function<void(std::uint64_t, std::string_view)>& visit) const {
    for (const auto& [call, entry] : entries_) {
        if (entry.state != State::kPending) continue;
        const auto payload = payload_of(entry);
        visit(call, {reinterpret_cast<const char*>(payload.data()), payload.size()});
    }
}

std::string_view CallTable::pending(std::uint64_t call) const {
    const auto found = entries_.find(call);
    if (found == entries_.end() || found->second.state != State::kPending) return {};
    const auto payload = payload_of(found->second);
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

}  // namespace sallyport::store
