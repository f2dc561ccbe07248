#pragma once
// A text for a moment: on the stack, unless it grows longer than it nearly ever does.

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace sallyport {

template <std::size_t kUsual>
class ScratchText {
public:
    ScratchText() = default;
    ScratchText(const ScratchText&) = delete;
    ScratchText& operator=(const ScratchText&) = delete;

    ScratchText& append(std::string_view text) {
        return extend(text.size(), [text](char* at) {
            if (!text.empty()) std::memcpy(at, text.data(), text.size());
            return text.size();
        });
    }
    ScratchText& operator+=(char c) { return append({&c, 1}); }
    // `write` gets room for `most` characters and gives the number of those that it has written.
    template <typename Write>
    ScratchText& extend(std::size_t most, const Write& write) {
        if (most > room_ - size_) [[unlikely]]
            grow(most);
        size_ += write(data() + size_);
        return *this;
    }

    void truncate(std::size_t size) { size_ = size < size_ ? size : size_; }

    // Until more is appended.
    std::string_view view() const { return {larger_ ? larger_.get() : usual_.data(), size_}; }
    std::size_t size() const { return size_; }

private:
    char* data() { return larger_ ? larger_.get() : usual_.data(); }
    void grow(std::size_t most) {
        const auto room = 2 * room_ + most;
        auto larger = std::make_unique_for_overwrite<char[]>(room);
        std::memcpy(larger.get(), data(), size_);
        larger_ = std::move(larger);
        room_ = room;
    }

    std::array<char, kUsual> usual_;
    std::unique_ptr<char[]> larger_;
    std::size_t room_ = kUsual;
    std::size_t size_ = 0;
};

}  // namespace sallyport
