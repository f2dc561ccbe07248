#pragma once
// A STUN message (RFC 8489 §5), read in place. Whoever reads one has checked nothing of its attributes but their
// lengths.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sallyport::stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112A442;
inline constexpr std::size_t kHeaderSize = 20;
using TransactionId = std::array<std::byte, 12>;

enum class Class : std::uint8_t { kRequest, kIndication, kSuccess, kError };
inline constexpr std::uint16_t kBinding = 1;  // the method

// RFC 8489 §18.3
enum AttributeType : std::uint16_t {
    kErrorCode = 0x0009,
    kUnknownAttributes = 0x000A,
    kXorMappedAddress = 0x0020,
    kFingerprint = 0x8028,
};
// RFC 8489 §14: what is below has to be understood.
inline constexpr std::uint16_t kFirstOptional = 0x8000;

// RFC 7983 §7, RFC 5626 §8: what begins so is no SIP.
inline bool begins_as_stun(std::span<const std::byte> datagram) {
    return !datagram.empty() && std::to_integer<unsigned>(datagram.front()) <= 3;
}

struct Attribute {
    std::uint16_t type = 0;
    std::span<const std::byte> value;  // without padding
};

class Message {
public:
    // nullopt: it is none, or not whole. The bytes outlive it.
    static std::optional<Message> parse(std::span<const std::byte> datagram);

    Class kind() const;
    std::uint16_t method() const;
    TransactionId transaction() const;
    // The attribute at `at`, which moves behind it; nullopt at the end. Begin with 0.
    std::optional<Attribute> attribute(std::size_t& at) const;
    // RFC 8489 §14.7. None: no FINGERPRINT.
    std::optional<bool> fingerprint_is_right() const;

private:
    explicit Message(std::span<const std::byte> bytes) : bytes_(bytes) {}
    std::span<const std::byte> bytes_;
};

// RFC 8489 §14.7: of a message without its FINGERPRINT, but with a length that counts it.
std::uint32_t fingerprint_of(std::span<const std::byte> bytes);

}  // namespace sallyport::stun
