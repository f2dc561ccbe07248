#pragma once
// The one wrapper of spdlog: lines on stderr, "2026-01-31T12:00:00.123Z sallyport-control info: text".
//
// Never on the packet path: there, count, and let a slow thread sample the counter. A line that a peer can
// cause goes through a LogLimit, which lets a few a second pass and says how many it held back. Only text
// and numbers have a format here: a key does not compile. Control characters are escaped, so that a peer's
// text cannot forge a line. A line longer than kMaxLine is cut.
//
//     log::info("listening on {}", endpoint.text());
//     log::limited(limit, now.instant, log::Level::kWarning, "datagram from unknown source {}", text);

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/core.h>

#include "platform/base/time.h"

namespace sallyport::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

inline constexpr std::size_t kMaxLine = 4096;

// Once, first thing in main: the name that stands in each line. Before it, the name is "sallyport".
// The level comes from the environment's SALLYPORT_LOG (debug, info, warning, error); else info.
void start(std::string_view process_name);
void set_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view text);
void vwrite(Level level, fmt::string_view format, fmt::format_args arguments);

template <typename... A>
void at(Level level, fmt::format_string<A...> format, const A&... arguments) {
    if (enabled(level)) vwrite(level, format, fmt::make_format_args(arguments...));
}
template <typename... A>
void debug(fmt::format_string<A...> format, const A&... arguments) {
    if (enabled(Level::kDebug)) vwrite(Level::kDebug, format, fmt::make_format_args(arguments...));
}
template <typename... A>
void info(fmt::format_string<A...> format, const A&... arguments) {
    if (enabled(Level::kInfo)) vwrite(Level::kInfo, format, fmt::make_format_args(arguments...));
}
template <typename... A>
void warning(fmt::format_string<A...> format, const A&... arguments) {
    if (enabled(Level::kWarning)) vwrite(Level::kWarning, format, fmt::make_format_args(arguments...));
}
template <typename... A>
void error(fmt::format_string<A...> format, const A&... arguments) {
    if (enabled(Level::kError)) vwrite(Level::kError, format, fmt::make_format_args(arguments...));
}

// At most `per_second` in each second; one object per place that logs, kept by its owner. Not for use by
// several threads at once.
class LogLimit {
public:
    explicit LogLimit(std::uint32_t per_second) : per_second_(per_second) {}

    // True when a line may pass. `held_back`: how many were refused since the last that passed.
    bool pass(Instant now, std::uint64_t& held_back);

private:
    std::uint32_t per_second_;
    std::uint32_t passed_ = 0;
    std::uint64_t held_back_ = 0;
    Instant second_{};
    bool started_ = false;
};

template <typename... A>
void limited(LogLimit& limit, Instant now, Level level, fmt::format_string<A...> format, const A&... arguments) {
    std::uint64_t held_back = 0;
    if (!enabled(level) || !limit.pass(now, held_back)) return;
    vwrite(level, format, fmt::make_format_args(arguments...));
    if (held_back > 0) at(level, "({} more lines like the one above were held back)", held_back);
}

}  // namespace sallyport::log
