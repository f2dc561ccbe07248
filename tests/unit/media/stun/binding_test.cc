#include "media/stun/binding.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "media/stun/message.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using stun::Answered;
using stun::Message;
using stun::NoAnswer;

namespace {

using Bytes = std::vector<std::byte>;

Bytes hex(std::string_view text) {
    Bytes out;
    unsigned value = 0;
    bool half = false;
    for (const char c : text) {
        if (c == ' ') continue;
        value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
        if (half) out.push_back(static_cast<std::byte>(value));
        half = !half;
    }
    return out;
}

std::string text_of(const Bytes& bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const auto b : bytes) {
        out += kDigits[std::to_integer<unsigned>(b) >> 4];
        out += kDigits[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

constexpr std::string_view kTransaction = "b7e7a701bc34d686fa87dfae";
const std::string kHead = "000100002112a442" + std::string(kTransaction);

// RFC 5769 §2.1 to 2.3.
const Bytes kRequest =
    hex("00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff"
        "80290008 932ff9b151263b36 00060009 6576746a3a68367659202020"
        "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf");
const Bytes kResponse =
    hex("0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643"
        "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96");
const Bytes kResponseV6 =
    hex("01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
        "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
        "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c");

const Endpoint kFrom(IpAddress::v4(0xc0000201), 32853);
const Endpoint kFromV6(*IpAddress::parse("2001:db8:1234:5678:11:2233:4455:6677"), 32853);

Bytes answer(const Bytes& request, const Endpoint& from, Answered wanted = Answered::kSuccess) {
    Bytes out;
    const auto done = stun::answer_binding(request, from, out);
    CHECK(done.has_value() && *done == wanted);
    return out;
}

NoAnswer none(const Bytes& request) {
    Bytes out;
    const auto done = stun::answer_binding(request, kFrom, out);
    CHECK_FALSE(done.has_value());
    CHECK(out.empty());
    return done.error();
}

std::string mapped(const Bytes& message) {
    const auto parsed = Message::parse(message);
    CHECK(parsed.has_value());
    std::size_t at = 0;
    while (const auto each = parsed->attribute(at))
        if (each->type == stun::kXorMappedAddress) return text_of({each->value.begin(), each->value.end()});
    return {};
}

}  // namespace

TEST_GROUP(Stun) {};

TEST(Stun, the_samples_of_rfc_5769_are_read) {
    for (const auto* sample : {&kRequest, &kResponse, &kResponseV6}) {
        const auto m = Message::parse(*sample);
        CHECK(m.has_value());
        LONGS_EQUAL(stun::kBinding, m->method());
        const auto transaction = m->transaction();
        STRCMP_EQUAL(std::string(kTransaction).c_str(), text_of({transaction.begin(), transaction.end()}).c_str());
        CHECK(m->fingerprint_is_right() == true);
        CHECK(m->kind() == (sample == &kRequest ? stun::Class::kRequest : stun::Class::kSuccess));
    }
    std::size_t at = 0;
    const auto m = Message::parse(kRequest);
    const std::vector<std::uint16_t> types{0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028};
    for (const auto type : types) LONGS_EQUAL(type, m->attribute(at)->type);
    CHECK_FALSE(m->attribute(at).has_value());
    at = 16 + 4 + 8 + 12;
    LONGS_EQUAL(9, m->attribute(at)->value.size());  // without its padding
}

TEST(Stun, the_answer_says_from_where_it_came_as_the_samples_do) {
    const auto v4 = answer(kRequest, kFrom);
    STRCMP_EQUAL("0001a147e112a643", mapped(v4).c_str());
    STRCMP_EQUAL(mapped(kResponse).c_str(), mapped(v4).c_str());
    STRCMP_EQUAL(mapped(kResponseV6).c_str(), mapped(answer(kRequest, kFromV6)).c_str());
    // It was asked with a FINGERPRINT.
    CHECK(Message::parse(v4)->fingerprint_is_right() == true);
    CHECK(Message::parse(v4)->kind() == stun::Class::kSuccess);
}

TEST(Stun, the_shortest_request_gets_the_shortest_answer) {
    const auto request = hex(kHead);
    STRCMP_EQUAL(("0101000c2112a442" + std::string(kTransaction) + "002000080001a147e112a643").c_str(),
                 text_of(answer(request, kFrom)).c_str());
    LONGS_EQUAL(request.size() + 24, answer(request, kFromV6).size());
}

TEST(Stun, an_attribute_that_is_not_known_and_should_be_is_named) {
    // CHANGE-REQUEST of RFC 5780, and one that nobody knows; 0xc001 need not be known.
    auto request = hex(kHead + "00030004 00000000 c0010000 7abc0001 00000000");
    request[3] = std::byte{20};
    STRCMP_EQUAL(("011100102112a442" + std::string(kTransaction) + "0009000400000414000a000400037abc").c_str(),
                 text_of(answer(request, kFrom, Answered::kRefused)).c_str());
    request = hex(kHead + "00030000");
    request[3] = std::byte{4};
    STRCMP_EQUAL(("011100102112a442" + std::string(kTransaction) + "0009000400000414000a000200030000").c_str(),
                 text_of(answer(request, kFrom, Answered::kRefused)).c_str());
    // However many: no answer is much longer than its request.
    std::string many = kHead;
    for (int i = 0; i < 200; ++i) many += "00030000";
    request = hex(many);
    request[2] = std::byte{3};
    request[3] = std::byte{0x20};
    LONGS_EQUAL(40, answer(request, kFrom, Answered::kRefused).size());
}

TEST(Stun, what_is_no_request_gets_no_answer) {
    auto indication = hex(kHead);
    indication[1] = std::byte{0x11};
    CHECK(none(indication) == NoAnswer::kIndication);
    CHECK(none(kResponse) == NoAnswer::kNoRequest);
    auto allocate = hex(kHead);
    allocate[1] = std::byte{3};
    CHECK(none(allocate) == NoAnswer::kNoRequest);
}

TEST(Stun, what_is_not_whole_gets_no_answer) {
    for (std::size_t n = 0; n < kRequest.size(); ++n)
        CHECK(none({kRequest.begin(), kRequest.begin() + static_cast<std::ptrdiff_t>(n)}) == NoAnswer::kMalformed);
    auto longer = kRequest;
    longer.push_back({});
    CHECK(none(longer) == NoAnswer::kMalformed);
    // RFC 3489: without the cookie.
    auto old = hex(kHead);
    old[4] = std::byte{0};
    CHECK(none(old) == NoAnswer::kMalformed);
    auto wrong = kRequest;
    wrong[30] ^= std::byte{1};
    CHECK(none(wrong) == NoAnswer::kMalformed);  // the FINGERPRINT is of something else
    // An attribute that is longer than what is left.
    auto cut = hex(kHead + "80220010 00000000");
    cut[3] = std::byte{8};
    CHECK(none(cut) == NoAnswer::kMalformed);
    // A FINGERPRINT that is not the last.
    auto first = hex(kHead + "80280004 00000000 80220000");
    first[3] = std::byte{12};
    CHECK(none(first) == NoAnswer::kMalformed);
}

TEST(Stun, no_sip_begins_as_it_does) {
    CHECK(stun::begins_as_stun(kRequest));
    CHECK_FALSE(stun::begins_as_stun(hex("0d0a0d0a")));
    CHECK_FALSE(stun::begins_as_stun(hex("04")));
    CHECK_FALSE(stun::begins_as_stun({}));
}
