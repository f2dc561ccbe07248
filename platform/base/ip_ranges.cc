#include "platform/base/ip_ranges.h"

#include <algorithm>

namespace sallyport {

bool is_link_local(const IpAddress& a) {
    const auto& b = a.bytes();
    if (a.is_v4()) return b[0] == 169 && b[1] == 254;
    return a.is_v6() && b[0] == 0xFE && (b[1] & 0xC0) == 0x80;
}

bool is_v4_mapped(const IpAddress& a) {
    const auto& b = a.bytes();
    return a.is_v6() && b[10] == 0xFF && b[11] == 0xFF &&
           std::all_of(b.begin(), b.begin() + 10, [](auto byte) { return byte == 0; });
}

IpAddress network_of(const IpPrefix& prefix) {
    auto bytes = prefix.address.bytes();
    for (std::size_t bit = prefix.length; bit < bytes.size() * 8; ++bit)
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
    if (prefix.address.is_v6()) return IpAddress::v6(bytes);
    if (!prefix.address.is_v4()) return {};
    return IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
                         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

}  // namespace sallyport
