#include "platform/os/log.h"

#include <chrono>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace sallyport::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::kDebug: return spdlog::level::debug;
        case Level::kInfo: return spdlog::level::info;
        case Level::kWarning: return spdlog::level::warn;
        case Level::kError: return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::unique_ptr<spdlog::logger> make_logger(std::string_view name) {
    auto logger =
        std::make_unique<spdlog::logger>(std::string(name), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %n %l: %v", spdlog::pattern_time_type::utc));
    const char* wanted = std::getenv("SALLYPORT_LOG");  // NOLINT(concurrency-mt-unsafe): before any thread
    const std::string_view level = wanted != nullptr ? wanted : "";
    logger->set_level(level == "debug"     ? spdlog::level::debug
                      : level == "warning" ? spdlog::level::warn
                      : level == "error"   ? spdlog::level::err
                                           : spdlog::level::info);
    logger->flush_on(spdlog::level::debug);
    return logger;
}

// The one global of the program: a log is where all of it meets, and it is set once, before threads start.
std::unique_ptr<spdlog::logger>& logger() {
    static std::unique_ptr<spdlog::logger> instance = make_logger("sallyport");
    return instance;
}

// What a terminal or a log reader would act on is shown instead: no line of a peer's making, no escape sequence.
void append_escaped(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\t' || (byte >= 0x20 && byte != 0x7F)) {
            out.push_back(c);
        } else {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
        }
        if (out.size() >= kMaxLine) {
            out.resize(kMaxLine - 3);
            out += "...";
            return;
        }
    }
}

}  // namespace

void start(std::string_view process_name) { logger() = make_logger(process_name); }

void set_level(Level level) { logger()->set_level(to_spdlog(level)); }

bool enabled(Level level) { return logger()->should_log(to_spdlog(level)); }

void write(Level level, std::string_view text) {
    if (!enabled(level)) return;
    std::string line;
    append_escaped(line, text);
    logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void vwrite(Level level, fmt::string_view format, fmt::format_args arguments) {
    fmt::memory_buffer text;
    fmt::vformat_to(std::back_inserter(text), format, arguments);
    write(level, {text.data(), text.size()});
}

bool LogLimit::pass(Instant now, std::uint64_t& held_back) {
    if (!started_ || now - second_ >= std::chrono::seconds(1)) {
        started_ = true;
        second_ = now;
        passed_ = 0;
    }
    if (passed_ >= per_second_) {
        ++held_back_;
        return false;
    }
    ++passed_;
    held_back = held_back_;
    held_back_ = 0;
    return true;
}

}  // namespace sallyport::log
