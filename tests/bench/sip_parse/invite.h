#pragma once
// The INVITE of sip_parse_bench: what a proxy hands on for a phone, 1.2 kB.

#include <string_view>

namespace sallyport::bench {

inline constexpr std::string_view kInvite =
    "INVITE sip:+4930123456@sbc.example.net:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKc7d1.8a3f2b64\r\n"
    "Via: SIP/2.0/UDP 198.51.100.23:51060;branch=z9hG4bK-524287-1---d8c29f;rport\r\n"
    "Max-Forwards: 69\r\n"
    "Route: <sip:sbc.example.net:5060;lr>\r\n"
    "Record-Route: <sip:192.0.2.1:5060;lr>\r\n"
    "Record-Route: <sip:198.51.100.2;lr;transport=udp>\r\n"
    "From: \"Alice Example\" <sip:alice@example.com>;tag=9fxced76sl\r\n"
    "To: <sip:+4930123456@example.com>\r\n"
    "Call-ID: 3848276298220188511-a84b4c76e66710\r\n"
    "CSeq: 20147 INVITE\r\n"
    "Contact: <sip:alice@198.51.100.23:51060;transport=udp>;expires=600;+sip.ice\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE\r\n"
    "Supported: replaces, timer, outbound\r\n"
    "Session-Expires: 1800;refresher=uac\r\n"
    "Min-SE: 90\r\n"
    "P-Asserted-Identity: <sip:alice@example.com>\r\n"
    "Accept: application/sdp\r\n"
    "User-Agent: Example Phone 4.2.1\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 311\r\n"
    "\r\n"
    "v=0\r\n"
    "o=alice 2890844526 2890844527 IN IP4 198.51.100.23\r\n"
    "s=-\r\n"
    "c=IN IP4 198.51.100.23\r\n"
    "t=0 0\r\n"
    "m=audio 49172 RTP/AVP 96 9 8 0 101\r\n"
    "a=rtpmap:96 opus/48000/2\r\n"
    "a=fmtp:96 useinbandfec=1\r\n"
    "a=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\n"
    "a=sendrecv\r\n";

static_assert(kInvite.size() - kInvite.find("\r\n\r\n") - 4 == 311);  // as Content-Length says
static_assert(kInvite.size() >= 1150 && kInvite.size() <= 1250);

}  // namespace sallyport::bench
