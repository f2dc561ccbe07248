#pragma once
// The one bounds-checked reader and writer of binary data. A read past the end sets `failed` and gives
// zero; the caller checks once, at the end of the record. Network byte order.

#include <array>
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

class ByteWriter {
public:
    explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

    void u8(std::uint8_t v) { out_.push_back(static_cast<std::byte>(v)); }
    void u16(std::uint16_t v) { integer(v); }
    void u32(std::uint32_t v) { integer(v); }
    void u64(std::uint64_t v) { integer(v); }
    void bytes(std::span<const std::byte> b) { out_.insert(out_.end(), b.begin(), b.end()); }
    void number(std::uint32_t v) {
        for (; v >= 0x80; v >>= 7) u8(static_cast<std::uint8_t>(v | 0x80));
        u8(static_cast<std::uint8_t>(v));
    }
    void text(std::string_view s) {
        number(static_cast<std::uint32_t>(s.size()));
        bytes(std::as_bytes(std::span(s.data(), s.size())));
    }

private:
    template <std::unsigned_integral T>
    void integer(T v) {
        std::array<std::byte, sizeof(T)> bytes;
        for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<std::byte>(v >> (8 * (sizeof(T) - 1 - i)));
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

    std::vector<std::byte>& out_;
};

}  // namespace sallyport
