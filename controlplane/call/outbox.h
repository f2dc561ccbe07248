#pragma once
// What the engine wants done. The caller drains it after each input, or after a batch of inputs, in this
// order, and clears it:
//   1. aliases         of connections, so that what follows goes over them
//   2. saves           into the table of live calls, so that what follows is never ahead of what a crash leaves
//   3. flow_commands   to the dataplane, in order
//   4. sends           messages
//   5. records         to the store; a record ends its call: when it is written, the call's slot is free
// Saves are coalesced: after a batch there is at most one per call, the last.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/call/call_record.h"
#include "controlplane/transaction/send_queue.h"
#include "platform/wire/flow_records.h"

namespace sallyport::call {

// What the table of live calls can hold of one (controlplane/store).
inline constexpr std::size_t kMaxSave = std::size_t{128} * 1024 - 64;

// The whole state of a call, to replace what was saved of it before; of one longer than kMaxSave its record alone.
struct CallSave {
    std::uint64_t call = 0;
    std::uint32_t offset = 0;  // in Outbox::arena
    std::uint32_t length = 0;
};

// The peer at the other end of a stream wants to be reached over it at this port of its address, too (RFC 5923).
struct Alias {
    transaction::Path from;
    std::uint16_t port = 0;
};

// Records whose memory is used again: a turn's take no more than the largest of before.
class RecordList {
public:
    // It still says what one of an earlier turn said.
    CallRecord& add() {
        if (used_ == records_.size()) records_.emplace_back();
        return records_[used_++];
    }
    std::size_t size() const { return used_; }
    bool empty() const { return used_ == 0; }
    auto begin() const { return records_.begin(); }
    auto end() const { return records_.begin() + static_cast<std::ptrdiff_t>(used_); }
    const CallRecord& operator[](std::size_t i) const { return std::span(records_).first(used_)[i]; }
    void clear() {
        used_ = 0;
        if (records_.size() > kKept) std::vector<CallRecord>().swap(records_);
    }

private:
    static constexpr std::size_t kKept = 256;

    std::vector<CallRecord> records_;
    std::size_t used_ = 0;
};

struct Outbox {
    static constexpr std::size_t kMaxAliases = 1024;  // those that are too many come again with the next requests

    std::vector<Alias> aliases;
    transaction::SendQueue sends;
    std::vector<wire::FlowCommand> flow_commands;
    std::vector<CallSave> saves;
    std::vector<std::byte> arena;
    RecordList records;

    std::span<const std::byte> bytes(const CallSave& save) const {
        return std::span(arena).subspan(save.offset, save.length);
    }
    bool empty() const {
        return aliases.empty() && sends.empty() && flow_commands.empty() && saves.empty() && records.empty();
    }
    void clear() {
        aliases.clear();
        sends.clear();
        flow_commands.clear();
        saves.clear();
        arena.clear();
        records.clear();
    }
};

}  // namespace sallyport::call
