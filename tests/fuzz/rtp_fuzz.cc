// Payloads of a stream as RTP: the header, and what a receiver counts. Each packet of the input: arrival in 256 us, a
// length, the bytes.
//
// Oracles: the header says what the bytes say (read here in another way); a packet is RTP or RTCP, never both; the sums
// of the reception agree with the packets that came.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "media/rtp/header.h"
#include "media/rtp/reception.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::rtp {
namespace {

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t out = 0;
    for (const char c : bytes) out = out << 8 | static_cast<std::uint8_t>(c);
    return out;
}

// Where the payload of a valid packet begins and ends; its header is behind us.
bool fits(std::string_view p) {
    const auto first = static_cast<std::uint8_t>(p[0]);
    auto rest = p.substr(12);
    const std::size_t sources = 4U * (first & 15U);
    if (rest.size() < sources) return false;
    rest.remove_prefix(sources);
    if ((first & 0x10) != 0) {
        if (rest.size() < 4) return false;
        const std::size_t words = big_endian(rest.substr(2, 2));
        rest.remove_prefix(4);
        if (rest.size() < 4 * words) return false;
        rest.remove_prefix(4 * words);
    }
    if ((first & 0x20) == 0) return true;
    // The last byte of the packet; when nothing of a payload is left it is one of the header, and too much.
    const auto padding = static_cast<std::uint8_t>(p.back());
    return padding != 0 && padding <= rest.size();
}

// RFC 3551 §6, table 4.
void check_clock(std::uint8_t payload_type) {
    const auto khz = static_clock_khz(payload_type);
    switch (payload_type) {
        case 6: return FUZZ_CHECK(khz == 16);
        case 16: return FUZZ_CHECK(khz == 11);
        case 17: return FUZZ_CHECK(khz == 22);
        case 10: return FUZZ_CHECK(khz == 44);
        case 11: return FUZZ_CHECK(khz == 44);
        case 14: return FUZZ_CHECK(khz == 90);
        default: return FUZZ_CHECK(khz == 8);
    }
}

std::optional<Header> check_header(std::string_view p) {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(p.data()), p.size());
    const auto header = parse(bytes);
    const bool rtcp = looks_like_rtcp(bytes);
    FUZZ_CHECK(!(header && rtcp));
    const bool version = !p.empty() && static_cast<std::uint8_t>(p[0]) >> 6 == 2;
    FUZZ_CHECK(header.has_value() == (version && p.size() >= 12 && !rtcp && fits(p)));
    if (rtcp) FUZZ_CHECK(version && p.size() >= 8 && (static_cast<std::uint8_t>(p[1]) & 0xe0) == 0xc0);
    if (!header) return header;
    FUZZ_CHECK(header->payload_type == (static_cast<std::uint8_t>(p[1]) & 0x7f));
    FUZZ_CHECK(header->marker == (static_cast<std::uint8_t>(p[1]) >= 0x80));
    FUZZ_CHECK(header->sequence == big_endian(p.substr(2, 2)));
    FUZZ_CHECK(header->timestamp == big_endian(p.substr(4, 4)) && header->ssrc == big_endian(p.substr(8, 4)));
    check_clock(header->payload_type);
    return header;
}

}  // namespace
}  // namespace sallyport::rtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::rtp;
    sallyport::fuzz::Input in(data, size);
    Reception reception;
    const std::uint8_t clock = in.byte();
    std::uint64_t now_us = 0;
    std::uint32_t packets = 0;
    std::uint32_t changes = 0;
    std::uint32_t jitter_max = 0;
    while (!in.empty()) {
        now_us += std::uint64_t{in.byte()} << 8;
        // A copy of its own length: the address sanitizer sees a read beyond it.
        const auto bytes = in.bytes(in.byte());
        const std::vector<char> packet(bytes.begin(), bytes.end());
        const auto header = check_header({packet.data(), packet.size()});
        if (!header) continue;
        const bool other = packets > 0 && header->ssrc != reception.ssrc();
        reception.packet(*header, now_us, clock != 0 ? clock : static_clock_khz(header->payload_type));
        ++packets;
        changes += other ? 1 : 0;
        FUZZ_CHECK(reception.ssrc() == header->ssrc && reception.payload_type() == header->payload_type);
        FUZZ_CHECK(reception.ssrc_changes() == changes);
        FUZZ_CHECK(reception.out_of_order() + reception.duplicate() <= packets - 1);
        FUZZ_CHECK(reception.jitter_max_us() >= reception.jitter_us() && reception.jitter_max_us() >= jitter_max);
        // Each gap that counts is shorter than RFC 3550's MAX_DROPOUT.
        FUZZ_CHECK(reception.lost() <= std::uint64_t{packets} * 3000);
        jitter_max = reception.jitter_max_us();
    }
    reception.reset();
    FUZZ_CHECK(reception.lost() == 0 && reception.ssrc_changes() == 0 && reception.jitter_max_us() == 0);
    return 0;
}
