#pragma once
// A MAC address as it lies in a frame, in one word: compared, kept and written in one go. Two bytes of the word are
// not of the address; who keeps it may use them for flags.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/packet.h"

namespace sallyport::packet {

class MacWord {
public:
    constexpr MacWord() = default;
    constexpr explicit MacWord(std::uint64_t word) : word_(word) {}
    // `beside`: for the two bytes that are not of the address.
    constexpr explicit MacWord(const Mac& mac, std::uint16_t beside = 0)
        : word_(of(mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], beside)) {}
    static constexpr std::uint64_t flags(std::uint16_t beside) { return of(0, 0, 0, 0, 0, 0, beside); }

    constexpr std::uint64_t word() const { return word_; }
    constexpr Mac mac() const {
        const auto all = std::bit_cast<std::array<std::uint8_t, 8>>(word_);
        return {all[0], all[1], all[2], all[3], all[4], all[5]};
    }
    // Eight bytes are there.
    bool is_at(const std::byte* at) const { return ((load_raw64(at) ^ word_) & ~flags(0xffff)) == 0; }

private:
    static constexpr std::uint64_t of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint8_t e,
                                      std::uint8_t f, std::uint16_t beside) {
        return std::bit_cast<std::uint64_t>(std::array<std::uint8_t, 8>{
            a, b, c, d, e, f, static_cast<std::uint8_t>(beside >> 8), static_cast<std::uint8_t>(beside)});
    }
    std::uint64_t word_ = 0;
};

}  // namespace sallyport::packet
