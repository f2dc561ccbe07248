#pragma once
// An optional value that does not change any more, so that whoever needs it has a share of it instead of a copy.

#include <memory>
#include <utility>

namespace sallyport {

template <typename T>
class Shared {
public:
    Shared() = default;
    Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}  // as std::optional, not explicit

    explicit operator bool() const { return value_ != nullptr; }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    const T* get() const { return value_.get(); }  // nullptr: there is none
    void reset() { value_.reset(); }

private:
    std::shared_ptr<const T> value_;
};

}  // namespace sallyport
