#include "platform/os/mac_address.h"

#include <charconv>

namespace sallyport::os {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress out;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* at = text.data() + 3 * i;
        if (i < 5 && at[2] != ':') return std::nullopt;
        const auto [end, error] = std::from_chars(at, at + 2, out.bytes[i], 16);
        if (error != std::errc{} || end != at + 2) return std::nullopt;
    }
    return out;
}

std::string MacAddress::text() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const auto b : bytes) {
        if (!out.empty()) out.push_back(':');
        out.push_back(kDigits[b >> 4]);
        out.push_back(kDigits[b & 15]);
    }
    return out;
}

}  // namespace sallyport::os
