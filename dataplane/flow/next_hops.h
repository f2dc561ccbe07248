#pragma once
// Where a packet goes next, as the kernel's routes and neighbours say: what the workers read. A whole table
// is built by the slow-path thread, published by one pointer, and freed after every worker has let go of
// it; MAC addresses change rarely, states of neighbours are not in here.
//
// A lookup takes only routes of the interface that the flow's realm names: longest prefix, then lowest
// metric. Workers mark the neighbours that they use; nothing else in here changes.

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/packet/mac_word.h"
#include "dataplane/packet/packet.h"
#include "platform/base/fixed_array.h"
#include "platform/base/relaxed.h"

namespace sallyport::flow {

struct RouteEntry {
    std::uint16_t interface = 0;
    std::uint8_t length = 0;
    std::uint32_t prefix = 0;
    std::uint32_t gateway = 0;  // 0: on the link
    std::uint32_t metric = 0;
    bool dead_end = false;  // nothing goes there: no route, and none of a shorter prefix either
};

struct NeighbourEntry {
    std::uint16_t interface = 0;
    std::uint32_t address = 0;
    packet::Mac mac{};
};

class NextHops {
public:
    enum class Outcome : std::uint8_t { kFound, kUnresolved, kNoRoute };
    struct Found {
        Outcome outcome = Outcome::kNoRoute;
        std::uint32_t next_hop = 0;  // unless kNoRoute
        packet::MacWord mac{};       // with kFound
    };

    NextHops(std::span<const RouteEntry> routes, std::span<const NeighbourEntry> neighbours);

    // Marks the neighbour as used.
    Found find(std::uint16_t interface, std::uint32_t destination) const {
        const auto mac = find_used(interface, destination);
        return mac.word() != 0 ? Found{Outcome::kFound, destination, mac} : find_by_route(interface, destination);
    }
    // The common case of it: a neighbour that needs no gateway, and is marked. A word of 0: find_by_route() tells.
    [[gnu::always_inline]] packet::MacWord find_used(std::uint16_t interface, std::uint32_t destination) const {
        const auto* slot = slot_of(interface, destination);
        if (slot == nullptr) return {};
        const auto what = slot->what.get();
        return (what & kDirectAndUsed) == kDirectAndUsed ? packet::MacWord(what) : packet::MacWord();
    }
    // Asks memory for where find_used() will look.
    [[gnu::always_inline]] void prefetch(std::uint16_t interface, std::uint32_t destination) const {
        __builtin_prefetch(slots_.begin() + place_of(key_of(interface, destination)));
    }
    // Marks the neighbour as used.
    Found find_by_route(std::uint16_t interface, std::uint32_t destination) const;
    Found look(std::uint16_t interface, std::uint32_t destination) const;

    // Slow-path thread: calls `each(interface, address)` for what was used since the last call.
    template <typename Each>
    void take_used(const Each& each) const {
        for (std::size_t i = 0; i <= mask_; ++i)
            if (const auto what = slots_[i].what.get(); slots_[i].key != 0 && (what & kUsed) != 0) {
                slots_[i].what.set(what & ~kUsed);
                each(static_cast<std::uint16_t>(slots_[i].key >> 32), static_cast<std::uint32_t>(slots_[i].key));
            }
    }

private:
    struct Route {
        std::uint32_t prefix, mask, gateway;
        bool dead_end;
    };
    // Of one neighbour. `what` is a MacWord, and in the two bytes that do not count there what else is known.
    struct Slot {
        std::uint64_t key = 0;                // interface and address; 0: none
        mutable Relaxed<std::uint64_t> what;  // two writers, of kUsed alone: at worst a mark comes a turn later
    };
    static constexpr std::uint64_t kDirect = packet::MacWord::flags(1);  // what is sent to it needs no gateway
    static constexpr std::uint64_t kUsed = packet::MacWord::flags(2);
    static constexpr std::uint64_t kDirectAndUsed = kDirect | kUsed;

    static constexpr std::uint64_t key_of(std::uint16_t interface, std::uint32_t address) {
        return std::uint64_t{interface} << 32 | address;
    }
    std::size_t place_of(std::uint64_t key) const { return (key * 0x9e3779b97f4a7c15U >> 32) & mask_; }
    // Null: not known. `address` is not 0.
    [[gnu::always_inline]] const Slot* slot_of(std::uint16_t interface, std::uint32_t address) const {
        const auto key = key_of(interface, address);
        // `mask_` is the last slot's number: nothing is beyond.
        const auto* slots = slots_.begin();
        for (auto at = place_of(key); slots[at].key != 0; at = (at + 1) & mask_)
            if (slots[at].key == key) [[likely]]
                return slots + at;
        return nullptr;
    }
    // 0: no route. So a destination of 0 goes nowhere.
    std::uint32_t next_hop(std::uint16_t interface, std::uint32_t destination) const;
    static void mark_used(const Slot& slot) {
        if (const auto what = slot.what.get(); (what & kUsed) == 0) slot.what.set(what | kUsed);
    }
    static Found found(std::uint32_t hop, const Slot* slot) {
        if (slot == nullptr) return {Outcome::kUnresolved, hop, {}};
        return {Outcome::kFound, hop, packet::MacWord(slot->what.get())};
    }

    FixedArray<std::vector<Route>> routes_;  // by interface, best first
    FixedArray<Slot> slots_;                 // open addressing, at most an eighth full
    std::size_t mask_ = 0;
};

[[gnu::always_inline]] inline std::uint32_t NextHops::next_hop(std::uint16_t interface,
                                                               std::uint32_t destination) const {
    if (interface >= routes_.size()) return 0;
    for (const auto& route : routes_[interface]) {
        if ((destination & route.mask) != route.prefix) continue;
        if (route.dead_end) return 0;
        return route.gateway != 0 ? route.gateway : destination;
    }
    return 0;
}

[[gnu::always_inline]] inline NextHops::Found NextHops::find_by_route(std::uint16_t interface,
                                                                      std::uint32_t destination) const {
    const auto hop = next_hop(interface, destination);
    if (hop == 0) return {};
    const auto* slot = slot_of(interface, hop);
    if (slot != nullptr) mark_used(*slot);
    return found(hop, slot);
}

// The one in force.
class PublishedNextHops {
public:
    const NextHops* get() const { return current_.load(std::memory_order_acquire); }
    // Returns the one before, to be freed after a grace period.
    const NextHops* exchange(const NextHops* next) { return current_.exchange(next, std::memory_order_acq_rel); }

private:
    std::atomic<const NextHops*> current_{nullptr};
};

}  // namespace sallyport::flow
