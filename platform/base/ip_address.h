#pragma once
// IP addresses, endpoints and prefixes: plain values, trivially copyable, so that they may stand in
// records that cross a process. Text forms: RFC 4291 §2.2 and RFC 5952 for IPv6.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

enum class IpFamily : std::uint8_t { kNone = 0, kIpv4 = 4, kIpv6 = 6 };

class IpAddress {
public:
    constexpr IpAddress() = default;

    // `host_order`: 192.0.2.1 is 0xC0000201.
    static constexpr IpAddress v4(std::uint32_t host_order) {
        IpAddress a;
        a.family_ = IpFamily::kIpv4;
        a.bytes_ = {static_cast<std::uint8_t>(host_order >> 24), static_cast<std::uint8_t>(host_order >> 16),
                    static_cast<std::uint8_t>(host_order >> 8), static_cast<std::uint8_t>(host_order)};
        return a;
    }
    static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& bytes) {
        IpAddress a;
        a.family_ = IpFamily::kIpv6;
        a.bytes_ = bytes;
        return a;
    }
    // Accepts dotted quad and IPv6 text, without brackets, zone or port. Anything else: nullopt.
    static std::optional<IpAddress> parse(std::string_view text);

    constexpr IpFamily family() const { return family_; }
    constexpr bool is_v4() const { return family_ == IpFamily::kIpv4; }
    constexpr bool is_v6() const { return family_ == IpFamily::kIpv6; }
    constexpr bool empty() const { return family_ == IpFamily::kNone; }
    constexpr std::uint32_t v4_host_order() const {
        return static_cast<std::uint32_t>(bytes_[0]) << 24 | static_cast<std::uint32_t>(bytes_[1]) << 16 |
               static_cast<std::uint32_t>(bytes_[2]) << 8 | bytes_[3];
    }
    // 16 bytes in network order; an IPv4 address fills the first four, the others are zero.
    constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    // False for a family byte that is neither, or an IPv4 address with surplus bytes: for records from
    // another process, where any byte pattern may arrive.
    bool well_formed() const;
    bool is_unspecified() const;  // 0.0.0.0, ::
    bool is_loopback() const;
    bool is_multicast() const;

    std::string text() const;  // "" when empty
    // Writes without a terminating zero; returns the length. `out` holds at least kMaxText bytes.
    static constexpr std::size_t kMaxText = 45;
    std::size_t write(char* out) const;

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    IpFamily family_ = IpFamily::kNone;
};
static_assert(sizeof(IpAddress) == 17);

struct Endpoint {
    IpAddress address;
    std::uint8_t reserved = 0;
    std::uint16_t port = 0;

    constexpr Endpoint() = default;
    constexpr Endpoint(IpAddress a, std::uint16_t p) : address(a), port(p) {}
    // "192.0.2.1:5060", "[2001:db8::1]:5060". The port is required.
    static std::optional<Endpoint> parse(std::string_view text);
    std::string text() const;  // "" when empty
    // As IpAddress::write; `out` holds at least kMaxText bytes.
    static constexpr std::size_t kMaxText = IpAddress::kMaxText + 8;  // "[", "]:65535"
    std::size_t write(char* out) const;
    constexpr bool empty() const { return address.empty(); }
    friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
static_assert(sizeof(Endpoint) == 20);

struct IpPrefix {
    IpAddress address;  // as written: for an interface it is the host's own address
    std::uint8_t length = 0;

    // "192.0.2.1/24"; the length is required.
    static std::optional<IpPrefix> parse(std::string_view text);
    std::string text() const;
    bool contains(const IpAddress& a) const;
    bool overlaps(const IpPrefix& other) const;
    friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

struct IpAddressHash {
    std::size_t operator()(const IpAddress& a) const;
};
struct EndpointHash {
    std::size_t operator()(const Endpoint& e) const;
};

}  // namespace sallyport
