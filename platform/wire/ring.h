#pragma once
// Single-producer single-consumer ring of fixed-size records between two processes that do not trust
// each other.
//
// The shared part is two cursors, each on a cache line of its own, and the slots. The geometry (slot
// count, record size, addresses) is never read from shared memory: each side computes it from the layout
// in platform/wire/segment.h and keeps it privately. Cursors count records since the ring was made and
// wrap at 2^64, never in practice. A cursor of the other side is one 64-bit load; a value that is not
// possible (behind what we saw, or more than `slots` ahead) makes the ring `broken`, for good: its owner
// drops the session. A record is copied out once and checked only in the private copy.
//
// Memory order: the producer writes the slot, then stores `head` with release; the consumer loads `head`
// with acquire, copies, then stores `tail` with release.
//
// A consumer that looks into the ring by itself says so (`looks`), and the producer need not wake it. Who stops to look
// says that first, then looks once more. Both sides read and write that word in one step: whoever comes second sees
// what the first has done, so that either the record is seen or the wish to be woken.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace sallyport::wire {

inline constexpr std::size_t kCacheLine = 64;

struct RingCursors {
    alignas(kCacheLine) std::atomic<std::uint64_t> head;  // written by the producer
    alignas(kCacheLine) std::atomic<std::uint64_t> tail;  // written by the consumer
    std::atomic<std::uint32_t> looks;                     // by the consumer: not 0 when nobody has to wake it
};
static_assert(sizeof(RingCursors) == 2 * kCacheLine);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Where a ring lies, as its user computed it. `slots` is a power of two.
template <typename Record>
struct RingPlace {
    RingCursors* cursors = nullptr;
    std::byte* slots_begin = nullptr;
    std::uint32_t slots = 0;
};

template <typename Record>
class RingProducer {
    static_assert(std::is_trivially_copyable_v<Record>);

public:
    explicit RingProducer(RingPlace<Record> place) : place_(place) {}

    // False when the ring is full or broken: nothing was written.
    bool push(const Record& record) {
        if (free() == 0) return false;
        std::memcpy(place_.slots_begin + (head_ & (place_.slots - 1)) * sizeof(Record), &record, sizeof(Record));
        place_.cursors->head.store(++head_, std::memory_order_release);
        return true;
    }
    std::uint32_t free() {
        if (broken_) return 0;
        if (head_ - tail_ < place_.slots / 2) return place_.slots - static_cast<std::uint32_t>(head_ - tail_);
        const auto tail = place_.cursors->tail.load(std::memory_order_acquire);
        if (tail - tail_ > head_ - tail_) {  // behind what we saw, or ahead of what we wrote
            broken_ = true;
            return 0;
        }
        tail_ = tail;
        return place_.slots - static_cast<std::uint32_t>(head_ - tail_);
    }
    // After a push: has the consumer to be woken for it?
    bool must_wake() const { return place_.cursors->looks.fetch_add(0, std::memory_order_acq_rel) == 0; }
    bool broken() const { return broken_; }

private:
    RingPlace<Record> place_;
    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;  // last seen
    bool broken_ = false;
};

template <typename Record>
class RingConsumer {
    static_assert(std::is_trivially_copyable_v<Record>);

public:
    explicit RingConsumer(RingPlace<Record> place) : place_(place) {}

    // Copies the oldest record out. False when there is none, or the ring is broken.
    bool pop(Record& out) {
        if (waiting() == 0) return false;
        std::memcpy(&out, place_.slots_begin + (tail_ & (place_.slots - 1)) * sizeof(Record), sizeof(Record));
        // The peer may still write this slot. The release store keeps the copy before it; the fence keeps the
        // compiler from reading the slot again in place of the copy, which is then checked and used.
        std::atomic_signal_fence(std::memory_order_acq_rel);
        place_.cursors->tail.store(++tail_, std::memory_order_release);
        return true;
    }
    std::uint32_t waiting() {
        if (broken_) return 0;
        if (head_ == tail_) {
            const auto head = place_.cursors->head.load(std::memory_order_acquire);
            if (head - tail_ > place_.slots) {
                broken_ = true;
                return 0;
            }
            head_ = head;
        }
        return static_cast<std::uint32_t>(head_ - tail_);
    }
    // Whether waiting() will be asked soon, unasked. After `false` it has to be asked once more.
    void look_unasked(bool soon) { place_.cursors->looks.exchange(soon ? 1 : 0, std::memory_order_acq_rel); }
    bool broken() const { return broken_; }

private:
    RingPlace<Record> place_;
    std::uint64_t head_ = 0;  // last seen
    std::uint64_t tail_ = 0;
    bool broken_ = false;
};

}  // namespace sallyport::wire
