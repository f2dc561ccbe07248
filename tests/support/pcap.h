#pragma once
// Classic pcap files (microseconds, Ethernet), enough to keep frames and compare them byte by byte.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace sallyport::test {

struct CapturedFrame {
    std::uint64_t time_us = 0;
    Bytes bytes;
};

std::expected<std::vector<CapturedFrame>, std::string> read_pcap(const std::filesystem::path& path);
void write_pcap(const std::filesystem::path& path, const std::vector<CapturedFrame>& frames);
// The file's bytes for these frames: the same frames, the same bytes.
Bytes pcap_bytes(const std::vector<CapturedFrame>& frames);

}  // namespace sallyport::test
