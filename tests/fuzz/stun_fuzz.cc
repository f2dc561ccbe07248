// A datagram that begins as STUN does, from an address of either family.
//
// Oracles: what is answered reads as an answer to it, and is not much longer; what is not, leaves no byte; a message
// with a FINGERPRINT of ours is never said to be broken.

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "media/stun/binding.h"
#include "media/stun/message.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::stun {
namespace {

constexpr std::size_t kMostMore = 24;

void check_answer(const Message& request, const std::vector<std::byte>& answer, Answered how, const Endpoint& from) {
    const auto read = Message::parse(answer);
    FUZZ_CHECK(read && read->transaction() == request.transaction() && read->method() == request.method());
    FUZZ_CHECK(read->kind() == (how == Answered::kSuccess ? Class::kSuccess : Class::kError));
    FUZZ_CHECK(read->fingerprint_is_right().value_or(true));
    FUZZ_CHECK(read->fingerprint_is_right().has_value() == request.fingerprint_is_right().has_value());
    std::size_t at = 0;
    const auto first = read->attribute(at);
    FUZZ_CHECK(first && first->type == (how == Answered::kSuccess ? kXorMappedAddress : kErrorCode));
    if (how != Answered::kSuccess) return;
    FUZZ_CHECK(first->value.size() == (from.address.is_v6() ? 20U : 8U));
    FUZZ_CHECK((std::to_integer<unsigned>(first->value[2]) ^ 0x21U) == from.port >> 8);
}

}  // namespace
}  // namespace sallyport::stun

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using namespace sallyport::stun;
    fuzz::Input in(data, size);
    const auto how = in.byte();
    const auto rest = in.rest();
    std::vector<std::byte> datagram(rest.size());
    std::ranges::transform(rest, datagram.begin(), [](char c) { return static_cast<std::byte>(c); });
    // Chance finds neither the length nor the checksum.
    if ((how & 2) != 0 && datagram.size() >= kHeaderSize) {
        datagram.resize(datagram.size() & ~std::size_t{3});
        if ((how & 4) != 0) datagram.resize(datagram.size() + 8);
        const auto length = datagram.size() - kHeaderSize;
        const std::array<unsigned, 6> head{
            static_cast<unsigned>(length >> 8) & 0xFF, static_cast<unsigned>(length) & 0xFF, 0x21, 0x12, 0xA4, 0x42};
        for (std::size_t i = 0; i < head.size(); ++i) datagram[2 + i] = static_cast<std::byte>(head[i]);
        if ((how & 4) != 0) {
            const auto end = datagram.size() - 8;
            const auto value = fingerprint_of(std::span(datagram).first(end));
            const std::array<unsigned, 8> last{
                0x80, 0x28, 0, 4, value >> 24, value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF};
            for (std::size_t i = 0; i < last.size(); ++i) datagram[end + i] = static_cast<std::byte>(last[i]);
        }
    }
    const Endpoint from((how & 1) != 0 ? *IpAddress::parse("2001:db8::1") : IpAddress::v4(0xC0000201), 0x8055);
    const auto request = Message::parse(datagram);
    std::vector<std::byte> answer;
    const auto answered = answer_binding(datagram, from, answer);
    if (!answered) {
        FUZZ_CHECK(answer.empty());
        FUZZ_CHECK(request || answered.error() == NoAnswer::kMalformed);
        return 0;
    }
    FUZZ_CHECK(begins_as_stun(datagram) && request);
    FUZZ_CHECK(answer.size() <= datagram.size() + kMostMore);
    check_answer(*request, answer, *answered, from);
    return 0;
}
