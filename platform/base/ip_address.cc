#include "platform/base/ip_address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sallyport {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) {
    if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
    return value;
}

// Takes a number up to 255 without leading zeros from the front; -1 when there is none.
int take_octet(const char*& at, const char* end) {
    const auto digit = [&] { return at == end ? 10U : static_cast<unsigned>(static_cast<std::uint8_t>(*at)) - '0'; };
    unsigned value = digit();
    if (value > 9) return -1;
    ++at;
    if (value == 0) return digit() > 9 ? 0 : -1;
    for (unsigned d = digit(); d <= 9; d = digit()) {
        value = value * 10 + d;
        if (value > 255) return -1;
        ++at;
    }
    return static_cast<int>(value);
}

// Four of them with dots between, and nothing else.
std::optional<std::uint32_t> parse_v4(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i) {
        if (i > 0) {
            if (at == end || *at != '.') return std::nullopt;
            ++at;
        }
        const int octet = take_octet(at, end);
        if (octet < 0) return std::nullopt;
        out = out << 8 | static_cast<std::uint32_t>(octet);
    }
    return at == end ? std::optional(out) : std::nullopt;
}

std::optional<std::uint16_t> parse_hex16(std::string_view text) {
    if (text.empty() || text.size() > 4) return std::nullopt;
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// RFC 4291 §2.2: eight groups, one "::" for a run of zero groups, the last 32 bits as a dotted quad at will.
std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
    if (text.size() < 2 || text.size() > IpAddress::kMaxText) return std::nullopt;
    std::array<std::uint16_t, 8> groups{};
    std::size_t count = 0;
    std::optional<std::size_t> gap;
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto part = text.substr(0, colon);
        if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
            const auto quad = parse_v4(part);
            if (!quad || count > 6) return std::nullopt;
            groups[count++] = static_cast<std::uint16_t>(*quad >> 16);
            groups[count++] = static_cast<std::uint16_t>(*quad & 0xFFFF);
            break;
        }
        const auto group = parse_hex16(part);
        if (!group || count == 8) return std::nullopt;
        groups[count++] = *group;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.empty()) return std::nullopt;
        if (text[0] == ':') {
            if (gap) return std::nullopt;
            gap = count;
            text.remove_prefix(1);
        }
    }
    if (gap ? count > 7 : count != 8) return std::nullopt;
    if (gap) {
        std::move_backward(groups.begin() + static_cast<std::ptrdiff_t>(*gap),
                           groups.begin() + static_cast<std::ptrdiff_t>(count), groups.end());
        std::fill_n(groups.begin() + static_cast<std::ptrdiff_t>(*gap), 8 - count, std::uint16_t{0});
    }
    std::array<std::uint8_t, 16> out{};
    for (std::size_t i = 0; i < 8; ++i) {
        out[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        out[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
    }
    return out;
}

// A byte as decimal digits from the left, and in the last place their number.
constexpr std::array<std::array<char, 4>, 256> make_octets() {
    std::array<std::array<char, 4>, 256> octets{};
    for (unsigned n = 0; n < 256; ++n) {
        auto& octet = octets[n];
        if (n >= 100) octet[octet[3]++] = static_cast<char>('0' + n / 100);
        if (n >= 10) octet[octet[3]++] = static_cast<char>('0' + n / 10 % 10);
        octet[octet[3]++] = static_cast<char>('0' + n % 10);
    }
    return octets;
}
constexpr auto kOctets = make_octets();

// Puts down four characters an octet, of which the next octet or nobody takes over what is too many.
std::size_t write_v4(const std::uint8_t* bytes, char* out) {
    static_assert(IpAddress::kMaxText >= 4 * sizeof(kOctets[0]));
    char* p = out;
    for (int i = 0; i < 4; ++i) {
        const auto& octet = kOctets[bytes[i]];
        std::memcpy(p, octet.data(), octet.size());
        p += octet[3];
        *p++ = '.';
    }
    return static_cast<std::size_t>(p - out) - 1;
}

// RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups as "::".
std::size_t write_v6(const std::array<std::uint8_t, 16>& bytes, char* out) {
    std::array<unsigned, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    std::size_t run_at = 8, run_length = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t end = i;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - i > run_length) run_at = i, run_length = end - i;
        i = end + 1;
    }
    char* p = out;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == run_at) {
            *p++ = ':';
            *p++ = ':';
            i += run_length - 1;
            continue;
        }
        if (i && p[-1] != ':') *p++ = ':';
        p = std::to_chars(p, p + 4, groups[i], 16).ptr;
    }
    return static_cast<std::size_t>(p - out);
}

// FNV-1a: these keys are addresses that an operator configured or a port that we own, so that a keyed
// hash (platform/base/siphash.h) is not needed.
std::size_t fnv(const void* data, std::size_t size, std::size_t h = 0xcbf29ce484222325U) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) h = (h ^ p[i]) * 0x100000001b3U;
    return h;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (const auto quad = parse_v4(text)) return v4(*quad);
    const auto bytes = parse_v6(text);  // one without a colon is none
    return bytes ? std::optional(v6(*bytes)) : std::nullopt;
}

bool IpAddress::well_formed() const {
    switch (family_) {
        case IpFamily::kIpv6: return true;
        case IpFamily::kIpv4: return std::all_of(bytes_.begin() + 4, bytes_.end(), [](auto b) { return b == 0; });
        case IpFamily::kNone: return std::all_of(bytes_.begin(), bytes_.end(), [](auto b) { return b == 0; });
    }
    return false;
}

bool IpAddress::is_unspecified() const {
    return !empty() && std::all_of(bytes_.begin(), bytes_.end(), [](auto b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
    if (is_v4()) return bytes_[0] == 127;
    return is_v6() && bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; });
}

bool IpAddress::is_multicast() const {
    if (is_v4()) return bytes_[0] >= 224 && bytes_[0] <= 239;
    return is_v6() && bytes_[0] == 0xFF;
}

std::size_t IpAddress::write(char* out) const {
    switch (family_) {
        case IpFamily::kIpv4: return write_v4(bytes_.data(), out);
        case IpFamily::kIpv6: return write_v6(bytes_, out);
        case IpFamily::kNone: break;
    }
    return 0;
}

std::string IpAddress::text() const {
    char buffer[kMaxText];
    return {buffer, write(buffer)};
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!address || !port || address->is_v6() != bracketed) return std::nullopt;
    return Endpoint(*address, static_cast<std::uint16_t>(*port));
}

std::size_t Endpoint::write(char* out) const {
    if (empty()) return 0;
    char* at = out;
    if (address.is_v6()) *at++ = '[';
    at += address.write(at);
    if (address.is_v6()) *at++ = ']';
    *at++ = ':';
    at = std::to_chars(at, out + kMaxText, port).ptr;
    return static_cast<std::size_t>(at - out);
}

std::string Endpoint::text() const {
    char buffer[kMaxText];
    return {buffer, write(buffer)};
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto length = parse_number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
    if (!length) return std::nullopt;
    return IpPrefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string IpPrefix::text() const { return address.text() + "/" + std::to_string(length); }

bool IpPrefix::contains(const IpAddress& a) const {
    if (a.family() != address.family()) return false;
    const std::size_t whole = length / 8U;
    if (std::memcmp(a.bytes().data(), address.bytes().data(), whole) != 0) return false;
    if (length % 8U == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF00U >> (length % 8U));
    return ((a.bytes()[whole] ^ address.bytes()[whole]) & mask) == 0;
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
    return length <= other.length ? contains(other.address) : other.contains(address);
}

std::size_t IpAddressHash::operator()(const IpAddress& a) const { return fnv(a.bytes().data(), a.bytes().size()); }

std::size_t EndpointHash::operator()(const Endpoint& e) const {
    return fnv(&e.port, sizeof e.port, IpAddressHash{}(e.address));
}

}  // namespace sallyport
