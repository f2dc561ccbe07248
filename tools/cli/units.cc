#include "tools/cli/units.h"

#include <array>

#include <fmt/format.h>

namespace sallyport::cli {

std::string duration(std::int64_t ms) {
    if (ms < 0) ms = 0;
    if (ms < 1000) return fmt::format("{} ms", ms);
    if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
    const auto seconds = ms / 1000;
    auto clock = fmt::format("{}:{:02}", seconds / 60 % 60, seconds % 60);
    if (seconds < 3600) return clock;
    const auto hours = seconds / 3600;
    if (hours < 24) return fmt::format("{}:{:02}:{:02}", hours, seconds / 60 % 60, seconds % 60);
    return fmt::format("{} d {:02}:{:02}:{:02}", hours / 24, hours % 24, seconds / 60 % 60, seconds % 60);
}

std::string bytes(std::uint64_t count) {
    static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    auto value = static_cast<double>(count);
    while (value >= 1023.5 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return unit > 0 && value < 9.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                                    : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string count(std::uint64_t value) {
    auto digits = std::to_string(value);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
    return digits;
}

std::string milliseconds(std::uint64_t us) { return fmt::format("{:.1f}", static_cast<double>(us) / 1000); }

std::string percent(std::uint64_t part, std::uint64_t of) {
    if (of == 0) return "-";
    return fmt::format("{:.1f} %", 100 * static_cast<double>(part) / static_cast<double>(of));
}

}  // namespace sallyport::cli
