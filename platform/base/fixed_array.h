#pragma once
// An array whose size is set once, for what a hot path indexes: the bound is a number that lies beside the pointer, and
// its check one comparison. (A std::vector keeps two pointers: a checked access there divides by the size of an
// element.)

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace sallyport {

// One that somebody else keeps, and that stays where it is.
template <typename T>
class FixedView {
public:
    FixedView() = default;
    FixedView(T* elements, std::size_t size) : elements_(elements), size_(size) {}
    T& operator[](std::size_t at) const {
        if (at >= size_) [[unlikely]]
            std::abort();
        return elements_[at];
    }
    // Null beyond the end.
    T* find(std::size_t at) const { return at < size_ ? elements_ + at : nullptr; }
    std::size_t size() const { return size_; }

private:
    T* elements_ = nullptr;
    std::size_t size_ = 0;
};

template <typename T>
class FixedArray {
public:
    FixedArray() = default;
    explicit FixedArray(std::size_t size) : elements_(std::make_unique<T[]>(size)), size_(size) {}
    explicit FixedArray(std::vector<T> from) : FixedArray(from.size()) {
        for (std::size_t i = 0; i < size_; ++i) elements_[i] = std::move(from[i]);
    }
    FixedArray(FixedArray&& other) noexcept
        : elements_(std::move(other.elements_)), size_(std::exchange(other.size_, 0)) {}
    FixedArray& operator=(FixedArray&& other) noexcept {
        elements_ = std::move(other.elements_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    T& operator[](std::size_t at) {
        if (at >= size_) [[unlikely]]
            std::abort();
        return elements_.get()[at];
    }
    const T& operator[](std::size_t at) const {
        if (at >= size_) [[unlikely]]
            std::abort();
        return elements_.get()[at];
    }
    FixedView<T> view() { return {elements_.get(), size_}; }
    FixedView<const T> view() const { return {elements_.get(), size_}; }
    std::size_t size() const { return size_; }
    T* begin() { return elements_.get(); }
    T* end() { return elements_.get() + size_; }
    const T* begin() const { return elements_.get(); }
    const T* end() const { return elements_.get() + size_; }

private:
    std::unique_ptr<T[]> elements_;
    std::size_t size_ = 0;
};

}  // namespace sallyport
