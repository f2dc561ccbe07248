#pragma once
// An array of a fixed size whose elements are zero bytes until somebody writes them, and take no memory until then
// (pages of the kernel's, as they are touched): for tables that are sized by a limit and seldom filled.

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

#include "platform/base/fixed_array.h"

namespace sallyport {

template <typename T>
class SparseArray {
    static_assert(std::is_trivially_destructible_v<T>);

public:
    explicit SparseArray(std::size_t size) : size_(size) {
        if (size == 0) return;
        void* at = ::mmap(nullptr, size * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) throw std::bad_alloc();
        elements_ = static_cast<T*>(at);
    }
    SparseArray(SparseArray&& other) noexcept
        : elements_(std::exchange(other.elements_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    SparseArray& operator=(SparseArray&&) = delete;
    ~SparseArray() {
        if (elements_ != nullptr) ::munmap(elements_, size_ * sizeof(T));
    }

    T& operator[](std::size_t at) {
        if (at >= size_) [[unlikely]]
            std::abort();
        return elements_[at];
    }
    const T& operator[](std::size_t at) const {
        if (at >= size_) [[unlikely]]
            std::abort();
        return elements_[at];
    }
    FixedView<T> view() { return {elements_, size_}; }
    FixedView<const T> view() const { return {elements_, size_}; }
    std::size_t size() const { return size_; }

private:
    T* elements_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace sallyport
