#pragma once
// Quiescent-state reclamation: the slow-path thread takes something out of what the workers see, stamps it,
// and frees it once every worker has passed the stamp. A worker passes by calling quiescent() between two
// bursts, when it holds no pointer to shared state; it never waits.
//
// Order: the unpublishing store comes before the increment of `current_`; a worker that has read the new
// number (acquire) sees the unpublished state in its next burst, and its release store of that number
// comes after all that it did before. What it had in hand then is finished when the number is seen here.

#include <atomic>
#include <cstdint>
#include <memory>

namespace sallyport::flow {

class Epochs {
public:
    explicit Epochs(std::uint32_t workers) : seen_(std::make_unique<Seen[]>(workers)), workers_(workers) {}

    // Slow-path thread: the stamp for what was unpublished before this call.
    std::uint64_t stamp() { return current_.fetch_add(1, std::memory_order_acq_rel) + 1; }
    // Slow-path thread: true when no worker can hold anything stamped `stamp` or earlier.
    bool passed(std::uint64_t stamp) const {
        for (std::uint32_t w = 0; w < workers_; ++w)
            if (seen_[w].value.load(std::memory_order_acquire) < stamp) return false;
        return true;
    }
    // Worker, each turn.
    void quiescent(std::uint32_t worker) {
        seen_[worker].value.store(current_.load(std::memory_order_acquire), std::memory_order_release);
    }
    std::uint32_t workers() const { return workers_; }

private:
    struct alignas(64) Seen {
        std::atomic<std::uint64_t> value{0};
    };
    alignas(64) std::atomic<std::uint64_t> current_{0};
    std::unique_ptr<Seen[]> seen_;
    std::uint32_t workers_;
};

}  // namespace sallyport::flow
