#include "media/stun/message.h"

#include <algorithm>

#include "platform/base/byte_reader.h"

namespace sallyport::stun {

namespace {

constexpr std::size_t kTypeAndLength = 4;
constexpr std::size_t padded(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

// ITU V.42, reflected.
constexpr auto kCrcTable = [] {
    std::array<std::uint32_t, 256> out{};
    for (std::uint32_t i = 0; i < out.size(); ++i) {
        auto c = i;
        for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320U ^ (c >> 1) : c >> 1;
        out[i] = c;
    }
    return out;
}();

}  // namespace

std::uint32_t fingerprint_of(std::span<const std::byte> bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const auto b : bytes) crc = kCrcTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFF] ^ (crc >> 8);
    return ~crc ^ 0x5354554EU;
}

std::optional<Message> Message::parse(std::span<const std::byte> datagram) {
    ByteReader in(datagram);
    const auto type = in.u16();
    const std::size_t length = in.u16();
    const auto cookie = in.u32();
    // RFC 8489 §5: two zero bits, the cookie, and a length in words that is that of the datagram.
    if ((type & 0xC000) != 0 || cookie != kMagicCookie || length % 4 != 0) return std::nullopt;
    if (datagram.size() != kHeaderSize + length) return std::nullopt;
    const Message out(datagram);
    std::size_t at = 0;
    while (out.attribute(at)) {
    }
    if (at != length) return std::nullopt;
    return out;
}

Class Message::kind() const {
    const auto type = ByteReader(bytes_).u16();
    return static_cast<Class>((type >> 4 & 1) | (type >> 7 & 2));
}

// RFC 8489 §5, figure 3: the bits of the class stand between those of the method.
std::uint16_t Message::method() const {
    const auto type = ByteReader(bytes_).u16();
    return static_cast<std::uint16_t>((type & 0xF) | (type >> 1 & 0x70) | (type >> 2 & 0xF80));
}

TransactionId Message::transaction() const {
    TransactionId out;
    std::ranges::copy(bytes_.subspan(kHeaderSize - out.size(), out.size()), out.begin());
    return out;
}

std::optional<Attribute> Message::attribute(std::size_t& at) const {
    ByteReader in(bytes_.subspan(kHeaderSize + at));
    Attribute out;
    out.type = in.u16();
    const auto length = in.u16();
    out.value = in.bytes(length);
    in.bytes(padded(length) - length);
    if (in.failed()) return std::nullopt;
    at += kTypeAndLength + padded(length);
    return out;
}

std::optional<bool> Message::fingerprint_is_right() const {
    std::size_t at = 0;
    for (std::size_t begin = at; const auto each = attribute(at); begin = at) {
        if (each->type != kFingerprint) continue;
        // It is the last, and its length that of one.
        if (each->value.size() != 4 || at + kHeaderSize != bytes_.size()) return false;
        return ByteReader(each->value).u32() == fingerprint_of(bytes_.first(kHeaderSize + begin));
    }
    return std::nullopt;
}

}  // namespace sallyport::stun
