#pragma once
// What the fuzz targets share: an oracle that ends the run, and bytes taken apart for targets whose input is a sequence
// of steps. A target has state only where building it anew would be too slow, and then puts it back by itself: a
// finding must show again with its input alone.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace sallyport::fuzz {

[[noreturn]] inline void broken(const char* oracle, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: oracle broken: %s\n", file, line, oracle);
    std::abort();
}

// Views point into the input, or at nothing.
inline bool within(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// What is there no more reads as zero.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    template <typename T>
    T take() {
        static_assert(std::is_trivially_copyable_v<T>);
        T out{};
        const auto n = std::min(sizeof out, rest_.size());
        if (n > 0) std::memcpy(static_cast<void*>(&out), rest_.data(), n);
        rest_.remove_prefix(n);
        return out;
    }
    std::uint8_t byte() { return take<std::uint8_t>(); }
    std::string_view bytes(std::size_t n) {
        const auto out = rest_.substr(0, n);
        rest_.remove_prefix(out.size());
        return out;
    }
    // Up to the next `stop`, which is thrown away.
    std::string_view until(char stop) {
        const auto out = rest_.substr(0, rest_.find(stop));
        rest_.remove_prefix(std::min(out.size() + 1, rest_.size()));
        return out;
    }
    std::string_view rest() const { return rest_; }
    bool empty() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

}  // namespace sallyport::fuzz

#define FUZZ_CHECK(oracle) ((oracle) ? void() : ::sallyport::fuzz::broken(#oracle, __FILE__, __LINE__))

// libFuzzer's entry; declared, so that each target is compiled with the warnings of the build.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
