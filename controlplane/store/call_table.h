#pragma once
// The table of live calls: a file of fixed slots, mapped into memory, that survives the process (not the
// machine: it lies in RUNTIME). What was saved before a kill -9 is there afterwards, whole.
//
// A slot has two buffers, each with its own header: generation, state, number of the call, length, checksum.
// A save writes the buffer that does not hold the present state, payload first, header last. A reader takes
// the buffer with the higher generation among those whose checksum is right: a write that was cut anywhere
// leaves the state before it. The file is sparse; a buffer's pages are reserved before they are written,
// because a full file system would otherwise end the process with SIGBUS.
//
// States: live (payload: the engine's export), pending (payload: the line of the call's record, which waits to
// be appended to the records), free. Bounds: `slots`, kMaxPayload. One process at a time: the file is locked.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/os/result.h"
#include "platform/os/shared_memory.h"
#include "platform/os/unique_fd.h"

namespace sallyport::store {

class CallTable {
public:
    static constexpr std::size_t kBufferBytes = std::size_t{128} * 1024;
    static constexpr std::size_t kBufferHeaderBytes = 64;
    static constexpr std::size_t kMaxPayload = kBufferBytes - kBufferHeaderBytes;
    static constexpr std::size_t kFileHeaderBytes = 4096;
    // Of a buffer, when its call has ended: what an ordinary call needs. Sooner or later each slot has held a long one.
    static constexpr std::size_t kKeptBytes = std::size_t{16} * 1024;

    struct Counters {
        std::uint64_t full = 0;        // no free slot: the call is not protected against a crash
        std::uint64_t too_big = 0;     // export longer than kMaxPayload; what was saved before is forgotten
        std::uint64_t no_memory = 0;   // the file system is full
        std::uint64_t torn = 0;        // writes that a crash had cut, found at the start
        std::uint64_t unreadable = 0;  // slots without any valid buffer, found at the start
    };

    // Opens or makes the file with at least `slots` slots. One of another layout is begun anew, and `notes` says so.
    static os::Result<CallTable> open(const std::string& path, std::uint32_t slots, std::string& notes);
    CallTable(CallTable&&) = default;

    // Replaces what was saved of the call. False: it was not saved, see the counters.
    bool save(std::uint64_t call, std::span<const std::byte> exported);
    // The call has ended: its record takes the place of its state.
    bool save_record(std::uint64_t call, std::string_view line);
    void release(std::uint64_t call);

    // The spans are valid during the visit; the table must not be changed in it.
    void visit_live(const std::function<void(std::uint64_t call, std::span<const std::byte> exported)>& visit) const;
    void visit_pending(const std::function<void(std::uint64_t call, std::string_view line)>& visit) const;
    // The line that waits for this call; empty when there is none.
    std::string_view pending(std::uint64_t call) const;

    std::size_t used() const { return slot_of_.size(); }
    std::uint32_t slots() const { return slots_; }
    const Counters& counters() const { return counters_; }

private:
    enum class State : std::uint32_t { kFree = 0, kLive = 1, kPending = 2 };
    struct BufferHeader;
    struct Slot {
        std::uint64_t generation = 0;
        std::size_t length = 0;
        State state = State::kFree;
        std::uint8_t buffer = 0;                 // which holds the present state
        std::size_t reserved_bytes[2] = {0, 0};  // of the file system, per buffer
    };

    CallTable(os::UniqueFd fd, os::Mapping mapping, std::uint32_t slots);
    void recover();
    std::byte* buffer_at(std::uint32_t slot, std::uint8_t buffer) const;
    static constexpr std::size_t kPage = 4096;
    void give_back(std::uint32_t slot);
    bool reserve(std::uint32_t slot, std::uint8_t buffer, std::size_t bytes);
    bool write(std::uint32_t slot, State state, std::uint64_t call, std::span<const std::byte> payload);
    bool put(std::uint64_t call, State state, std::span<const std::byte> payload);
    std::span<const std::byte> payload_of(std::uint32_t slot) const;

    os::UniqueFd fd_;
    os::Mapping mapping_;
    std::uint32_t slots_ = 0;
    std::vector<Slot> table_;
    std::vector<std::uint32_t> free_;  // the last is used next
    std::unordered_map<std::uint64_t, std::uint32_t> slot_of_;
    Counters counters_;
};

}  // namespace sallyport::store
