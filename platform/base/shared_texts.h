#pragma once
// A few texts in one piece of memory, which copies share until one of them is changed. For what is set together, copied
// and seldom changed: a change makes the piece anew. Copies belong to one thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace sallyport {

template <std::size_t kCount>
class SharedTexts {
public:
    using Views = std::array<std::string_view, kCount>;

    SharedTexts() = default;  // all are empty
    SharedTexts(const SharedTexts& other) : block_(other.block_) {
        if (block_ != nullptr) ++block_->owners;
    }
    SharedTexts(SharedTexts&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    SharedTexts& operator=(SharedTexts other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~SharedTexts() {
        if (block_ == nullptr || --block_->owners > 0) return;
        block_->~Block();
        ::operator delete(block_);
    }

    // Valid until this one is changed, and longer where a copy lives.
    std::string_view operator[](std::size_t i) const {
        if (block_ == nullptr) return {};
        const auto begin = i == 0 ? 0 : block_->ends.at(i - 1);
        return {text_of(block_) + begin, block_->ends.at(i) - begin};
    }
    Views views() const {
        Views out;
        for (std::size_t i = 0; i < kCount; ++i) out[i] = (*this)[i];
        return out;
    }

    // They may be views of this one.
    void assign(const Views& texts) {
        if (texts == views()) return;
        std::size_t size = 0;
        for (const auto text : texts) size += text.size();
        SharedTexts made;
        made.block_ = new (::operator new(sizeof(Block) + size)) Block;
        std::size_t end = 0;
        for (std::size_t i = 0; i < kCount; ++i) {
            if (!texts[i].empty()) std::memcpy(text_of(made.block_) + end, texts[i].data(), texts[i].size());
            made.block_->ends[i] = static_cast<std::uint32_t>(end += texts[i].size());
        }
        std::swap(block_, made.block_);
    }
    void set(std::size_t i, std::string_view text) {
        auto texts = views();
        texts.at(i) = text;
        assign(texts);
    }

    friend bool operator==(const SharedTexts& a, const SharedTexts& b) {
        return a.block_ == b.block_ || a.views() == b.views();
    }

private:
    struct Block {
        std::uint32_t owners = 1;
        std::array<std::uint32_t, kCount> ends;  // of each in the text behind this
    };
    static char* text_of(Block* block) { return reinterpret_cast<char*>(block + 1); }

    Block* block_ = nullptr;
};

}  // namespace sallyport
