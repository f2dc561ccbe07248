#include "controlplane/net/stun_keepalive.h"

#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace std::chrono_literals;

namespace {

const transaction::Path kFrom{3, Endpoint(IpAddress::v4(0xc0000201), 32853)};

std::vector<std::byte> request() {
    std::vector<std::byte> out(20);
    const unsigned char head[] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    for (std::size_t i = 0; i < sizeof head; ++i) out[i] = std::byte{head[i]};
    return out;
}

}  // namespace

TEST_GROUP(StunKeepAlive) {
    bool admitted = true;
    net::StunKeepAlive stun{[this](const transaction::Path&) { return admitted; }};
    transaction::SendQueue out;
    Instant now{1h};
};

TEST(StunKeepAlive, is_answered_where_it_came_from) {
    CHECK(stun.take(now, kFrom, request(), out));
    LONGS_EQUAL(1, out.entries().size());
    CHECK(out.entries()[0].path == kFrom);
    LONGS_EQUAL(32, out.entries()[0].length);
    LONGS_EQUAL(1, stun.counters().answered);
}

TEST(StunKeepAlive, strangers_and_what_is_no_request_get_nothing) {
    admitted = false;
    CHECK(stun.take(now, kFrom, request(), out));
    admitted = true;
    const std::vector<std::byte> zeros(4);  // what some telephones send to keep a NAT open
    CHECK(stun.take(now, kFrom, zeros, out));
    CHECK(out.empty());
    LONGS_EQUAL(1, stun.counters().strangers);
    LONGS_EQUAL(1, stun.counters().unusable);
    const std::vector<std::byte> sip(20, std::byte{'O'});
    CHECK_FALSE(stun.take(now, kFrom, sip, out));
}

TEST(StunKeepAlive, so_many_a_second_and_no_more) {
    for (std::size_t i = 0; i < net::StunKeepAlive::kMaxPerSecond + 7; ++i) {
        stun.take(now, kFrom, request(), out);
        now += 1us;
        out.clear();
    }
    LONGS_EQUAL(net::StunKeepAlive::kMaxPerSecond, stun.counters().answered);
    LONGS_EQUAL(7, stun.counters().too_many);
    now += 1s;
    stun.take(now, kFrom, request(), out);
    LONGS_EQUAL(1, out.entries().size());
}
