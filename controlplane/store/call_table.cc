#include "controlplane/store/call_table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "platform/base/siphash.h"

namespace sallyport::store {

namespace {

constexpr std::uint64_t kMagic = 0x53414c4c59435431;  // "SALLYCT1"
constexpr std::uint32_t kVersion = 1;

struct FileHeader {
    std::uint64_t magic = kMagic;
    std::uint32_t version = kVersion;
    std::uint32_t buffer_bytes = CallTable::kBufferBytes;
};
static_assert(sizeof(FileHeader) == 16);

constexpr std::size_t file_bytes(std::uint32_t slots) {
    return CallTable::kFileHeaderBytes + std::size_t{slots} * 2 * CallTable::kBufferBytes;
}

bool has_our_layout(int fd) {
    FileHeader found{};
    return ::pread(fd, &found, sizeof(found), 0) == ssize_t{sizeof(found)} && found.magic == kMagic &&
           found.version == kVersion && found.buffer_bytes == CallTable::kBufferBytes;
}

}  // namespace

struct CallTable::BufferHeader {
    std::uint64_t checksum = 0;  // of the fields below and the payload; 0 only in a buffer never written
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
    notes.clear();
    os::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return std::unexpected(os::system_error("open " + path));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return std::unexpected(path + " is in use by another control process; end it first");
        return std::unexpected(os::system_error("lock " + path));
    }
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return std::unexpected(os::system_error("stat " + path));
    auto present = static_cast<std::size_t>(st.st_size);
    if (present != 0 && (present < kFileHeaderBytes || !has_our_layout(fd.get()))) {
        notes = path + " is of another version or damaged, and is begun anew";
        if (::ftruncate(fd.get(), 0) != 0) return std::unexpected(os::system_error("empty " + path));
        present = 0;
    }
    const std::size_t had = present < kFileHeaderBytes ? 0 : (present - kFileHeaderBytes) / (2 * kBufferBytes);
    if (had > slots) slots = static_cast<std::uint32_t>(had);  // calls of a larger configuration are kept
    if (present < file_bytes(slots) && ::ftruncate(fd.get(), static_cast<off_t>(file_bytes(slots))) != 0)
        return std::unexpected(os::system_error("size " + path));
    if (present == 0) {
        const FileHeader header;
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
    : fd_(std::move(fd)), mapping_(std::move(mapping)), slots_(slots), table_(slots) {}

std::byte* CallTable::buffer_at(std::uint32_t slot, std::uint8_t buffer) const {
    return mapping_.writable().data() + kFileHeaderBytes + (std::size_t{slot} * 2 + buffer) * kBufferBytes;
}

void CallTable::recover() {
    for (std::uint32_t i = 0; i < slots_; ++i) {
        Slot& slot = table_[i];
        std::uint64_t call = 0;
        bool written = false;
        bool valid = false;
        for (std::uint8_t b = 0; b < 2; ++b) {
            // A hole of a sparse file costs a page of memory when it is read through the mapping of a tmpfs
            // file; so look where there is data first.
            const auto at = static_cast<off_t>(kFileHeaderBytes + (std::size_t{i} * 2 + b) * kBufferBytes);
            const off_t data = ::lseek(fd_.get(), at, SEEK_DATA);
            if (data < 0 || data >= at + static_cast<off_t>(kBufferBytes)) continue;
            BufferHeader h;
            std::memcpy(&h, buffer_at(i, b), sizeof(h));
            if (h.checksum == 0 && h.generation == 0) continue;
            written = true;
            const bool good = h.length <= kMaxPayload && h.state <= static_cast<std::uint32_t>(State::kPending) &&
                              h.checksum == h.compute({buffer_at(i, b) + kBufferHeaderBytes, h.length});
            if (!good) {
                ++counters_.torn;
                continue;
            }
            if (valid && h.generation <= slot.generation) continue;
            valid = true;
            slot.generation = h.generation;
            slot.length = h.length;
            slot.state = static_cast<State>(h.state);
            slot.buffer = b;
            call = h.call;
        }
        if (written && !valid) ++counters_.unreadable;
        if (slot.state != State::kFree && slot_of_.try_emplace(call, i).second) continue;
        slot.state = State::kFree;
        free_.push_back(i);
    }
    // Low slots first: the same pages are used again and again.
    std::ranges::reverse(free_);
}

// After this a write into the buffer's first `bytes` cannot fail for want of room.
bool CallTable::reserve(std::uint32_t slot, std::uint8_t buffer, std::size_t bytes) {
    std::size_t& have = table_[slot].reserved_bytes[buffer];
    if (bytes <= have) return true;
    const std::size_t pages = (bytes + kPage - 1) / kPage * kPage;
    const auto at = static_cast<off_t>(kFileHeaderBytes + (std::size_t{slot} * 2 + buffer) * kBufferBytes);
    if (::posix_fallocate(fd_.get(), at, static_cast<off_t>(pages)) != 0) return false;
    have = pages;
    return true;
}

bool CallTable::write(std::uint32_t index, State state, std::uint64_t call, std::span<const std::byte> payload) {
    Slot& slot = table_[index];
    const auto other = static_cast<std::uint8_t>(1 - slot.buffer);
    if (!reserve(index, other, kBufferHeaderBytes + payload.size())) {
        ++counters_.no_memory;
        return false;
    }
    std::byte* const at = buffer_at(index, other);
    BufferHeader header;
    header.generation = slot.generation + 1;
    header.call = call;
    header.state = static_cast<std::uint32_t>(state);
    header.length = static_cast<std::uint32_t>(payload.size());
    header.checksum = header.compute(payload);
    if (!payload.empty()) std::memcpy(at + kBufferHeaderBytes, payload.data(), payload.size());
    // The order as the compiler sees it; what dies is the process, not the memory.
    std::atomic_signal_fence(std::memory_order_release);
    std::memcpy(at, &header, sizeof(header));
    slot.generation = header.generation;
    slot.length = payload.size();
    slot.state = state;
    slot.buffer = other;
    return true;
}

bool CallTable::put(std::uint64_t call, State state, std::span<const std::byte> payload) {
    auto found = slot_of_.find(call);
    if (payload.size() > kMaxPayload) {
        ++counters_.too_big;
        if (found != slot_of_.end()) release(call);  // an old state would be worse than none
        return false;
    }
    if (found != slot_of_.end()) return write(found->second, state, call, payload);
    if (free_.empty()) {
        ++counters_.full;
        return false;
    }
    const std::uint32_t index = free_.back();
    if (!write(index, state, call, payload)) return false;
    free_.pop_back();
    slot_of_.emplace(call, index);
    return true;
}

bool CallTable::save(std::uint64_t call, std::span<const std::byte> exported) {
    return put(call, State::kLive, exported);
}

bool CallTable::save_record(std::uint64_t call, std::string_view line) {
    return put(call, State::kPending, std::as_bytes(std::span(line.data(), line.size())));
}

void CallTable::release(std::uint64_t call) {
    const auto found = slot_of_.find(call);
    if (found == slot_of_.end()) return;
    const std::uint32_t index = found->second;
    // Without room for even a header the slot is written over in place: torn or whole, it is no call any more.
    if (!write(index, State::kFree, call, {}))
        std::memset(buffer_at(index, table_[index].buffer), 0, sizeof(BufferHeader));
    table_[index].state = State::kFree;
    give_back(index);
    free_.push_back(index);
    slot_of_.erase(found);
}

// What the slot is in says so in its first page; the other buffer is not needed any more.
void CallTable::give_back(std::uint32_t index) {
    Slot& slot = table_[index];
    for (std::uint8_t b = 0; b < 2; ++b) {
        std::size_t& have = slot.reserved_bytes[b];
        if (have <= kKeptBytes) continue;
        const std::size_t from = b == slot.buffer ? kPage : 0;
        const auto at = static_cast<off_t>(kFileHeaderBytes + (std::size_t{index} * 2 + b) * kBufferBytes + from);
        constexpr int kHole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        if (::fallocate(fd_.get(), kHole, at, static_cast<off_t>(have - from)) == 0) have = from;
    }
}

std::span<const std::byte> CallTable::payload_of(std::uint32_t index) const {
    const Slot& slot = table_[index];
    return {buffer_at(index, slot.buffer) + kBufferHeaderBytes, slot.length};
}

void CallTable::visit_live(const std::function<void(std::uint64_t, std::span<const std::byte>)>& visit) const {
    for (const auto& [call, index] : slot_of_)
        if (table_[index].state == State::kLive) visit(call, payload_of(index));
}

void CallTable::visit_pending(const std::function<void(std::uint64_t, std::string_view)>& visit) const {
    for (const auto& [call, index] : slot_of_) {
        if (table_[index].state != State::kPending) continue;
        const auto payload = payload_of(index);
        visit(call, {reinterpret_cast<const char*>(payload.data()), payload.size()});
    }
}

std::string_view CallTable::pending(std::uint64_t call) const {
    const auto found = slot_of_.find(call);
    if (found == slot_of_.end() || table_[found->second].state != State::kPending) return {};
    const auto payload = payload_of(found->second);
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

}  // namespace sallyport::store
