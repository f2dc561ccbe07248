#pragma once
// A short text that lives where it stands, not on the heap: of ours, so that its bound is known.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace sallyport {

template <std::size_t kMost>
class InlineText {
public:
    static constexpr std::size_t kBound = kMost;

    InlineText() = default;
    explicit InlineText(std::string_view text) { append(text); }

    // Beyond the bound is a fault of ours.
    InlineText& append(std::string_view text) {
        if (text.size() > kMost - size_) [[unlikely]]
            std::abort();
        if (!text.empty()) std::memcpy(text_.data() + size_, text.data(), text.size());
        size_ += text.size();
        return *this;
    }
    InlineText& operator+=(char c) { return append({&c, 1}); }

    std::string_view view() const { return {text_.data(), size_}; }
    operator std::string_view() const { return view(); }  // as long as this lives
    friend bool operator==(const InlineText& a, const InlineText& b) { return a.view() == b.view(); }
    friend bool operator==(const InlineText& a, std::string_view b) { return a.view() == b; }

private:
    std::array<char, kMost> text_;
    std::size_t size_ = 0;
};

}  // namespace sallyport
