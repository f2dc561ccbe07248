#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>

namespace sallyport::cli {

std::string duration(std::int64_t ms);                      // "850 ms", "12.3 s", "4:05", "1:02:03", "2 d 03:04:05"
std::string bytes(std::uint64_t count);                     // "512 B", "104 KiB", "1.4 MiB"
std::string count(std::uint64_t value);                     // "1,234,567"
std::string milliseconds(std::uint64_t us);                 // jitter: "0.8", "12.3"; the unit stands in the header
std::string percent(std::uint64_t part, std::uint64_t of);  // "0.0 %", "1.2 %"; "-" of nothing

}  // namespace sallyport::cli
