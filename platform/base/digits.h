#pragma once
// A number as decimal text, on the stack: to be written, compared or assigned.

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport {

class Digits {
public:
    explicit Digits(std::uint64_t number)
        : size_(static_cast<std::size_t>(std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr -
                                         digits_.data())) {}

    // As long as this lives.
    operator std::string_view() const { return {digits_.data(), size_}; }
    friend bool operator==(const Digits& a, std::string_view b) { return std::string_view(a) == b; }

private:
    std::array<char, 20> digits_;  // of 2^64 - 1
    std::size_t size_;
};

}  // namespace sallyport
