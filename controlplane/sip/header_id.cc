#include "controlplane/sip/header_id.h"

#include <array>

#include "controlplane/sip/text.h"

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

// A perfect hash over length and four characters. The compiler searches the seed under which no two names
// share a slot; a name that makes that impossible does not compile.
constexpr std::size_t kSlots = 2048;
using Table = std::array<std::uint8_t, kSlots>;
static_assert(kHeaderIds <= 256);

constexpr std::uint32_t hash(std::string_view name, std::uint32_t seed) {
    const auto at = [name](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<std::uint8_t>(lower(name[i])));
    };
    const std::size_t n = name.size();
    const std::uint32_t mix = at(0) | at(n - 1) << 8 | at(n / 2) << 16 | at(n / 4) << 24;
    return (mix * seed + static_cast<std::uint32_t>(n) * (seed >> 7)) >> 21;
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

}  // namespace

HeaderId header_id(std::string_view name) {
    if (name.size() == 1) return kCompactTable[static_cast<std::uint8_t>(name[0])];
    if (name.empty()) return HeaderId::kOther;
    const std::size_t i = kTable[hash(name, kSeed)];
    return i != 0 && iequals(kNames[i], name) ? static_cast<HeaderId>(i) : HeaderId::kOther;
}

std::string_view header_name(HeaderId id) {
    const auto i = static_cast<std::size_t>(id);
    return i < kHeaderIds ? kNames[i] : std::string_view();
}

}  // namespace sallyport::sip
