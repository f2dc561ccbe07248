#include "controlplane/sip/header_id.h"

#include <algorithm>
#include <array>
#include <bit>

#include "controlplane/sip/text.h"
#include "platform/base/byte_scan.h"

namespace sallyport::sip {
namespace {

constexpr std::array<std::string_view, kHeaderIds> kNames = {"",
#define SALLYPORT_SIP_NAME(id, name, compact) name,
                                                             SALLYPORT_SIP_HEADERS(SALLYPORT_SIP_NAME)
#undef SALLYPORT_SIP_NAME
};
constexpr std::array<char, kHeaderIds> kCompact = {0,
#define SALLYPORT_SIP_COMPACT(id, name, compact) compact,
                                                   SALLYPORT_SIP_HEADERS(SALLYPORT_SIP_COMPACT)
#undef SALLYPORT_SIP_COMPACT
};

// A perfect hash over length and eight characters, the first four and the last four. The compiler searches the seed
// under which no two names share a slot; a name that makes that impossible does not compile.
constexpr std::size_t kSlots = 2048;
using Table = std::array<std::uint8_t, kSlots>;
static_assert(kHeaderIds <= 256);

// Of one character at least.
constexpr std::uint32_t hash(std::string_view name, std::uint32_t seed) {
    const auto n = name.size();
    const auto at = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<std::uint8_t>(name.data()[i]));
    };
    const auto four = [&](std::size_t i) {
        std::array<char, 4> bytes{};
        std::copy_n(name.data() + i, 4, bytes.data());
        return std::bit_cast<std::uint32_t>(bytes);
    };
    const auto first = n >= 4 ? four(0) : at(0) | at(n / 2) << 8;
    const auto last = n >= 4 ? four(n - 4) : at(n - 1);
    // Letters as lower case. What else a name may hold is changed, too, but for all names alike.
    constexpr std::uint32_t kLower = 0x20202020;
    return ((first | kLower) * seed + (last | kLower) * (seed >> 5 | 1) +
            static_cast<std::uint32_t>(n) * (seed >> 7)) >>
           21;
}
static_assert(kSlots == std::size_t{1} << (32 - 21));

constexpr bool fill(std::uint32_t seed, Table& table) {
    table = {};
    for (std::size_t i = 1; i < kHeaderIds; ++i) {
        auto& slot = table[hash(kNames[i], seed)];
        if (slot != 0) return false;
        slot = static_cast<std::uint8_t>(i);
    }
    return true;
}
constexpr std::uint32_t find_seed() {
    Table table{};
    for (std::uint32_t seed = 0x9e3779b1;; seed = (seed * 1664525 + 1013904223) | 1)
        if (fill(seed, table)) return seed;
}
constexpr std::uint32_t kSeed = find_seed();
constexpr Table make_table() {
    Table table{};
    fill(kSeed, table);
    return table;
}
constexpr Table kTable = make_table();

constexpr std::size_t kFirstBytes = 16;
constexpr std::array<std::array<char, kFirstBytes>, kHeaderIds> make_begins() {
    std::array<std::array<char, kFirstBytes>, kHeaderIds> begins{};
    for (std::size_t i = 0; i < kHeaderIds; ++i)
        for (std::size_t at = 0; at < kNames[i].size() && at < kFirstBytes; ++at) begins[i][at] = kNames[i][at];
    return begins;
}
[[maybe_unused]] constexpr auto kBegins = make_begins();

constexpr std::array<HeaderId, 256> make_compact() {
    std::array<HeaderId, 256> table{};
    for (std::size_t i = 1; i < kHeaderIds; ++i) {
        const char c = kCompact[i];
        if (c == 0) continue;
        table[static_cast<std::uint8_t>(c)] = static_cast<HeaderId>(i);
        table[static_cast<std::uint8_t>(c - ('a' - 'A'))] = static_cast<HeaderId>(i);
    }
    return table;
}
constexpr auto kCompactTable = make_compact();

[[gnu::noinline]] HeaderId compared(std::size_t i, std::string_view name) {
    return i != 0 && iequals(kNames[i], name) ? static_cast<HeaderId>(i) : HeaderId::kOther;
}

}  // namespace

HeaderId header_id(std::string_view name, [[maybe_unused]] std::size_t readable) {
    if (name.size() <= 1) return name.empty() ? HeaderId::kOther : kCompactTable[static_cast<std::uint8_t>(name[0])];
    const std::size_t i = kTable[hash(name, kSeed)];
#ifdef __SSE2__
    // Written as in the list, which is the rule.
    if (readable >= kFirstBytes && name.size() <= kFirstBytes && name.size() == kNames[i].size()) {
        const auto same = scan_bits(_mm_cmpeq_epi8(scan_block(begin_of(name)), scan_block(kBegins[i].data())));
        if ((~same & ((1U << name.size()) - 1)) == 0) return static_cast<HeaderId>(i);
    }
#endif
    return compared(i, name);
}

std::string_view header_name(HeaderId id) {
    const auto i = static_cast<std::size_t>(id);
    return i < kHeaderIds ? kNames[i] : std::string_view();
}

}  // namespace sallyport::sip
