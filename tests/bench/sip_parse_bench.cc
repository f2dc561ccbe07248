// What it costs in nanoseconds to parse an INVITE (`parse`), or only to find its line ends (`lines`): the least that
// any parser has to do with the same bytes.

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"
#include "tests/bench/clock.h"

namespace {

constexpr std::string_view kInvite =
    "INVITE sip:4930123456@192.0.2.1:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-13884-1-0;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Caller\" <sip:1001@192.0.2.10:5060>;tag=13884c1\r\n"
    "To: <sip:4930123456@192.0.2.1:5060>\r\n"
    "Call-ID: 1-13884@192.0.2.10\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:1001@192.0.2.10:5060>\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, PRACK, UPDATE, INFO\r\n"
    "Supported: 100rel, timer, replaces\r\n"
    "User-Agent: Phone/7.1\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 129\r\n"
    "\r\n"
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

std::size_t count_lines(std::string_view bytes) {
    std::size_t lines = 0;
    while (!bytes.empty()) {
        const auto* end = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
        if (end == nullptr) break;
        bytes.remove_prefix(static_cast<std::size_t>(end - bytes.data()) + 1);
        ++lines;
    }
    return lines;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    if (what != "parse" && what != "lines") {
        std::fputs("usage: sip_parse_bench parse|lines\n", stderr);
        return 2;
    }
    const auto body = kInvite.find("\r\n\r\n") + 4;
    std::string datagram(kInvite);
    const auto declared = datagram.find("129");
    datagram.replace(declared, 3, std::to_string(kInvite.size() - body));

    auto message = std::make_unique<sallyport::sip::Message>();
    if (!message->parse(datagram)) {
        std::fputs("sip_parse_bench: the INVITE does not parse\n", stderr);
        return 1;
    }
    const auto lines = [&] { sallyport::bench::keep(count_lines(datagram)); };
    const auto parse = [&] { sallyport::bench::keep(message->parse(datagram).has_value()); };
    std::printf("%.1f\n", what == "parse" ? sallyport::bench::best_ns(10, 20'000, parse)
                                          : sallyport::bench::best_ns(10, 20'000, lines));
    return 0;
}
