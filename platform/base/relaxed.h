#pragma once
// A value that one thread writes and others read now and then, such as a counter: no tearing, no order,
// no locked instruction. `add` is not atomic as a whole, hence one writer only.

#include <atomic>

namespace sallyport {

template <typename T>
class Relaxed {
public:
    constexpr Relaxed() = default;
    constexpr explicit Relaxed(T value) : value_(value) {}
    Relaxed(const Relaxed&) = delete;
    Relaxed& operator=(const Relaxed&) = delete;

    T get() const { return value_.load(std::memory_order_relaxed); }
    void set(T value) { value_.store(value, std::memory_order_relaxed); }
    void add(T n) { set(static_cast<T>(get() + n)); }

private:
    std::atomic<T> value_{};
    static_assert(std::atomic<T>::is_always_lock_free);
};

}  // namespace sallyport
