#include "tests/support/pcap.h"

#include <cstring>
#include <fstream>

namespace sallyport::test {
namespace {

constexpr std::uint32_t kMagic = 0xa1b2c3d4;
constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kSnapLength = 65'535;

// Little-endian whatever the machine is, so that files compare.
void put(Bytes& out, std::uint32_t v, int bytes = 4) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(v >> (8 * i)));
}

}  // namespace

Bytes pcap_bytes(const std::vector<CapturedFrame>& frames) {
    Bytes out;
    put(out, kMagic);
    put(out, 2, 2);
    put(out, 4, 2);
    put(out, 0);
    put(out, 0);
    put(out, kSnapLength);
    put(out, kEthernet);
    for (const auto& frame : frames) {
        put(out, static_cast<std::uint32_t>(frame.time_us / 1'000'000));
        put(out, static_cast<std::uint32_t>(frame.time_us % 1'000'000));
        put(out, static_cast<std::uint32_t>(frame.bytes.size()));
        put(out, static_cast<std::uint32_t>(frame.bytes.size()));
        out.insert(out.end(), frame.bytes.begin(), frame.bytes.end());
    }
    return out;
}

void write_pcap(const std::filesystem::path& path, const std::vector<CapturedFrame>& frames) {
    const auto bytes = pcap_bytes(frames);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::expected<std::vector<CapturedFrame>, std::string> read_pcap(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::unexpected("cannot read " + path.string());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    std::size_t at = 0;
    const auto get = [&] {
        std::uint32_t v = 0;
        for (int i = 0; i < 4; ++i) v |= static_cast<std::uint32_t>(static_cast<unsigned char>(text[at++])) << (8 * i);
        return v;
    };
    if (text.size() < 24 || get() != kMagic) return std::unexpected(path.string() + " is no pcap file of ours");
    std::vector<CapturedFrame> out;
    for (at = 24; at < text.size();) {
        if (text.size() - at < 16) return std::unexpected(path.string() + " ends within a record");
        CapturedFrame frame;
        frame.time_us = std::uint64_t{get()} * 1'000'000;
        frame.time_us += get();
        const auto length = get();
        at += 4;
        if (length > text.size() - at) return std::unexpected(path.string() + " ends within a frame");
        frame.bytes.resize(length);
        if (length > 0) std::memcpy(frame.bytes.data(), text.data() + at, length);
        at += length;
        out.push_back(std::move(frame));
    }
    return out;
}

}  // namespace sallyport::test
