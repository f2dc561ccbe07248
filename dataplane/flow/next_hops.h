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
        std::uint32_t next_hop = 0;        // unless kNoRoute
        const packet::Mac* mac = nullptr;  // with kFound
    };

    NextHops(std::span<const RouteEntry> routes, std::span<const NeighbourEntry> neighbours);

    // Marks the neighbour as used.
    [[gnu::always_inline]] Found find(std::uint16_t interface, std::uint32_t destination) const {
        const Slot* slot = nullptr;
        const auto found = locate(interface, destination, slot);
        if (slot != nullptr && !slot->used.get()) slot->used.set(true);
        return found;
    }
    Found look(std::uint16_t interface, std::uint32_t destination) const {
        const Slot* slot = nullptr;
        return locate(interface, destination, slot);
    }

    // Slow-path thread: calls `each(interface, address)` for what was used since the last call.
    template <typename Each>
    void take_used(const Each& each) const {
        for (std::size_t i = 0; i <= mask_; ++i)
            if (slots_[i].address != 0 && slots_[i].used.get()) {
                slots_[i].used.set(false);
                each(slots_[i].interface, slots_[i].address);
            }
    }

private:
    struct Route {
        std::uint32_t prefix, mask, gateway;
        bool dead_end;
    };
    struct Slot {
        std::uint32_t address = 0;
        std::uint16_t interface = 0;
        packet::Mac mac{};
        mutable Relaxed<bool> used;  // two writers: at worst a mark comes a turn later
    };
    std::size_t slot_of(std::uint16_t interface, std::uint32_t address) const {
        return ((address ^ interface * 0x9e3779b9U) * 0x9e3779b97f4a7c15U >> 32) & mask_;
    }

    [[gnu::always_inline]] Found locate(std::uint16_t interface, std::uint32_t destination, const Slot*& slot) const {
        if (interface >= routes_.size()) return {};
        for (const auto& route : routes_[interface]) {
            if ((destination & route.mask) != route.prefix) continue;
            if (route.dead_end) return {};
            const auto hop = route.gateway != 0 ? route.gateway : destination;
            for (auto at = slot_of(interface, hop);; at = (at + 1) & mask_) {
                const auto& entry = slots_[at];
                if (entry.address == 0) return {Outcome::kUnresolved, hop, nullptr};
                if (entry.address != hop || entry.interface != interface) continue;
                slot = &entry;
                return {Outcome::kFound, hop, &entry.mac};
            }
        }
        return {};
    }

    FixedArray<std::vector<Route>> routes_;  // by interface, best first
    FixedArray<Slot> slots_;                 // open addressing, at most half full
    std::size_t mask_ = 0;
};

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
