#pragma once
// The table of live calls: a file, mapped into memory, that survives the process (not the machine: it lies in
// RUNTIME). What was saved before a kill -9 is there afterwards, whole.
//
// Each save goes into a cell of its own (cell_space.h), payload first, header last; then the cell of the state before
// is cleared. A cell's header has a generation, which grows with every save of the table, and a checksum over header
// and payload: of two cells of one call the reader takes the newer whole one. A write that was cut anywhere leaves the
// state before it, which was not yet cleared.
//
// States: live (payload: the engine's export), pending (payload: the line of the call's record, which waits to
// be appended to the records). Bounds: `slots` calls, kMaxPayload. One process at a time: the file is locked.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "controlplane/store/cell_space.h"
#include "platform/os/result.h"
#include "platform/os/shared_memory.h"
#include "platform/os/unique_fd.h"

namespace sallyport::store {

class CallTable {
public:
    static constexpr std::size_t kCellHeaderBytes = 32;
    static constexpr std::size_t kMaxPayload = CellSpace::kSizes.back() - kCellHeaderBytes;
    static constexpr std::size_t kFileHeaderBytes = 4096;

    struct Counters {
        std::uint64_t full = 0;        // no room: the call is not protected against a crash
        std::uint64_t too_big = 0;     // export longer than kMaxPayload; what was saved before is forgotten
        std::uint64_t no_memory = 0;   // of `full`: the file system is full
        std::uint64_t torn = 0;        // writes that a crash had cut, found at the start
        std::uint64_t unreadable = 0;  // of these: calls without any whole state
    };

    // Opens or makes the file for at least `slots` calls. One of another layout is begun anew, and `notes` says so.
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

    std::size_t used() const { return entries_.size(); }
    std::uint32_t slots() const { return slots_; }
    const Counters& counters() const { return *counters_; }

private:
    enum class State : std::uint32_t { kLive = 1, kPending = 2 };
    struct CellHeader;
    struct Entry {
        CellSpace::Cell cell;
        std::uint32_t length = 0;
        State state = State::kLive;
        std::uint64_t generation = 0;
    };

    CallTable(os::UniqueFd fd, os::Mapping mapping, std::uint32_t slots);
    void recover();
    void clear(const CellSpace::Cell& cell);
    bool put(std::uint64_t call, State state, std::span<const std::byte> payload);
    std::span<const std::byte> payload_of(const Entry& entry) const;

    os::UniqueFd fd_;
    os::Mapping mapping_;
    std::uint32_t slots_ = 0;
    std::unique_ptr<Counters> counters_;  // stays where it is when the table moves
    CellSpace cells_;
    std::uint64_t generation_ = 0;
    std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace sallyport::store
