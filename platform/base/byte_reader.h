#pragma once
// The one bounds-checked reader and writer of binary data. A read past the end sets `failed` and gives
// zero; the caller checks once, at the end of the record. Network byte order.

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace sallyport {

class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> data) : data_(data) {}

    std::uint8_t u8() { return integer<std::uint8_t>(); }
    std::uint16_t u16() { return integer<std::uint16_t>(); }
    std::uint32_t u32() { return integer<std::uint32_t>(); }
    std::uint64_t u64() { return integer<std::uint64_t>(); }
    std::span<const std::byte> bytes(std::size_t n) {
        if (n > data_.size()) {
            fail();
            return {};
        }
        const auto out = data_.first(n);
        data_ = data_.subspan(n);
        return out;
    }
    // Seven bits a byte, the lowest first; the eighth says that another follows.
    std::uint32_t number() {
        std::uint64_t v = 0;
        for (unsigned shift = 0; shift < 35; shift += 7) {
            const auto byte = u8();
            v |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80 && v <= UINT32_MAX) return static_cast<std::uint32_t>(v);
        }
        fail();
        return 0;
    }
    // A string written by ByteWriter::text: its length as a number(), then the characters.
    std::string_view text() {
        const auto b = bytes(number());
        return {reinterpret_cast<const char*>(b.data()), b.size()};
    }
    std::size_t left() const { return data_.size(); }
    bool failed() const { return failed_; }

private:
    template <std::unsigned_integral T>
    T integer() {
        if (data_.size() < sizeof(T)) {
            fail();
            return 0;
        }
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) v = v << 8 | std::to_integer<std::uint64_t>(data_[i]);
        data_ = data_.subspan(sizeof(T));
        return static_cast<T>(v);
    }
    void fail() {
        failed_ = true;
        data_ = {};
    }

    std::span<const std::byte> data_;
    bool failed_ = false;
};

// Writes behind what stands in `out`. There may be more in it than was written until done(), or the writer's end.
class ByteWriter {
public:
    explicit ByteWriter(std::vector<std::byte>& out) : out_(out), at_(out.data() + out.size()), end_(at_) {}
    ~ByteWriter() { done(); }
    ByteWriter(const ByteWriter&) = delete;
    ByteWriter& operator=(const ByteWriter&) = delete;

    void u8(std::uint8_t v) { integer(v); }
    void u16(std::uint16_t v) { integer(v); }
    void u32(std::uint32_t v) { integer(v); }
    void u64(std::uint64_t v) { integer(v); }
    void bytes(std::span<const std::byte> b) {
        need(b.size());
        append(b.data(), b.size());
    }
    void number(std::uint32_t v) {
        need(length_of_number(v));
        append_number(v);
    }
    void text(std::string_view s) {
        const auto length = static_cast<std::uint32_t>(s.size());
        need(length_of_number(length) + s.size());
        append_number(length);
        append(s.data(), s.size());
    }
    // From here on the vector holds what was written. More may follow, unless it has been changed since.
    void done() {
        out_.resize(written());
        end_ = at_;
    }

    // Takes back all but the first `size` bytes of the vector.
    void rewind(std::size_t size) { at_ = out_.data() + std::min(size, written()); }

private:
    static constexpr std::size_t kStep = 512;

    static std::size_t length_of_number(std::uint32_t v) {
        return (static_cast<std::size_t>(std::bit_width(v | 1)) + 6) / 7;
    }
    std::size_t written() const { return static_cast<std::size_t>(at_ - out_.data()); }
    void need(std::size_t n) {
        if (static_cast<std::size_t>(end_ - at_) < n) [[unlikely]]
            grow(n);
    }
    // Whoever has reserved what it takes gets no more than that.
    void grow(std::size_t n) {
        const auto size = written();
        const auto reserved = out_.capacity() - size;
        const auto wanted = std::max(n, kStep);
        out_.resize(size + (reserved < n ? wanted : std::min(wanted, reserved)));
        at_ = out_.data() + size;
        end_ = out_.data() + out_.size();
    }
    void append(const void* from, std::size_t n) {
        if (n != 0) std::memcpy(at_, from, n);
        at_ += n;
    }
    void append_number(std::uint32_t v) {
        for (; v >= 0x80; v >>= 7) *at_++ = static_cast<std::byte>(v | 0x80);
        *at_++ = static_cast<std::byte>(v);
    }
    template <std::unsigned_integral T>
    void integer(T v) {
        if constexpr (std::endian::native == std::endian::little) v = std::byteswap(v);
        need(sizeof v);
        append(&v, sizeof v);
    }

    std::vector<std::byte>& out_;
    std::byte* at_;   // behind what was written
    std::byte* end_;  // of what there is
};

}  // namespace sallyport
