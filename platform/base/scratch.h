#pragma once
// Room for a moment: on the stack, unless more is needed than nearly ever is.

#include <array>
#include <cstddef>
#include <memory>

namespace sallyport {

template <std::size_t kUsual>
class Scratch {
public:
    explicit Scratch(std::size_t size) {
        if (size > kUsual) larger_ = std::make_unique_for_overwrite<char[]>(size);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    char* data() { return larger_ ? larger_.get() : usual_.data(); }

private:
    std::array<char, kUsual> usual_;
    std::unique_ptr<char[]> larger_;
};

}  // namespace sallyport
