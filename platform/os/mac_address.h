#pragma once
// A 48-bit Ethernet address.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::os {

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    static std::optional<MacAddress> parse(std::string_view text);  // "02:00:00:00:00:01"
    std::string text() const;
    bool is_multicast() const { return (bytes[0] & 1) != 0; }
    bool is_zero() const { return bytes == std::array<std::uint8_t, 6>{}; }
    friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

}  // namespace sallyport::os
