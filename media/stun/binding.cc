#include "media/stun/binding.h"

#include <algorithm>
#include <array>

#include "media/stun/message.h"
#include "platform/base/byte_reader.h"

namespace sallyport::stun {

namespace {

constexpr std::uint16_t kSuccessType = 0x0101;
constexpr std::uint16_t kErrorType = 0x0111;
constexpr std::size_t kMaxUnknown = 4;  // that an answer names
constexpr std::size_t kAttributeHead = 4;

// Of RFC 8489 §18.3 and RFC 8445 §16.1. What they ask for beside an address is not wanted of a keep-alive.
constexpr bool is_known(std::uint16_t type) {
    constexpr std::array<std::uint16_t, 13> kKnown{0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015,
                                                   0x001C, 0x001D, 0x001E, 0x0020, 0x0024, 0x0025};
    return type >= kFirstOptional || std::ranges::find(kKnown, type) != kKnown.end();
}

class Writer {
public:
    // `length`: of all attributes that follow but the FINGERPRINT.
    Writer(std::vector<std::byte>& out, std::uint16_t type, const TransactionId& transaction, std::size_t length,
           bool fingerprint)
        : begin_(out.size()), bytes_(out), out_(out), fingerprint_(fingerprint) {
        constexpr std::size_t kFingerprintSize = kAttributeHead + 4;
        out_.u16(type);
        out_.u16(static_cast<std::uint16_t>(length + (fingerprint ? kFingerprintSize : 0)));
        out_.u32(kMagicCookie);
        out_.bytes(transaction);
    }
    ByteWriter& attribute(AttributeType type, std::size_t length) {
        out_.u16(type);
        out_.u16(static_cast<std::uint16_t>(length));
        return out_;
    }
    void finish() {
        if (!fingerprint_) return;
        out_.done();
        const auto value = fingerprint_of(std::span(bytes_).subspan(begin_));
        attribute(kFingerprint, 4).u32(value);
    }

private:
    std::size_t begin_;
    std::vector<std::byte>& bytes_;
    ByteWriter out_;
    bool fingerprint_;
};

// RFC 8489 §14.2: the cookie, and for IPv6 the transaction behind it, over port and address.
void write_xor_mapped(ByteWriter& out, const Endpoint& from, const TransactionId& transaction) {
    constexpr std::uint16_t kIpv4 = 1;
    constexpr std::uint16_t kIpv6 = 2;
    const bool v6 = from.address.is_v6();
    out.u16(v6 ? kIpv6 : kIpv4);
    out.u16(static_cast<std::uint16_t>(from.port ^ kMagicCookie >> 16));
    if (!v6) return out.u32(from.address.v4_host_order() ^ kMagicCookie);
    for (std::size_t i = 0; i < 16; ++i) {
        const auto mask = i < 4 ? static_cast<std::uint8_t>(kMagicCookie >> (24 - 8 * i))
                                : std::to_integer<std::uint8_t>(transaction[i - 4]);
        out.u8(from.address.bytes()[i] ^ mask);
    }
}

}  // namespace

std::expected<Answered, NoAnswer> answer_binding(std::span<const std::byte> datagram, const Endpoint& from,
                                                 std::vector<std::byte>& out) {
    const auto request = Message::parse(datagram);
    if (!request) return std::unexpected(NoAnswer::kMalformed);
    const auto fingerprint = request->fingerprint_is_right();
    if (fingerprint == false) return std::unexpected(NoAnswer::kMalformed);
    if (request->method() != kBinding) return std::unexpected(NoAnswer::kNoRequest);
    if (request->kind() == Class::kIndication) return std::unexpected(NoAnswer::kIndication);
    if (request->kind() != Class::kRequest) return std::unexpected(NoAnswer::kNoRequest);

    std::array<std::uint16_t, kMaxUnknown> unknown{};
    std::size_t unknowns = 0;
    std::size_t at = 0;
    while (const auto each = request->attribute(at))
        if (!is_known(each->type) && unknowns < kMaxUnknown) unknown[unknowns++] = each->type;

    const auto transaction = request->transaction();
    if (unknowns > 0) {
        // RFC 8489 §6.3.1. Without a phrase, which would only be long.
        const auto list = (2 * unknowns + 3) & ~std::size_t{3};
        Writer writer(out, kErrorType, transaction, 2 * kAttributeHead + 4 + list, fingerprint.has_value());
        writer.attribute(kErrorCode, 4).u32(4 << 8 | 20);
        auto& types = writer.attribute(kUnknownAttributes, 2 * unknowns);
        for (std::size_t i = 0; i < list / 2; ++i) types.u16(i < unknowns ? unknown[i] : 0);
        writer.finish();
        return Answered::kRefused;
    }
    const std::size_t length = from.address.is_v6() ? 20 : 8;
    Writer writer(out, kSuccessType, transaction, kAttributeHead + length, fingerprint.has_value());
    write_xor_mapped(writer.attribute(kXorMappedAddress, length), from, transaction);
    writer.finish();
    return Answered::kSuccess;
}

}  // namespace sallyport::stun
